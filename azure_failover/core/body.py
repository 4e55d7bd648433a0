"""The deployment's name inside a JSON body, found and replaced without touching another byte.

A body is never parsed as a whole and written again: the top level is walked token by token, nested
values are stepped over. What is not JSON comes back as it was. No I/O.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_WHITE: Final = re.compile(rb"[ \t\r\n]*+")
_TEXT: Final = re.compile(_STRING, re.DOTALL)
_SCALAR: Final = re.compile(rb"[-+.\w]++")
_BRACKET: Final = re.compile(_STRING + rb"|[][{}]", re.DOTALL)


class _NotJsonError(Exception):
    """The body does not have the outer form of a JSON object."""


def rename_model(body: bytes, names: Mapping[str, str]) -> bytes:
    """Rename the deployment that the top-level ``model`` of a JSON object names.

    Args:
        body: The request's body; anything but a JSON object comes back unchanged.
        names: Deployment here -> deployment there.

    Returns:
        The same bytes but for the value of each top-level ``model`` that is a key of ``names``.
        (A duplicate key is legal JSON; parsers differ in which one counts, so all are renamed.)
    """
    if b"model" not in body and b"\\u" not in body:
        return body
    try:
        spans = _model_values(body)
    except _NotJsonError:
        return body
    pieces: list[bytes] = []
    done = 0
    for start, end in spans:
        name = _decoded(body[start:end])
        if name is not None and name in names:
            pieces += (body[done:start], json.dumps(names[name]).encode())
            done = end
    return b"".join((*pieces, body[done:])) if pieces else body


def _model_values(body: bytes) -> list[tuple[int, int]]:
    """Give start and end of the string value of each top-level ``model``."""
    spans: list[tuple[int, int]] = []
    at = _skip_white(body, _expect(body, _skip_white(body, 0), b"{"))
    is_over = body[at : at + 1] == b"}"
    while not is_over:
        key = _TEXT.match(body, at)
        if key is None:
            raise _NotJsonError
        at = _skip_white(body, _expect(body, _skip_white(body, key.end()), b":"))
        end = _skip_value(body, at)
        if body[at : at + 1] == b'"' and _decoded(key[0]) == "model":
            spans.append((at, end))
        at = _skip_white(body, end)
        is_over = body[at : at + 1] == b"}"
        if not is_over:
            at = _skip_white(body, _expect(body, at, b","))
    if _skip_white(body, at + 1) != len(body):
        raise _NotJsonError
    return spans


def _skip_white(body: bytes, at: int) -> int:
    match = _WHITE.match(body, at)
    assert match is not None
    return match.end()


def _expect(body: bytes, at: int, token: bytes) -> int:
    if body[at : at + 1] != token:
        raise _NotJsonError
    return at + 1


def _skip_value(body: bytes, at: int) -> int:
    first = body[at : at + 1]
    if first in (b"{", b"["):
        return _skip_nested(body, at)
    match = (_TEXT if first == b'"' else _SCALAR).match(body, at)
    if match is None:
        raise _NotJsonError
    return match.end()


def _skip_nested(body: bytes, at: int) -> int:
    depth = 0
    for match in _BRACKET.finditer(body, at):
        token = match[0]
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return match.end()
    raise _NotJsonError


def _decoded(token: bytes) -> str | None:
    """Give the text of a JSON string token; None if it is not valid."""
    try:
        return str(json.loads(token))
    except ValueError:
        return None
