"""A deadline ends requests whose server would go on for ever, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from scripted import Clock, Status, scripted
from worlds import NO_TRUST, WORLDS, World

from azure_failover import FailoverTransport, ledger_of
from azure_failover.emulator import Fleet, faults

CHAT = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
HELLO = {"model": "gpt", "messages": [{"role": "user", "content": "Hello"}]}
TASKS = [world for world in WORLDS if world.colour != "sync"]
THREADS = [world for world in WORLDS if world.colour == "sync"]
DEADLINE = 0.4


class Dripping:
    """A server that sends one byte of a JSON body each 50 ms, for as long as somebody listens."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self.left = threading.Semaphore(0)
        """Counts the clients that have closed their connection."""
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._drip, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _drip(self, connection: socket.socket) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999999\r\n"
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(head + b'\r\n"')
            while not self._is_over.wait(0.05):
                connection.sendall(b"x")
        self.left.release()

    def close(self) -> None:
        """Stop serving."""
        self._is_over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def dripping() -> Iterator[Dripping]:
    server = Dripping()
    yield server
    server.close()


@contextmanager
def black_hole() -> Generator[str]:
    """Give an address whose connections are never made: the queue of its listener is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        with socket.create_connection(address), socket.socket() as waiting:
            waiting.setblocking(False)  # noqa: FBT003
            waiting.connect_ex(address)
            yield f"http://127.0.0.1:{address[1]}"


def config_of(url: str, *backups: str, **fields: Any) -> dict[str, Any]:
    return {
        "endpoint": url,
        "api_key": "key",
        "deployment_name": "gpt",
        "name": "first",
        "backups": [{"endpoint": backup} for backup in backups],
        "policy": {"deadline": DEADLINE, "attempt_timeout": 60},
        **fields,
    }


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def ends_in_time(world: World, config: dict[str, Any], url: str) -> None:
    """See requests end by the deadline, in the family's words, with nobody blamed or left over."""
    with world.session(config, timeout=60.0, verify=False) as session:
        files: list[int] = []
        for _ in range(3):
            with pytest.raises(world.family.TimeoutException) as caught:
                session.post(url + CHAT, json=HELLO)
            ledger = ledger_of(caught.value)
            assert ledger is not None
            assert [entry.outcome for entry in ledger.entries] == ["failed"]
            files.append(open_files())
        assert session.transport.status().failed_endpoints == ()
    assert files[2] <= files[0]


def test_a_body_that_drips_for_ever_ends_at_the_deadline(world: World, dripping: Dripping) -> None:
    """Promise 9: each byte comes in time, all of them never; and promise 12: it is closed."""
    ends_in_time(world, config_of(dripping.url), dripping.url)
    for _ in range(3):
        assert dripping.left.acquire(timeout=60), "the client left"


def test_a_black_hole_ends_at_the_deadline(world: World) -> None:
    """Promise 9: a connection that is never made."""
    with black_hole() as url:
        ends_in_time(world, config_of(url), url)


@pytest.mark.parametrize("world", TASKS, ids=str)
@pytest.mark.parametrize("is_async", [True, False])
def test_a_token_that_never_comes_ends_at_the_deadline(world: World, *, is_async: bool) -> None:
    """Promise 9: tasks wait for a provider no longer, be it async or in a thread."""
    is_over = threading.Event()

    async def wait_forever() -> str:
        await anyio.sleep_forever()
        raise AssertionError

    def block() -> str:
        is_over.wait()
        return "token"

    provider: Callable[[], Any] = wait_forever if is_async else block
    config = config_of("http://127.0.0.1:9", token_provider=provider)
    del config["api_key"]
    with world.session(config, timeout=60.0) as session:
        try:
            with pytest.raises(world.family.TimeoutException) as caught:
                session.post("http://127.0.0.1:9" + CHAT, json=HELLO)
            assert session.transport.status().failed_endpoints == ()
        finally:
            is_over.set()
    assert "cut after the 0.40 s" in str(ledger_of(caught.value))
    assert "(connect)" in str(ledger_of(caught.value))


def test_a_hang_leaves_time_for_the_next_endpoint(world: World, dripping: Dripping) -> None:
    """Cut by its share, an endpoint has failed; the caller gets the answer of the next."""
    with Fleet(["eastus", "westus"], deployment="gpt", api_key="key") as fleet:
        fleet["eastus"].fault = faults.Hang()
        config = config_of(dripping.url, fleet["eastus"].url, fleet["westus"].url)
        config["policy"] |= {"deadline": 1.5, "reserve": 0.4}
        with world.session(config, timeout=60.0, verify=False) as session:
            response = session.post(dripping.url + CHAT, json=HELLO)
            status = session.transport.status()
    assert response.status_code == 200
    assert status.failed_endpoints == (dripping.url, fleet["eastus"].url)
    ledger = ledger_of(response)
    assert ledger is not None
    assert [entry.outcome for entry in ledger.entries] == ["failed", "failed", "answered"]
    first, second, _ = ledger.entries
    assert first.phase is not None
    assert second.phase is not None
    assert (first.phase.value, second.phase.value) == ("body", "wait")


