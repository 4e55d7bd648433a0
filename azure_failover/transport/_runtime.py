"""The outside world that the drivers draw on: time, sleep and randomness, all replaceable."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from queue import Empty, SimpleQueue
from typing import Any

import anyio
import attrs


def _wait(queue: SimpleQueue[Any], seconds: float | None) -> Any:  # noqa: ANN401
    try:
        return queue.get(timeout=seconds)
    except Empty:
        return None


async def _async_wait(receive: Callable[[], Awaitable[Any]], seconds: float | None) -> Any:  # noqa: ANN401
    with anyio.move_on_after(seconds):
        return await receive()
    return None


def _call_later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, call)


@attrs.frozen(kw_only=True)
class Runtime:
    """Where time and randomness come from; tests put their own in place.

    Attributes:
        clock: Seconds on a monotonic clock.
        wall: Seconds since the epoch, to read HTTP dates.
        random: Random numbers from 0 up to 1.
        sleep: Blocks a thread for so many seconds.
        async_sleep: Suspends a task for so many seconds.
        wait: Gives the next item of a queue, or None if none comes within so many seconds.
        async_wait: Gives what a function receives, or None if nothing comes in time.
        call_later: Calls a function in this thread's event loop of asyncio, after so many seconds,
            unless what it gives is cancelled before.
    """

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    random: Callable[[], float] = random.random
    sleep: Callable[[float], None] = time.sleep
    async_sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    wait: Callable[[SimpleQueue[Any], float | None], Any] = _wait
    async_wait: Callable[[Callable[[], Awaitable[Any]], float | None], Awaitable[Any]] = _async_wait
    call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle] = _call_later
