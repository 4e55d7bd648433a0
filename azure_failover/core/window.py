"""What started of late, in parts of a few seconds: how many, and how many of these failed.

Counts only; the state machine of :mod:`azure_failover.core.health` says what the counts mean.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

import attrs

WINDOW: Final = 30.0
"""Seconds that the window is long."""
_PART: Final = WINDOW / 10


@attrs.define(eq=False)
class Part:
    """A part of the window, whose bounds do not depend on who comes when.

    Attributes:
        begin: When it began.
        before: How many attempts had started before it.
        failed: How many of those that started in it failed.
        void: How many of those that started in it ended without saying anything.
    """

    begin: float
    before: int
    failed: int = 0
    void: int = 0


class Window:
    """The attempts of the last 30 s, by when they started. Not thread-safe."""

    __slots__ = ("_parts", "end")

    def __init__(self, sequence: int) -> None:
        """Begin empty; ``sequence`` attempts started before."""
        self._parts: deque[Part] = deque((Part(-inf, sequence),))
        self.end = -inf
        """When the latest part is over, and :meth:`turn` has to be called."""

    @property
    def before(self) -> int:
        """How many attempts had started before the window."""
        return self._parts[0].before

    def turn(self, now: float, sequence: int) -> None:
        """Drop the parts that left the window, and begin a new one if the last is over."""
        parts = self._parts
        if now >= self.end:
            begin = now - now % _PART
            parts.append(Part(begin, sequence))
            self.end = begin + _PART
        while len(parts) > 1 and parts[0].begin <= now - WINDOW:
            parts.popleft()

    def part_of(self, sequence: int) -> Part | None:
        """Find the part in which an attempt started, if that is still there."""
        return next((part for part in reversed(self._parts) if part.before < sequence), None)

    def failed(self) -> int:
        """Count the attempts that failed."""
        return sum(part.failed for part in self._parts)

    def started(self, sequence: int) -> int:
        """Count those that started, of ``sequence`` in all, and that may say something."""
        return sequence - self.before - sum(part.void for part in self._parts)
