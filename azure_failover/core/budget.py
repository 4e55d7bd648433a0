"""A budget of extra attempts: a share of the traffic, so that an outage cannot become a storm.

A token bucket that is filled lazily, from how many requests have started when somebody asks:
requests that need nothing extra pay nothing. Reads no clock and takes no lock: whoever holds it
does both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from azure_failover.core.health import Health

HEDGED: Final = 0.05
"""At most this share of all requests is hedged because it waits for long; and three more."""


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


class Budgets:
    """What a fleet's requests share: attempts after a wait, and hedges. Not thread-safe.

    Second chances after a stale connection are not rationed: the endpoint has not answered to the
    first attempt, each connection of a pool dies but once, and the second goes over a fresh one.

    Requests are counted by the attempts that its endpoints have seen, so that those that need
    nothing extra pay nothing.
    """

    def __init__(self, retries: float) -> None:
        """Begin with full budgets; ``retries`` is the share of requests that may wait."""
        self.retries: Final = Budget(retries)
        self._hedges: Final = Budget(HEDGED, rate=0.0, capacity=3.0)
        self.further = 0
        """How many attempts were not the first of their request."""

    def _requests(self, health: Iterable[Health]) -> int:
        return sum(each.started for each in health) - self.further

    def take_retry(self, health: Iterable[Health], now: float) -> bool:
        """Take one more attempt at a throttled endpoint, if there is one."""
        return self.retries.take(self._requests(health), now)

    def take_hedge(self, health: Iterable[Health], now: float) -> bool:
        """Take a hedge, if there is one."""
        return self._hedges.take(self._requests(health), now)
