"""Virtual time for threads: a job is a thread, and of all threads only one runs at a time.

Real primitives, real blocking; nothing sleeps. A thread that nobody wakes fails after
:data:`GUARD` real seconds. Attempts that the transport runs in threads of its own, side by side,
take part: they hold at the endpoints, and whoever waits for them waits through the runtime.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from math import inf
from queue import SimpleQueue
from typing import Any, Final

import attrs
from vector_stage import EPOCH, TICK, Gate, Job, StuckError, plainly

from azure_failover import Runtime

GUARD: Final = 60.0
CREW: Final = "azure-failover"
"""The name of the threads in which the transport runs attempts side by side."""


@attrs.define(eq=False)
class _Waiter:
    """A thread that holds, and until when; ``queue`` is what it waits to get something from."""

    when: float
    job: str
    queue: SimpleQueue[Any] | None = None
    woken: threading.Event = attrs.field(factory=threading.Event)
    is_cut: bool = False

    @property
    def is_served(self) -> bool:
        return self.queue is not None and not self.queue.empty()


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
        self._known = {*threading.enumerate()}

    def runtime(self, random: Callable[[], float]) -> Runtime:
        """Give this time to the transport."""
        return Runtime(
            clock=lambda: self.now,
            wall=lambda: EPOCH + self.now,
            random=random,
            sleep=lambda seconds: plainly(self._sleep(seconds)),
            wait=self._wait,
        )

    def run(self, play: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a director in this thread; then interrupt all jobs, and let time run out."""
        try:
            plainly(play())
        finally:
            for name in self._threads:
                plainly(self.cancel(name))
            while self._waiters:
                self._advance()
            for thread in self._threads.values():
                thread.join(GUARD)

    async def hold(self, seconds: float, gate: Gate) -> bool:
        """Block this thread."""
        if gate.is_open:
            return True
        waiter = self._waiter(seconds)
        gate.wake = lambda: self._wake(waiter)
        self._block(waiter)
        return gate.is_open

    async def start(self, name: str, job: Job) -> None:
        """Start a thread."""

        def run() -> None:
            try:
                plainly(job())
            except KeyboardInterrupt:
                pass  # the job has taken note
            finally:
                self._over.add(name)
                self._stopped()

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
            waiter.is_cut = True
            self._wake(waiter)

    async def elapse(self, seconds: float) -> None:
        """Wake, in order, whoever's time comes."""
        end = self.now + seconds
        while self._waiters and self._first().when <= end:
            self._advance()
        self.now = end

    async def finish(self, name: str) -> None:
        """Wake whoever is next until a thread is over."""
        while name not in self._over:
            if not self._waiters or self._first().when == inf:
                raise StuckError(f"{name} waits for nothing that could happen")
            self._advance()

    async def _sleep(self, seconds: float) -> None:
        await self.hold(seconds, Gate())

    def _wait(self, queue: SimpleQueue[Any], seconds: float | None) -> Any:
        """Wait, as a job, for what an attempt in another thread puts into a queue."""
        self._block(self._waiter(inf if seconds is None else seconds, queue))
        return None if queue.empty() else queue.get()

    def _take_in_crew(self) -> None:
        """Count the threads that the transport has started, until they end."""
        with self._quiet:
            new = [each for each in threading.enumerate() if each.name == CREW]
            new = [each for each in new if each not in self._known]
            self._known.update(new)
            self._running += len(new)
        for thread in new:
            threading.Thread(target=self._see_off, args=(thread,), daemon=True).start()

    def _see_off(self, thread: threading.Thread) -> None:
        thread.join()
        self._stopped()

    def _waiter(self, seconds: float, queue: SimpleQueue[Any] | None = None) -> _Waiter:
        self._take_in_crew()
        self._holds += 1
        when = self.now + seconds + self._holds * TICK
        return _Waiter(when, threading.current_thread().name, queue)

    def _block(self, waiter: _Waiter) -> None:
        with self._quiet:
            self._waiters.append(waiter)
        self._stopped()
        if not waiter.woken.wait(GUARD):
            raise StuckError(f"nobody woke {waiter.job}")
        if waiter.is_cut:
            raise KeyboardInterrupt

    def _stopped(self) -> None:
        """Take in that a thread holds or has ended."""
        with self._quiet:
            self._running -= 1
            self._quiet.notify_all()

    def _first(self) -> _Waiter:
        return min(self._waiters, key=lambda waiter: waiter.when)

    def _advance(self) -> None:
        """Let time pass until the next thread's time has come."""
        first = self._first()
        self.now = max(self.now, first.when)
        self._wake(first)

    def _wake(self, waiter: _Waiter) -> None:
        if waiter in self._waiters:
            self._let_run(waiter)
            self._settle()

    def _let_run(self, waiter: _Waiter) -> None:
        with self._quiet:
            self._waiters.remove(waiter)
            self._running += 1
        waiter.woken.set()

    def _settle(self) -> None:
        """Wait until every thread holds or has ended, and nobody has got what it waits for."""
        while True:
            with self._quiet:
                if not self._quiet.wait_for(lambda: self._running == 0, GUARD):
                    raise StuckError("a thread neither holds nor ends")
            served = [waiter for waiter in self._waiters if waiter.is_served]
            if not served:
                return
            self._let_run(served[0])
