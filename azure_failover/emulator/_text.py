"""Completions, embeddings, moderations and the list of models. Pure and deterministic."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
from typing import TYPE_CHECKING

from azure_failover.emulator._answer import DONE, Answer, Event, event_stream, json_answer
from azure_failover.emulator._call import CREATED, Body, Call, Needs, Route, Takes, as_list
from azure_failover.emulator._errors import invalid_request, missing
from azure_failover.emulator._said import PREAMBLE, envelope, pieces, tokens, usage, wants_usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEFAULT_DIMENSIONS = 1536
_MOST_DIMENSIONS = 3072

_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def models(call: Call) -> Answer:
    """List the region's deployments as models."""
    data = [
        {"id": name, "object": "model", "created_at": CREATED, "status": "succeeded"}
        for name in sorted(call.region.deployments)
    ]
    return json_answer(200, {"object": "list", "data": data})


def completions(call: Call) -> Answer:
    """Answer `<region>: <prompt>`, as JSON or as a stream."""
    prompt = call.body.get("prompt")
    if not isinstance(prompt, str):
        return missing("prompt")
    text = f"{call.region.name}: {prompt}"
    used = usage(prompt, text)
    if call.request.streamed:
        return event_stream(_events(call, text, used if wants_usage(call) else None))
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}
    return json_answer(
        200,
        {
            **envelope(call, "cmpl", "text_completion"),
            "choices": [choice],
            "usage": used,
        },
    )


def _events(call: Call, text: str, used: Mapping[str, int] | None) -> Iterator[Event]:
    """Give the events of a text's stream; `used` adds its own event before the end."""
    opening = envelope(call, "cmpl", "text_completion")
    extra: Body = {} if used is None else {"usage": None}
    yield PREAMBLE
    for piece in pieces(text, call.pieces):
        choice = {"index": 0, "text": piece, "logprobs": None, "finish_reason": None}
        yield Event({**opening, "choices": [choice], **extra}, is_content=True)
    last = {"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"}
    yield Event({**opening, "choices": [last], **extra})
    if used is not None:
        yield Event({**opening, "choices": [], "usage": used})
    yield DONE


def embeddings(call: Call) -> Answer:
    """Answer unit vectors made from a hash of each input: the same everywhere, for ever."""
    inputs = _inputs(call.body.get("input"))
    if not inputs:
        return missing("input")
    size = call.body.get("dimensions", _DEFAULT_DIMENSIONS)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= _MOST_DIMENSIONS:
        return invalid_request(
            f"'dimensions' is {size!r}: expected 1 to {_MOST_DIMENSIONS}.", "dimensions"
        )
    is_packed = call.body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(text, size, is_packed)}
        for index, text in enumerate(inputs)
    ]
    used = sum(map(tokens, inputs))
    body = {"object": "list", "data": data, "model": call.deployment}
    return json_answer(200, {**body, "usage": {"prompt_tokens": used, "total_tokens": used}})


def moderations(call: Call) -> Answer:
    """Flag nothing."""
    inputs = _inputs(call.body.get("input"))
    if not inputs:
        return missing("input")
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.0),
        "category_applied_input_types": {category: ["text"] for category in _CATEGORIES},
    }
    return json_answer(
        200,
        {
            "id": f"modr-{call.region.name}-{call.request.number}",
            "model": call.deployment,
            "results": [result] * len(inputs),
        },
    )


def _inputs(given: object) -> list[str]:
    """Turn text, texts, tokens or lists of tokens into one text for each vector."""
    if isinstance(given, str):
        return [given]
    items = as_list(given)
    if items and all(isinstance(item, int) for item in items):
        return [json.dumps(items)]
    return [item if isinstance(item, str) else json.dumps(item) for item in items]


def _vector(text: str, size: int, is_packed: bool) -> list[float] | str:
    numbers = struct.unpack(f"<{size}i", hashlib.shake_256(text.encode()).digest(4 * size))
    length = math.sqrt(sum(float(number) ** 2 for number in numbers)) or 1.0
    packed = struct.pack(f"<{size}f", *(number / length for number in numbers))
    if is_packed:
        return base64.b64encode(packed).decode()
    return list(struct.unpack(f"<{size}f", packed))


ROUTES = (
    Route("GET", "models", models),
    Route("POST", "completions", completions, Needs.DEPLOYMENT, Takes.OBJECT),
    Route("POST", "embeddings", embeddings, Needs.DEPLOYMENT, Takes.OBJECT),
    Route("POST", "moderations", moderations, Needs.MODEL, Takes.OBJECT),
)
