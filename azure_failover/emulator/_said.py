"""What the routes that generate text have in common: what was said, how much, the envelope."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from azure_failover.emulator._answer import Event
from azure_failover.emulator._call import CREATED, as_body, as_list

if TYPE_CHECKING:
    from azure_failover.emulator._call import Body, Call


SAFE: Final = {
    kind: {"filtered": False, "severity": "safe"}
    for kind in ("hate", "self_harm", "sexual", "violence")
}
"""What the content filter says of any text."""

PROMPT_FILTERS: Final = [{"prompt_index": 0, "content_filter_results": SAFE}]

PREAMBLE: Final = Event(
    {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": PROMPT_FILTERS,
    }
)
"""What the streams of chat and text completions open with."""


def wants_usage(call: Call) -> bool:
    """Say whether a stream is to tell how much was used."""
    return as_body(call.body.get("stream_options")).get("include_usage") is True


def envelope(call: Call, kind: str, name: str) -> Body:
    """Give the fields that every chat or text completion opens with."""
    return {
        "id": f"{kind}-{call.region.name}-{call.request.number}",
        "object": name,
        "created": CREATED,
        "model": call.deployment,
        "system_fingerprint": f"fp_{call.region.name}",
    }


def last_said(messages: object) -> str:
    """Return the text of the last user message, its parts joined; empty where there is none."""
    for message in reversed(as_list(messages)):
        known = as_body(message)
        if known.get("role") == "user":
            return _text(known.get("content"))
    return ""


def pieces(text: str, count: int | None) -> list[str]:
    """Split a text into nearly equal pieces, or into words as streams do.

    Each word but the first brings the space before it. No piece is empty, so that a short text
    may give fewer than are asked for.
    """
    if count is None:
        first, *others = text.split(" ")
        return [first, *(f" {word}" for word in others)]
    count = min(count, len(text))
    bounds = [len(text) * number // count for number in range(count + 1)]
    return [text[start:end] for start, end in itertools.pairwise(bounds)]


def tokens(text: str) -> int:
    """Count words for tokens."""
    return max(1, len(text.split()))


def usage(prompt: str, completion: str) -> dict[str, int]:
    """Count both sides, as chat and text completions report it."""
    asked, given = tokens(prompt), tokens(completion)
    return {"prompt_tokens": asked, "completion_tokens": given, "total_tokens": asked + given}


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(as_body(part).get("text", "")) for part in as_list(content))
