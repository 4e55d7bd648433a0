"""How an answer becomes bytes of HTTP/1.1, whole or cut short. Pure: no socket."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from attrs import evolve

from azure_failover.emulator._answer import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure_failover.emulator._answer import Answer

GARBAGE = b"\x00\x01\xfe\xff this is not HTTP\r\n\r\n"

FATAL_ALERT = bytes([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28])
"""A TLS record: alert, level fatal (2), handshake_failure (40). RFC 8446, section 6."""

_LAST_CHUNK = b"0\r\n\r\n"


def head(answer: Answer, *, may_keep_alive: bool) -> bytes:
    """Build the status line and all headers."""
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if answer.is_stream:
        lines.append("transfer-encoding: chunked")
    elif answer.status not in {204, 304}:
        lines.append(f"content-length: {sum(len(part.data) for part in answer.parts)}")
    if not may_keep_alive:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def pieces(answer: Answer) -> Iterator[Part]:
    """Give the body piece by piece, as it is to be written."""
    if answer.is_stream:
        yield from map(chunk, answer.parts)
        yield Part(_LAST_CHUNK)
    else:
        yield from answer.parts


def cut(answer: Answer, after: int) -> Iterator[Part]:
    """Give what is to be written until `after` bytes of the body are sent, with no end to it.

    A chunk that is cut keeps the size line of the whole chunk.
    """
    left = after
    for part in answer.parts:
        if left <= 0:
            break
        framed = chunk(part) if answer.is_stream else part
        size = len(part.data)
        if left >= size:
            yield framed
        else:
            yield evolve(framed, data=framed.data[: framed.data.index(part.data) + left])
        left -= size


def shortened(answer: Answer, after: int) -> Answer:
    """Return the answer with a body of `after` bytes, which then is its proper end."""
    parts: list[Part] = []
    left = after
    for part in answer.parts:
        if left > 0:
            parts.append(evolve(part, data=part.data[:left]))
        left -= len(part.data)
    return evolve(answer, parts=tuple(parts))


def chunk(part: Part) -> Part:
    """Frame a part as a chunk."""
    return evolve(part, data=b"%x\r\n%b\r\n" % (len(part.data), part.data))
