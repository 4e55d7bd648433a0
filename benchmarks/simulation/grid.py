"""Every rule through every scenario at every rate: which runs, and what is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from simulation.bars import REPORTED, TUNING, Bar, bars, runs
from simulation.ours import ours
from simulation.rivals import RIVALS, Oracle
from simulation.scenarios import COLD, FAST_5XX, HANG, HEALTHY, SCENARIOS, Scenario
from simulation.tally import Tally
from simulation.world import MakeRule

OURS: Final = "azure_failover"
RULES: Final[Mapping[str, MakeRule]] = {OURS: ours(), **RIVALS, "oracle": Oracle}
"""What is compared; a further policy of ours is one more line: ``"…": ours(pause=2.0)``."""
RATES: Final[Mapping[str, float]] = {
    "1/60": 1 / 60,
    "0.05": 0.05,
    "1": 1.0,
    "3": 3.0,
    "30": 30.0,
    "300": 300.0,
}
"""Calls a second, by the name that the tables use."""
QUICK_RATES: Final = ("0.05", "3", "30")
QUICK_CALLS: Final = 50_000
_EXTENT: Final[Mapping[str, tuple[float, int]]] = {
    "1/60": (5400.0, 40),
    "0.05": (5400.0, 40),
    "1": (1800.0, 6),
    "3": (1800.0, 4),
    "30": (600.0, 2),
    "300": (300.0, 1),
}
"""For each rate the seconds of trouble, and the number of runs."""
OUTAGES: Final = (4.0, 15.0, 60.0, 200.0, 900.0, 3000.0)
"""Seconds of outage for the plot of failbacks."""
OUTAGE_RATE: Final = 3.0


@attrs.frozen(kw_only=True)
class Cell:
    """What is kept of the runs of one rule through one scenario at one rate.

    Shares are of the calls that came during the trouble, or of all calls if there was none. Times
    are seconds; ``failback`` is None where there is nothing to come back from, ``inf`` where the
    primary was not used again within the time that was watched.
    """

    scenario: str
    rate: str
    rule: str
    requests: int
    dead: float
    last_resort: float
    skipped: float
    lost: float
    extra_attempts: float
    added_median: float
    added_p99: float
    failback: float | None
    simulated: int


def cell(scenario: Scenario, rate: str, rule: str, *, is_quick: bool) -> Cell:
    """Make the runs of one cell."""
    length, seeds = _EXTENT[rate]
    if scenario is COLD:
        length, seeds = max(10.0, 20.0 / RATES[rate]), 100 * seeds
    if is_quick:
        length, seeds = min(length, 2000.0 / RATES[rate]), 1
    seen = range(REPORTED, REPORTED + seeds)
    tally = runs(scenario, RATES[rate], length, RULES[rule], seen)
    return Cell(
        scenario=scenario.name,
        rate=rate,
        rule=rule,
        requests=tally.requests,
        dead=tally.share(tally.dead),
        last_resort=tally.share(tally.last_resort),
        skipped=tally.share(tally.skipped),
        lost=tally.share(tally.lost),
        extra_attempts=tally.extra,
        added_median=tally.added_quantile(0.5),
        added_p99=tally.added_quantile(0.99),
        failback=tally.failback() if tally.failbacks else None,
        simulated=tally.simulated,
    )


def grid(names: Iterable[str], *, is_quick: bool) -> Iterator[Cell]:
    """Make the runs of every cell of some scenarios."""
    for name in names:
        for rate in QUICK_RATES if is_quick else RATES:
            for rule in RULES:
                yield cell(SCENARIOS[name], rate, rule, is_quick=is_quick)


@attrs.frozen(kw_only=True)
class Reading:
    """What was measured at a bar."""

    what: str
    scenario: str
    rate: float
    length: float
    limit: float
    unit: str
    figure: float

    @property
    def holds(self) -> bool:
        """Whether the figure is within the limit."""
        return self.figure <= self.limit


def read_bar(bar: Bar, *, tunes: bool = False) -> Reading:
    """Measure at one bar, by the reported seeds or by those for tuning."""
    first = TUNING if tunes else REPORTED
    return Reading(
        what=bar.what,
        scenario=bar.scenario.name,
        rate=bar.rate,
        length=bar.length,
        limit=bar.limit,
        unit=bar.unit,
        figure=bar.measure(RULES[OURS], first),
    )


def readings(*, is_quick: bool, tunes: bool = False) -> Iterator[Reading]:
    """Measure at every bar, or at those that take few calls."""
    for bar in bars():
        if not is_quick or bar.calls * bar.seeds <= QUICK_CALLS:
            yield read_bar(bar, tunes=tunes)


def failbacks() -> dict[str, list[float]]:
    """Give for each rule the median failback after a hang of each of :data:`OUTAGES`."""
    return {
        name: [_measured(HANG, OUTAGE_RATE, length, rule, 15).failback() for length in OUTAGES]
        for name, rule in RULES.items()
        if name != "oracle"
    }


@attrs.frozen(kw_only=True)
class Frontier:
    """Two figures that pull against each other as one setting of the policy changes.

    ``points`` holds the setting's value and the two figures.
    """

    setting: str
    x: str
    y: str
    points: list[tuple[float, float, float]]


def frontiers() -> list[Frontier]:
    """Measure how settings of the policy trade one figure for another."""
    return [_longest_pauses(), _shortest_pauses()]


def _longest_pauses() -> Frontier:
    points: list[tuple[float, float, float]] = []
    for seconds in (75.0, 150.0, 300.0, 600.0, 1200.0):
        rule = ours(max_pause=seconds)
        dead = _measured(HANG, 0.05, 5400.0, rule, 40)
        back = _measured(FAST_5XX, 3.0, 2700.0, rule, 31)
        points.append((seconds, dead.share(dead.dead), back.failback()))
    return Frontier(
        setting="max_pause",
        x="share sent to the dead primary (hang, 90 min, 0.05/s)",
        y="median failback after 45 min, s",
        points=points,
    )


def _shortest_pauses() -> Frontier:
    points: list[tuple[float, float, float]] = []
    for seconds in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0):
        rule = ours(pause=seconds)
        skipped = _measured(HEALTHY, 1.0, 3600.0, rule, 10)
        dead = _measured(FAST_5XX, 3.0, 60.0, rule, 51)
        points.append((seconds, skipped.share(skipped.skipped), dead.share(dead.dead)))
    return Frontier(
        setting="pause",
        x="false skips of a healthy primary (1/s)",
        y="share sent to the dead primary (5xx, 60 s, 3/s)",
        points=points,
    )


def _measured(scenario: Scenario, rate: float, length: float, rule: MakeRule, seeds: int) -> Tally:
    return runs(scenario, rate, length, rule, range(REPORTED, REPORTED + seeds))