# trio warns of the HTTP libraries' own generators when a stream is closed early.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_our_own_full_pool_is_no_fault_of_the_endpoint(world: World) -> None:
    """To wait for a free connection until the time is over is neutral, and told as that."""
    with Fleet(["eastus", "westus"], deployment="gpt", api_key="key") as fleet:
        fleet["eastus"].fault = faults.HangInBody(1500)
        url = fleet["eastus"].url
        config = config_of(url, fleet["westus"].url)
        limits = world.family.Limits(max_connections=1)
        with world.session(config, timeout=60.0, limits=limits) as session:
            body, much = HELLO | {"stream": True}, {"failover": {"deadline": 60}}
            request = session.client.build_request("POST", url + CHAT, json=body, extensions=much)
            send = partial(session.client.send, request, stream=True)
            held = send() if session.portal is None else session.portal.call(send)
            with pytest.raises(world.family.PoolTimeout):
                session.post(url + CHAT, json=HELLO)
            assert session.transport.status().failed_endpoints == ()
            if session.portal is None:
                held.close()
            else:
                session.portal.call(held.aclose)


@pytest.mark.parametrize("world", TASKS, ids=str)
def test_a_transport_of_the_callers_that_hangs_has_failed(world: World) -> None:
    """Nobody knows of its pools: what does not answer within its share is a timeout."""
    family: Any = world.family

    class Hanging(family.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, request: Any) -> Any:
            if request.url.host == "a.example":
                await anyio.sleep_forever()
            return family.Response(200, json={})

    config = config_of("https://a.example", "https://b.example")
    with world.session(config, transport=Hanging()) as session:
        response = session.post("https://a.example" + CHAT, json=HELLO)
        assert session.transport.status().failed_endpoints == ("https://a.example",)
    assert response.headers["x-failover-endpoint"] == "b"


@pytest.mark.parametrize("world", THREADS, ids=str)
def test_a_thread_whose_token_came_too_late_sends_nothing(world: World) -> None:
    """Promise 9: a provider cannot be cut, but nothing starts after the deadline."""
    clock = Clock()
    sent: list[Any] = []

    def dawdle() -> str:
        clock.now += 5.0
        return "token"

    def play(request: Any) -> Status:
        sent.append(request)
        return Status(200)

    config = config_of("https://a.example", token_provider=dawdle)
    del config["api_key"]
    inner = scripted(world.family, play)
    with world.session(config, transport=inner, runtime=clock.runtime()) as session:
        with pytest.raises(world.family.TimeoutException, match="token provider took all"):
            session.post("https://a.example" + CHAT, json={})
        assert session.transport.status().failed_endpoints == ()
        config["policy"]["deadline"] = 30.0
    with world.session(config, transport=inner, runtime=clock.runtime()) as session:
        session.post("https://a.example" + CHAT, json={})
    assert [request.extensions["timeout"]["read"] for request in sent] == [5.0]


@pytest.mark.parametrize("world", THREADS, ids=str)
def test_a_body_that_comes_late_but_whole_is_not_thrown_away(world: World) -> None:
    """A thread looks at the time between two pieces of a body, not after the last."""
    clock = Clock()
    family: Any = world.family

    class Body(family.SyncByteStream):  # type: ignore[misc]
        def __init__(self, pieces: list[bytes]) -> None:
            self.pieces = pieces

        def __iter__(self) -> Iterator[bytes]:
            clock.now += 5.0
            yield from self.pieces

    bodies = [Body([b"{}"]), Body([b"{", b"}"])]

    def handle(_: Any) -> Any:
        kind = {"content-type": "application/json"}
        return family.Response(200, headers=kind, stream=bodies.pop(0))

    inner = family.MockTransport(handle)
    config = config_of("https://a.example")
    with world.session(config, transport=inner, runtime=clock.runtime()) as session:
        assert session.post("https://a.example" + CHAT, json={}).json() == {}
        with pytest.raises(family.TimeoutException, match="the body took longer"):
            session.post("https://a.example" + CHAT, json={})


# Whose cancellation is it?


@pytest.fixture
def transport(dripping: Dripping) -> FailoverTransport:
    """Over two endpoints with the same server and much time."""
    return FailoverTransport(
        config_of(dripping.url, dripping.url + "/other", policy={"deadline": 60}),
        verify=NO_TRUST,  # whoever leaves soon has sent a request by then
    )


@pytest.mark.anyio
async def test_a_callers_cancel_scope_is_the_callers(
    dripping: Dripping, transport: FailoverTransport
) -> None:
    """Neutral, and never answered by trying another endpoint."""
    async with httpx.AsyncClient(transport=transport, timeout=60) as client:
        with anyio.move_on_after(1.0) as scope:
            await client.post(dripping.url + CHAT, json=HELLO)
        assert scope.cancelled_caught
    assert transport.status().failed_endpoints == ()
    assert dripping.left.acquire(timeout=60)
    assert not dripping.left.acquire(timeout=0.1), "only one attempt was made"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_a_cancelled_task_is_cancelled(
    dripping: Dripping, transport: FailoverTransport
) -> None:
    """As asyncio does it, by itself or by its timeout; the same with our scope in between."""
    async with httpx.AsyncClient(transport=transport, timeout=60) as client:
        send = partial(client.post, dripping.url + CHAT, json=HELLO)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await send()
        task = asyncio.create_task(send())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert transport.status().failed_endpoints == ()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_our_own_cut_leaves_no_cancellation_behind(dripping: Dripping) -> None:
    """A task that lives on after a deadline is not half cancelled."""
    transport = FailoverTransport(config_of(dripping.url))
    async with httpx.AsyncClient(transport=transport, timeout=60) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(dripping.url + CHAT, json=HELLO)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)
