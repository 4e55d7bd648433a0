"""The clients as scripts and services use them, against the emulator."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from azure_failover import (
    AllEndpointsFailed,
    AsyncClient,
    AuthenticationError,
    BadRequestError,
    Client,
    ConfigError,
    ConnectionFailedError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestError,
    RequestTimeoutError,
    ServiceUnavailableError,
    failover_options,
)
from azure_failover.emulator import Fleet, faults

ERRORS: list[tuple[faults.Fault, type[RequestError]]] = [
    (faults.Status(400), BadRequestError),
    (faults.Status(401), AuthenticationError),
    (faults.Status(403), PermissionDeniedError),
    (faults.Status(404), NotFoundError),
    (faults.Status(413), BadRequestError),
    (faults.Status(429), RateLimitError),
    (faults.BadJson(), InvalidResponseError),
]
ALONE: list[tuple[faults.Fault, type[RequestError]]] = [
    (faults.Status(503), ServiceUnavailableError),
    (faults.Refuse(), ConnectionFailedError),
    (faults.Hang(), RequestTimeoutError),
]


def name(value: object) -> str:
    return getattr(value, "__name__", type(value).__name__)


@pytest.fixture
def client(fleet: Fleet) -> Iterator[Client]:
    with Client(fleet.config()) as made:
        yield made


def test_a_script_chats_in_one_line(client: Client) -> None:
    answer = client.chat([{"role": "user", "content": "Hello"}], temperature=0)
    assert answer.text == "eastus: Hello"
    assert answer.message.role == "assistant"
    assert answer.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
    assert answer.model == "gpt-4.1-mini"
    assert answer.endpoint == "eastus"
    assert [entry.endpoint for entry in answer.ledger.attempts] == ["eastus"]
    assert answer.raw["choices"]


def test_a_text_stands_for_one_user_message(client: Client, fleet: Fleet) -> None:
    client.chat("Hello", max_tokens=5)
    (record,) = fleet["eastus"].requests
    assert record.json() == {
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "Hello"}],
    }


def test_chat_survives_a_dead_primary(client: Client, fleet: Fleet) -> None:
    fleet["eastus"].fault = faults.Refuse()
    answer = client.chat("Hello")
    assert answer.endpoint == "westus"
    assert [entry.endpoint for entry in answer.ledger.attempts] == ["eastus", "westus"]


def test_embeddings_come_in_the_order_of_their_texts(client: Client) -> None:
    both = client.embed(["a", "b"], deployment="text-embedding-3-small", dimensions=3)
    alone = client.embed("b", deployment="text-embedding-3-small", dimensions=3)
    assert both.vectors[1] == alone.vectors[0]
    assert len(both.vectors[0]) == 3
    assert both.endpoint == "eastus"


def test_request_gives_the_json_of_any_operation(client: Client) -> None:
    payload = {"messages": [{"role": "user", "content": "Hi"}]}
    assert client.request("chat/completions", payload)["object"] == "chat.completion"
    assert client.request("models")["object"] == "list"


def test_status_says_which_endpoint_is_in_use_and_which_failed(
    client: Client, fleet: Fleet
) -> None:
    before = client.status()
    assert (before.total_endpoints, before.current_index) == (3, 0)
    assert (before.current_type, before.current_endpoint) == ("primary", fleet["eastus"].url)
    assert (before.has_backups, before.available_backups) == (True, 2)
    assert before.failed_endpoints == ()
    fleet["eastus"].fault = faults.Status(503)
    client.chat("Hello")
    after = client.status()
    assert (after.current_index, after.current_type) == (1, "backup")
    assert after.failed_endpoints == (fleet["eastus"].url,)
    assert after.endpoints[0].state == "failed"
    assert after.endpoints[0].last_error == "503 ServiceUnavailable"
    assert client.current_endpoint().name == "westus"
    client.reset()
    assert client.status().current_index == 0


def test_without_auto_failover_only_the_endpoint_in_use_is_tried(
    client: Client, fleet: Fleet
) -> None:
    fleet["eastus"].fault = faults.Status(503)
    with pytest.raises(ServiceUnavailableError):
        client.chat("Hello", auto_failover=False)
    assert not fleet["westus"].requests
    assert client.chat("Hello", auto_failover=False).endpoint == "westus"


def test_options_around_a_call_count_for_the_client(client: Client, fleet: Fleet) -> None:
    fleet["eastus"].fault = faults.Status(503)
    with failover_options(auto_failover=False), pytest.raises(ServiceUnavailableError):
        client.chat("Hello")
    assert fleet["westus"].requests == ()


def test_explain_tells_where_a_call_would_go(client: Client, fleet: Fleet) -> None:
    """Nothing is sent; a call that names state of unknown making stays with the primary."""
    free = client.explain("chat/completions", {"messages": []})
    bound = client.explain("responses", {"previous_response_id": "resp_1"})
    assert [stop.endpoint for stop in free.stops] == ["eastus", "westus", "northeurope"]
    assert [stop.endpoint for stop in bound.stops] == ["eastus"]
    assert "previous_response_id" in bound.reason
    assert fleet.requests == ()


@pytest.mark.parametrize(("fault", "kind"), ERRORS, ids=name)
def test_an_answer_that_is_an_error_has_its_class(
    client: Client, fleet: Fleet, fault: faults.Fault, kind: type[RequestError]
) -> None:
    fleet["eastus"].fault = fault
    with pytest.raises(kind, match="^eastus answered") as caught:
        client.chat("Hello")
    assert caught.value.ledger is not None
    assert len(caught.value.ledger.attempts) == 1


@pytest.mark.parametrize(("fault", "kind"), ALONE, ids=name)
def test_a_single_endpoint_that_fails_has_its_class(
    fault: faults.Fault, kind: type[RequestError]
) -> None:
    with Fleet(1) as fleet, Client(fleet.config()) as client:
        fleet.regions[0].fault = fault
        with pytest.raises(kind) as caught:
            client.chat("Hello", timeout=0.2)
    assert type(caught.value) is kind


def test_a_rate_limit_tells_when_to_come_again(client: Client, fleet: Fleet) -> None:
    fleet["eastus"].fault = faults.Status(429, headers={"retry-after": "7"})
    with pytest.raises(RateLimitError) as caught:
        client.chat("Hello")
    restored = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    for error in (caught.value, restored):
        assert error.retry_after == 7
        assert (error.status, error.code) == (429, "429")
        assert "exceeded token rate limit" in str(error)


def test_an_unknown_deployment_is_named_as_such(client: Client) -> None:
    with pytest.raises(NotFoundError, match="DeploymentNotFound") as caught:
        client.chat("Hello", deployment="no-such")
    assert caught.value.code == "DeploymentNotFound"


@pytest.mark.parametrize(
    ("first_fault", "seen", "cause"),
    [
        (faults.Status(503), "503", ServiceUnavailableError),
        (faults.Refuse(), "ConnectError", RequestTimeoutError),
    ],
    ids=["after an answer", "by exceptions alone"],
)
def test_when_all_endpoints_fail_the_error_lists_each_attempt(
    client: Client, fleet: Fleet, first_fault: faults.Fault, seen: str, cause: type[RequestError]
) -> None:
    fleet["eastus"].fault = first_fault
    fleet["westus"].fault = faults.Refuse()
    fleet["northeurope"].fault = faults.Hang()
    with pytest.raises(AllEndpointsFailed) as caught:
        client.chat("Hello", timeout=0.2)
    first, *lines = str(caught.value).splitlines()
    assert first == "all 3 endpoints failed:"
    assert [line.split()[1] for line in lines] == ["eastus:", "westus:", "northeurope:"]
    assert seen in lines[0]
    assert "ConnectError" in lines[1]
    assert "ReadTimeout" in lines[2]
    assert isinstance(caught.value.__cause__, cause)
    assert caught.value.ledger is not None
    assert caught.value.ledger.is_exhausted
    restored = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert str(restored) == str(caught.value)


def test_values_can_be_copied_and_pickled(client: Client) -> None:
    answer = client.chat("Hello")
    for value in (answer, client.status(), client.config):
        assert copy.deepcopy(value) == value
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301


def test_a_primary_that_serves_v1_alone_gets_v1_urls(fleet: Fleet) -> None:
    """On v1 the body names the deployment, and no version stands in the URL."""
    with Client({**fleet.config(), "api": "v1", "api_version": "2024-10-21"}) as client:
        assert client.chat("Hello").text == "eastus: Hello"
        client.embed("a", deployment="text-embedding-3-small", dimensions=3)
        with pytest.raises(NotFoundError):
            client.request("chat/completions", {"model": "no-such", "messages": [{}]})
        assert client.request("models")["object"] == "list"
    chat, embeddings, own, models = fleet["eastus"].requests
    assert [record.path for record in (chat, embeddings, models)] == [
        "/openai/v1/chat/completions",
        "/openai/v1/embeddings",
        "/openai/v1/models",
    ]
    assert chat.query == models.query == ()
    assert (chat.json()["model"], own.json()["model"]) == ("gpt-4.1-mini", "no-such")
    assert embeddings.json()["model"] == "text-embedding-3-small"


@pytest.mark.parametrize("operation", ["", "/", "chat?x=1", "a/../b", "chat#x", "a\\b"])
def test_an_operation_that_is_no_route_is_refused(client: Client, operation: str) -> None:
    with pytest.raises(ValueError, match="is no route"):
        client.request(operation, {})


def test_what_chat_cannot_do_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="stream"):
        client.chat("Hello", stream=True)
    with pytest.raises(ValueError, match="messages is empty"):
        client.chat([])


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "5", True])
def test_a_timeout_that_is_no_time_is_refused(client: Client, timeout: Any) -> None:
    with pytest.raises(ConfigError, match="timeout: is not a positive number of seconds"):
        client.chat("Hello", timeout=timeout)


def test_one_message_may_be_a_pure_tool_call() -> None:
    body = b"""{"id": "x", "model": "m", "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}}],
        "usage": null}"""
    with Fleet(1) as fleet, Client(fleet.config()) as client:
        fleet.regions[0].fault = faults.Status(
            200, headers={"content-type": "application/json"}, body=body
        )
        answer = client.chat("Hello")
    assert answer.text == ""
    assert answer.usage is None
    assert answer.message.tool_calls[0].function.name == "f"


@pytest.mark.parametrize(
    "body", [b"{}", b'{"choices": []}', b'{"choices": 5}', b'{"choices": [{"index": 0}]}', b"[]"]
)
def test_a_success_that_is_no_completion_is_an_invalid_response(body: bytes) -> None:
    with Fleet(1) as fleet, Client(fleet.config()) as client:
        fleet.regions[0].fault = faults.Status(
            200, headers={"content-type": "application/json"}, body=body
        )
        with pytest.raises(InvalidResponseError):
            client.chat("Hello")


def test_the_client_names_its_endpoints_and_no_key(client: Client) -> None:
    assert repr(client) == "<Client eastus, westus, northeurope>"


@pytest.mark.anyio
async def test_a_service_chats_on_asyncio_and_trio(fleet: Fleet) -> None:
    fleet["eastus"].fault = faults.Status(503)
    async with AsyncClient(fleet.config()) as client:
        answer = await client.chat("Hello")
        assert (answer.text, answer.endpoint) == ("westus: Hello", "westus")
        vectors = await client.embed("a", deployment="text-embedding-3-small", dimensions=2)
        assert len(vectors.vectors) == 1
        assert (await client.request("models"))["object"] == "list"
        assert client.status().current_type == "backup"
        client.reset()
        with pytest.raises(ServiceUnavailableError):
            await client.chat("Hello", auto_failover=False)


@pytest.mark.anyio
async def test_the_async_client_raises_what_the_client_raises(fleet: Fleet) -> None:
    for region in fleet.regions:
        region.fault = faults.Refuse()
    async with AsyncClient(fleet.config()) as client:
        with pytest.raises(AllEndpointsFailed) as caught:
            await client.chat("Hello")
        assert isinstance(caught.value.__cause__, ConnectionFailedError)
