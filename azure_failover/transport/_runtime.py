"""The outside world that the drivers draw on: time, sleep and randomness, all replaceable."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable

import anyio
import attrs


@attrs.frozen(kw_only=True)
class Runtime:
    """Where time and randomness come from; tests put their own in place.

    Attributes:
        clock: Seconds on a monotonic clock.
        wall: Seconds since the epoch, to read HTTP dates.
        random: Random numbers from 0 up to 1.
        sleep: Blocks a thread for so many seconds.
        async_sleep: Suspends a task for so many seconds.
    """

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    random: Callable[[], float] = random.random
    sleep: Callable[[float], None] = time.sleep
    async_sleep: Callable[[float], Awaitable[None]] = anyio.sleep
