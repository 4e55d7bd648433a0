"""The Responses API of a region: answers, streams, and what is kept and sealed there."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from emulator_calls import client_of, key, plain, v1

from azure_failover.emulator import Dialect, Fleet, Region, faults

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "gpt-4.1-mini"
SEALED = ["reasoning.encrypted_content"]


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(["eastus", "westus"]) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def client(fleet: Fleet) -> Iterator[httpx.Client]:
    with client_of(fleet) as client:
        yield client


@pytest.fixture
def east(fleet: Fleet) -> Region:
    fleet["eastus"].clear()
    return fleet["eastus"]


@pytest.fixture
def west(fleet: Fleet) -> Region:
    return fleet["westus"]


def respond(client: httpx.Client, region: Region, **body: object) -> httpx.Response:
    whole = {"model": MODEL, "input": "one two", **body}
    return client.post(v1(region, "responses"), headers=key(region), json=whole)


def events_of(response: httpx.Response) -> list[Any]:
    events: list[Any] = []
    for block in response.text.split("\n\n")[:-1]:
        name, data = block.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


def test_a_response_names_the_region_and_has_ids_made_there(
    client: httpx.Client, east: Region
) -> None:
    response = respond(client, east)
    body = response.json()
    (message,) = body["output"]
    assert response.status_code == 200
    assert (body["object"], body["status"], body["model"]) == ("response", "completed", MODEL)
    assert body["id"].startswith("resp_")
    assert message["id"].startswith("msg_")
    assert message["content"][0] == {
        "type": "output_text",
        "text": "eastus: one two",
        "annotations": [],
        "logprobs": [],
    }
    assert body["usage"]["total_tokens"] == 5


def test_dated_urls_take_the_deployment_of_a_response_from_the_body(
    client: httpx.Client, east: Region
) -> None:
    body = {"model": MODEL, "input": [{"role": "user", "content": "hey"}]}
    response = client.post(plain(east, "responses"), headers=key(east), json=body)
    assert response.json()["output"][0]["content"][0]["text"] == "eastus: hey"
    (request,) = east.requests
    assert (request.dialect, request.route) == (Dialect.DATED, "responses")
    assert (request.deployment, request.model) == (MODEL, MODEL)


@pytest.mark.parametrize(
    ("route", "model", "status", "code"),
    [
        ("v1/responses", "nope", 404, None),
        ("responses?api-version=2025-03-01-preview", "nope", 404, "DeploymentNotFound"),
        ("v1/responses", None, 400, None),
        ("responses?api-version=2025-03-01-preview", None, 400, None),
    ],
)
def test_a_response_needs_a_deployment_of_the_region(
    client: httpx.Client, east: Region, route: str, model: str | None, status: int, code: str | None
) -> None:
    body = {"input": "x"} if model is None else {"input": "x", "model": model}
    response = client.post(f"{east.endpoint}/openai/{route}", headers=key(east), json=body)
    assert response.status_code == status
    assert response.json()["error"]["code"] == code


def test_a_response_without_input_is_refused(client: httpx.Client, east: Region) -> None:
    response = client.post(v1(east, "responses"), headers=key(east), json={"model": MODEL})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "input"


def test_a_response_repeats_what_was_asked_of_it(client: httpx.Client, east: Region) -> None:
    asked: dict[str, object] = {"instructions": "be brief", "temperature": 0.5, "tools": []}
    body = respond(client, east, **asked).json()
    assert {name: body[name] for name in asked} == asked


def test_a_stream_tells_of_a_response_from_creation_to_completion(
    client: httpx.Client, east: Region
) -> None:
    response = respond(client, east, stream=True)
    events = events_of(response)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        *["output_text.delta"] * 3,
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert "".join(event.get("delta", "") for event in events) == "eastus: one two"
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["id"] == events[-1]["response"]["id"]
    kept = client.get(
        v1(east, f"responses/{events[-1]['response']['id']}"), headers=key(east)
    ).json()
    assert kept == events[-1]["response"]


def test_a_stream_has_the_reasoning_before_the_message(client: httpx.Client, east: Region) -> None:
    events = events_of(respond(client, east, stream=True, include=SEALED))
    added = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert [item["type"] for item in added] == ["reasoning", "message"]
    assert events[-1]["response"]["output"][0] == added[0]


def test_a_throttled_stream_fails_after_it_was_created(client: httpx.Client, east: Region) -> None:
    east.fault = faults.ThrottledStream(7, times=1)
    response = respond(client, east, stream=True)
    assert (response.status_code, response.headers["retry-after"]) == (200, "7")
    created, _, error, failed = events_of(response)
    assert created["type"] == "response.created"
    assert (error["type"], error["sequence_number"]) == ("error", 2)
    assert error["error"]["code"] == "rate_limit_exceeded"
    assert failed["response"]["status"] == "failed"


def test_a_kept_response_is_read_and_deleted_where_it_was_made(
    client: httpx.Client, east: Region, west: Region
) -> None:
    body = respond(client, east).json()
    route = f"responses/{body['id']}"
    assert client.get(plain(east, route), headers=key(east)).json() == body
    elsewhere = client.get(v1(west, route), headers=key(west))
    assert elsewhere.status_code == 404
    assert body["id"] in elsewhere.json()["error"]["message"]
    deleted = client.delete(v1(east, route), headers=key(east)).json()
    assert deleted == {"id": body["id"], "object": "response.deleted", "deleted": True}
    assert client.get(v1(east, route), headers=key(east)).status_code == 404
    assert client.delete(v1(east, route), headers=key(east)).status_code == 404


def test_a_response_is_not_kept_against_the_callers_will(
    client: httpx.Client, east: Region
) -> None:
    made = respond(client, east, store=False).json()["id"]
    assert client.get(v1(east, f"responses/{made}"), headers=key(east)).status_code == 404


def test_the_items_of_the_input_are_listed_the_last_first(
    client: httpx.Client, east: Region
) -> None:
    asked = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    made = respond(client, east, input=asked).json()["id"]
    listed = client.get(v1(east, f"responses/{made}/input_items"), headers=key(east)).json()
    texts = [item["content"][0]["text"] for item in listed["data"]]
    assert texts == ["b", "a"]
    assert all(item["id"].startswith("msg_") for item in listed["data"])
    assert listed["has_more"] is False
    unknown = client.get(v1(east, "responses/resp_0/input_items"), headers=key(east))
    assert unknown.status_code == 404


def cancelled(client: httpx.Client, region: Region, made: str) -> httpx.Response:
    return client.post(v1(region, f"responses/{made}/cancel"), headers=key(region))


def test_only_a_response_in_the_background_can_be_cancelled(
    client: httpx.Client, east: Region
) -> None:
    body = respond(client, east, background=True).json()
    assert (body["status"], body["output"]) == ("queued", [])
    assert cancelled(client, east, body["id"]).json()["status"] == "cancelled"
    assert cancelled(client, east, respond(client, east).json()["id"]).status_code == 400
    assert cancelled(client, east, "resp_0").status_code == 404


def test_a_response_is_continued_only_where_it_was_made(
    client: httpx.Client, east: Region, west: Region
) -> None:
    made = respond(client, east).json()["id"]
    continued = respond(client, east, previous_response_id=made)
    assert continued.json()["previous_response_id"] == made
    refused = respond(client, west, previous_response_id=made)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "previous_response_not_found"


def test_sealed_reasoning_is_accepted_only_where_it_was_made_even_if_nothing_was_kept(
    client: httpx.Client, east: Region, west: Region
) -> None:
    reasoning, message = respond(client, east, include=SEALED, store=False).json()["output"]
    assert reasoning["id"].startswith("rs_")
    assert reasoning["encrypted_content"].startswith("gAAA")
    again = [reasoning, message, {"role": "user", "content": "go on"}]
    assert respond(client, east, input=again).status_code == 200
    refused = respond(client, west, input=again)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "invalid_encrypted_content"


@pytest.mark.parametrize("content", ["", "x", "gAAAAAAA", "ä"])
def test_what_no_region_sealed_is_refused(client: httpx.Client, east: Region, content: str) -> None:
    refused = respond(client, east, input=[{"type": "reasoning", "encrypted_content": content}])
    assert refused.json()["error"]["code"] == "invalid_encrypted_content"


@pytest.mark.parametrize("kind", ["item_reference", "reasoning"])
def test_an_item_is_referred_to_only_where_it_was_kept(
    client: httpx.Client, east: Region, west: Region, kind: str
) -> None:
    reasoning, _ = respond(client, east, reasoning={"effort": "low"}).json()["output"]
    assert "encrypted_content" not in reasoning
    asked = [{"type": kind, "id": reasoning["id"]}]
    assert respond(client, east, input=asked).status_code == 200
    refused = respond(client, west, input=asked)
    assert refused.status_code == 404
    assert reasoning["id"] in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"conversation": "conv_0"},
        {"conversation": {"id": "conv_0"}},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-0"}]}]},
        {"tools": [{"type": "file_search", "vector_store_ids": ["vs_0"]}]},
        {"tools": [{"type": "code_interpreter", "container": "cntr_0"}]},
        {"tools": [{"type": "code_interpreter", "container": {"file_ids": ["file-0"]}}]},
    ],
)
def test_a_response_refers_only_to_what_its_region_holds(
    client: httpx.Client, east: Region, body: dict[str, object]
) -> None:
    assert respond(client, east, **body).status_code == 404


def test_what_a_tool_calls_file_id_refers_to_nothing(client: httpx.Client, east: Region) -> None:
    schema = {"type": "object", "properties": {"file_id": {"type": "string"}}}
    tool = {"type": "function", "name": "f", "parameters": {**schema, "file_id": "x"}}
    assert respond(client, east, tools=[tool], metadata={"file_id": "x"}).status_code == 200


def test_a_response_in_a_conversation_of_the_region_says_so(
    client: httpx.Client, east: Region
) -> None:
    made = client.post(v1(east, "conversations"), headers=key(east), json={}).json()["id"]
    assert respond(client, east, conversation=made).json()["conversation"] == {"id": made}


def test_a_compaction_is_sealed_by_its_region(
    client: httpx.Client, east: Region, west: Region
) -> None:
    body = {"model": MODEL, "input": "hey"}
    compacted = client.post(v1(east, "responses/compact"), headers=key(east), json=body).json()
    assert compacted["object"] == "response.compaction"
    assert [item["type"] for item in compacted["output"]] == ["message", "compaction"]
    assert respond(client, east, input=compacted["output"]).status_code == 200
    assert respond(client, west, input=compacted["output"]).status_code == 400


@pytest.mark.parametrize("route", ["responses/compact", "responses/input_tokens"])
def test_the_routes_beside_a_response_are_bound_to_their_region_too(
    client: httpx.Client, east: Region, route: str
) -> None:
    body = {"model": MODEL, "input": "a b c"}
    assert client.post(v1(east, route), headers=key(east), json=body).status_code == 200
    pinned = {**body, "previous_response_id": "resp_0"}
    assert client.post(plain(east, route), headers=key(east), json=pinned).status_code == 400


def test_the_tokens_of_an_input_are_counted(client: httpx.Client, east: Region) -> None:
    body = {"model": MODEL, "input": "a b c"}
    counted = client.post(v1(east, "responses/input_tokens"), headers=key(east), json=body).json()
    assert counted == {"object": "response.input_tokens", "input_tokens": 3}


@pytest.mark.parametrize("fault", [faults.ResetBeforeHeaders(times=1), faults.Status(503, times=1)])
def test_a_request_that_fails_leaves_nothing_behind(
    client: httpx.Client, west: Region, fault: faults.Fault
) -> None:
    def count() -> int:
        url = v1(west, "chat/completions?limit=100")
        return len(client.get(url, headers=key(west)).json()["data"])

    body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}], "store": True}
    before = count()
    west.fault = fault
    with contextlib.suppress(httpx.TransportError):
        client.post(v1(west, "chat/completions"), headers=key(west), json=body)
    assert count() == before
