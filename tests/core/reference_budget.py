"""A budget of extra attempts in the plainest way: over any window, no more than is allowed.

Remembers every extra attempt, and looks at all windows that end now. Nothing is filled or drained.
"""

from __future__ import annotations

import attrs

ROUNDING = 1e-4


@attrs.frozen
class Extra:
    """An extra attempt: when it was made, and how many requests had started by then."""

    at: float
    requests: int


@attrs.define(eq=False)
class ReferenceBudget:
    """In any window: the capacity, a share of its requests, and so many for each second."""

    share: float
    rate: float
    capacity: float
    made: list[Extra] = attrs.field(factory=list[Extra])

    def left(self, requests: int, now: float) -> float:
        """Say how many more may be made: what the strictest of all windows leaves."""
        windows = [
            self.share * (requests - first.requests)
            + self.rate * (now - first.at)
            - len(self.made[place:])
            for place, first in enumerate(self.made)
        ]
        return self.capacity + min((0.0, *windows)) if self.share else 0.0

    def judge(self, requests: int, now: float, *, is_granted: bool) -> None:
        """Neither more is granted than any window allows, nor less."""
        left = self.left(requests, now)
        if is_granted:
            assert left >= 1.0 - ROUNDING, "more extra attempts than the budget allows"
            self.made.append(Extra(now, requests))
        else:
            assert left < 1.0 + ROUNDING, "the budget is not spent"
