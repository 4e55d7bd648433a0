"""How much of a request's deadline one attempt may take: some of it is kept for those after it.

Arithmetic only: reads no clock, knows no endpoint, and never says what a cut means.
"""

from __future__ import annotations

from math import inf
from typing import Final

import attrs

from azure_failover.core.verdict import TIMEOUTS, Fault

LEAST_USEFUL: Final = 0.5
"""With fewer seconds left nothing is started any more …"""
LEAST_SHARE: Final = 1 / 20
"""… or with less than this share of the deadline, for deadlines under 10 s."""
SLACK: Final = 0.005
"""A timer that was set to the deadline may fire so many seconds early, or be read so late."""


@attrs.frozen
class Deadline:
    """When a request's time is over, on the clock that it was made for.

    Attributes:
        ends: When it is over; ``inf`` for never.
        last_start: From when on no attempt is started any more: too little could come of it.
    """

    ends: float = inf
    last_start: float = inf

    @classmethod
    def after(cls, seconds: float | None, now: float) -> Deadline:
        """Give the deadline that is so many seconds from now; None for no deadline."""
        if seconds is None:
            return NO_DEADLINE
        ends = now + seconds
        return cls(ends, ends - min(LEAST_USEFUL, LEAST_SHARE * seconds))

    def is_late(self, now: float) -> bool:
        """Tell whether it is too late to start an attempt."""
        return now >= self.last_start

    def is_over(self, now: float) -> bool:
        """Tell whether a timeout that fires now was caused by this deadline."""
        return now + SLACK >= self.ends

    def explained(self, fault: Fault, allowance: float | None, elapsed: float, now: float) -> Fault:
        """Say what a fault means in the light of this deadline, which may have caused it.

        Args:
            fault: How an attempt ended.
            allowance: The seconds that this deadline had left it.
            elapsed: The seconds that it took.
            now: The time, in seconds.
        """
        if fault in TIMEOUTS and self.is_over(now):
            return Fault.DEADLINE
        if fault is Fault.POOL_TIMEOUT and allowance is not None and elapsed + SLACK >= allowance:
            return Fault.QUEUED
        return fault

    def allowance(self, now: float, others: int, reserve: float) -> float | None:
        """Say how long an attempt may take that starts now.

        Args:
            now: The time, in seconds.
            others: How many endpoints the request could still try after it.
            reserve: Seconds to be kept for each of these; the attempt itself gets at least twice
                as much as is kept for each, so that little is kept when little is left.

        Returns:
            Seconds; None without a deadline.
        """
        if self.ends == inf:
            return None
        left = self.ends - now
        return left - others * min(reserve, left / (others + 2))


NO_DEADLINE: Final = Deadline()
