"""What upstreams answer: a chat completion, its stream, and an error. Standard library only."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

PRIMARY: Final = "primary"
BACKUP: Final = "backup"
TOKEN: Final = "token"  # noqa: S105 - no secret
"""The text of an answer is the name of who answers; that of a stream has this word many times."""

_COMMON: Final = {
    "id": "chatcmpl-0123456789",
    "created": 1_700_000_000,
    "model": "gpt-4.1-mini-2025-04-14",
    "system_fingerprint": "fp_0123456789",
}
_SAFE: Final = {
    kind: {"filtered": False, "severity": "safe"}
    for kind in ("hate", "self_harm", "sexual", "violence")
}
_USAGE: Final = {"prompt_tokens": 207, "completion_tokens": 1, "total_tokens": 208}


def completion(name: str) -> bytes:
    """Give the body of a whole answer, as Azure sends it."""
    message = {"role": "assistant", "content": name, "refusal": None}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "stop",
        "logprobs": None,
        "content_filter_results": _SAFE,
    }
    filtered = [{"prompt_index": 0, "content_filter_results": _SAFE}]
    return json.dumps(
        {
            **_COMMON,
            "object": "chat.completion",
            "choices": [choice],
            "usage": _USAGE,
            "prompt_filter_results": filtered,
        }
    ).encode()


ERROR: Final = json.dumps(
    {"error": {"code": "ServiceUnavailable", "message": "The service is unavailable."}}
).encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _event(delta: dict[str, str], finish: str | None = None, **rest: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    body = {**_COMMON, "object": "chat.completion.chunk", "choices": [choice], **rest}
    return _chunk(b"data: " + json.dumps(body).encode() + b"\n\n")


STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
PREAMBLE: Final = _event({}, choices=[], prompt_filter_results=[]) + _event(
    {"role": "assistant", "content": ""}
)
"""What comes before any content. Each event is an HTTP chunk of its own."""
_CONTENTS: Final = tuple(_event({"content": f" {TOKEN}{sign}"}) for sign in ".,;:!?")
FINISH: Final = _event({}, finish="stop") + _chunk(b"data: [DONE]\n\n")
LAST_CHUNK: Final = b"0\r\n\r\n"
"""What ends a response in good order, whether or not the stream within it is whole."""


@lru_cache
def contents(count: int, begin: int = 0) -> bytes:
    """Give so many events with content; no two in a row are alike, which some would not bear."""
    return b"".join(_CONTENTS[at % len(_CONTENTS)] for at in range(begin, begin + count))


def response(status: int, body: bytes) -> bytes:
    """Give a whole HTTP response with a JSON body."""
    reason = {200: b"OK", 503: b"Service Unavailable"}[status]
    head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, reason, len(body)) + body
