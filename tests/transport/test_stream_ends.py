"""How streams end: by callers who leave, by clocks, by rivals; and what each leaves behind."""

from __future__ import annotations

import socket
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, Literal

import anyio
import httpx
import pytest
from emulator_calls import soon
from scripted import Clock
from stream_calls import ASKED, CHAT, RESPONSES, alike, at_once, bare, receive, states, stream
from stress_abandoned import abandoned
from worlds import World

from azure_failover import FailoverTransport
from azure_failover.emulator import Fleet, StreamShape, faults

SPEECH = "/openai/deployments/gpt-4.1-mini/audio/speech?api-version=2024-10-21"
SAID = {"model": "gpt-4.1-mini", "input": "one two three", "voice": "alloy"}

# trio warns of the HTTP libraries' own generators when a stream is closed early.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def impatient(fleet: Fleet) -> dict[str, Any]:
    """Wait for a byte of the primary for 0.3 s, and for one of its backups for long."""
    config: dict[str, Any] = {**fleet.config(), "timeout": 0.3}
    return config | {"backups": [{**each, "timeout": 5.0} for each in config["backups"]]}


# --- Callers who leave ---------------------------------------------------------------------------


def test_two_hundred_abandoned_streams_leave_no_connection_checked_out(world: World) -> None:
    """Promise 12: before reading, after a piece, in the middle; ``nox -s stress`` leaves more.

    Two hundred in one world, enough to use up the pools of the others many times.
    """
    assert [*abandoned(world, 200 if str(world) == "httpx2-asyncio" else 60)] == []


@pytest.mark.anyio
async def test_a_caller_cancelled_in_the_preamble_leaves_no_connection(fleet: Fleet) -> None:
    """Promise 12, and what was cut by its caller blames nobody."""
    fleet["eastus"].fault = faults.BreakStream(1, "hang")
    transport = FailoverTransport(fleet.config())
    async with httpx.AsyncClient(transport=transport) as client:
        with anyio.move_on_after(0.1) as scope:
            await client.post(fleet["eastus"].url + CHAT, json=ASKED[CHAT])
        assert scope.cancelled_caught
        assert soon(lambda: fleet["eastus"].connections == 0)
        assert transport.status().endpoints[0].last_error is None


@pytest.mark.parametrize("chunks", [0, 1, None])
def test_a_stream_that_probes_frees_its_place_however_early_it_is_closed(
    world: World, fleet: Fleet, chunks: int | None
) -> None:
    """A probe whose content has come won the endpoint back, whoever reads the rest."""
    clock, east = Clock(), fleet["eastus"]
    with world.session(fleet.config(), runtime=clock.runtime()) as session:
        east.fault = faults.Status(503)
        assert stream(session, east).told[-1] == ("westus", "answered")
        assert states(session)["eastus"] == "failed"
        fleet.heal()
        clock.now += 400.0
        session.stream(east.url + CHAT, json=ASKED[CHAT], chunks=chunks)
        assert states(session)["eastus"] == "healthy"
        assert stream(session, east).told == [("eastus", "answered")]


@pytest.mark.anyio
async def test_a_probe_that_is_cancelled_in_its_preamble_frees_its_place(fleet: Fleet) -> None:
    """It proves nothing: the next request is the probe."""
    clock, east = Clock(), fleet["eastus"]
    config = at_once(fleet, hedge_probes_after=False)
    transport = FailoverTransport(config, runtime=clock.runtime())
    async with httpx.AsyncClient(transport=transport) as client:
        east.fault = faults.Status(503)
        await client.post(east.url + CHAT, json=ASKED[CHAT])
        clock.now += 400.0
        east.fault = faults.BreakStream(1, "hang")
        with anyio.move_on_after(0.3) as scope:
            await client.post(east.url + CHAT, json=ASKED[CHAT])
        assert scope.cancelled_caught
        fleet.heal()
        answer = await client.post(east.url + CHAT, json=ASKED[CHAT])
        assert answer.headers["x-failover-endpoint"] == "eastus"
    assert transport.status().failed_endpoints == ()


