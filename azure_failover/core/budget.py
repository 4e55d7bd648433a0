"""A budget of extra attempts: a share of the traffic, so that an outage cannot become a storm.

A token bucket that is filled lazily, from how many requests have started when somebody asks:
requests that need nothing extra pay nothing. Reads no clock and takes no lock: whoever holds it
does both.
"""

from __future__ import annotations

from typing import Final


class Budget:
    """How many extra attempts may be made.

    In any stretch of time these are at most ``capacity``, and ``share`` of the requests that
    started in it, and ``rate`` for each of its seconds. Not thread-safe.
    """

    __slots__ = (
        "_asked",
        "_capacity",
        "_rate",
        "_share",
        "_started",
        "_tokens",
        "_was_full",
        "is_news",
    )

    def __init__(self, share: float, *, rate: float = 0.5, capacity: float = 10.0) -> None:
        """Begin with a full budget.

        Args:
            share: Extra attempts per request; 0 allows none at all.
            rate: Extra attempts per second that are allowed beside: a floor for low traffic.
            capacity: Extra attempts that may be saved up.
        """
        self._share: Final = share
        self._rate: Final = rate
        self._capacity: Final = capacity
        self._tokens = capacity
        self._started = 0
        self._asked: float | None = None
        self._was_full = True
        self.is_news = False
        """Whether the last refusal was the first since the budget was full."""

    def take(self, started: int, now: float) -> bool:
        """Take one extra attempt, if there is one.

        Args:
            started: How many requests have started so far; never less than the last time.
            now: The time, in seconds.
        """
        if not self._share:
            return False
        elapsed = 0.0 if self._asked is None else max(0.0, now - self._asked)
        earned = self._share * (started - self._started) + self._rate * elapsed
        self._started, self._asked = started, now
        self._tokens = min(self._capacity, self._tokens + earned)
        self._was_full |= self._tokens == self._capacity
        if self._tokens < 1:
            self.is_news, self._was_full = self._was_full, False
            return False
        self._tokens -= 1
        return True
