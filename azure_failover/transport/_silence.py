"""Cuts short the tasks that wait at an endpoint which has fallen silent. Threads cannot be cut.

Whether it has, the fleet says; who looks, and when, is said in :mod:`azure_failover.core.pace`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from threading import get_ident
from types import TracebackType
from typing import Any, Final, Protocol

import anyio

from azure_failover.core.events import Event
from azure_failover.core.fleet import Fleet
from azure_failover.core.ticket import Ticket
from azure_failover.transport._runtime import Runtime

_CLOSERS: Final = frozenset({"aclose", "_response_closed", "_close_connections"})
"""What gives connections back: of streams and transports, and within httpcore's."""


class _Cut(Protocol):
    def cancel(self) -> None: ...


class Alarm:
    """Knows who waits at which endpoint.

    Each event loop has its own: only from its own thread may a task be cut.
    """

    def __init__(self, count: int) -> None:
        self._cuts: Final = tuple[dict[int, set[_Cut]], ...]({} for _ in range(count))

    def cut(self, index: int) -> AbstractContextManager[object, bool | None]:
        """Let this task be cut while it waits at endpoint ``index``; it goes on behind the block.

        A block that is left by ``return`` was not cut.
        """
        cuts = self._cuts[index].setdefault(get_ident(), set())
        task = task_of_asyncio()
        return _ScopeCut(cuts) if task is None else _TaskCut(cuts, task)

    def ring(self, index: int) -> None:
        """Cut all tasks of this thread that wait at endpoint ``index``."""
        for cut in self._cuts[index].get(get_ident(), ()):
            cut.cancel()


class _TaskCut:
    """Does what :func:`asyncio.timeout` does, and the same way, at a fraction of its cost.

    See "Task cancellation" in asyncio's documentation, and :meth:`asyncio.Task.uncancel`. Such a
    cut would reach into what a pool shields from scopes, so that its connection would be lost: who
    gives one back is left to do so.
    """

    __slots__ = ("_before", "_cuts", "_is_done", "_task")

    def __init__(self, cuts: set[_Cut], task: asyncio.Task[Any]) -> None:
        self._cuts = cuts
        self._task = task
        self._before = task.cancelling()
        self._is_done = False

    def __enter__(self) -> None:
        self._cuts.add(self)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._cuts.discard(self)
        if not self._is_done:
            return False
        is_alone = self._task.uncancel() <= self._before
        return is_alone and kind is not None and issubclass(kind, asyncio.CancelledError)

    def cancel(self) -> None:
        if not self._is_done and not _is_closing(self._task):
            self._is_done = True
            self._task.cancel()


class _ScopeCut:
    """The same for any event loop."""

    def __init__(self, cuts: set[_Cut]) -> None:
        self._cuts = cuts
        self._scope = anyio.CancelScope()

    def __enter__(self) -> None:
        self._scope.__enter__()
        self._cuts.add(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        self._cuts.discard(self)
        return self._scope.__exit__(kind, error, trace)

    def cancel(self) -> None:
        self._scope.cancel()


class Lookout:
    """Looks, while a sentry waits at the primary, whether that has fallen silent; in asyncio."""

    def __init__(
        self,
        fleet: Fleet,
        runtime: Runtime,
        tell: Callable[[Iterable[Event]], None],
        cut_all: Callable[[int], None],
        ticket: Ticket,
    ) -> None:
        """Begin to look.

        Args:
            fleet: The endpoints.
            runtime: Time.
            tell: Tells the news.
            cut_all: Cuts all that wait at an endpoint, the sentry too.
            ticket: The sentry's.
        """
        self._fleet = fleet
        self._runtime = runtime
        self._tell = tell
        self._cut_all = cut_all
        self._ticket = ticket
        self._wait()

    def end(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _wait(self) -> None:
        now = self._runtime.clock()
        seconds = self._fleet.next_look(0, self._ticket, now) - now
        self._timer = self._runtime.call_later(seconds, self._look)

    def _look(self) -> None:
        event = self._fleet.listen(0, self._ticket, self._runtime.clock())
        if event is not None:
            self._tell((event,))
        if self._fleet.is_silenced(0, self._ticket):
            self._cut_all(0)
        elif self._ticket.pace is not None:
            self._wait()


def task_of_asyncio() -> asyncio.Task[Any] | None:
    """Give the task that runs now; None if it is none of asyncio's."""
    try:
        return asyncio.current_task()
    except RuntimeError:  # no such loop runs in this thread
        return None


def _is_closing(task: asyncio.Task[Any]) -> bool:
    """Tell whether a task is closing something, by the coroutines that it awaits."""
    awaited: object = task.get_coro()
    while awaited is not None:
        code = getattr(awaited, "cr_code", None)
        if code is not None and code.co_name in _CLOSERS:
            return True
        awaited = getattr(awaited, "cr_await", None)
    return False
