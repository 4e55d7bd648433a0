"""Virtual time for threads: a job is a thread, and of all threads only one runs at a time.

Real primitives, real blocking; nothing sleeps. A thread that nobody wakes fails after
:data:`GUARD` real seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

import attrs
from vector_stage import EPOCH, TICK, Gate, Job, StuckError, plainly

from azure_failover import Runtime

GUARD: Final = 60.0


@attrs.define(eq=False)
class _Waiter:
    """A thread that holds, and until when."""

    when: float
    job: str
    woken: threading.Event = attrs.field(factory=threading.Event)
    is_cut: bool = False


class ThreadStage:
    """A :class:`~vector_stage.Stage` of threads."""

    def __init__(self) -> None:
        self.now = 0.0
        self._quiet = threading.Condition()
        self._running = 0
        self._holds = 0
        self._waiters: list[_Waiter] = []
        self._threads: dict[str, threading.Thread] = {}
        self._over: set[str] = set()

    def runtime(self, random: Callable[[], float]) -> Runtime:
        """Give this time to the transport."""
        return Runtime(
            clock=lambda: self.now,
            wall=lambda: EPOCH + self.now,
            random=random,
            sleep=lambda seconds: plainly(self._sleep(seconds)),
        )

    def run(self, play: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a director in this thread."""
        try:
            plainly(play())
        finally:
            while self._waiters:
                self._wake(self._waiters[0], is_cut=True)
            for thread in self._threads.values():
                thread.join(GUARD)

    async def hold(self, seconds: float, gate: Gate) -> bool:
        """Block this thread."""
        if gate.is_open:
            return True
        self._holds += 1
        when = self.now + seconds + self._holds * TICK
        waiter = _Waiter(when, threading.current_thread().name)
        gate.wake = lambda: self._wake(waiter)
        with self._quiet:
            self._waiters.append(waiter)
            self._running -= 1
            self._quiet.notify_all()
        if not waiter.woken.wait(GUARD):
            raise StuckError(f"nobody woke {waiter.job}")
        if waiter.is_cut:
            raise KeyboardInterrupt
        return gate.is_open

    async def start(self, name: str, job: Job) -> None:
        """Start a thread."""

        def run() -> None:
            try:
                plainly(job())
            except KeyboardInterrupt:
                pass  # the job has taken note
            finally:
                with self._quiet:
                    self._over.add(name)
                    self._running -= 1
                    self._quiet.notify_all()

        self._running += 1
        self._threads[name] = thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        self._settle()

    async def open(self, gate: Gate) -> None:
        """Open a gate."""
        gate.is_open = True
        gate.wake()

    async def cancel(self, name: str) -> None:
        """Interrupt a thread where it holds."""
        for waiter in [waiter for waiter in self._waiters if waiter.job == name]:
            self._wake(waiter, is_cut=True)

    async def elapse(self, seconds: float) -> None:
        """Wake, in order, whoever's time comes."""
        end = self.now + seconds
        while self._waiters and (first := self._first()).when <= end:
            self._advance(first)
        self.now = end

    async def finish(self, name: str) -> None:
        """Wake whoever is next until a thread is over."""
        while name not in self._over:
            if not self._waiters:
                raise StuckError(f"{name} waits for nothing that could happen")
            self._advance(self._first())

    async def _sleep(self, seconds: float) -> None:
        await self.hold(seconds, Gate())

    def _first(self) -> _Waiter:
        return min(self._waiters, key=lambda waiter: waiter.when)

    def _advance(self, waiter: _Waiter) -> None:
        self.now = max(self.now, waiter.when)
        self._wake(waiter)

    def _wake(self, waiter: _Waiter, *, is_cut: bool = False) -> None:
        with self._quiet:
            if waiter not in self._waiters:
                return
            self._waiters.remove(waiter)
            self._running += 1
        waiter.is_cut = is_cut
        waiter.woken.set()
        self._settle()

    def _settle(self) -> None:
        """Wait until every thread holds or has ended."""
        with self._quiet:
            if not self._quiet.wait_for(lambda: self._running == 0, GUARD):
                raise StuckError("a thread neither holds nor ends")
