"""Chat completions, plain, streamed and stored. Deterministic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure_failover.emulator._answer import DONE, Answer, Event, event_stream, json_answer
from azure_failover.emulator._call import Body, Call, Needs, Route, Takes, as_body, as_list
from azure_failover.emulator._errors import missing
from azure_failover.emulator._references import missing_reference
from azure_failover.emulator._said import envelope, last_said, pieces, usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COLLECTION = "chat/completions"

_SAFE = {
    kind: {"filtered": False, "severity": "safe"}
    for kind in ("hate", "self_harm", "sexual", "violence")
}
_PROMPT_FILTERS = [{"prompt_index": 0, "content_filter_results": _SAFE}]


def chat(call: Call) -> Answer:
    """Answer `<region>: <last user message>`, as JSON or as a stream; keep it where asked to."""
    messages = as_list(call.body.get("messages"))
    if not messages:
        return missing("messages")
    objection = missing_reference(call)
    if objection is not None:
        return objection
    said = last_said(messages)
    content = f"{call.region.name}: {said}"
    completion = _completion(call, content, usage(said, content))
    if call.body.get("store") is True:
        metadata = as_body(call.body.get("metadata"))
        call.store.keep(COLLECTION, {**completion, "metadata": metadata})
    if call.request.streamed:
        wanted = as_body(call.body.get("stream_options")).get("include_usage") is True
        return event_stream(_events(call, content, usage(said, content) if wanted else None))
    return json_answer(200, completion)


def _completion(call: Call, content: str, used: Mapping[str, int]) -> Body:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
        "content_filter_results": _SAFE,
    }
    return {
        **envelope(call, "chatcmpl", "chat.completion"),
        "prompt_filter_results": _PROMPT_FILTERS,
        "choices": [choice],
        "usage": used,
    }


def _events(call: Call, content: str, used: Mapping[str, int] | None) -> Iterable[Event]:
    """Give the events of a chat stream; `used` adds its own event before the end."""
    opening = envelope(call, "chatcmpl", "chat.completion.chunk")
    extra: Body = {} if used is None else {"usage": None}
    yield Event(
        {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": _PROMPT_FILTERS,
        }
    )
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text} for text in pieces(content, call.pieces)]
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}
        yield Event({**opening, "choices": [choice], **extra}, is_content="role" not in delta)
    last = {"index": 0, "delta": {}, "finish_reason": "stop", "content_filter_results": _SAFE}
    yield Event({**opening, "choices": [last], **extra})
    if used is not None:
        yield Event({**opening, "choices": [], "usage": used})
    yield DONE


ROUTES = (Route("POST", COLLECTION, chat, Needs.DEPLOYMENT, Takes.OBJECT),)
