"""Attempts of one request side by side, in threads or in tasks. Decides nothing.

Who is to start, and who has won, the flight says; here the attempts run, their outcomes are
gathered, and what comes too late is closed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from threading import BoundedSemaphore, Lock, Thread
from typing import Final, Generic, TypeAlias

import anyio
import attrs

from azure_failover.core.steps import Attempt
from azure_failover.transport._family import Resp
from azure_failover.transport._reports import Broken
from azure_failover.transport._watch import shielded

THREADS: Final = 16
"""So many attempts of one transport may run in threads of their own; others run in the caller's."""

Result: TypeAlias = Resp | Broken | Exception


@attrs.define(eq=False)
class Arrival(Generic[Resp]):
    """What became of an attempt; an exception here is nobody's answer, and to be raised."""

    attempt: Attempt
    result: Result[Resp]


class Crew:
    """Runs work in threads of its own, as long as there are not too many. Thread-safe.

    They are daemons: an attempt that hangs must not keep the interpreter from exiting.
    """

    def __init__(self) -> None:
        self._free: Final = BoundedSemaphore(THREADS)

    def run(self, work: Callable[[], None]) -> None:
        """Begin the work in another thread; if there is none, do it in this one."""
        if not self._free.acquire(blocking=False):
            work()
            return
        context = copy_context()

        def run() -> None:
            try:
                context.run(work)
            finally:
                self._free.release()

        try:
            Thread(target=run, name="azure-failover", daemon=True).start()
        except RuntimeError:  # there are no more threads to be had, or none at all
            self._free.release()
            work()


class Race(Generic[Resp]):
    """The attempts of one request that run in threads."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._lock = Lock()
        self._is_over = False
        self.arrivals: Final[SimpleQueue[Arrival[Resp]]] = SimpleQueue()

    def start(self, attempt: Attempt, run: Callable[[], Resp | Broken]) -> None:
        """Begin an attempt."""

        def work() -> None:
            result: Result[Resp]
            try:
                result = run()
            except Exception as error:  # noqa: BLE001  (raised where the race is run)
                result = error
            with self._lock:
                if not self._is_over:
                    self.arrivals.put(Arrival(attempt, result))
                    return
            _close(result)

        self._crew.run(work)

    def end(self) -> None:
        """Close what has come and was not looked at, and what is still to come."""
        with self._lock:
            self._is_over = True
        while not self.arrivals.empty():
            _close(self.arrivals.get().result)


def _close(result: Result[Resp]) -> None:
    if not isinstance(result, Broken | Exception):
        with suppress(Exception):  # a loser that cannot be closed lost already
            result.close()


class AsyncRace(Generic[Resp]):
    """The attempts of one request that run in tasks."""

    def __init__(self) -> None:
        self._arrivals: Final[deque[Arrival[Resp]]] = deque()
        self._came = anyio.Event()

    async def run(self, attempt: Attempt, start: Callable[[], Awaitable[Resp | Broken]]) -> None:
        """Make an attempt, in a task of its own."""
        result: Result[Resp]
        try:
            result = await start()
        except Exception as error:  # noqa: BLE001  (raised where the race is run)
            result = error
        self._arrivals.append(Arrival(attempt, result))
        self._came.set()

    async def arrival(self) -> Arrival[Resp]:
        """Wait for the next attempt that ends."""
        while not self._arrivals:
            self._came = anyio.Event()
            await self._came.wait()
        return self._arrivals.popleft()

    async def end(self) -> None:
        """Close what has come and was not looked at; no attempt may be under way any more."""
        while self._arrivals:
            result = self._arrivals.popleft().result
            if not isinstance(result, Broken | Exception):
                with suppress(Exception):
                    await shielded(result.aclose())
