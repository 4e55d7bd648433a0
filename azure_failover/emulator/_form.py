"""Reads a multipart/form-data body (RFC 7578), byte for byte. Pure: no I/O."""

from __future__ import annotations

from email.message import Message
from email.parser import HeaderParser

from attrs import field, frozen


@frozen
class FilePart:
    """A file of a form.

    Attributes:
        name: The form field it fills.
        filename: As the client named it.
        content_type: As the client declared it; None where it did not.
    """

    name: str
    filename: str
    content_type: str | None
    content: bytes = field(repr=False)


@frozen
class Form:
    """A form's text fields and its files, each in order; a name may come twice."""

    fields: tuple[tuple[str, bytes], ...] = ()
    files: tuple[FilePart, ...] = ()


def parse(content_type: str | None, body: bytes) -> Form | None:
    """Read a form; None where the content type announces none."""
    announced = _headers(f"content-type: {content_type or ''}")
    boundary = announced.get_boundary()
    if announced.get_content_type() != "multipart/form-data" or not boundary:
        return None
    fields: list[tuple[str, bytes]] = []
    files: list[FilePart] = []
    for section in (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1"))[1:-1]:
        head, _, content = section.partition(b"\r\n\r\n")
        headers = _headers(head.decode("utf-8", "replace").lstrip())
        name = _disposition(headers, "name")
        filename = _disposition(headers, "filename")
        if name is not None and filename is not None:
            files.append(FilePart(name, filename, headers.get("content-type"), content))
        elif name is not None:
            fields.append((name, content))
    return Form(tuple(fields), tuple(files))


def _headers(text: str) -> Message:
    return HeaderParser().parsestr(text)


def _disposition(headers: Message, name: str) -> str | None:
    value = headers.get_param(name, header="content-disposition")
    return value if isinstance(value, str) else None
