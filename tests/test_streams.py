"""Chunks of a chat become events, and add up to the answer that would have come whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from azure_failover import Finished, RefusalDelta, ServerSentEvent, TextDelta, ToolCallDelta, Usage
from azure_failover.streams import Assembler

REASONS = ("stop", "length", "tool_calls", "content_filter")
WORDS = st.text(min_size=1, max_size=20)


def called(call: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call, "type": "function", "function": function}


def said(content: str | None, refusal: str | None, calls: list[Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal}
    return message | ({"tool_calls": calls} if calls else {})


def used(ins: int, outs: int) -> dict[str, Any]:
    return {"prompt_tokens": ins, "completion_tokens": outs, "total_tokens": ins + outs}


CALLS = st.builds(called, WORDS, WORDS, st.text(max_size=20))
TEXTS = st.none() | WORDS
MESSAGES = st.builds(said, TEXTS, TEXTS, st.lists(CALLS, max_size=3))
USAGES = st.none() | st.builds(used, st.integers(0, 9999), st.integers(0, 9999))


@st.composite
def completions(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the JSON of a chat completion."""
    messages = draw(st.lists(MESSAGES, min_size=1, max_size=3))
    completion: dict[str, Any] = {
        "id": draw(WORDS),
        "created": draw(st.integers(1, 2**40)),
        "model": draw(WORDS),
        "object": "chat.completion",
        "choices": [
            {"index": n, "message": message, "finish_reason": draw(st.sampled_from(REASONS))}
            for n, message in enumerate(messages)
        ],
    }
    usage = draw(USAGES)
    return completion if usage is None else completion | {"usage": usage}


@st.composite
def pieces(draw: st.DrawFn, text: str) -> list[str]:
    """Cut a text anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def deltas(draw: st.DrawFn, message: dict[str, Any]) -> list[dict[str, Any]]:
    """Cut a message into deltas; its parts are interleaved, each in order."""
    parts: list[list[dict[str, Any]]] = []
    for key in ("content", "refusal"):
        if message[key] is not None:
            parts += ([{key: piece} for piece in draw(pieces(message[key]))],)
    for index, call in enumerate(message.get("tool_calls", [])):
        function = call["function"]
        opening = {"id": call["id"], "type": "function", "function": {"name": function["name"]}}
        more = [{"function": {"arguments": text}} for text in draw(pieces(function["arguments"]))]
        entries = [{"index": index, **entry} for entry in (opening, *more)]
        parts.append([{"tool_calls": [entry]} for entry in entries])
    first: dict[str, Any] = {"role": "assistant"}
    if draw(st.booleans()):
        first["content"] = None
    return [first, *draw(interleaved(parts))]


@st.composite
def interleaved(draw: st.DrawFn, lists: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Merge lists in any way that keeps the order of each."""
    turns = draw(st.permutations([n for n, items in enumerate(lists) for _ in items]))
    items = [iter(each) for each in lists]
    return [next(items[turn]) for turn in turns]


@st.composite
def streams(draw: st.DrawFn, completion: dict[str, Any]) -> list[dict[str, Any]]:
    """Cut a completion into chunks, as Azure does: an empty one first, the usage last."""
    told: list[list[dict[str, Any]]] = []
    for choice in completion["choices"]:
        index = choice["index"]
        each: list[dict[str, Any]] = [
            {"index": index, "delta": delta, "finish_reason": None}
            for delta in draw(deltas(choice["message"]))
        ]
        last: dict[str, Any] = {
            "index": index,
            "delta": {},
            "finish_reason": choice["finish_reason"],
        }
        told.append([*each, last])
    head = {key: completion[key] for key in ("id", "created", "model")}
    head["object"] = "chat.completion.chunk"
    empty: dict[str, Any] = {"id": "", "created": 0, "model": "", "object": "", "choices": []}
    chunks = [head | {"choices": [choice], "usage": None} for choice in draw(interleaved(told))]
    if "usage" in completion:
        chunks.append(head | {"choices": [], "usage": completion["usage"]})
    return [empty, *chunks]


def event(data: object) -> ServerSentEvent:
    return ServerSentEvent(data=json.dumps(data))


def read(*chunks: object) -> tuple[Assembler, list[Any]]:
    """Read chunks to the end; give who read them, and the events."""
    assembler, events = Assembler(), list[Any]()
    for chunk in chunks:
        events += assembler.take(event(chunk))
    return assembler, [*events, *assembler.end()]


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


