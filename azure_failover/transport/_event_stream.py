"""Goes with one event stream behind its first content: are there events, and was that the end?

Does no I/O but for waiting; passes nothing on and keeps nothing back.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from math import inf
from typing import Any

import anyio

from azure_failover.core.sse import Follower, Opening, Sort, StreamError
from azure_failover.transport._family import Family
from azure_failover.transport._watchdog import Guard


class EventStream:
    """One event stream that is being handed on."""

    __slots__ = (
        "_clock",
        "_end",
        "_ends",
        "_family",
        "_follower",
        "_guard",
        "_idle",
        "_left",
        "cuts",
        "error",
        "passed",
    )

    def __init__(
        self,
        opening: Opening,
        family: Family[Any, Any],
        clock: Callable[[], float],
        idle: float,
        *,
        cuts: bool,
        guard: Guard | None,
    ) -> None:
        """Take a stream over.

        Args:
            opening: What has come of it.
            family: The HTTP family whose errors are raised.
            clock: The time, in seconds.
            idle: Seconds for which an event may be waited for.
            cuts: Whether whoever waits is cut when they have passed. Else the time is looked at
                when bytes come that are no event, from the first such bytes on.
            guard: What cuts a thread then.
        """
        self.error: StreamError | None = opening.error
        self._follower = Follower(opening.dialect, b"".join(opening.held))
        self.passed = self._follower.passed
        """Takes in the next piece; tells whether it completes an event."""
        self._family = family
        self._clock = clock
        self._idle = idle
        self.cuts = cuts
        self._guard = guard
        if guard is not None:
            guard.rest()
        self._left = idle
        self._ends = inf
        self._end = Sort.CONTENT

    def wanted(self) -> None:
        """Take in that the next piece is waited for: if it ``cuts``, only then time passes."""
        self._ends = self._clock() + self._left
        if self._guard is not None:
            self._guard.ends = self._ends

    def saw(self, chunk: bytes) -> None:
        """Take in the next piece; raise the family's timeout if no event comes for too long."""
        if self._guard is not None:
            self._guard.rest()
        self.noted(is_event=self.passed(chunk))

    def noted(self, *, is_event: bool) -> bool:
        """Take in that the next piece completed an event, or did not; tell whether time passes.

        Raises the family's timeout if that was the case for too long. Of an event nothing need be
        noted unless time passes.
        """
        if is_event:
            self._left, self._ends = self._idle, inf
            return False
        now = self._clock()
        if self._ends == inf:
            self._ends = now + self._idle
        self._left = self._ends - now
        if self._left <= 0:
            raise self._overdue()
        return True

    def in_time(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Give a task's pieces, for as long as events come in time."""
        return self._cut(chunks) if self.cuts else chunks

    async def _cut(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        while True:
            self.wanted()
            chunk, is_late = None, True
            with anyio.move_on_after(self._left):
                chunk = await anext(chunks, None)
                is_late = False
            if is_late:
                raise self._overdue()
            if chunk is None:
                return
            yield chunk

    def settled(self, error: Exception | None) -> Exception | None:
        """Say what is to be raised when a stream ended, or broke by an error.

        Returns:
            None if the stream is complete: whatever happened behind its last event cost nobody
            anything. Nor is anything raised if it ended with an error of its own.
        """
        marker = self._follower.dialect.marker
        if self._end is Sort.END:
            return None
        if self._guard is not None and self._guard.has_bitten:
            return self._overdue()
        if error is None and (self._end is Sort.ERROR or not marker):
            return None
        return error or self._family.protocol_error(f"the stream ended without {marker}")

    def finish(self) -> StreamError | None:
        """Take in that nobody reads on; give the error that the stream ended with, if it did."""
        if self._guard is not None:
            self._guard.release()
        self._end, error = self._follower.end()
        return error

    def _overdue(self) -> Exception:
        return self._family.timeout_error(f"no event came for {self._idle:g} s")
