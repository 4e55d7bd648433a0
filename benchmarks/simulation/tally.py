"""What came of a run: shares, added latency, time to failback. Decides nothing.

The *oracle* that added latency is measured against knows which endpoints are in trouble, never
waits for one of them, and meets the same background errors.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import inf, nan

import attrs

from simulation.scenarios import BACKGROUND, QUICK, Endpoint
from simulation.traffic import Call


@attrs.define(eq=False)
class Tally:
    """The counts of one run, or of several.

    Attributes:
        requests: Calls that were looked at: those that came while the primary was in trouble, or
            all of a healthy run.
        dead: Of these, how many were sent to the primary while it was in trouble.
        last_resort: Of those, how many only after every open endpoint had failed them.
        skipped: How many were not sent to the primary first.
        lost: How many ended in an error.
        attempts: How many attempts all of them took.
        silences: How often an endpoint was failed for its silence, at any time.
        added: Seconds by which each came later than the oracle's.
        failbacks: For each run the seconds from the trouble's end until the primary had answered a
            call that was sent to it first; ``inf`` if that was not seen.
        simulated: Calls that were simulated in all.
    """

    requests: int = 0
    dead: int = 0
    last_resort: int = 0
    skipped: int = 0
    lost: int = 0
    attempts: int = 0
    silences: int = 0
    added: array[float] = attrs.field(factory=lambda: array("d"))
    failbacks: list[float] = attrs.field(factory=list[float])
    simulated: int = 0

    def count(self, call: Call, now: float, *, is_good: bool, oracle: float | None) -> None:
        """Take in a call that is over."""
        self.requests += 1
        self.attempts += call.attempts
        if call.hit_dead:
            self.dead += 1
            self.last_resort += call.is_last_resort
        if call.first != 0:
            self.skipped += 1
        if not is_good:
            self.lost += 1
        if oracle is not None:
            self.added.append(now - call.arrived - oracle)

    def share(self, count: int) -> float:
        """Give a count as a share of the calls."""
        return count / self.requests if self.requests else nan

    @property
    def extra(self) -> float:
        """Attempts beyond the first, for each call."""
        return self.attempts / self.requests - 1.0 if self.requests else nan

    def added_quantile(self, quantile: float) -> float:
        """Give a quantile of the added latency, in seconds."""
        return _quantile(sorted(self.added), quantile)

    def failback(self) -> float:
        """Give the median time to failback, in seconds."""
        return _quantile(sorted(self.failbacks), 0.5)


def merged(tallies: Iterable[Tally]) -> Tally:
    """Add up several runs."""
    whole = Tally()
    for tally in tallies:
        whole.requests += tally.requests
        whole.dead += tally.dead
        whole.last_resort += tally.last_resort
        whole.skipped += tally.skipped
        whole.lost += tally.lost
        whole.attempts += tally.attempts
        whole.silences += tally.silences
        whole.added.extend(tally.added)
        whole.failbacks.extend(tally.failbacks)
        whole.simulated += tally.simulated
    return whole


def oracle_latency(call: Call, endpoints: list[Endpoint]) -> float | None:
    """Give the seconds that a call takes if every trouble is known; None if nobody can help."""
    total = 0.0
    for endpoint in endpoints:
        if endpoint.is_troubled(call.arrived):
            continue
        if call.luck[endpoint.index] < BACKGROUND:
            total += call.seconds * QUICK
        elif call.seconds < call.timeout:
            return total + call.seconds
        else:
            total += call.timeout
    return None


def _quantile(ordered: list[float], quantile: float) -> float:
    if not ordered:
        return nan
    place = quantile * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    if ordered[high] == inf:
        return ordered[low] if place == low else inf
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
