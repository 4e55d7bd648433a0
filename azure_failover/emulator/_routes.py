"""What each route answers to a request that passed every check. Pure and deterministic."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
from typing import TYPE_CHECKING, cast

from azure_failover.emulator._errors import Answer, invalid_request, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from azure_failover.emulator.recorded import Recorded
    from azure_failover.emulator.spec import Identity

    Body = dict[str, object]

_CREATED = 1_750_000_000
_DEFAULT_DIMENSIONS = 1536
_MOST_DIMENSIONS = 3072

_SAFE = {
    kind: {"filtered": False, "severity": "safe"}
    for kind in ("hate", "self_harm", "sexual", "violence")
}
_PROMPT_FILTERS = [{"prompt_index": 0, "content_filter_results": _SAFE}]


def models(region: Identity) -> Answer:
    """List the region's deployments as models."""
    data = [
        {"id": name, "object": "model", "created_at": _CREATED, "status": "succeeded"}
        for name in sorted(region.deployments)
    ]
    return json_answer(200, {"object": "list", "data": data})


def chat(request: Recorded, body: Body) -> Answer:
    """Answer `<region>: <last user message>`, as JSON or as a stream."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return invalid_request("Missing required parameter: 'messages'.", "messages")
    said = _last_said(cast("list[object]", messages))
    content = f"{request.region}: {said}"
    usage = _usage(said, content)
    if request.streamed:
        return _stream(_chat_events(request, content, usage if _wants_usage(body) else None))
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
        "content_filter_results": _SAFE,
    }
    return json_answer(
        200,
        {
            **_envelope(request, "chatcmpl", "chat.completion"),
            "prompt_filter_results": _PROMPT_FILTERS,
            "choices": [choice],
            "usage": usage,
        },
    )


def completions(request: Recorded, body: Body) -> Answer:
    """Answer `<region>: <prompt>`; no streams."""
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        return invalid_request("Missing required parameter: 'prompt'.", "prompt")
    if request.streamed:
        return invalid_request("The emulator streams chat/completions only.", "stream")
    text = f"{request.region}: {prompt}"
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}
    return json_answer(
        200,
        {
            **_envelope(request, "cmpl", "text_completion"),
            "choices": [choice],
            "usage": _usage(prompt, text),
        },
    )


def embeddings(request: Recorded, body: Body) -> Answer:
    """Answer unit vectors made from a hash of each input: the same everywhere, for ever."""
    inputs = _inputs(body.get("input"))
    if not inputs:
        return invalid_request("Missing required parameter: 'input'.", "input")
    size = body.get("dimensions", _DEFAULT_DIMENSIONS)
    if not isinstance(size, int) or not 1 <= size <= _MOST_DIMENSIONS:
        return invalid_request(
            f"'dimensions' is {size!r}: expected 1 to {_MOST_DIMENSIONS}.", "dimensions"
        )
    is_packed = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(text, size, is_packed)}
        for index, text in enumerate(inputs)
    ]
    used = sum(map(_tokens, inputs))
    usage = {"prompt_tokens": used, "total_tokens": used}
    return json_answer(
        200, {"object": "list", "data": data, "model": request.deployment, "usage": usage}
    )


POSTED: Mapping[str, Callable[[Recorded, Body], Answer]] = {
    "chat/completions": chat,
    "completions": completions,
    "embeddings": embeddings,
}
"""The routes that take a POST with a deployment."""


def throttled_stream(retry_after: int) -> Answer:
    """Answer a success whose first event is an error, which is how Azure throttles streams."""
    error = {
        "type": "too_many_requests",
        "code": "rate_limit_exceeded",
        "message": "Too Many Requests",
        "param": None,
    }
    event = _event({"type": "error", "error": error, "sequence_number": 0})
    return _stream([event]).with_headers({"retry-after": str(retry_after)})


def _stream(events: Iterable[bytes]) -> Answer:
    return Answer(
        200, (("content-type", "text/event-stream; charset=utf-8"),), (*events,), is_stream=True
    )


def _event(data: Mapping[str, object]) -> bytes:
    return b"data: %b\n\n" % json.dumps(data, separators=(",", ":")).encode()


def _envelope(request: Recorded, kind: str, name: str) -> dict[str, object]:
    return {
        "id": f"{kind}-{request.region}-{request.number}",
        "object": name,
        "created": _CREATED,
        "model": request.deployment,
        "system_fingerprint": f"fp_{request.region}",
    }


def _chat_events(
    request: Recorded, content: str, usage: Mapping[str, int] | None
) -> Iterable[bytes]:
    """Give the events of a chat stream; `usage` adds its own event before the end."""
    envelope = _envelope(request, "chatcmpl", "chat.completion.chunk")
    extra: dict[str, object] = {} if usage is None else {"usage": None}
    yield _event(
        {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": _PROMPT_FILTERS,
        }
    )
    words = content.split(" ")
    texts = [words[0], *(f" {word}" for word in words[1:])]
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text} for text in texts]
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}
        yield _event({**envelope, "choices": [choice], **extra})
    last = {"index": 0, "delta": {}, "finish_reason": "stop", "content_filter_results": _SAFE}
    yield _event({**envelope, "choices": [last], **extra})
    if usage is not None:
        yield _event({**envelope, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _wants_usage(body: Body) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and bool(cast("Body", options).get("include_usage"))


def _last_said(messages: list[object]) -> str:
    """Return the text of the last user message, its parts joined; empty where there is none."""
    for message in reversed(messages):
        if isinstance(message, dict):
            known = cast("Body", message)
            if known.get("role") == "user":
                return _text(known.get("content"))
    return ""


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = cast("list[object]", content) if isinstance(content, list) else []
    known = (cast("Body", part) for part in parts if isinstance(part, dict))
    return "".join(str(part["text"]) for part in known if "text" in part)


def _inputs(given: object) -> list[str]:
    """Turn text, texts, tokens or lists of tokens into one text for each vector."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list):
        return []
    items = cast("list[object]", given)
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


def _tokens(text: str) -> int:
    return max(1, len(text.split()))


def _usage(prompt: str, completion: str) -> dict[str, int]:
    asked, given = _tokens(prompt), _tokens(completion)
    return {"prompt_tokens": asked, "completion_tokens": given, "total_tokens": asked + given}