@given(st.data())
def test_any_split_of_a_completion_adds_up_to_it(data: st.DataObject) -> None:
    """However an answer is cut and interleaved, its chunks assemble to what it was."""
    completion = data.draw(completions())
    assembler, events = read(*data.draw(streams(completion)))
    assert assembler.completion == completion
    for choice in completion["choices"]:
        index, message = choice["index"], choice["message"]
        for kind, key in ((TextDelta, "content"), (RefusalDelta, "refusal")):
            told = [event for event in events if type(event) is kind and event.index == index]
            assert "".join(event.text for event in told) == (message[key] or "")
            assert all(event.text for event in told)
        for number, call in enumerate(message.get("tool_calls", [])):
            more = [
                event
                for event in events
                if isinstance(event, ToolCallDelta)
                and (event.choice, event.index) == (index, number)
            ]
            assert "".join(event.arguments for event in more) == call["function"]["arguments"]
            assert {(event.id, event.name) for event in more} == {
                (call["id"], call["function"]["name"])
            }
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert finished is events[-1]
    reasons = tuple(choice["finish_reason"] for choice in completion["choices"])
    assert finished.finish_reasons == reasons
    assert finished.finish_reason == reasons[0]
    usage = completion.get("usage")
    assert finished.usage == (None if usage is None else Usage(**usage))


def test_a_tools_name_may_come_in_pieces_or_again_and_again() -> None:
    """Azure gives it once; gateways in front of other models do either."""
    for names in (["get_", "weather"], ["get_weather", "get_weather"]):
        calls = [{"index": 0, "id": "c1", "function": {"name": name}} for name in names]
        assembler, events = read(*(delta(tool_calls=[call]) for call in calls))
        (call,) = assembler.completion["choices"][0]["message"]["tool_calls"]
        assert call == {
            "id": "c1",
            "type": "function",
            "function": {"name": "get_weather", "arguments": ""},
        }
        assert events[1].name == "get_weather"


def test_the_input_of_a_custom_tool_is_its_arguments() -> None:
    opening = {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "sql", "input": ""}}
    more = {"index": 0, "custom": {"input": "select 1"}}
    assembler, events = read(delta(tool_calls=[opening]), delta(tool_calls=[more]))
    (call,) = assembler.completion["choices"][0]["message"]["tool_calls"]
    assert call == {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    assert events[1] == ToolCallDelta(index=0, id="c1", name="sql", arguments="select 1")


def test_what_has_no_event_of_its_own_is_assembled_too() -> None:
    """Text grows, lists go on, verdicts are replaced by later ones."""

    def chunk(token: str, severity: str, **fields: Any) -> dict[str, Any]:
        return {
            "system_fingerprint": None if token == "a" else "fp",
            "obfuscation": "xxxx",
            "choices": [
                {
                    "index": 0,
                    "delta": {"content": token, "reasoning_content": token, **fields},
                    "logprobs": {"content": [{"token": token}], "refusal": None},
                    "content_filter_results": {"hate": {"severity": severity, "filtered": False}},
                }
            ],
        }

    first = {"function_call": {"name": "f", "arguments": "{"}, "audio": {"id": "au", "data": "A"}}
    second = {"function_call": {"arguments": "}"}, "audio": {"id": "au", "data": "B"}}
    assembler, _ = read(chunk("a", "safe", **first), chunk("b", "low", **second))
    completion = assembler.completion
    (choice,) = completion["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": "ab",
        "refusal": None,
        "reasoning_content": "ab",
        "function_call": {"name": "f", "arguments": "{}"},
        "audio": {"id": "au", "data": "AB"},
    }
    assert choice["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}
    assert choice["content_filter_results"] == {"hate": {"severity": "low", "filtered": False}}
    assert completion["system_fingerprint"] == "fp"
    assert "obfuscation" not in completion


def test_an_empty_text_is_no_missing_one() -> None:
    """As without ``stream``: no text beside a tool call is null, no text at all is empty."""
    call = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{}"}}
    empty, events = read(delta(role="assistant", content=""), delta())
    beside, _ = read(delta(content=""), delta(tool_calls=[call]))
    assert empty.completion["choices"][0]["message"]["content"] == ""
    assert beside.completion["choices"][0]["message"]["content"] is None
    assert [type(event) for event in events] == [Finished]


def test_heartbeats_and_chunks_without_choices_say_nothing() -> None:
    assembler = Assembler()
    assert assembler.take(ServerSentEvent(data=" ")) == ()
    assert assembler.take(event({})) == []
    assert assembler.take(event({"choices": None})) == []
    with pytest.raises(ValueError, match="without choices"):
        assembler.end()


@pytest.mark.parametrize(
    "chunk",
    [
        5,
        {"choices": {}},
        {"choices": [5]},
        {"choices": [{"delta": 5}]},
        {"usage": 5},
        delta(refusal=5),
        delta(tool_calls=5),
        delta(tool_calls=[5]),
        delta(tool_calls=[{"index": "a"}]),
        delta(tool_calls=[{"function": 5}]),
        delta(tool_calls=[{"function": {"arguments": {}}}]),
    ],
    ids=str,
)
def test_what_is_no_chunk_is_refused(chunk: object) -> None:
    """Never a short answer: what cannot be read is not passed over."""
    with pytest.raises(ValueError, match=r"is no|cannot"):
        Assembler().take(event(chunk))


def test_a_usage_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="usage cannot be read"):
        read(delta(content="a"), {"choices": [], "usage": {"prompt_tokens": "many"}})


def test_deep_json_is_no_json() -> None:
    with pytest.raises(ValueError, match="no JSON"):
        Assembler().take(ServerSentEvent(data="[" * 100_000))
