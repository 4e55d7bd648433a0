"""What a `RegionSpec` decides: which URLs and which credentials a region takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from emulator_calls import VERSION, client_of, dated, key, plain, said, v1

from azure_failover.emulator import Fleet, Region, RegionSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

MODEL = "gpt-4.1-mini"
APIM = "Ocp-Apim-Subscription-Key"

SPECS: list[str | RegionSpec] = [
    "plain",
    RegionSpec("rotated", tokens={"new-token"}),
    RegionSpec("gateway", prefix="/apim/x", key_header=APIM, key_query="subscription-key"),
    RegionSpec("query", key_query="api-key"),
    RegionSpec("foundry", prefix="/api/projects/p", api="v1"),
    RegionSpec("old", api="dated"),
    RegionSpec("strict", strict_model=True),
]


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(SPECS) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def client(fleet: Fleet) -> Iterator[httpx.Client]:
    with client_of(fleet) as client:
        yield client


def ask_with(
    client: httpx.Client, region: Region, headers: dict[str, str], query: str = ""
) -> httpx.Response:
    region.clear()
    return client.post(f"{dated(region)}{query}", headers=headers, json=said())


def test_every_credential_that_arrived_is_recorded(client: httpx.Client, fleet: Fleet) -> None:
    region = fleet["plain"]
    headers = {
        "Api-Key": region.api_key,
        "Authorization": "Bearer t",
        APIM: "s",
        "x-api-key": "x",
        "x-other": "o",
    }
    ask_with(client, region, headers, "&api-key=q&subscription-key=r&other=o")
    (request,) = region.requests
    assert sorted(request.credentials) == [
        ("?api-key", "q"),
        ("?subscription-key", "r"),
        ("api-key", region.api_key),
        ("authorization", "Bearer t"),
        ("ocp-apim-subscription-key", "s"),
        ("x-api-key", "x"),
    ]
    assert "'s'" not in repr(request)


@pytest.mark.parametrize("place", [dated, v1])
def test_one_credential_is_recorded_as_one(client: httpx.Client, fleet: Fleet, place: Any) -> None:
    region = fleet["plain"]
    region.clear()
    url = place(region, "chat/completions")
    client.post(url, headers={"authorization": "Bearer token-plain"}, json=said(model=MODEL))
    (request,) = region.requests
    assert request.credentials == (("authorization", "Bearer token-plain"),)
    assert request.api_key == "token-plain"


def test_a_credential_sent_twice_is_recorded_twice(client: httpx.Client, fleet: Fleet) -> None:
    region = fleet["plain"]
    region.clear()
    headers = [("api-key", region.api_key), ("api-key", "other")]
    assert client.post(dated(region), headers=headers, json=said()).is_success
    assert region.requests[0].credentials == tuple(headers)


@pytest.mark.parametrize("query", ["&api-key=key-plain", "&subscription-key=key-plain"])
def test_a_key_in_the_query_counts_only_where_the_spec_says_so(
    client: httpx.Client, fleet: Fleet, query: str
) -> None:
    assert ask_with(client, fleet["plain"], {}, query).status_code == 401
    assert ask_with(client, fleet["query"], {}, "&api-key=key-query").status_code == 200
    assert fleet["query"].requests[0].api_key == "key-query"
    assert ask_with(client, fleet["query"], {}, "&subscription-key=key-query").status_code == 401
    assert ask_with(client, fleet["query"], {}, "&api-key=wrong").status_code == 401


@pytest.mark.parametrize(
    ("token", "status"), [("new-token", 200), ("token-rotated", 200), ("token-plain", 401)]
)
def test_a_region_may_take_several_tokens(
    client: httpx.Client, fleet: Fleet, token: str, status: int
) -> None:
    headers = {"authorization": f"Bearer {token}"}
    assert ask_with(client, fleet["rotated"], headers).status_code == status


def test_one_token_is_not_a_collection_of_tokens() -> None:
    with pytest.raises(TypeError, match="collection of tokens"):
        RegionSpec("a", tokens="hush")
    assert "hush" not in repr(RegionSpec("a", tokens=["hush"]))


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({APIM: "key-gateway"}, "", 200),
        ({}, "&subscription-key=key-gateway", 200),
        ({APIM: "wrong"}, "", 401),
        ({}, "", 401),
        ({"api-key": "key-gateway"}, "", 401),
        ({"authorization": "Bearer token-gateway"}, "", 401),
        ({}, "&api-key=key-gateway", 401),
    ],
)
def test_a_gateway_takes_its_key_in_its_own_header_or_query_alone(
    client: httpx.Client, fleet: Fleet, headers: dict[str, str], query: str, status: int
) -> None:
    response = ask_with(client, fleet["gateway"], headers, query)
    assert response.status_code == status
    if status == 401:
        assert response.json()["statusCode"] == 401
        assert "subscription key" in response.json()["message"]


def test_a_foundry_project_is_a_prefix_with_v1_behind_it(
    client: httpx.Client, fleet: Fleet
) -> None:
    region = fleet["foundry"]
    assert region.endpoint.endswith("/api/projects/p")
    body = said(model=MODEL)
    url = v1(region, "chat/completions")
    assert client.post(url, headers=key(region), json=body).is_success
    assert client.post(dated(region), headers=key(region), json=body).status_code == 404


@pytest.mark.parametrize("query", ["", "?api-version=preview", f"?api-version={VERSION}"])
def test_v1_needs_no_version_and_takes_any(client: httpx.Client, fleet: Fleet, query: str) -> None:
    region = fleet["foundry"]
    url = v1(region, f"responses{query}")
    assert client.post(url, headers=key(region), json={"model": MODEL, "input": "x"}).is_success


def test_a_region_with_dated_urls_alone_knows_no_v1(client: httpx.Client, fleet: Fleet) -> None:
    region = fleet["old"]
    assert client.post(dated(region), headers=key(region), json=said()).is_success
    missing = client.get(v1(region, "models"), headers=key(region))
    assert missing.status_code == 404
    assert missing.json() == {"error": {"code": "404", "message": "Resource not found"}}


def test_an_unknown_api_is_an_error() -> None:
    with pytest.raises(ValueError, match="api"):
        RegionSpec("a", api="v2")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("model", "status"), [(MODEL, 200), (None, 200), ("other", 400)])
def test_a_strict_region_refuses_a_model_that_is_not_the_deployment_of_the_url(
    client: httpx.Client, fleet: Fleet, model: str | None, status: int
) -> None:
    named = {} if model is None else {"model": model}

    def statuses(region: Region) -> set[int]:
        files = {"file": ("a.mp3", b"x")}
        url = dated(region, "audio/transcriptions")
        return {
            client.post(dated(region), headers=key(region), json=said(**named)).status_code,
            client.post(url, headers=key(region), data=named, files=files).status_code,
        }

    assert statuses(fleet["strict"]) == {status}
    assert statuses(fleet["plain"]) == {200}


@pytest.mark.parametrize(
    ("method", "route", "body"),
    [
        ("GET", "models", None),
        ("POST", "responses", {"model": MODEL, "input": "x"}),
        ("POST", "conversations", {}),
        ("POST", "moderations", {"model": MODEL, "input": "x"}),
        ("GET", "chat/completions", None),
    ],
)
def test_a_route_without_a_deployment_answers_behind_one_too(
    client: httpx.Client, fleet: Fleet, method: str, route: str, body: dict[str, str] | None
) -> None:
    """A base URL that ends in a deployment reaches every route; only some look at it."""
    region = fleet["plain"]
    for url in (dated(region, route, "whatever"), plain(region, route)):
        assert client.request(method, url, headers=key(region), json=body).status_code == 200
