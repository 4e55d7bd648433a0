"""What one of many calls at once through ours is made of: as :mod:`versus.layers`, for tasks.

A call passes through all that a real one does, the family's pool and its HTTP parser too; only the
network below answers from memory, since a socket's share of the time varies more than a layer's.
"""

from __future__ import annotations

import asyncio
import importlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from versus.answers import PRIMARY, completion, response
from versus.contract import AsyncCaller, Setting
from versus.layers import BARE, BY_HAND
from versus.subjects._plain import AsyncPlainCaller, pool_options, timeout

AT_ONCE: Final = 32
CALLS: Final = 64
"""So many calls are measured in a row, of which ``AT_ONCE`` are under way."""
LEAST: Final = 2
"""So many rounds at least."""
_CORES: Final = {"httpx": "httpcore", "httpx2": "httpcore2"}


def _network(core: Any) -> Any:
    """Make a network whose every connection leads to memory."""
    answer = response(200, completion(PRIMARY))

    class Connection(core.AsyncNetworkStream):  # type: ignore[misc]
        async def read(self, *_: object, **__: object) -> bytes:
            await asyncio.sleep(0)
            return answer

        async def write(self, *_: object, **__: object) -> None:
            await asyncio.sleep(0)

        async def aclose(self) -> None:
            pass

        def get_extra_info(self, _: str) -> None:
            pass

    class Network(core.AsyncNetworkBackend):  # type: ignore[misc]
        async def connect_tcp(self, *_: object, **__: object) -> Connection:
            return Connection()

    return Network()


def transports(subject: Any, setting: Setting) -> dict[str, Any]:
    """Give what takes turns: by what it does, over one pool of connections to memory."""
    family: Any = importlib.import_module(str(subject.FAMILY))
    floor: Any = importlib.import_module("versus.subjects._floor").floor_transport
    wire: Any = importlib.import_module("azure_failover.transport._watch").Wire
    inner = family.AsyncHTTPTransport(**pool_options(family, setting))
    inner._pool._network_backend = _network(importlib.import_module(_CORES[subject.FAMILY]))
    within = replace(setting, inner=inner)
    ours = subject.transport(within)
    driver = ours._driver
    retargeter, attempts, fleet = driver._retargeter, driver._attempts, driver.fleet

    class Between(family.AsyncBaseTransport):  # type: ignore[misc]
        def __init__(self, do: Callable[[Any], Awaitable[Any]]) -> None:
            self.do = do

        async def handle_async_request(self, request: Any) -> Any:
            return await self.do(request)

    async def aimed(request: Any) -> Any:
        journey = driver._journey(request, starts=False)
        outgoing = retargeter.request_for(0, journey, None, None, None)
        del outgoing.extensions["trace"]
        return await inner.handle_async_request(outgoing)

    async def watched(request: Any) -> Any:
        journey = driver._journey(request, starts=False)
        outgoing = retargeter.request_for(0, journey, None, wire().asynchronous, None)
        return await inner.handle_async_request(outgoing)

    async def attempted(request: Any) -> Any:
        return await attempts.amake(0, driver._journey(request, starts=False))

    def noting(make: Callable[..., Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        async def noted(request: Any) -> Any:
            journey = driver._journey(request)
            ticket = journey.ticket or driver._sentry(journey)
            answer = await make(0, journey)
            ended = driver.clock()
            fleet.landed(ticket, ended, ended - journey.started)
            return answer

        return noted

    return {
        BARE: inner,
        "a transport in between": Between(inner.handle_async_request),
        "… that makes the request for the endpoint": Between(aimed),
        "… and sees whether the connection was there before": Between(watched),
        "… and reads JSON within the attempt": Between(attempted),
        "… and keeps the endpoint's health and its usual time": Between(noting(attempts.amake)),
        "… and can be cut when the endpoint falls silent": Between(noting(attempts.acut)),
        "… and labels the answer: azure_failover, all of it": ours,
        BY_HAND: floor(family, inner, within),
    }


async def _calls(caller: AsyncCaller, count: int) -> None:
    left = iter(range(count))

    async def lane() -> None:
        for _ in left:
            await caller.call()

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))


async def measured(subject: Any, setting: Setting, seconds: float) -> dict[str, list[float]]:
    """Give CPU µs a call for each, in each round of so many seconds; their order is by lot."""
    family: Any = importlib.import_module(str(subject.FAMILY))
    callers = {
        name: AsyncPlainCaller(
            family.AsyncClient(transport=each, timeout=timeout(family, setting)), setting
        )
        for name, each in transports(subject, setting).items()
    }
    found = {name: list[float]() for name in callers}
    ends, number, lot = time.monotonic() + seconds, 0, random.Random(0)
    while number < LEAST or time.monotonic() < ends:
        for name in lot.sample(list(callers), len(callers)):
            await _calls(callers[name], AT_ONCE)
            begin = time.process_time()
            await _calls(callers[name], CALLS)
            found[name].append((time.process_time() - begin) / CALLS * 1e6)
        number += 1
    for caller in callers.values():
        await caller.close()
    return found
