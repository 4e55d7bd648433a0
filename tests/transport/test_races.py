"""Attempts side by side: over real sockets, in every world, and what becomes of the losers."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from scripted import Clock, Status, scripted
from worlds import World

from azure_failover import AsyncClient, Client, FailoverTransport, Ledger, ledger_of
from azure_failover.core.steps import Attempt
from azure_failover.core.ticket import Ticket
from azure_failover.emulator import Fleet, faults
from azure_failover.transport._race import THREADS, AsyncRace, Crew, Race

CHAT = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21"
HELLO = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}
AT_ONCE = {"pause": 1e-6, "max_pause": 1e-6, "hedge_probes_after": 0.1}
FAR = 60.0
"""Seconds after which a request would time out, if it were not for a second attempt."""


def told(response: Any) -> list[tuple[str, str]]:
    """Give a response's ledger as pairs."""
    ledger = ledger_of(response)
    assert isinstance(ledger, Ledger)
    return [(entry.endpoint, entry.outcome) for entry in ledger.entries]


def test_nobody_waits_for_a_dead_primary_that_is_probed(world: World, fleet: Fleet) -> None:
    """A probe that hangs is backed by the next endpoint, long before it times out."""
    fleet["eastus"].fault = faults.Status(503)
    with world.session(fleet.config() | {"policy": AT_ONCE}, timeout=FAR) as session:
        session.post(fleet["eastus"].url + CHAT, json=HELLO)
        fleet["eastus"].fault = faults.Hang()
        response = session.post(fleet["eastus"].url + CHAT, json=HELLO)
        status = session.transport.status()
    assert told(response) == [("eastus", "cancelled"), ("westus", "answered")]
    assert response.headers["x-failover-attempts"] == "2"
    assert response.json()["choices"][0]["message"]["content"] == "westus: Hello"
    assert status.failed_endpoints == (fleet["eastus"].url,)


def test_a_slow_request_is_hedged_and_the_first_good_answer_wins(
    world: World, fleet: Fleet
) -> None:
    """With ``hedge_after``, a hang costs that long and no more; the primary stays in use."""
    fleet["eastus"].fault = faults.Hang()
    config = fleet.config() | {"policy": {"hedge_after": 0.1}}
    with world.session(config, timeout=FAR) as session:
        response = session.post(fleet["eastus"].url + CHAT, json=HELLO)
        assert session.transport.status().failed_endpoints == ()
    assert told(response) == [("eastus", "cancelled"), ("westus", "answered")]


def test_a_hedge_that_fails_does_not_disturb_the_first(world: World, fleet: Fleet) -> None:
    """The first is waited for, and its answer is the caller's."""
    fleet["eastus"].fault = faults.Delay(0.4)
    fleet["westus"].fault = faults.Refuse()
    config = fleet.config() | {"policy": {"hedge_after": 0.1}}
    with world.session(config, timeout=FAR) as session:
        response = session.post(fleet["eastus"].url + CHAT, json=HELLO)
    assert told(response) == [("eastus", "answered"), ("westus", "failed")]


def test_a_stream_is_hedged_until_it_begins(world: World, fleet: Fleet) -> None:
    """The winner's body is the caller's, whole."""
    fleet["eastus"].fault = faults.Hang()
    config = fleet.config() | {"policy": {"hedge_after": 0.1}}
    with world.session(config, timeout=FAR) as session:
        response, body = session.stream(fleet["eastus"].url + CHAT, json=HELLO | {"stream": True})
    assert response.headers["x-failover-endpoint"] == "westus"
    assert body.endswith(b"data: [DONE]\n\n")


