"""What a caller sees when an endpoint fails, over real sockets, in every world."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from examples import examples
from hypothesis import given, settings, strategies as st
from worlds import WORLDS, World

from azure_failover import AsyncClient, Client, ledger_of
from azure_failover.emulator import Fleet, faults

CHAT = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21"
HELLO = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}

FAILING: dict[str, tuple[faults.Fault, str]] = {
    "500": (faults.Status(500), "500"),
    "502 with HTML": (faults.Status(502), "502"),
    "503": (faults.Status(503), "503"),
    "504": (faults.Status(504), "504"),
    "refused": (faults.Refuse(), "ConnectError"),
    "hang": (faults.Hang(), "ReadTimeout"),
    "reset before headers": (faults.ResetBeforeHeaders(), "ReadError"),
    "closed before headers": (faults.CloseBeforeHeaders(), "RemoteProtocolError"),
    "reset in the body": (faults.ResetInBody(10), "ReadError"),
    "truncated body": (faults.Truncate(10), "RemoteProtocolError"),
    "hang in the body": (faults.HangInBody(10), "ReadTimeout"),
    "not HTTP": (faults.Garbage(), "RemoteProtocolError"),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_failing_primary_is_invisible_but_for_the_ledger(
    world: World, fleet: Fleet, name: str
) -> None:
    """Promise 2: these move on by themselves, and the caller gets the backup's answer."""
    fault, seen = FAILING[name]
    fleet["eastus"].fault = fault
    timeout = 0.3 if "hang" in name else 5.0
    with world.session(fleet.config(), timeout=timeout) as session:
        response = session.post(fleet["eastus"].url + CHAT, json=HELLO)
        status = session.transport.status()
    assert response.status_code == 200
    assert response.json()["choices"][0]["message"]["content"] == "westus: Hello"
    ledger = ledger_of(response)
    assert ledger is not None
    first, second = ledger.entries
    assert (first.endpoint, second.endpoint) == ("eastus", "westus")
    assert seen in str(first)
    assert second.status == 200
    assert response.headers["x-failover-endpoint"] == "westus"
    assert response.headers["x-failover-attempts"] == "2"
    assert status.failed_endpoints == (fleet["eastus"].url,)
    assert status.current.name == "westus"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 408, 429])
def test_client_errors_come_back_at_once(world: World, fleet: Fleet, code: int) -> None:
    """Promise 2: a 4xx never moves on by default; one attempt, and no endpoint is failed."""
    fleet["eastus"].fault = faults.Status(code)
    with world.session(fleet.config()) as session:
        response = session.post(fleet["eastus"].url + CHAT, json=HELLO)
        status = session.transport.status()
    assert response.status_code == code
    assert response.headers["x-failover-attempts"] == "1"
    assert "x-should-retry" not in response.headers
    assert status.failed_endpoints == ()
    assert not fleet["westus"].requests


