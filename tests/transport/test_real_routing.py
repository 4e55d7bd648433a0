"""State, bodies, forms of URLs and credentials over real sockets, as regions really answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings, strategies as st
from worlds import WORLDS, Session, World

from azure_failover import ledger_of
from azure_failover.emulator import Fleet, RegionSpec, faults

V1 = "/openai/v1"
DATED = "?api-version=2024-10-21"
WAV = b'RIFF\r\n--x\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-4.1-mini\r\n'


def during_an_outage(session: Session, fleet: Fleet, route: str, **content: Any) -> Any:
    """POST while the primary is down, so that a backup answers; then bring it back."""
    fleet["eastus"].fault = faults.Refuse()
    session.post(fleet["eastus"].url + V1 + "/embeddings", json={"input": "x"})
    response = session.post(fleet["eastus"].url + V1 + route, **content)
    assert response.is_success
    fleet["eastus"].fault = None
    session.transport.reset()
    return response


def served_by(response: Any) -> str:
    assert response.is_success, response.text
    region: str = response.headers["x-ms-region"]
    return region


# State.


def test_a_conversation_that_moved_goes_on_where_it_is(world: World, fleet: Fleet) -> None:
    """Promise 8: a stored response and encrypted reasoning mean nothing to another region."""
    url = fleet["eastus"].url + V1 + "/responses"
    ask = {"model": "gpt-4.1-mini", "input": "Hi", "include": ["reasoning.encrypted_content"]}
    with world.session(fleet.config()) as session:
        first = during_an_outage(session, fleet, "/responses", json=ask).json()
        follow_up = {"model": "gpt-4.1-mini", "input": "And?", "previous_response_id": first["id"]}
        again = {"model": "gpt-4.1-mini", "input": [*first["output"]]}
        assert served_by(session.post(url, json=follow_up)) == "westus"
        assert served_by(session.post(url, json=again)) == "westus"
        assert served_by(session.get(f"{url}/{first['id']}")) == "westus"
        assert (
            served_by(session.post(url, json={"model": "gpt-4.1-mini", "input": "x"})) == "eastus"
        )


def test_a_streamed_conversation_goes_on_where_it_is(world: World, fleet: Fleet) -> None:
    url = fleet["eastus"].url + V1 + "/responses"
    ask = {"model": "gpt-4.1-mini", "input": "Hi", "stream": True}
    with world.session(fleet.config()) as session:
        fleet["eastus"].fault = faults.Refuse()
        _, raw = session.stream(url, json=ask)
        fleet["eastus"].fault = None
        session.transport.reset()
        name = raw.partition(b'"id":')[2].split(b'"')[1].decode()
        assert served_by(session.get(f"{url}/{name}")) == "westus"


def test_a_file_and_what_is_made_of_it_stay_together(world: World, fleet: Fleet) -> None:
    url = fleet["eastus"].url + V1
    with world.session(fleet.config()) as session:
        form: dict[str, Any] = {"files": {"file": ("a.jsonl", b"{}")}, "data": {"purpose": "batch"}}
        file = during_an_outage(session, fleet, "/files", **form).json()["id"]
        batch = {
            "input_file_id": file,
            "endpoint": "/chat/completions",
            "completion_window": "24h",
        }
        made = session.post(url + "/batches", json=batch)
        assert served_by(made) == "westus"
        assert served_by(session.get(f"{url}/batches/{made.json()['id']}")) == "westus"
        assert served_by(session.get(f"{url}/files/{file}/content")) == "westus"


def test_a_pinned_request_fails_with_the_error_of_its_region(world: World, fleet: Fleet) -> None:
    url = fleet["eastus"].url + V1 + "/responses"
    with world.session(fleet.config()) as session:
        made = session.post(url, json={"model": "gpt-4.1-mini", "input": "Hi"}).json()["id"]
        fleet["eastus"].fault = faults.Status(503)
        answer = session.post(url, json={"model": "gpt-4.1-mini", "previous_response_id": made})
    assert answer.status_code == 503
    ledger = ledger_of(answer)
    assert ledger is not None
    assert [entry.endpoint for entry in ledger.entries] == ["eastus"]


# Forms of URLs, gateways, forms.

DIVERSE = (
    RegionSpec("east", deployment_name="gpt", strict_model=True, prefix="/apim/one"),
    RegionSpec("dated", deployment_name="a/b", strict_model=True, api="dated"),
    RegionSpec("project", deployment_name="openai", api="v1", prefix="/api/projects/p"),
    RegionSpec("gateway", deployment_name="größe", strict_model=True, key_header="X-Gateway-Key"),
)


@pytest.mark.parametrize(
    ("path", "reached"),
    [
        (f"/openai/deployments/gpt/embeddings{DATED}", ["east", "dated", "gateway"]),
        (f"/openai/deployments/gpt/chat/completions{DATED}", ["east", "dated", "gateway"]),
        (f"/openai/responses{DATED}", ["east", "dated", "gateway"]),
        (f"/openai/deployments/gpt/responses{DATED}", ["east", "dated", "gateway"]),
        (f"{V1}/chat/completions", ["east", "project", "gateway"]),
        (f"{V1}/embeddings?api-version=preview", ["east", "project", "gateway"]),
        (f"{V1}/audio/transcriptions", ["east", "project", "gateway"]),
        (f"/openai/deployments/gpt/audio/transcriptions{DATED}", ["east", "dated", "gateway"]),
    ],
)
def test_every_region_gets_what_it_can_answer(world: World, path: str, reached: list[str]) -> None:
    """Promise 7: prefix, deployment, form of URL and credential are each region's own."""
    is_form = "audio" in path
    text = {"input": "Hi", "messages": [{"role": "user", "content": "Hi"}]}
    content: dict[str, Any] = (
        {"files": {"file": ("a.wav", WAV)}, "data": {"model": "gpt"}}
        if is_form
        else {"json": {"model": "gpt", **text}}
    )
    with Fleet(DIVERSE) as fleet, world.session(fleet.config()) as session:
        for name in reached:
            headers = {"authorization": "Bearer sdk", "api-key": "sdk"}
            response = session.post(fleet["east"].endpoint + path, headers=headers, **content)
            assert served_by(response) == name
            region = fleet[name]
            (request,) = region.requests[-1:]
            assert request.deployment == region.deployment_name
            assert request.model == region.deployment_name
            assert request.credentials == ((region.key_header, region.api_key),)
            assert not is_form or request.files[0].content == WAV
            region.fault = faults.Refuse()


