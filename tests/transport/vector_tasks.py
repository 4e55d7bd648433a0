"""Virtual time for tasks: an event loop whose clock jumps when all tasks wait.

Whatever the code under test sleeps or bounds with anyio is virtual too. trio brings such a clock
(:class:`trio.testing.MockClock`); asyncio gets a loop with one.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal

import anyio
import anyio.abc
import trio.testing
from vector_stage import EPOCH, TICK, Gate, Job, StuckError

from azure_failover import Runtime

_FOR_EVER: Final = 1e6
"""Virtual seconds that no vector lasts."""


class _Selector(selectors.SelectSelector):
    """Instead of waiting, tells that all tasks wait."""

    def __init__(self, idle: Callable[[float | None], None]) -> None:
        super().__init__()
        self._idle = idle

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            self._idle(timeout)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    """An asyncio loop with a clock of its own."""

    def __init__(self) -> None:
        self._now = 0.0
        self._settling: list[asyncio.Future[None]] = []
        super().__init__(_Selector(self._idle))

    def time(self) -> float:
        return self._now

    async def settle(self) -> None:
        """Wait, without time passing, until all other tasks wait."""
        future = self.create_future()
        self._settling.append(future)
        await future

    def _idle(self, timeout: float | None) -> None:
        if self._settling:
            self._settling.pop().set_result(None)
        elif timeout is None:
            raise StuckError("all tasks wait for nothing that could happen")
        else:
            self._now += timeout


class TaskStage:
    """A :class:`~vector_stage.Stage` of tasks."""

    def __init__(self, backend: Literal["asyncio", "trio"]) -> None:
        self._backend: Final = backend
        self._holds = 0
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._ends: dict[str, anyio.Event] = {}
        self._group: anyio.abc.TaskGroup

    @property
    def now(self) -> float:
        """The loop's time."""
        return anyio.current_time()

    def runtime(self, random: Callable[[], float]) -> Runtime:
        """Give this time to the transport."""
        return Runtime(
            clock=lambda: self.now,
            wall=lambda: EPOCH + self.now,
            random=random,
            async_sleep=lambda seconds: anyio.sleep(seconds),  # noqa: PLW0108  (of this loop)
        )

    def run(self, play: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a director as the loop's main task."""

        async def main() -> Exception | None:
            error = None
            async with anyio.create_task_group() as self._group:
                try:
                    await play()
                except Exception as caught:  # noqa: BLE001  (raised as it is, not in a group)
                    error = caught
                self._group.cancel_scope.cancel()
            return error

        options: dict[str, Any] = {"loop_factory": _Loop}
        if self._backend == "trio":
            options = {"clock": trio.testing.MockClock(autojump_threshold=0)}
        error = anyio.run(main, backend=self._backend, backend_options=options)
        if error is not None:
            raise error

    async def hold(self, seconds: float, gate: Gate) -> bool:
        """Suspend this task."""
        if gate.is_open:
            return True
        self._holds += 1
        opened = anyio.Event()
        gate.wake = opened.set
        with anyio.move_on_after(seconds + self._holds * TICK):
            await opened.wait()
        return gate.is_open

    async def start(self, name: str, job: Job) -> None:
        """Start a task."""
        scope, end = anyio.CancelScope(), anyio.Event()
        self._scopes[name], self._ends[name] = scope, end

        async def run() -> None:
            try:
                with scope:
                    await job()
            finally:
                end.set()

        self._group.start_soon(run)
        await self._settle()

    async def open(self, gate: Gate) -> None:
        """Open a gate."""
        gate.is_open = True
        gate.wake()
        await self._settle()

    async def cancel(self, name: str) -> None:
        """Cancel a task."""
        self._scopes[name].cancel()
        await self._settle()

    async def elapse(self, seconds: float) -> None:
        """Sleep: the clock jumps from one timer to the next."""
        await anyio.sleep(seconds)
        await self._settle()

    async def finish(self, name: str) -> None:
        """Wait for a task's end: the clock jumps from one timer to the next."""
        with anyio.move_on_after(_FOR_EVER) as scope:
            await self._ends[name].wait()
        if scope.cancelled_caught:
            raise StuckError(f"{name} waits for nothing that could happen")
        await self._settle()

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop() if self._backend == "asyncio" else None
        if isinstance(loop, _Loop):
            await loop.settle()
        else:
            await trio.testing.wait_all_tasks_blocked()