def test_an_exception_that_is_none_of_the_familys_comes_out_as_it_is(world: World) -> None:
    """A defect in an inner transport is not wrapped, nor taken for a failing endpoint."""

    def play(request: Any) -> Status:
        if fails:
            raise LookupError(request.url.host)
        return Status(503 if "east" in request.url.host else 200)

    fails = False
    config = {
        "api_key": "k",
        "endpoint": "https://east.openai.azure.com",
        "deployment_name": "gpt-4.1-mini",
        "backups": [{"endpoint": "https://west.openai.azure.com"}],
        "policy": {"pause": 1.0},
    }
    clock = Clock()
    inner = scripted(world.family, play)
    with world.session(config, transport=inner, runtime=clock.runtime()) as session:
        session.post("https://east.openai.azure.com" + CHAT, json=HELLO)
        clock.now += 10.0
        fails = True
        with pytest.raises(LookupError, match=r"east\.openai"):
            session.post("https://east.openai.azure.com" + CHAT, json=HELLO)
        status = session.transport.status()
    assert status.endpoints[0].state == "failed"
    assert status.endpoints[1].state == "healthy"


@pytest.mark.anyio
async def test_a_cancelled_race_leaves_no_connection_checked_out(fleet: Fleet) -> None:
    """Promise 12: both attempts are cut with their caller."""
    for region in fleet.regions:
        region.fault = faults.Hang()
    limits = httpx.Limits(max_connections=2)
    config = fleet.config() | {"policy": {"hedge_after": 0.05}}
    async with AsyncClient(config, limits=limits) as client:
        for _ in range(3):
            with anyio.move_on_after(0.2):
                await client.chat("Hello")
        for region in fleet.regions:
            region.fault = None
        assert (await client.chat("Hello")).endpoint == "eastus"
        assert client.status().failed_endpoints == ()


