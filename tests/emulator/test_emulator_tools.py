"""Answers that are calls of tools: when they come, and how they are streamed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from emulator_calls import client_of, dated, key, v1

from azure_failover.emulator import Fleet, Region, StreamShape

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

MODEL = "gpt-4.1-mini"
NAMES = ["look", "jump"]


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(["eastus"]) as fleet:
        yield fleet


@pytest.fixture
def east(fleet: Fleet) -> Iterator[Region]:
    yield fleet["eastus"]
    fleet["eastus"].shape = StreamShape()


@pytest.fixture(scope="module")
def client(fleet: Fleet) -> Iterator[httpx.Client]:
    with client_of(fleet) as client:
        yield client


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def chat(
    client: httpx.Client, region: Region, messages: list[dict[str, Any]], **more: object
) -> httpx.Response:
    tools = [{"type": "function", "function": {"name": name}} for name in NAMES]
    body = {"messages": messages, "tools": tools, **more}
    return client.post(dated(region), headers=key(region), json=body)


def respond(
    client: httpx.Client, region: Region, items: list[dict[str, Any]], **more: object
) -> httpx.Response:
    tools = [{"type": "function", "name": name} for name in NAMES]
    body = {"model": MODEL, "input": items, "tools": tools, **more}
    return client.post(v1(region, "responses"), headers=key(region), json=body)


def called_in_chat(response: httpx.Response) -> list[str]:
    (choice,) = response.json()["choices"]
    calls = choice["message"].get("tool_calls", [])
    assert (choice["finish_reason"] == "tool_calls") is bool(calls)
    assert (choice["message"]["content"] is None) is bool(calls)
    return [call["function"]["name"] for call in calls]


def called_in_response(response: httpx.Response) -> list[str]:
    output = response.json()["output"]
    assert len({item["type"] for item in output}) == 1
    return [item["name"] for item in output if item["type"] == "function_call"]


@pytest.mark.parametrize(
    ("said", "more", "expected"),
    [
        ("hey", {}, []),
        ("look", {}, ["look"]),
        ("jump, then look", {}, ["look", "jump"]),
        ("jump, then look", {"parallel_tool_calls": False}, ["look"]),
        ("look", {"tool_choice": "none"}, []),
        ("look", {"tool_choice": None}, ["look"]),
        ("look", {"tools": []}, []),
        ("hey", {"tool_choice": "required"}, ["look"]),
        ("jump", {"tool_choice": "required"}, ["jump"]),
    ],
)
def test_a_region_calls_the_tools_that_are_named_or_demanded(
    client: httpx.Client, east: Region, said: str, more: dict[str, Any], expected: list[str]
) -> None:
    assert called_in_chat(chat(client, east, [user(said)], **more)) == expected
    assert called_in_response(respond(client, east, [user(said)], **more)) == expected


def test_a_region_calls_the_tool_it_is_forced_to(client: httpx.Client, east: Region) -> None:
    forced = {"type": "function", "function": {"name": "jump"}}
    assert called_in_chat(chat(client, east, [user("look")], tool_choice=forced)) == ["jump"]
    flat = {"type": "function", "name": "jump"}
    assert called_in_response(respond(client, east, [user("look")], tool_choice=flat)) == ["jump"]


def test_the_result_of_a_tool_is_answered_with_a_text(client: httpx.Client, east: Region) -> None:
    made = chat(client, east, [user("look")]).json()["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": made["tool_calls"][0]["id"], "content": "sun"}
    answer = chat(client, east, [user("look"), made, result])
    assert answer.json()["choices"][0]["message"]["content"] == "eastus: look"
    (item,) = respond(client, east, [user("look")]).json()["output"]
    output = {"type": "function_call_output", "call_id": item["call_id"], "output": "sun"}
    assert called_in_response(respond(client, east, [user("look"), item, output])) == []


@pytest.mark.parametrize("tokens", [None, 3])
def test_chat_streams_a_call_in_pieces(
    client: httpx.Client, east: Region, tokens: int | None
) -> None:
    """Each call is opened with its id and name; its arguments follow under its index."""
    east.shape = StreamShape(tokens=tokens)
    response = chat(client, east, [user("look, jump")], stream=True)
    *lines, done = [line for line in response.text.split("\n\n") if line]
    assert done == "data: [DONE]"
    _, role, *chunks, last = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": None}
    assert last["choices"][0]["finish_reason"] == "tool_calls"
    calls: list[dict[str, Any]] = []
    pieces = [0, 0]
    for chunk in chunks:
        (delta,) = chunk["choices"][0]["delta"]["tool_calls"]
        if "id" in delta:
            assert delta["index"] == len(calls)
            calls.append(delta["function"])
        else:
            pieces[delta["index"]] += 1
            calls[delta["index"]]["arguments"] += delta["function"]["arguments"]
    assert [call["name"] for call in calls] == NAMES
    for call in calls:
        assert json.loads(call["arguments"]) == {"region": "eastus", "said": "look, jump"}
    assert pieces == [tokens or 5] * 2


def test_a_response_streams_a_call_in_pieces(client: httpx.Client, east: Region) -> None:
    response = respond(client, east, [user("look")], stream=True)
    blocks = response.text.split("\n\n")[:-1]
    events = [json.loads(block.partition("\ndata: ")[2]) for block in blocks]
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        *["function_call_arguments.delta"] * 4,
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    arguments = "".join(event.get("delta", "") for event in events)
    assert arguments == events[7]["arguments"] == events[8]["item"]["arguments"]
    assert json.loads(arguments) == {"region": "eastus", "said": "look"}
    assert (events[2]["item"]["arguments"], events[2]["item"]["name"]) == ("", "look")
