"""The Responses API: answers that the region keeps, continues and seals. Deterministic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure_failover.emulator import _errors
from azure_failover.emulator._answer import Answer, event_stream, json_answer
from azure_failover.emulator._call import (
    CREATED,
    Body,
    Call,
    Needs,
    Route,
    Takes,
    as_body,
    as_list,
)
from azure_failover.emulator._references import missing_reference
from azure_failover.emulator._resources import listed
from azure_failover.emulator._response_events import events
from azure_failover.emulator._said import last_said, tokens
from azure_failover.emulator._tools import FunctionCall, function_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

COLLECTION = "responses"
_ITEMS = "items"

_ECHOED: Body = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats from its request, and what it says where the request is silent."""

_PREFIXES = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_", "compaction": "cmp_"}


def create(call: Call) -> Answer:
    """Answer `<region>: <last user message>` or calls of tools; keep it unless `store` is false."""
    if "input" not in call.body and "prompt" not in call.body:
        return _errors.missing("input")
    objection = _objection(call)
    if objection is not None:
        return objection
    asked = _input_items(call)
    response = _response(call, asked)
    if response["store"] is not False:
        call.store.keep(COLLECTION, response, asked)
        for item in [*asked, *(as_body(item) for item in as_list(response["output"]))]:
            call.store.keep(_ITEMS, item)
    if call.request.streamed:
        return event_stream(events(response, call.pieces))
    if response["background"] is True:
        return json_answer(200, {**response, "status": "queued", "output": [], "usage": None})
    return json_answer(200, response)


def cancel(call: Call) -> Answer:
    """Cancel a response that was made in the background; no other can be cancelled."""
    kept = call.store.find(COLLECTION, call.ids[0])
    if kept is None:
        return _errors.not_found("Response", call.ids[0])
    if kept.shown["background"] is not True:
        return _errors.invalid_request("Cannot cancel a synchronous response.")
    cancelled: Body = {**kept.shown, "status": "cancelled", "output": [], "usage": None}
    call.store.keep(COLLECTION, cancelled, kept.content)
    return json_answer(200, cancelled)


def input_items(call: Call) -> Answer:
    """List what a kept response was asked, the last item first."""
    kept = call.store.find(COLLECTION, call.ids[0])
    if kept is None:
        return _errors.not_found("Response", call.ids[0])
    return listed(call, [as_body(item) for item in as_list(kept.content)])


def compact(call: Call) -> Answer:
    """Answer the user's messages and one sealed item in place of all the rest."""
    objection = _objection(call)
    if objection is not None:
        return objection
    asked = _input_items(call)
    sealed = _sealed_item(call, "compaction")
    body = {
        "id": call.store.new_id("resp_"),
        "object": "response.compaction",
        "created_at": CREATED,
        "output": [*(item for item in asked if item.get("role") == "user"), sealed],
        "usage": _usage(last_said(asked), ""),
    }
    return json_answer(200, body)


def count_input(call: Call) -> Answer:
    """Count the words of the last user message for tokens."""
    objection = _objection(call)
    if objection is not None:
        return objection
    counted = tokens(last_said(_input_items(call)))
    return json_answer(200, {"object": "response.input_tokens", "input_tokens": counted})


def _response(call: Call, asked: list[Body]) -> Body:
    said = last_said(asked)
    is_users_turn = bool(asked) and asked[-1].get("role") == "user"
    calls = function_calls(call, said, is_users_turn=is_users_turn)
    text = " ".join(made.arguments for made in calls) or f"{call.region.name}: {said}"
    items = [_function_call(call, made) for made in calls] or [_message(call, text)]
    return {
        "id": call.store.new_id("resp_"),
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": call.deployment,
        "output": [*_reasoning(call), *items],
        "usage": _usage(said, text),
        **{name: call.body.get(name, value) for name, value in _ECHOED.items()},
        **_conversation(call),
    }


def _message(call: Call, text: str) -> Body:
    part: Body = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "id": call.store.new_id("msg_"),
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }


def _function_call(call: Call, made: FunctionCall) -> Body:
    return {
        "id": call.store.new_id("fc_"),
        "type": "function_call",
        "status": "completed",
        "call_id": made.identity,
        "name": made.name,
        "arguments": made.arguments,
    }


def _reasoning(call: Call) -> Iterator[Body]:
    """Give a reasoning item where the request speaks of reasoning, sealed where it wants that."""
    if "reasoning.encrypted_content" in as_list(call.body.get("include")):
        yield {**_sealed_item(call, "reasoning"), "summary": []}
    elif call.body.get("reasoning"):
        yield {"id": call.store.new_id("rs_"), "type": "reasoning", "summary": []}


def _sealed_item(call: Call, kind: str) -> Body:
    identity = call.store.new_id(_PREFIXES[kind])
    return {"id": identity, "type": kind, "encrypted_content": call.store.seal(identity)}


def _conversation(call: Call) -> Body:
    given = call.body.get("conversation")
    if given is None:
        return {}
    return {"conversation": {"id": given} if isinstance(given, str) else given}


def _input_items(call: Call) -> list[Body]:
    """Give the input as items with ids; a text is one message of the user."""
    given = call.body.get("input")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    return [_input_item(call, as_body(item)) for item in as_list(given)]


def _input_item(call: Call, item: Body) -> Body:
    kind = str(item.get("type") or "message")
    whole: Body = {"type": kind, **item}
    if not item.get("id"):
        whole["id"] = call.store.new_id(_PREFIXES.get(kind, "item_"))
    content = item.get("content")
    if isinstance(content, str):
        whole["content"] = [{"type": "input_text", "text": content}]
    return whole


def _objection(call: Call) -> Answer | None:
    """Object to what ties the request to another region: its ids and its sealed content."""
    previous = call.body.get("previous_response_id")
    if isinstance(previous, str) and call.store.find(COLLECTION, previous) is None:
        return _errors.previous_response_not_found(previous)
    for item in map(as_body, as_list(call.body.get("input"))):
        objection = _item_objection(call, item)
        if objection is not None:
            return objection
    return missing_reference(call)


def _item_objection(call: Call, item: Body) -> Answer | None:
    sealed = item.get("encrypted_content")
    if isinstance(sealed, str):
        is_here = call.store.is_sealed_here(sealed)
        return None if is_here else _errors.invalid_encrypted_content(sealed)
    identity = item.get("id")
    # a tuple, because what a client calls a type need not be hashable
    is_reference = item.get("type") in ("item_reference", "reasoning")
    if is_reference and isinstance(identity, str) and call.store.find(_ITEMS, identity) is None:
        return _errors.item_not_found(identity)
    return None


def _usage(prompt: str, completion: str) -> Body:
    asked, given = tokens(prompt), tokens(completion)
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": given,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": asked + given,
    }


ROUTES = (
    Route("POST", COLLECTION, create, Needs.MODEL, Takes.OBJECT),
    Route("POST", f"{COLLECTION}/compact", compact, Needs.MODEL, Takes.OBJECT),
    Route("POST", f"{COLLECTION}/input_tokens", count_input, Needs.MODEL, Takes.OBJECT),
    Route("POST", f"{COLLECTION}/{{}}/cancel", cancel),
    Route("GET", f"{COLLECTION}/{{}}/input_items", input_items),
)
