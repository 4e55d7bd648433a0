"""The deployment's name in a request's body, replaced without touching another byte.

The key is searched for, and brackets are followed only from it to the nearer end of the body, since
to parse 20 MB for one key takes up to a second and seventeen times the memory. No I/O.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias
from urllib.parse import quote_plus, unquote_to_bytes

from azure_failover.core._multipart import field_values

_Found: TypeAlias = tuple[int, int, str]
"""Where a value begins, where it ends, and the deployment that it names."""

_CHECKED: Final = 64 * 1024
"""Up to so many bytes a body is parsed, to refuse what is not JSON: that takes about 0.2 ms."""

_WHITE: Final = b" \t\r\n"
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_VALUE: Final = re.compile(rb"(" + _STRING + rb')|[^"]', re.DOTALL)
_TO_BRACKET: Final = re.compile(rb'(?:[^"\][{}]++|' + _STRING + rb")*+([\][{}])?", re.DOTALL)
_CLOSERS: Final = {b"{": b"}", b"[": b"]"}
_PARSER: Final = json.JSONDecoder(parse_int=float)
"""Numbers are read as floats: Python refuses integers of many digits, JSON does not."""


def _member(key: str) -> re.Pattern[bytes]:
    """Make a pattern for ``"key":``, each letter plain or as an escape.

    In valid JSON it matches nothing else, wherever it stands: within a string, each quote has a
    backslash before it.
    """
    letters = "".join(rf"(?:{letter}|\\u00(?i:{ord(letter):02x}))" for letter in key)
    return re.compile(rf'"(?=[\\{key[0]}])(?<!\\"){letters}"[ \t\r\n]*+:[ \t\r\n]*+'.encode())


_MODEL: Final = _member("model")
_SESSION: Final = _member("session")
_NAMED: Final = re.compile(rb'"model"\s*:\s*"([^"]{1,100})"')
_PEEK: Final = 512


def named_model(body: bytes) -> str:
    """Guess which model a JSON body names, from its beginning and its end alone.

    Good enough to tell kinds of requests apart, and quick; "" if it names none there.
    """
    found = _NAMED.search(body, 0, _PEEK) or _NAMED.search(body, max(0, len(body) - _PEEK))
    return "" if found is None else found[1].decode("utf-8", "replace")


def rename_deployment(
    body: bytes, names: Mapping[str, str], *, content_type: str = "", in_session: bool = False
) -> bytes | None:
    """Rename the deployment that a body names in its ``model``.

    In ``multipart/form-data`` that is the form field ``model``, in
    ``application/x-www-form-urlencoded`` the parameter; any other body is taken for a JSON object,
    in UTF-8, with a top-level ``model``. Every ``model`` of that place is renamed, since parsers
    differ in which of two counts.

    Args:
        body: The request's body.
        names: Deployment here -> deployment there.
        content_type: The header's value; empty if there is none.
        in_session: Whether the ``model`` of a top-level object ``session`` counts too.

    Returns:
        The same object if nothing is to be renamed: ``names`` is empty, or the body does not hold
        the word ``model`` in any spelling, or no ``model`` is a key of ``names``. New bytes if
        something was. None if the body may name a deployment that cannot be seen: it holds the
        word, but is not what its type says. (JSON of more than 64 kB is checked only from outside
        and where it is walked; a server refuses the rest.)
    """
    if not names or not body:
        return body
    kind = content_type.partition(";")[0].strip().lower()
    write: Callable[[str], str] = str
    try:
        if kind == "multipart/form-data":
            found = _in_form(body, content_type)
        elif kind == "application/x-www-form-urlencoded":
            found, write = _in_query(body), quote_plus
        else:
            found, write = _in_json(body, in_session=in_session), json.dumps
        return _replaced(body, [place for place in found if place[2] in names], names, write)
    except ValueError:
        return None


def _replaced(
    body: bytes, places: list[_Found], names: Mapping[str, str], write: Callable[[str], str]
) -> bytes:
    if not places:
        return body
    pieces: list[bytes | memoryview] = []
    done, view = 0, memoryview(body)
    for start, end, name in places:
        pieces += (view[done:start], write(names[name]).encode())
        done = end
    return b"".join((*pieces, view[done:]))


def _in_form(body: bytes, content_type: str) -> Iterator[_Found]:
    if b"model" in body:
        for start, end in field_values(body, content_type, "model"):
            yield start, end, body[start:end].decode()


def _in_query(body: bytes) -> Iterator[_Found]:
    for pair in re.finditer(rb"[^&]+", body):
        key, equals, value = pair[0].replace(b"+", b" ").partition(b"=")
        if equals and unquote_to_bytes(key) == b"model":
            yield pair.end() - len(value), pair.end(), unquote_to_bytes(value).decode()


def _in_json(body: bytes, *, in_session: bool) -> Iterator[_Found]:
    is_large = len(body) > _CHECKED
    if not is_large or not _is_enclosed(body):
        letters = body.replace(b"\0", b"") if b"\0" in body[:4] else body  # UTF-16 and UTF-32
        if b"model" not in letters and rb"\u006" not in letters:
            return
        if is_large or not _is_json(body):
            raise ValueError
    for start in _model_starts(body, in_session=in_session):
        value = _VALUE.match(body, start)
        if value is None:
            raise ValueError
        if value[1] is not None:
            yield start, value.end(), json.loads(value[1].decode())


def _is_enclosed(body: bytes) -> bool:
    """Tell whether a body looks like an object or a list from outside."""
    inside = body.strip(_WHITE)
    return inside[:1] + inside[-1:] in (b"{}", b"[]")


def _is_json(body: bytes) -> bool:
    """Tell whether a body is JSON in UTF-8; one that is too deep for the parser may be."""
    try:
        _PARSER.decode(body.decode())
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _model_starts(body: bytes, *, in_session: bool) -> list[int]:
    """Give where the values begin of each ``model`` that counts, in order."""
    starts = [*_value_starts(body, _MODEL)]
    if in_session:
        for start in _value_starts(body, _SESSION):
            if body.startswith(b"{", start):
                end = _object_end(body, start + 1, len(body))
                starts += (start + place for place in _value_starts(body[start:end], _MODEL))
    return sorted(starts)


def _value_starts(body: bytes, key: re.Pattern[bytes]) -> Iterator[int]:
    """Give where the values begin of the outermost object's members of one key.

    A member belongs to it if one bracket is open before it, or if the object around it ends where
    the body ends: whichever takes fewer bytes to tell. No stretch is walked more than a few times,
    however many members have the key.
    """
    end = len(body.rstrip(_WHITE))
    walked, closers, inner_end = 0, list[bytes](), 0
    for member in key.finditer(body):
        start = member.start()
        if start < inner_end:
            continue
        if start - walked <= end - start:
            if _walk(body, walked, start, closers) != start:
                raise ValueError
            walked = start
        else:
            inner_end = _object_end(body, start, end)
            if inner_end != end:
                continue
            walked, closers, inner_end = start, [b"}"], 0
        if closers == [b"}"]:
            yield member.end()


def _object_end(body: bytes, start: int, stop: int) -> int:
    """Give where the object ends that ``start`` lies in."""
    closers = [b"}"]
    end = _walk(body, start, stop, closers)
    if closers:
        raise ValueError
    return end


def _walk(body: bytes, start: int, stop: int, closers: list[bytes]) -> int:
    """Step over the brackets between two places, until none is open.

    Args:
        body: JSON.
        start: A place outside any string.
        stop: Where to stop at the latest.
        closers: The brackets that close what is open at the one place, then at the other.

    Raises:
        ValueError: A bracket does not fit, or ``stop`` lies within a string.
    """
    for match in _TO_BRACKET.finditer(body, start, stop):
        bracket = match[1]
        if bracket in _CLOSERS:
            closers.append(_CLOSERS[bracket])
        elif bracket is not None:
            if not closers or closers.pop() != bracket:
                raise ValueError
            if not closers:
                return match.end()
        elif match.end() != stop:
            raise ValueError
    return stop
