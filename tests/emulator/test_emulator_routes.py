"""What a healthy region answers, and what it objects to."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from emulator_calls import VERSION, ask, client_of, dated, key, said
from examples import examples
from hypothesis import given, settings, strategies as st

from azure_failover.emulator import Dialect, Fleet, Region, RegionSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    spec = RegionSpec(
        "westus", prefix="/apim/openai", deployments=frozenset({"team a/chat", "chat"})
    )
    with Fleet(["eastus", spec]) as fleet:
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
    fleet["westus"].clear()
    return fleet["westus"]


def events_of(response: httpx.Response) -> list[Any]:
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def error_of(response: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    return error


def test_a_chat_answer_names_the_region_and_echoes_the_last_user_message(
    client: httpx.Client, east: Region
) -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "user", "content": [{"type": "text", "text": "sec"}, {"text": "ond"}]},
        {"role": "assistant", "content": "third"},
    ]
    response = client.post(dated(east), headers=key(east), json={"messages": messages})
    body = response.json()
    assert response.status_code == 200
    assert body["choices"][0]["message"]["content"] == "eastus: second"
    assert body["model"] == "gpt-4.1-mini"
    assert body["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert body["system_fingerprint"] == "fp_eastus"


def test_an_answer_carries_the_headers_of_azures_gateway(
    client: httpx.Client, east: Region
) -> None:
    headers = ask(client, east).headers
    assert headers["x-ms-region"] == "eastus"
    assert headers["apim-request-id"] == headers["x-request-id"]
    assert headers["content-type"].startswith("application/json")
    assert int(headers["x-ratelimit-remaining-requests"]) <= 1000
    assert "content-length" in headers


def test_a_chat_stream_opens_with_the_preamble_and_ends_with_done(
    client: httpx.Client, east: Region
) -> None:
    response = ask(client, east, "one two", stream=True)
    preamble, role, *rest = events_of(response)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["transfer-encoding"] == "chunked"
    assert preamble["choices"] == []
    assert preamble["prompt_filter_results"]
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in rest)
    assert text == "eastus: one two"
    assert rest[-1]["choices"][0]["finish_reason"] == "stop"


def test_include_usage_adds_one_last_chunk_without_choices(
    client: httpx.Client, east: Region
) -> None:
    response = ask(client, east, stream=True, stream_options={"include_usage": True})
    _, *chunks, last = events_of(response)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 3
    assert all(chunk["usage"] is None for chunk in chunks)


def test_completions_answer_the_prompt(client: httpx.Client, east: Region) -> None:
    response = client.post(dated(east, "completions"), headers=key(east), json={"prompt": "hey"})
    assert response.json()["choices"][0]["text"] == "eastus: hey"


def test_a_completions_stream_opens_and_ends_like_a_chat_stream(
    client: httpx.Client, east: Region
) -> None:
    body = {"prompt": "one two", "stream": True, "stream_options": {"include_usage": True}}
    response = client.post(dated(east, "completions"), headers=key(east), json=body)
    preamble, *chunks, last = events_of(response)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert (preamble["choices"], last["choices"]) == ([], [])
    assert preamble["prompt_filter_results"]
    assert [chunk["choices"][0]["text"] for chunk in chunks] == ["eastus:", " one", " two", ""]
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons == [None, None, None, "stop"]
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    assert last["usage"]["total_tokens"] == 5


def embed(client: httpx.Client, region: Region, body: dict[str, object]) -> httpx.Response:
    url = dated(region, "embeddings", "text-embedding-3-small")
    return client.post(url, headers=key(region), json=body)


@settings(max_examples=examples(50), deadline=None)
@given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=4), size=st.integers(1, 64))
def test_an_embedding_is_a_unit_vector_that_depends_on_its_text_alone(
    fleet: Fleet, client: httpx.Client, texts: list[str], size: int
) -> None:
    """Equal texts give equal vectors of `dimensions` numbers, and of length one."""
    body: dict[str, object] = {"input": [*texts, texts[0]], "dimensions": size}
    data = embed(client, fleet["eastus"], body).json()["data"]
    vectors = [item["embedding"] for item in data]
    assert vectors[-1] == vectors[0]
    assert [item["index"] for item in data] == list(range(len(texts) + 1))
    for vector in vectors:
        assert len(vector) == size
        assert sum(number**2 for number in vector) == pytest.approx(1, abs=1e-3)


def test_a_packed_embedding_holds_the_same_numbers(client: httpx.Client, east: Region) -> None:
    plain = embed(client, east, {"input": "x"}).json()["data"][0]["embedding"]
    packed = embed(client, east, {"input": "x", "encoding_format": "base64"})
    numbers = struct.unpack("<1536f", base64.b64decode(packed.json()["data"][0]["embedding"]))
    assert list(numbers) == plain


@pytest.mark.parametrize(("tokens", "count"), [([1, 2], 1), ([[1, 2], [3]], 2)])
def test_tokens_are_embedded_too(
    client: httpx.Client, east: Region, tokens: list[object], count: int
) -> None:
    assert len(embed(client, east, {"input": tokens}).json()["data"]) == count


@pytest.mark.parametrize("body", [{}, {"input": []}, {"input": "x", "dimensions": 0}])
def test_a_bad_embedding_request_is_refused(
    client: httpx.Client, east: Region, body: dict[str, object]
) -> None:
    assert embed(client, east, body).status_code == 400


@pytest.mark.parametrize("path", ["models?api-version=2024-10-21", "v1/models"])
def test_models_lists_the_deployments(client: httpx.Client, east: Region, path: str) -> None:
    response = client.get(f"{east.endpoint}/openai/{path}", headers=key(east))
    names = {item["id"] for item in response.json()["data"]}
    assert names == east.deployments == {"gpt-4.1-mini", "text-embedding-3-small"}


def test_v1_takes_the_deployment_from_the_body(client: httpx.Client, east: Region) -> None:
    url = f"{east.endpoint}/openai/v1/chat/completions"
    response = client.post(url, headers=key(east), json=said(model="gpt-4.1-mini"))
    assert response.json()["model"] == "gpt-4.1-mini"
    (request,) = east.requests
    assert (request.dialect, request.route) == (Dialect.V1, "chat/completions")
    assert (request.deployment, request.api_version) == ("gpt-4.1-mini", None)


@pytest.mark.parametrize(
    ("segment", "name"), [("team%20a%2Fchat", "team a/chat"), ("chat", "chat")]
)
def test_the_deployment_is_found_by_its_place_behind_any_prefix(
    client: httpx.Client, west: Region, segment: str, name: str
) -> None:
    response = client.post(dated(west, deployment=segment), headers=key(west), json=said())
    assert response.json()["model"] == name
    (request,) = west.requests
    assert request.deployment == name
    assert request.target.startswith(f"/apim/openai/openai/deployments/{segment}/chat/")


def test_a_missing_prefix_is_an_unknown_path(client: httpx.Client, west: Region) -> None:
    url = f"{west.url}/openai/deployments/chat/chat/completions?api-version={VERSION}"
    assert client.post(url, headers=key(west), json=said()).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/openai/"),
        ("GET", "/openai/v1/"),
        ("PUT", "/openai/v1/responses"),
        ("GET", "/openai/v1/embeddings"),
        ("POST", f"/openai/deployments//chat/completions?api-version={VERSION}"),
        ("POST", f"/openai/chat/completions?api-version={VERSION}"),
    ],
)
def test_an_unknown_path_is_not_found(
    client: httpx.Client, east: Region, method: str, path: str
) -> None:
    response = client.request(method, f"{east.url}{path}", headers=key(east), json=said())
    assert response.status_code == 404
    assert response.json() == {"error": {"code": "404", "message": "Resource not found"}}


@pytest.mark.parametrize(
    ("headers", "is_key_refused"),
    [
        ({}, False),
        ({"api-key": "wrong"}, True),
        ({"authorization": "Bearer wrong"}, False),
        ({"authorization": "Bearer key-eastus"}, False),
        ({"authorization": "Basic key-eastus"}, False),
    ],
)
def test_a_dated_url_refuses_what_is_no_key_and_no_token(
    client: httpx.Client, east: Region, headers: dict[str, str], is_key_refused: bool
) -> None:
    response = client.post(dated(east), headers=headers, json=said())
    assert response.status_code == 401
    if is_key_refused:
        assert error_of(response)["code"] == "401"
        assert error_of(response)["message"].startswith("Access denied due to invalid subscription")
    else:
        assert response.json()["statusCode"] == 401
        assert "https://cognitiveservices.azure.com" in response.json()["message"]


def test_a_dated_url_takes_a_token(client: httpx.Client, east: Region) -> None:
    headers = {"authorization": f"Bearer {east.token}"}
    assert client.post(dated(east), headers=headers, json=said()).status_code == 200
    assert east.requests[0].api_key == "token-eastus"


@pytest.mark.parametrize(
    ("bearer", "status"), [("key-eastus", 200), ("token-eastus", 200), ("key-westus", 401)]
)
def test_v1_takes_a_key_as_a_bearer_token(
    client: httpx.Client, east: Region, bearer: str, status: int
) -> None:
    url = f"{east.endpoint}/openai/v1/chat/completions"
    headers = {"authorization": f"Bearer {bearer}"}
    response = client.post(url, headers=headers, json=said(model="gpt-4.1-mini"))
    assert response.status_code == status
    if status == 401:
        assert "https://ai.azure.com" in response.json()["message"]


def test_a_deployment_of_another_region_is_not_found(client: httpx.Client, east: Region) -> None:
    response = client.post(dated(east, deployment="chat"), headers=key(east), json=said())
    assert response.status_code == 404
    assert error_of(response)["code"] == "DeploymentNotFound"


def test_v1_says_in_its_own_words_that_a_deployment_is_missing(
    client: httpx.Client, east: Region
) -> None:
    url = f"{east.endpoint}/openai/v1/chat/completions"
    response = client.post(url, headers=key(east), json=said(model="nope"))
    assert response.status_code == 404
    assert error_of(response)["type"] == "user_error"
    assert client.post(url, headers=key(east), json=said()).status_code == 400


@pytest.mark.parametrize("query", ["", "?api-version=", "?api-version=v1", "?api-version=2024-1-1"])
def test_a_dated_url_needs_a_dated_version(client: httpx.Client, east: Region, query: str) -> None:
    url = dated(east).partition("?")[0] + query
    response = client.post(url, headers=key(east), json=said())
    assert response.status_code == 400
    assert "api-version" in error_of(response)["message"]


def test_a_preview_version_is_taken(client: httpx.Client, east: Region) -> None:
    assert client.post(f"{dated(east)}-preview", headers=key(east), json=said()).is_success


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"messages": []}'])
def test_a_bad_chat_body_is_refused(client: httpx.Client, east: Region, body: bytes) -> None:
    assert client.post(dated(east), headers=key(east), content=body).status_code == 400


def test_a_chunked_body_is_read_whole(client: httpx.Client, east: Region) -> None:
    content = json.dumps(said("in chunks")).encode()
    pieces = (content[at : at + 5] for at in range(0, len(content), 5))
    response = client.post(dated(east), headers=key(east), content=pieces)
    assert response.json()["choices"][0]["message"]["content"] == "eastus: in chunks"
    assert east.requests[0].header("transfer-encoding") == "chunked"
    assert east.requests[0].body == content


def test_a_large_body_is_read_whole(client: httpx.Client, east: Region) -> None:
    text = "x" * 1_000_000
    assert ask(client, east, text).json()["usage"]["prompt_tokens"] == 1
    assert east.requests[0].json()["messages"][0]["content"] == text