def test_an_unknown_name_moves_on(
    world: World, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 2: a name that does not resolve is a connection error."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name == "gone.openai.azure.com":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    config = fleet.config() | {"endpoint": "https://gone.openai.azure.com", "name": "gone"}
    with world.session(config) as session:
        response = session.post("https://gone.openai.azure.com" + CHAT, json=HELLO)
    ledger = ledger_of(response)
    assert ledger is not None
    assert [entry.endpoint for entry in ledger.entries] == ["gone", "westus"]
    assert "ConnectError" in str(ledger.entries[0])


def test_a_broken_tls_handshake_moves_on(world: World) -> None:
    """Promise 2: TLS that fails is a connection error."""
    with Fleet(["eastus", "westus"], tls=True) as fleet:
        fleet["eastus"].fault = faults.TlsBroken()
        with world.session(fleet.config(), verify=fleet.ssl_context()) as session:
            response = session.post(fleet["eastus"].url + CHAT, json=HELLO)
    assert response.json()["choices"][0]["message"]["content"] == "westus: Hello"


def test_a_certificate_that_is_not_trusted_moves_on_and_is_told(world: World) -> None:
    """A certificate error is told as what it is when no endpoint is left."""
    with (
        Fleet(["eastus", "westus"], tls=True) as fleet,
        world.session(fleet.config(), verify=ssl.create_default_context()) as session,
        pytest.raises(world.family.ConnectError) as caught,
    ):
        session.post(fleet["eastus"].url + CHAT, json=HELLO)
    ledger = ledger_of(caught.value)
    assert ledger is not None
    assert [entry.endpoint for entry in ledger.attempts] == ["eastus", "westus"]
    assert all("certificate verify failed" in str(entry) for entry in ledger.attempts)


def test_tls_names_the_target_and_not_the_original_host(world: World) -> None:
    """Host, SNI and the Host header agree with the endpoint that gets the request."""
    with Fleet(["eastus", "westus"], tls=True) as fleet:
        fleet["eastus"].fault = faults.Refuse()
        with world.session(fleet.config(), verify=fleet.ssl_context()) as session:
            response = session.post(
                fleet["eastus"].url + CHAT,
                json=HELLO,
                extensions={"sni_hostname": "eastus.openai.azure.com", "target": b"/elsewhere"},
            )
        assert response.status_code == 200
        (record,) = fleet["westus"].requests
    assert record.header("host") == fleet["westus"].url.removeprefix("https://")
    assert record.target == CHAT


def test_a_stale_pooled_connection_is_retried_once_and_blames_nobody(
    world: World, fleet: Fleet
) -> None:
    """Promise 1: one more attempt at the same endpoint, over a fresh connection."""
    with world.session(fleet.config()) as session:
        session.post(fleet["eastus"].url + CHAT, json=HELLO)
        fleet["eastus"].fault = faults.StaleConnection()
        response = session.post(fleet["eastus"].url + CHAT, json=HELLO)
        status = session.transport.status()
    ledger = ledger_of(response)
    assert ledger is not None
    assert [entry.endpoint for entry in ledger.entries] == ["eastus", "eastus"]
    assert response.status_code == 200
    assert status.failed_endpoints == ()


def test_a_second_chance_goes_over_a_new_connection(fleet: Fleet) -> None:
    """Though the pool has another dead one to offer, which would fail a well endpoint."""
    fleet["eastus"].fault = faults.Delay(0.2)
    with Client(fleet.config()) as client, ThreadPoolExecutor(2) as pool:
        list(pool.map(client.chat, ["one", "two"]))
        assert fleet["eastus"].connections == 2
        fleet["eastus"].fault = faults.StaleConnection(times=2)
        answer = client.chat("three")
        status = client.status()
    assert [entry.endpoint for entry in answer.ledger.entries] == ["eastus", "eastus"]
    assert status.failed_endpoints == ()


@pytest.mark.anyio
async def test_a_second_chance_of_a_task_goes_over_a_new_connection(fleet: Fleet) -> None:
    """The same for tasks."""
    fleet["eastus"].fault = faults.Delay(0.2)
    async with AsyncClient(fleet.config()) as client:
        async with anyio.create_task_group() as tasks:
            for text in ("one", "two"):
                tasks.start_soon(client.chat, text)
        assert fleet["eastus"].connections == 2
        fleet["eastus"].fault = faults.StaleConnection(times=2)
        answer = await client.chat("three")
        assert client.status().failed_endpoints == ()
    assert [entry.endpoint for entry in answer.ledger.entries] == ["eastus", "eastus"]


def test_a_reset_of_a_fresh_connection_is_not_retried_at_the_same_endpoint(
    world: World, fleet: Fleet
) -> None:
    """Promise 1: each endpoint at most once; only a reused connection earns a second try."""
    fleet["eastus"].fault = faults.ResetBeforeHeaders()
    with world.session(fleet.config()) as session:
        response = session.post(fleet["eastus"].url + CHAT, json=HELLO)
    assert response.headers["x-failover-attempts"] == "2"
    assert len(fleet["eastus"].requests) == 1


def test_exhaustion_by_answers_gives_the_last_answer_and_stops_retries(
    world: World, fleet: Fleet
) -> None:
    """Promise 9: the layer above is told not to multiply our attempts."""
    for region in fleet.regions:
        region.fault = faults.Status(503)
    with world.session(fleet.config()) as session:
        response = session.post(fleet["eastus"].url + CHAT, json=HELLO)
    assert response.status_code == 503
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["x-failover-attempts"] == "3"
    assert [len(region.requests) for region in fleet.regions] == [1, 1, 1]


def test_exhaustion_by_exceptions_raises_the_familys_own_with_notes(
    world: World, fleet: Fleet
) -> None:
    """Promise 10: the final error lists every attempt, and is of the request's family."""
    for region in fleet.regions:
        region.fault = faults.Refuse()
    with (
        world.session(fleet.config()) as session,
        pytest.raises(world.family.ConnectError) as caught,
    ):
        session.post(fleet["eastus"].url + CHAT, json=HELLO)
    assert type(caught.value).__module__.startswith(world.family.__name__)
    (note,) = caught.value.__notes__
    assert [line.split(":")[0] for line in note.splitlines()[1:]] == [
        "1. eastus",
        "2. westus",
        "3. northeurope",
    ]


def test_a_failed_primary_is_passed_over_by_the_next_request(world: World, fleet: Fleet) -> None:
    """Promise 4: a failed endpoint is remembered."""
    fleet["eastus"].fault = faults.Status(503)
    with world.session(fleet.config()) as session:
        session.post(fleet["eastus"].url + CHAT, json=HELLO)
        response = session.post(fleet["eastus"].url + CHAT, json=HELLO)
    ledger = ledger_of(response)
    assert ledger is not None
    assert [entry.outcome for entry in ledger.entries] == ["skipped", "answered"]
    assert len(fleet["eastus"].requests) == 1


def test_a_thousand_failovers_leave_no_connection_behind(world: World, fleet: Fleet) -> None:
    """Promise 12: losing responses are closed; neither pools nor sockets grow.

    A thousand in one world, enough to show a leak in the others.
    """
    fleet["eastus"].fault = faults.Status(503)
    config = fleet.config() | {"policy": {"pause": 1e-6, "max_pause": 1e-6}}
    with world.session(config) as session:
        for _ in range(20):
            session.post(fleet["eastus"].url + CHAT, json=HELLO)
        before = len([*Path("/proc/self/fd").iterdir()])
        for _ in range(1000 if str(world) == "httpx2-asyncio" else 100):
            session.post(fleet["eastus"].url + CHAT, json=HELLO)
        after = len([*Path("/proc/self/fd").iterdir()])
        opened = [region.connections for region in fleet.regions]
    assert len(fleet["eastus"].requests) > 100
    assert after <= before + 2
    assert max(opened) <= 2


FAULTS = st.sampled_from(
    [
        None,
        None,
        faults.Status(503),
        faults.Status(429),
        faults.Refuse(),
        faults.ResetBeforeHeaders(),
        faults.Truncate(5),
    ]
)
CREDENTIALS = st.dictionaries(
    st.sampled_from(["api-key", "Authorization", "Ocp-Apim-Subscription-Key"]),
    st.sampled_from(["key-eastus", "key-westus", "Bearer key-northeurope", "another"]),
)


@settings(max_examples=examples(50))
@given(
    st.lists(st.tuples(FAULTS, FAULTS, FAULTS), min_size=1, max_size=4),
    CREDENTIALS,
    st.sampled_from(["", "&api-key=key-eastus", "&Api-Key=another"]),
    st.sampled_from(["return", "failover"]),
    st.sampled_from([WORLDS[0], WORLDS[3]]),
)
def test_no_region_ever_sees_the_key_of_another(
    script: list[tuple[faults.Fault | None, ...]],
    credentials: dict[str, str],
    query: str,
    on_throttle: str,
    world: World,
) -> None:
    """Promise 6, by what the emulated regions received over real sockets."""
    with Fleet(["eastus", "westus", "northeurope"]) as fleet:
        config = fleet.config() | {"policy": {"on_throttle": on_throttle, "pause": 1e-6}}
        with world.session(config) as session:
            for chosen in script:
                for region, fault in zip(fleet.regions, chosen, strict=True):
                    region.fault = fault
                with suppress(world.family.TransportError):
                    session.post(
                        f"{fleet['eastus'].url}{CHAT}{query}", json=HELLO, headers=credentials
                    )
        for region in fleet.regions:
            for record in region.requests:
                carried = [
                    value
                    for name, value in record.headers
                    if name in ("api-key", "authorization", "ocp-apim-subscription-key")
                ]
                assert carried == [region.api_key]
                assert record.target == CHAT