@pytest.mark.anyio
async def test_a_winner_whose_caller_leaves_while_the_losers_are_cut_is_closed() -> None:
    """Promise 12: its answer was never handed on, so nobody else can close it."""
    left, closed = anyio.Event(), anyio.Event()

    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"

        async def aclose(self) -> None:
            closed.set()

    class Inner(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if "west" in request.url.host:
                return httpx.Response(
                    200, headers={"content-type": "text/event-stream"}, stream=Body()
                )
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    scope.cancel()
                    left.set()
                    await anyio.lowlevel.checkpoint()
            raise AssertionError("not reached")

    config = {
        "api_key": "k",
        "endpoint": "https://east.openai.azure.com",
        "deployment_name": "gpt-4.1-mini",
        "backups": [{"endpoint": "https://west.openai.azure.com"}],
        "policy": {"hedge_after": 0.01},
    }
    async with httpx.AsyncClient(transport=FailoverTransport(config, transport=Inner())) as client:
        with anyio.CancelScope() as scope:
            await client.post("https://east.openai.azure.com" + CHAT, json=HELLO)
        assert scope.cancelled_caught
    assert left.is_set()
    assert closed.is_set()


@pytest.mark.anyio
async def test_tasks_that_wait_at_a_silent_endpoint_move_on_together(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    """A hang need not cost a full timeout: many who wait in vain are enough to see it."""
    fleet["eastus"].fault = faults.Delay(0.02)
    answers: list[str] = []

    async def work(client: AsyncClient) -> None:
        for _ in range(12):
            answers.append((await client.chat("Hello")).endpoint)
            if len(answers) == 240:  # each has long left the cold start behind
                fleet["eastus"].fault = faults.Hang()

    async with AsyncClient(fleet.config()) as client, anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(work, client)
    assert answers[:240] == ["eastus"] * 240
    assert len(answers) == 360
    assert "westus" in answers
    assert "eastus failed (fell silent" in caplog.text
    assert "Timeout" not in caplog.text


def test_threads_stop_going_to_a_silent_endpoint(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    """One keeps an eye; when it finds the endpoint silent, it and all that follow go elsewhere."""
    fleet["eastus"].fault = faults.Delay(0.02)
    done = threading.Event()
    answers: list[str] = []

    def work(client: Client) -> None:
        while not done.is_set():
            answers.append(client.chat("Hello").endpoint)
            if len(answers) == 200:
                fleet["eastus"].fault = faults.Hang()
            if answers.count("westus") > 20:
                done.set()

    config = fleet.config() | {"timeout": 3.0}
    with Client(config) as client, ThreadPoolExecutor(16) as pool:
        for future in [pool.submit(work, client) for _ in range(16)]:
            future.result()
    assert "eastus failed (fell silent" in caplog.text


# The losers.


class Stub:
    """A response that knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()
        raise OSError("the connection is gone")

    async def aclose(self) -> None:
        self.close()


def raced(crew: Crew, run: Callable[[], Any]) -> tuple[Race[Any], Attempt]:
    attempt = Attempt(0, Ticket(0, 1, is_probe=False), 0.0)
    race = Race[Any](crew)
    race.start(attempt, run)
    return race, attempt


@pytest.mark.parametrize("comes", ["before", "after"])
def test_a_response_that_nobody_looked_at_is_closed(comes: str) -> None:
    """Promise 12: whether it came before the race was over or after it."""
    gate, stub = threading.Event(), Stub()

    def run() -> Stub:
        assert gate.wait(10)
        return stub

    race, _ = raced(Crew(), run)
    if comes == "before":
        gate.set()
        while race.arrivals.empty():
            stub.closed.wait(0.001)
    race.end()
    gate.set()
    assert stub.closed.wait(10)


@pytest.mark.anyio
async def test_a_response_that_no_task_looked_at_is_closed() -> None:
    """Promise 12: the same for tasks, whether all that came was looked at or not."""
    race, stubs = AsyncRace[Any](), (Stub(), Stub())
    for number, stub in enumerate(stubs):

        async def run(stub: Stub = stub) -> Stub:
            await anyio.lowlevel.checkpoint()
            return stub

        await race.run(Attempt(number, Ticket(0, 1, is_probe=False), 0.0), run)
    assert (await race.arrival()).result is stubs[0]
    await race.end()
    assert [stub.closed.is_set() for stub in stubs] == [False, True]


def test_an_exception_that_comes_too_late_is_dropped() -> None:
    """There is nobody left to whom it could be told."""
    gate, left = threading.Event(), threading.Event()

    def run() -> Any:
        assert gate.wait(10)
        left.set()
        raise ValueError

    race, _ = raced(Crew(), run)
    race.end()
    gate.set()
    assert left.wait(10)


def test_when_no_thread_is_free_the_callers_own_does_the_work() -> None:
    """Threads are bounded, however many requests hang."""
    gate, crew = threading.Event(), Crew()
    waiting = [raced(crew, lambda: gate.wait(10)) for _ in range(THREADS)]
    race, attempt = raced(crew, threading.current_thread)
    arrival = race.arrivals.get_nowait()
    assert (arrival.attempt, arrival.result) == (attempt, threading.current_thread())
    gate.set()
    for other, _ in waiting:
        assert other.arrivals.get(timeout=10).result is True


def test_where_no_thread_can_be_started_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an interpreter that is shutting down, or one without threads."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    crew = Crew()
    for _ in range(THREADS + 1):
        race, _ = raced(crew, threading.current_thread)
        assert race.arrivals.get_nowait().result is threading.current_thread()


def test_a_thread_of_the_crew_sees_the_callers_context(fleet: Fleet) -> None:
    """Context variables, such as those of tracing, reach the attempt."""
    number: ContextVar[int] = ContextVar("number", default=0)
    number.set(7)
    seen: list[tuple[int, str]] = []

    class Inner(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            assert request.content
            seen.append((number.get(), threading.current_thread().name))
            return httpx.Response(200, json={})

    config = fleet.config() | {"policy": {"hedge_after": 5.0}}
    with httpx.Client(transport=FailoverTransport(config, transport=Inner())) as client:
        client.post(fleet["eastus"].url + CHAT, json=HELLO)
    assert seen == [(7, "azure-failover")]
