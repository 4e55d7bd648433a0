"""Virtual time: what a play needs of a world, whether its requests run in threads or in tasks.

Requests run as jobs. A job never sleeps: it *holds*, and virtual time passes only when every job
holds and the director says so. Knows nothing of HTTP, endpoints or vectors.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol, TypeAlias, TypeVar, cast

import attrs

from azure_failover import Runtime

T = TypeVar("T")
Job: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

TICK: Final = 1e-6
"""Each hold is longer by one tick than the one before: no two ever end at the same moment."""
EPOCH: Final = 1767225600.0
"""The time of day at which every vector begins: 2026-01-01 00:00:00 UTC."""


class StuckError(AssertionError):
    """A job waits for something that will never happen."""


@attrs.define(eq=False)
class Gate:
    """What a job may hold at until the director opens it."""

    is_open: bool = False
    wake: Callable[[], None] = lambda: None


class Stage(Protocol):
    """A world's time, and the jobs in it."""

    @property
    def now(self) -> float:
        """Seconds since the play began."""
        ...

    def runtime(self, random: Callable[[], float]) -> Runtime:
        """Give the time of this stage as the transport takes it."""
        ...

    def run(self, play: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a director to its end, and cut off every job that is left."""
        ...

    async def hold(self, seconds: float, gate: Gate) -> bool:
        """Wait, as a job, until a gate opens or so much time has passed; tell whether it opened."""
        ...

    async def start(self, name: str, job: Job) -> None:
        """Start a job, and let it run until it holds or ends."""
        ...

    async def open(self, gate: Gate) -> None:
        """Open a gate, and let run who held there."""
        ...

    async def cancel(self, name: str) -> None:
        """Cut a job off: a task is cancelled, a thread is interrupted as by Ctrl-C."""
        ...

    async def elapse(self, seconds: float) -> None:
        """Let time pass."""
        ...

    async def finish(self, name: str) -> None:
        """Let time pass until a job is over."""
        ...


def plainly(coroutine: Awaitable[T]) -> T:
    """Run a coroutine that blocks where others would await."""
    try:
        cast("Coroutine[Any, Any, T]", coroutine).send(None)
    except StopIteration as end:
        return cast("T", end.value)
    raise AssertionError("a coroutine for threads awaited something")


async def settled(result: object) -> None:
    """Await what a callback gave, if it is for tasks."""
    if inspect.isawaitable(result):
        await result
