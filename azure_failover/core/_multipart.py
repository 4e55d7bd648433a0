"""Where the value of a form field stands in a multipart body (RFC 2046, RFC 7578). No I/O.

Delimiters are searched for and only the headers of parts are read, so that a file costs no more
than one search.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_PARAMETER: Final = re.compile(r';\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.DOTALL)
_LINE_END: Final = re.compile(rb"--[ \t]*+(?:\r\n|\Z)|[ \t]*+\r\n")
"""What follows ``--boundary`` on a delimiter's line; two hyphens if it is the last delimiter."""
_FOLD: Final = re.compile(r"\r\n[ \t]+")
_PLAIN_ENCODINGS: Final = frozenset({"7bit", "8bit", "binary"})


def field_values(body: bytes, content_type: str, name: str) -> Iterator[tuple[int, int]]:
    """Give start and end of the value of each form field of one name.

    A part with a file name is a file, whatever it is called.

    Raises:
        ValueError: The body is not what its type says, or a value is encoded (RFC 7578, 4.7
            tells clients not to).
    """
    boundary = parameters(content_type).get("boundary")
    if not boundary:
        raise ValueError
    begin: int | None = None
    has_parts = False
    for start, end in _delimiters(body, b"\r\n--" + boundary.encode("latin-1")):
        if begin is not None and begin <= start:
            value = _value_start(body, begin, start, name)
            if value is not None and value <= start:
                yield value, start
        has_parts = begin is not None
        begin = end
    if not has_parts:
        raise ValueError


def _delimiters(body: bytes, mark: bytes) -> Iterator[tuple[int, int]]:
    """Give start and end of each delimiter, line ends included (RFC 2046, 5.1.1).

    ``mark`` is the delimiter with the line end before it. The first may do without one, and then
    begins two bytes before the body. A line that goes on after the boundary is none. Two
    delimiters may share a line end.
    """
    start = -2 if body.startswith(mark[2:]) else body.find(mark)
    while start != -1:
        line_end = _LINE_END.match(body, start + len(mark))
        if line_end is None:
            start = body.find(mark, start + 2)
            continue
        yield start, line_end.end()
        if line_end[0].startswith(b"--"):
            return
        start = body.find(mark, line_end.end() - 2)
    raise ValueError


def _value_start(body: bytes, begin: int, end: int, name: str) -> int | None:
    """Give where the value of a part begins; None if the part is not the field.

    It is beyond ``end`` if the blank line after the headers is the delimiter's own.
    """
    if body.startswith(b"\r\n", begin):
        return None
    blank = body.find(b"\r\n\r\n", begin, end + 2)
    if blank < 0:
        raise ValueError
    headers: dict[str, str] = {}
    for line in _FOLD.sub(" ", body[begin:blank].decode("latin-1")).split("\r\n"):
        key, _, value = line.partition(":")
        headers.setdefault(key.strip().lower(), value.strip())
    disposition = headers.get("content-disposition", "")
    given = parameters(disposition)
    if (
        disposition.partition(";")[0].strip().lower() != "form-data"
        or given.get("name") != name
        or any(key.startswith("filename") for key in given)
    ):
        return None
    if headers.get("content-transfer-encoding", "binary").lower() not in _PLAIN_ENCODINGS:
        raise ValueError
    return blank + 4


def parameters(header: str) -> dict[str, str]:
    """Give the parameters of a header's value, names in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(header):
        key, quoted, plain = match.groups()
        value = re.sub(r'\\([\\"])', r"\1", quoted) if plain is None else plain.strip()
        found.setdefault(key.lower(), value)
    return found
