"""Threads, tasks and cancellation over one transport, with real sockets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest

from azure_failover import AsyncClient, Client, FailoverTransport
from azure_failover.emulator import Fleet, faults

CHAT = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21"
HELLO = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}


def test_threads_lose_nothing_while_the_primary_dies_and_returns(fleet: Fleet) -> None:
    """Promise 3: as long as one endpoint serves, every request of every thread is answered."""
    config = fleet.config() | {"policy": {"pause": 0.05}}

    def ask(number: int) -> str:
        if number == 100:
            fleet["eastus"].fault = faults.Refuse()
        if number == 300:
            fleet["eastus"].fault = faults.ResetInBody(20)
        if number == 400:
            fleet["eastus"].fault = None
        return client.chat(f"{number}").text.partition(": ")[2]

    with Client(config) as client, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(600)))
        client.reset()
        assert client.chat("back").endpoint == "eastus"
    assert answers == [str(number) for number in range(600)]


# trio warns of httpx's own generators when a connection is reset while a request is written.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.anyio
async def test_tasks_lose_nothing_while_the_primary_dies_and_returns(fleet: Fleet) -> None:
    """Promise 3, for tasks."""
    config = fleet.config() | {"policy": {"pause": 0.05}}
    answers: dict[int, str] = {}

    async def ask(client: AsyncClient, number: int, limit: anyio.CapacityLimiter) -> None:
        async with limit:
            if number == 50:
                fleet["eastus"].fault = faults.Refuse()
            if number == 200:
                fleet["eastus"].fault = None
            answers[number] = (await client.chat(f"{number}")).text.partition(": ")[2]

    limit = anyio.CapacityLimiter(32)
    async with AsyncClient(config) as client, anyio.create_task_group() as group:
        for number in range(300):
            group.start_soon(ask, client, number, limit)
    assert answers == {number: str(number) for number in range(300)}


@pytest.mark.anyio
async def test_a_cancelled_request_says_nothing_about_the_endpoint(fleet: Fleet) -> None:
    """Neutral outcomes change nothing: who gives up waiting fails nobody."""
    fleet["eastus"].fault = faults.Hang()
    async with AsyncClient(fleet.config()) as client:
        with anyio.move_on_after(0.1) as scope:
            await client.chat("Hello")
        assert scope.cancelled_caught
        assert client.status().failed_endpoints == ()


@pytest.mark.anyio
async def test_a_cancelled_probe_frees_its_place(fleet: Fleet) -> None:
    """A probe that its caller cancels is released, and the next request probes again."""
    fleet["eastus"].fault = faults.Status(503)
    config = fleet.config() | {"policy": {"pause": 1e-6, "max_pause": 1e-6}}
    async with AsyncClient(config) as client:
        await client.chat("fail it")
        fleet["eastus"].fault = faults.Hang()
        with anyio.move_on_after(0.1):
            await client.chat("probe")
        assert client.status().endpoints[0].state == "failed"
        fleet["eastus"].fault = None
        assert (await client.chat("probe again")).endpoint == "eastus"


@pytest.mark.anyio
async def test_a_cancelled_request_leaves_no_connection_checked_out(fleet: Fleet) -> None:
    """Promise 12: with a pool of one, a leak would make the next request wait in vain."""
    fleet["eastus"].fault = faults.HangInBody(10)
    limits = httpx.Limits(max_connections=1)
    async with AsyncClient(fleet.config(), limits=limits) as client:
        for _ in range(3):
            with anyio.move_on_after(0.1):
                await client.chat("Hello")
        fleet["eastus"].fault = None
        assert (await client.chat("Hello", timeout=5)).endpoint == "eastus"


def test_a_pool_timeout_does_not_count_against_the_endpoint(fleet: Fleet) -> None:
    """Neutral: our own pool being full says nothing about the endpoint, and does not move on."""
    limits = httpx.Limits(max_connections=1)
    transport = FailoverTransport(fleet.config(), limits=limits)
    url = fleet["eastus"].url + CHAT
    with httpx.Client(transport=transport, timeout=httpx.Timeout(5, pool=0.05)) as client:
        with (
            client.stream("POST", url, json=HELLO | {"stream": True}),
            pytest.raises(httpx.PoolTimeout),
        ):
            client.post(url, json=HELLO)
        assert transport.status().failed_endpoints == ()
    assert not fleet["westus"].requests