# Bodies that can be read once.


def body(world: World, pieces: int) -> Any:
    piece = b'{"input": "' + b"x" * 65536 + b'"}'

    def produce() -> Iterator[bytes]:
        for number in range(pieces):
            yield piece if number == 0 else b" " * len(piece)

    async def aproduce() -> AsyncIterator[bytes]:
        for chunk in produce():
            yield chunk

    return produce() if world.colour == "sync" else aproduce()


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_one_shot_body_moves_on_if_the_primary_takes_no_connection(
    world: World, fleet: Fleet, pieces: int
) -> None:
    """Within the limit it was kept; beyond it, nothing of it was sent."""
    fleet["eastus"].fault = faults.Refuse()
    config = fleet.config() | {"policy": {"buffer_limit": 100_000}}
    with world.session(config) as session:
        url = fleet["eastus"].url + f"/openai/deployments/gpt-4.1-mini/embeddings{DATED}"
        response = session.post(url, content=body(world, pieces))
    assert served_by(response) == "westus"
    (request,) = fleet["westus"].requests
    assert len(request.body) == pieces * 65549
    assert request.json() == {"input": "x" * 65536}
    assert (request.header("transfer-encoding") == "chunked") == (pieces > 1)


@pytest.mark.parametrize(
    ("fault", "kept", "sent"),
    [
        (faults.ResetBeforeHeaders(), True, ["eastus", "westus"]),
        (faults.ResetBeforeHeaders(), False, ["eastus"]),
        (faults.Status(503), False, ["eastus"]),
    ],
)
def test_a_body_that_is_gone_is_not_sent_again(
    world: World, fleet: Fleet, fault: faults.Fault, kept: bool, sent: list[str]
) -> None:
    fleet["eastus"].fault = fault
    config = fleet.config() | {"policy": {"buffer_limit": 10**6 if kept else 10}}
    url = fleet["eastus"].url + f"/openai/deployments/gpt-4.1-mini/embeddings{DATED}"
    with world.session(config) as session:
        if not kept and not isinstance(fault, faults.Status):
            with pytest.raises(world.family.TransportError) as caught:
                session.post(url, content=body(world, 2))
            ledger = ledger_of(caught.value)
        else:
            ledger = ledger_of(session.post(url, content=body(world, 2)))
    assert ledger is not None
    assert [entry.endpoint for entry in ledger.entries] == sent


# Credentials, as regions see them.


@settings(max_examples=examples(40))
@given(
    st.sampled_from(WORLDS),
    st.lists(st.sampled_from(("key", "token", "header")), min_size=2, max_size=2),
    st.dictionaries(
        st.sampled_from(("Api-Key", "Authorization", "Ocp-Apim-Subscription-Key")),
        st.sampled_from(("Bearer of-the-sdk", "of-the-sdk")),
    ),
    st.sampled_from(("", "&api-key=of-the-sdk", "&Subscription-Key=of-the-sdk")),
)
def test_each_region_sees_one_credential_and_it_is_its_own(
    world: World, kinds: list[str], headers: dict[str, str], query: str
) -> None:
    """Promise 6, over the regions' records."""
    header = "ocp-apim-subscription-key"
    specs = [
        RegionSpec(name, key_header=header if kind == "header" else "api-key")
        for name, kind in zip("ab", kinds, strict=True)
    ]
    with Fleet(specs) as fleet:
        config = fleet.config()
        config["backups"][0]["api_key"] = fleet["b"].api_key
        for region, kind, table in zip(fleet, kinds, (config, *config["backups"]), strict=True):
            if kind == "token":
                table["token_provider"] = partial(str, region.token)
                del table["api_key"]
        fleet["a"].fault = faults.Status(503)
        with world.session(config) as session:
            url = f"{fleet['a'].url}/openai/deployments/gpt-4.1-mini/embeddings{DATED}{query}"
            response = session.post(url, json={"input": "x"}, headers=headers)
        assert response.status_code == 200
        for region, kind in zip(fleet, kinds, strict=True):
            (request,) = region.requests
            place = {"key": "api-key", "token": "authorization", "header": header}[kind]
            value = f"Bearer {region.token}" if kind == "token" else region.api_key
            assert request.credentials == ((place, value),)
