"""How long one endpoint takes to answer, as a peak-sensitive moving average.

After Finagle's ``PeakEwma``: an answer that took longer than expected counts at once, a faster one
bit by bit, and what is not heard of again is forgotten, so that a slow endpoint gets another try.
Reads no clock, locks nothing.
"""

from __future__ import annotations

from math import exp
from typing import Final

from azure_failover.core.ticket import Ticket

DECAY: Final = 10.0
"""Seconds in which an old estimate gives way to faster answers, to 1/e (Finagle's default)."""
FORGET: Final = 120.0
"""Seconds in which the estimate of an endpoint that is not used fades, to 1/e."""
TROUBLE_LEAST: Final = 1.0
"""Seconds that an endpoint counts as slow, at least, when an answer was no good …"""
TROUBLE_MOST: Final = 60.0
"""… and at most: each such answer doubles what is expected, until a good one comes."""


class Latency:
    """What one endpoint's attempts tell of its time to answer. The fleet holds the lock."""

    __slots__ = ("_seconds", "_updated", "_waiting")

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._updated = 0.0
        self._waiting: set[Ticket] = set()

    @property
    def under_way(self) -> int:
        """How many attempts wait for their answer."""
        return len(self._waiting)

    def expected(self, now: float) -> float | None:
        """Give the seconds that an answer is expected to take; None if nothing is known."""
        if self._seconds is None:
            return None
        return self._seconds * exp(-max(0.0, now - self._updated) / FORGET)

    def began(self, ticket: Ticket) -> None:
        """Take in that an attempt started."""
        self._waiting.add(ticket)

    def ended(self, ticket: Ticket) -> None:
        """Take in that an attempt waits no longer, whatever came of it; may be told again."""
        self._waiting.discard(ticket)

    def answered(self, seconds: float, now: float) -> None:
        """Take in how long a good answer took."""
        known = self._seconds
        if known is not None and seconds < known:
            old = exp(-max(0.0, now - self._updated) / DECAY)
            seconds += (known - seconds) * old
        self._seconds, self._updated = seconds, now

    def failed(self, now: float) -> None:
        """Take in an answer that was no good: it came quickly, perhaps, but it must not attract."""
        doubled = 2.0 * (self._seconds or 0.0)
        self._seconds = min(max(doubled, TROUBLE_LEAST), max(TROUBLE_MOST, self._seconds or 0.0))
        self._updated = now
