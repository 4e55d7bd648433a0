"""What must hold: each bar is a scenario, a rate, a figure and its limit. Measures only our rule.

Seeds for tuning and for what is reported are apart; nothing was ever chosen by the latter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import attrs

from simulation.scenarios import FAST_5XX, HANG, HEALTHY, Scenario
from simulation.tally import Tally, merged
from simulation.world import MakeRule, simulate

TUNING: Final = 1
"""The first seed for tuning."""
REPORTED: Final = 100_001
"""The first seed for what is reported."""


@attrs.frozen
class Bar:
    """One bar.

    Attributes:
        what: What is measured.
        scenario: In which scenario.
        rate: Calls a second.
        length: Seconds of trouble, or of good health.
        figure: Reads the figure.
        limit: The most that the figure may be.
        seeds: How many runs it takes.
        unit: ``%`` or ``s``.
    """

    what: str
    scenario: Scenario
    rate: float
    length: float
    figure: Callable[[Tally], float]
    limit: float
    seeds: int
    unit: str

    @property
    def calls(self) -> float:
        """About how many calls one of its runs takes."""
        return self.rate * (self.length + 60.0)

    def measure(self, rule: MakeRule, first_seed: int) -> float:
        """Give the figure."""
        seeds = range(first_seed, first_seed + self.seeds)
        return self.figure(runs(self.scenario, self.rate, self.length, rule, seeds))


def runs(
    scenario: Scenario, rate: float, length: float, rule: MakeRule, seeds: Iterable[int]
) -> Tally:
    """Run one rule through one scenario, once for each seed."""
    return merged(simulate(scenario, rate, length, rule, seed) for seed in seeds)


def dead_share(tally: Tally) -> float:
    """Give the share of calls that were sent to the dead primary, as a last resort too."""
    return tally.share(tally.dead)


def skip_share(tally: Tally) -> float:
    """Give the share of calls that were not sent to the primary first."""
    return tally.share(tally.skipped)


DEAD: Final = "sent to the dead primary"
SKIPPED: Final = "false skips, cold start included"


def bars() -> Iterator[Bar]:
    """Give all bars."""
    yield Bar(DEAD, HANG, 0.05, 5400.0, dead_share, 0.10, 100, "%")
    yield Bar(DEAD, HANG, 3.0, 1800.0, dead_share, 0.013, 20, "%")
    yield Bar(DEAD, FAST_5XX, 30.0, 600.0, dead_share, 0.003, 10, "%")
    yield Bar(DEAD, HANG, 300.0, 900.0, dead_share, 0.015, 2, "%")
    for rate, limit, length, seeds in ((1.0, 0.01, 3600.0, 20), (30.0, 0.005, 600.0, 10)):
        yield Bar(SKIPPED, HEALTHY, rate, length, skip_share, limit, seeds, "%")
    yield Bar(SKIPPED, HEALTHY, 300.0, 300.0, skip_share, 0.005, 3, "%")
    for scenario in (FAST_5XX, HANG):
        for length, limit in ((4.0, 3.0), (60.0, 30.0), (900.0, 300.0)):
            for rate in (1.0, 3.0, 30.0, 300.0):
                seeds = max(3, min(101, int(400_000 / (rate * (length + 60.0)))))
                what = f"median failback from {length:.0f} s"
                yield Bar(what, scenario, rate, length, Tally.failback, limit, seeds, "s")