# --- Clocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["hang", "comments"])
@pytest.mark.parametrize("path", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_without_a_timeout_of_its_own_a_stream_has_its_endpoints(
    world: World, fleet: Fleet, path: str, how: Literal["hang", "comments"]
) -> None:
    """Comments are no content: by default an endpoint has as long as it may wait for a byte."""
    east = fleet["eastus"]
    east.fault = faults.BreakStream(2, how, interval=0.05)
    with world.session(impatient(fleet)) as session:
        found = stream(session, east, path)
        assert states(session)["eastus"] == "failed"
        session.transport.reset()
        east.fault = faults.BreakStream(4, how, interval=0.05)
        later = stream(session, east, path)
        assert states(session)["eastus"] == "failed"
    assert found.error is None
    assert alike(found.body) == alike(bare(fleet["westus"], path))
    assert found.ledger.entries[0].phase is not None
    assert found.ledger.entries[0].phase.value == "body"
    assert isinstance(later.error, world.family.ReadTimeout)


@pytest.mark.parametrize("how", ["hang", "comments"])
def test_the_deadline_covers_a_stream_until_its_first_content(
    world: World, fleet: Fleet, how: Literal["hang", "comments"]
) -> None:
    """Promise 9: no preamble stretches it."""
    for region in fleet:
        region.fault = faults.BreakStream(2, how, interval=0.05)
    with world.session(at_once(fleet, deadline=0.4, reserve=0.05), timeout=60.0) as session:
        found = stream(session, fleet["eastus"])
    assert isinstance(found.error, world.family.TimeoutException)
    assert found.body == b""


def test_the_deadline_does_not_cut_a_stream_whose_content_has_come(
    world: World, fleet: Fleet
) -> None:
    """Promise 9: from then on the stream has its own timeouts."""
    fleet["eastus"].shape = StreamShape(tokens=6, pace=0.4)
    with world.session(at_once(fleet, deadline=1.5, reserve=0.05)) as session:
        found = stream(session, fleet["eastus"])
    assert found.error is None
    assert found.body.endswith(b"data: [DONE]\n\n")
    assert found.told == [("eastus", "answered")]


def test_a_tls_stream_that_hangs_is_cut(world: World) -> None:
    """A thread that waits in the TLS layer is woken as well."""
    with Fleet(["eastus", "westus"], tls=True) as fleet:
        fleet["eastus"].fault = faults.BreakStream(4, "hang")
        policy = {"stream_idle_timeout": 0.2, "first_token_timeout": 5.0}
        config = at_once(fleet, **policy)
        with world.session(config, timeout=60.0, verify=fleet.ssl_context()) as session:
            found = stream(session, fleet["eastus"])
            assert states(session)["eastus"] == "failed"
            fleet["eastus"].fault = faults.BreakStream(1, "hang")
            session.transport.reset()
    assert isinstance(found.error, world.family.ReadTimeout)
    assert "no event came for 0.2 s" in str(found.error)
    assert found.body.count(b"\n\n") == 4


def test_a_tls_stream_without_content_fails_over(world: World) -> None:
    with Fleet(["eastus", "westus"], tls=True) as fleet:
        fleet["eastus"].fault = faults.BreakStream(1, "hang")
        config = at_once(fleet, first_token_timeout=0.3)
        with world.session(config, timeout=60.0, verify=fleet.ssl_context()) as session:
            found = stream(session, fleet["eastus"])
    assert found.error is None
    assert found.told == [("eastus", "failed"), ("westus", "answered")]
    assert "ReadTimeout: no content came in time" in str(found.ledger.entries[0])


class Mute:
    """A server that sends what it was given, with no length announced, and then nothing."""

    def __init__(self, body: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + body
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(self._answer)
            while connection.recv(65536):
                pass

    def close(self) -> None:
        self._listener.close()
        self._thread.join()


@pytest.mark.parametrize("body", [b"data: {}\n\n", b": hello\n\n", b""])
def test_a_stream_that_may_end_anywhere_is_not_taken_for_ended_when_it_is_cut(
    world: World, body: bytes
) -> None:
    """Promise 5: the end that a cut socket shows is our own doing."""
    server = Mute(body)
    policy = {"stream_idle_timeout": 0.2, "first_token_timeout": 0.2}
    endpoint = {"api_key": "k", "endpoint": server.url, "deployment_name": "gpt"}
    config: dict[str, Any] = {**endpoint, "policy": policy, "backups": []}
    with world.session(config, timeout=60.0) as session:
        found = receive(session, server.url + "/openai/v1/evals", json={"model": "gpt"})
    server.close()
    assert isinstance(found.error, world.family.ReadTimeout)
    assert found.body == (body if b"data" in body else b"")


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in memory, piece by piece."""

    def __init__(self, pieces: Any) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def in_memory(pieces: Any, clock: Clock | None = None, **policy: Any) -> FailoverTransport:
    """Mount the transport over one endpoint that streams these pieces."""

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, stream=Pieces(pieces))

    endpoint = {"api_key": "k", "endpoint": "https://e.example", "deployment_name": "gpt-4.1-mini"}
    config, inner = {**endpoint, "policy": policy}, httpx.MockTransport(answer)
    runtime = None if clock is None else clock.runtime()
    return FailoverTransport(config, transport=inner, runtime=runtime)


HELLO = b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n'
SLOW = [HELLO, HELLO[:9], HELLO[9:], b": alive\n\n", HELLO, b": alive\n\n", b"data: [DONE]\n\n"]


@pytest.mark.parametrize("policy", [{}, {"stream_idle_timeout": 5.0}])
def test_a_caller_who_takes_long_over_a_piece_is_not_taken_for_a_silent_endpoint(
    policy: dict[str, Any],
) -> None:
    """Only the time counts for which an event is waited for."""
    clock = Clock()
    transport = in_memory(SLOW, clock, **policy)
    with (
        httpx.Client(transport=transport) as client,
        client.stream("POST", "https://e.example" + CHAT, json=ASKED[CHAT]) as response,
    ):
        clock.now += 1000.0
        for _ in response.iter_raw():
            clock.now += 1000.0
    assert transport.status().endpoints[0].state == "healthy"


@pytest.mark.anyio
@pytest.mark.parametrize("policy", [{}, {"stream_idle_timeout": 5.0}])
async def test_a_task_that_takes_long_over_a_piece_is_not_cut(policy: dict[str, Any]) -> None:
    """The same for tasks."""
    clock = Clock()
    transport = in_memory(SLOW, clock, **policy)
    async with (
        httpx.AsyncClient(transport=transport) as client,
        client.stream("POST", "https://e.example" + CHAT, json=ASKED[CHAT]) as response,
    ):
        clock.now += 1000.0
        async for _ in response.aiter_raw():
            clock.now += 1000.0
    assert transport.status().endpoints[0].state == "healthy"


# --- Rivals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_of_two_streams_side_by_side_the_first_with_content_wins(
    world: World, fleet: Fleet, path: str
) -> None:
    """Headers and a preamble win no race; the loser's connection is closed."""
    east, west, _ = fleet
    late = StreamShape(first_token_delay=0.6), StreamShape(preamble_delay=0.6)
    east.shape = late[path == RESPONSES]  # whose output begins before its first token
    with world.session(at_once(fleet, hedge_after=0.1), timeout=60.0) as session:
        found = stream(session, east, path)
        assert soon(lambda: east.connections == 0)
        assert states(session)["eastus"] == "healthy"
    assert found.error is None
    assert alike(found.body) == alike(bare(west, path))
    assert found.told == [("eastus", "cancelled"), ("westus", "answered")]


def test_a_rival_that_fails_in_its_preamble_does_not_disturb_the_first(
    world: World, fleet: Fleet
) -> None:
    east, west, _ = fleet
    east.shape = StreamShape(first_token_delay=0.4)
    west.fault = faults.BreakStream(1, "error")
    with world.session(at_once(fleet, hedge_after=0.1), timeout=60.0) as session:
        found = stream(session, east)
    assert found.error is None
    assert alike(found.body) == alike(bare(east))
    assert found.told == [("eastus", "answered"), ("westus", "answered")]
    assert "hides 500" in str(found.ledger.entries[1])


# --- Other bodies, and big ones ------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [faults.HangInBody(0), faults.ResetInBody(0), faults.Truncate(0)], ids=repr
)
def test_a_download_that_never_begins_fails_over(
    world: World, fleet: Fleet, fault: faults.Fault
) -> None:
    """The first piece of any body is awaited inside the attempt."""
    fleet["eastus"].fault = fault
    with world.session(impatient(fleet)) as session:
        found = receive(session, fleet["eastus"].url + SPEECH, json=SAID)
        assert states(session)["eastus"] == "failed"
    assert (found.error, found.body) == (None, b"westus: one two three")
    assert found.told == [("eastus", "failed"), ("westus", "answered")]


def test_a_download_that_is_cut_later_raises(world: World, fleet: Fleet) -> None:
    """Promise 5: bytes have reached the caller, so nothing is replayed."""
    fleet["eastus"].fault = faults.Truncate(9)
    with world.session(impatient(fleet)) as session:
        found = receive(session, fleet["eastus"].url + SPEECH, json=SAID)
        assert states(session)["eastus"] == "failed"
    assert isinstance(found.error, world.family.RemoteProtocolError)
    assert b"eastus: one two three".startswith(found.body)
    assert found.body
    assert not fleet["westus"].requests


@pytest.mark.parametrize("is_one_event", [False, True], ids=["many events", "one event"])
def test_a_stream_of_fifty_megabytes_is_never_held(*, is_one_event: bool) -> None:
    """Whatever passes, passes: nothing is kept but the beginning of an event."""
    piece = b"x" * 10_000 if is_one_event else HELLO.replace(b"Hello", b"x" * 10_000)

    def pieces() -> Iterator[bytes]:
        yield HELLO + (b"data: " if is_one_event else b"")
        for _ in range(5000):
            yield bytes(bytearray(piece))
        yield b"\n\ndata: [DONE]\n\n"

    transport = in_memory(pieces())
    with (
        httpx.Client(transport=transport) as client,
        client.stream("POST", "https://e.example" + CHAT, json=ASKED[CHAT]) as response,
    ):
        tracemalloc.start()
        size = sum(map(len, response.iter_raw()))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert size > 50_000_000
    assert peak < 3_000_000
