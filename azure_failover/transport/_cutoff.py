"""Keeps a thread's attempt within its time where that can be looked at: nobody can cut a thread.

What blocks in between is bounded by the timeouts of its phases, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from azure_failover.transport._family import Family


class Cutoff:
    """When the time of one attempt is over."""

    __slots__ = ("_clock", "_ends", "_family")

    def __init__(
        self, seconds: float, clock: Callable[[], float], family: Family[Any, Any]
    ) -> None:
        self._clock = clock
        self._ends = clock() + seconds
        self._family = family

    def left(self) -> float:
        """Give the seconds that are left; raise the family's timeout if none is."""
        left = self._ends - self._clock()
        if left <= 0:
            raise self._family.timeout_error("the token provider took all the time there was")
        return left

    def chunks(self, stream: Iterable[bytes]) -> Iterator[bytes]:
        """Pass a body on, but raise the family's timeout when it drips on after the time.

        What comes in one piece is never thrown away.
        """
        is_first = True
        for chunk in stream:
            if not is_first:
                self.check()
            is_first = False
            yield chunk

    def check(self) -> None:
        """Raise the family's timeout if the time is over."""
        if self._clock() >= self._ends:
            raise self._family.timeout_error("the body took longer than the deadline leaves it")
