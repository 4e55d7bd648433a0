"""Chat completions, plain, streamed and stored. Deterministic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure_failover.emulator._answer import DONE, Answer, Event, event_stream, json_answer
from azure_failover.emulator._call import Body, Call, Needs, Route, Takes, as_body, as_list
from azure_failover.emulator._errors import missing
from azure_failover.emulator._references import missing_reference
from azure_failover.emulator._said import (
    PREAMBLE,
    PROMPT_FILTERS,
    SAFE,
    envelope,
    last_said,
    pieces,
    usage,
    wants_usage,
)
from azure_failover.emulator._tools import function_calls

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLLECTION = "chat/completions"


def chat(call: Call) -> Answer:
    """Answer `<region>: <last user message>` or calls of tools; keep it where asked to."""
    messages = as_list(call.body.get("messages"))
    if not messages:
        return missing("messages")
    objection = missing_reference(call)
    if objection is not None:
        return objection
    message = _message(call, messages)
    used = usage(last_said(messages), _text_of(message))
    completion = _completion(call, message, used)
    if call.body.get("store") is True:
        metadata = as_body(call.body.get("metadata"))
        call.store.keep(COLLECTION, {**completion, "metadata": metadata})
    if call.request.streamed:
        return event_stream(_events(call, message, used if wants_usage(call) else None))
    return json_answer(200, completion)


def _message(call: Call, messages: list[object]) -> Body:
    said = last_said(messages)
    is_users_turn = as_body(messages[-1]).get("role") == "user"
    calls = function_calls(call, said, is_users_turn=is_users_turn)
    if not calls:
        return {"role": "assistant", "content": f"{call.region.name}: {said}", "refusal": None}
    tool_calls = [
        {
            "id": made.identity,
            "type": "function",
            "function": {"name": made.name, "arguments": made.arguments},
        }
        for made in calls
    ]
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": tool_calls}


def _text_of(message: Body) -> str:
    """Return what counts as generated."""
    functions = [as_body(made["function"]) for made in _tool_calls(message)]
    return " ".join(
        [str(message["content"] or ""), *(str(each["arguments"]) for each in functions)]
    )


def _tool_calls(message: Body) -> list[Body]:
    return [as_body(made) for made in as_list(message.get("tool_calls"))]


def _finish_reason(message: Body) -> str:
    return "tool_calls" if "tool_calls" in message else "stop"


def _completion(call: Call, message: Body, used: Mapping[str, int]) -> Body:
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": _finish_reason(message),
        "content_filter_results": SAFE,
    }
    return {
        **envelope(call, "chatcmpl", "chat.completion"),
        "prompt_filter_results": PROMPT_FILTERS,
        "choices": [choice],
        "usage": used,
    }


def _events(call: Call, message: Body, used: Mapping[str, int] | None) -> Iterator[Event]:
    """Give the events of a chat stream; `used` adds its own event before the end."""
    opening = envelope(call, "chatcmpl", "chat.completion.chunk")
    extra: Body = {} if used is None else {"usage": None}
    yield PREAMBLE
    role = {"role": "assistant", "content": None if message["content"] is None else ""}
    deltas = [role, *_text_deltas(call, message), *_tool_deltas(call, message)]
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}
        yield Event({**opening, "choices": [choice], **extra}, is_content=delta is not role)
    last = {
        "index": 0,
        "delta": {},
        "finish_reason": _finish_reason(message),
        "content_filter_results": SAFE,
    }
    yield Event({**opening, "choices": [last], **extra})
    if used is not None:
        yield Event({**opening, "choices": [], "usage": used})
    yield DONE


def _text_deltas(call: Call, message: Body) -> Iterator[Body]:
    if message["content"] is not None:
        for text in pieces(str(message["content"]), call.pieces):
            yield {"content": text}


def _tool_deltas(call: Call, message: Body) -> Iterator[Body]:
    """Give each call's name and then, piece by piece, its arguments."""
    for index, made in enumerate(_tool_calls(message)):
        function = as_body(made["function"])
        opened = {**made, "index": index, "function": {**function, "arguments": ""}}
        yield {"tool_calls": [opened]}
        for piece in pieces(str(function["arguments"]), call.pieces):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


ROUTES = (Route("POST", COLLECTION, chat, Needs.DEPLOYMENT, Takes.OBJECT),)
