"""What must hold: each bar is a scenario, a rate, a figure and its limit. Measures only our rule.

Seeds for tuning and for what is reported are apart; nothing was ever chosen by the latter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Final, Literal

import attrs

from simulation.ours import ours
from simulation.scenarios import (
    BATCHES,
    BURSTS,
    FAST_5XX,
    HANG,
    HANG_KINDS,
    HEALTHY,
    HEALTHY_MIXED,
    KINDS,
    LATECOMERS,
    Scenario,
)
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
        unit: ``%``, ``s``, or nothing for a count.
        settings: Of the policy, where they differ from the defaults.
    """

    what: str
    scenario: Scenario
    rate: float
    length: float
    figure: Callable[[Tally], float]
    limit: float
    seeds: int
    unit: Literal["%", "s", ""]
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def calls(self) -> float:
        """About how many calls one of its runs takes."""
        return self.rate * (self.length + 60.0)

    def run(self, first_seed: int) -> Tally:
        """Make its runs; :attr:`figure` reads them."""
        seeds = range(first_seed, first_seed + self.seeds)
        return _kept_runs(self.scenario, self.rate, self.length, self.settings, seeds)


@cache
def _kept_runs(
    scenario: Scenario,
    rate: float,
    length: float,
    settings: tuple[tuple[str, Any], ...],
    seeds: range,
) -> Tally:
    """Make runs of our rule; several bars may read the same."""
    return runs(scenario, rate, length, ours(**dict(settings)), seeds)


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


def alarms(tally: Tally) -> float:
    """Give how often an endpoint was taken to be silent."""
    return float(tally.silences)


DEAD: Final = "sent to the dead primary"
DEAD_HEARD: Final = "sent to the dead primary, silence not heeded"
SKIPPED: Final = "false skips, cold start included"
ALARMS: Final = "false alarms: times that silence failed an endpoint"


def bars() -> Iterator[Bar]:
    """Give all bars."""
    yield Bar(DEAD, HANG, 0.05, 5400.0, dead_share, 0.10, 100, "%")
    yield Bar(DEAD, HANG, 3.0, 1800.0, dead_share, 0.013, 20, "%")
    yield Bar(DEAD, FAST_5XX, 30.0, 600.0, dead_share, 0.003, 10, "%")
    unheard = (("detect_silence", False),)
    yield Bar(DEAD_HEARD, HANG, 300.0, 900.0, dead_share, 0.015, 1, "%", unheard)
    yield Bar(DEAD, HANG, 300.0, 900.0, dead_share, 0.005, 3, "%")
    yield Bar(DEAD, HANG_KINDS, 300.0, 900.0, dead_share, 0.005, 1, "%")
    yield from _false_skips()
    yield from _failbacks()


def _false_skips() -> Iterator[Bar]:
    """What a healthy primary may lose; at 0.5 calls a second between batch jobs as at 1."""
    for scenario, rate, length, limit, seeds in (
        (HEALTHY, 1.0, 3600.0, 0.01, 20),
        (HEALTHY, 30.0, 600.0, 0.005, 10),
        (HEALTHY, 300.0, 300.0, 0.005, 3),
        (HEALTHY_MIXED, 30.0, 600.0, 0.005, 10),
        (HEALTHY_MIXED, 300.0, 300.0, 0.005, 3),
        (KINDS, 30.0, 600.0, 0.005, 10),
        (KINDS, 300.0, 300.0, 0.005, 3),
        (BURSTS, 6.4, 3600.0, 0.005, 5),
        (LATECOMERS, 40.0, 1200.0, 0.005, 3),
        (BATCHES, 30.0, 2400.0, 0.01, 5),
    ):
        yield Bar(SKIPPED, scenario, rate, length, skip_share, limit, seeds, "%")
        if scenario is not HEALTHY:
            yield Bar(ALARMS, scenario, rate, length, alarms, 0.0, seeds, "")


def _failbacks() -> Iterator[Bar]:
    for scenario in (FAST_5XX, HANG):
        for length, limit in ((4.0, 3.0), (60.0, 30.0), (900.0, 300.0)):
            for rate in (1.0, 3.0, 30.0, 300.0):
                seeds = max(3, min(101, int(100_000 / (rate * (length + 60.0)))))
                what = f"median failback from {length:.0f} s"
                yield Bar(what, scenario, rate, length, Tally.failback, limit, seeds, "s")
