"""Cuts short the tasks that wait at an endpoint which has fallen silent. Threads cannot be cut.

Whether it has, the fleet says; who looks, and when, is said in :mod:`azure_failover.core.pace`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from threading import get_ident
from typing import Any, Final, TypeAlias, TypeVar

import anyio

from azure_failover.core.events import Event
from azure_failover.core.fleet import Fleet
from azure_failover.core.ticket import Ticket
from azure_failover.transport._runtime import Runtime

_CLOSERS: Final = frozenset({"aclose", "_response_closed", "_close_connections"})
"""What gives connections back: of streams and transports, and within httpcore's."""


_Task: TypeAlias = "asyncio.Task[Any]"
_T = TypeVar("_T")
_U = TypeVar("_U")


class Alarm:
    """Knows who waits at which endpoint. Only from its own thread may a task be cut.

    In asyncio a cut is what :func:`asyncio.timeout` does, and done the same way, at a fraction of
    the cost: see "Task cancellation" in asyncio's documentation, and :meth:`asyncio.Task.uncancel`.
    It would reach into what a pool shields from scopes, so that its connection would be lost: who
    gives one back is left to do so. Elsewhere a cut is that of a scope.
    """

    def __init__(self, count: int) -> None:
        self._waiting: Final = tuple[dict[_Task, int], ...]({} for _ in range(count))
        """By endpoint: asyncio's tasks that wait there, and how often each was cancelled before."""
        self._cut: Final[dict[_Task, int]] = {}
        """The same for tasks that were cut, as long as they do not know it."""
        self._scopes: Final = tuple[dict[int, set[anyio.CancelScope]], ...](
            {} for _ in range(count)
        )

    async def cut(
        self, index: int, attempt: Coroutine[Any, Any, _T], instead: Callable[[], _U]
    ) -> _T | _U:
        """Await an attempt at endpoint ``index``, and give its result, or another if it is cut."""
        task = task_of_asyncio()
        if task is None:
            return await self._cut_by_scope(index, attempt, instead)
        waiting = self._waiting[index]
        waiting[task] = task.cancelling()
        try:
            result = await attempt
        except BaseException as error:
            if self._was_cut(task, waiting) and isinstance(error, asyncio.CancelledError):
                return instead()
            raise
        if waiting.pop(task, None) is None:
            self._was_cut(task, waiting)  # too late
        return result

    def _was_cut(self, task: _Task, waiting: dict[_Task, int]) -> bool:
        """Take note that a task waits no more; tell whether it was cut, and not cancelled too."""
        waiting.pop(task, None)
        before = self._cut.pop(task, None)
        return before is not None and task.uncancel() <= before

    async def _cut_by_scope(
        self, index: int, attempt: Coroutine[Any, Any, _T], instead: Callable[[], _U]
    ) -> _T | _U:
        scopes = self._scopes[index].setdefault(get_ident(), set())
        with anyio.CancelScope() as scope:
            scopes.add(scope)
            try:
                return await attempt
            finally:
                scopes.discard(scope)
        return instead()

    def ring(self, index: int) -> None:
        """Cut all tasks of this thread that wait at endpoint ``index``."""
        for scope in self._scopes[index].get(get_ident(), ()):
            scope.cancel()
        loop, waiting = _running_loop(), self._waiting[index]
        for task in list(waiting):
            if task.get_loop() is loop and not _is_closing(task):
                self._cut[task] = waiting.pop(task)
                task.cancel()


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


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
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
