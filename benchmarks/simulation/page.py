"""Writes the figures down: text for the terminal, tables for the page. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf, isnan
from typing import Final

from simulation.grid import OURS, RATES, Cell, Reading
from simulation.scenarios import ALL_DOWN, COLD, HEALTHY, HEALTHY_MIXED, SCENARIOS

_NO_TROUBLE: Final = {each.name for each in (COLD, HEALTHY, HEALTHY_MIXED)}
_NOTICED: Final = 0.005
"""Seconds of median added latency above which a cell is mentioned."""

_ABOUT: Final = {
    "hang": "The primary falls silent: attempts run into the timeout, those under way too.",
    "fast 5xx": "The primary answers 503 at once.",
    "partial errors": "40 % of the primary's answers are quick 500s.",
    "brown-out": "The primary's answers take eight times as long; the longest run into the "
    "timeout. All these rules look at failures, so a slow endpoint that answers is used on; the "
    "oracle does without it.",
    "flapping": "The primary fails with 503 for 20 s of each minute.",
    "recovery flood": "As fast 5xx; then for 60 s the primary stands only a growing part of the "
    "traffic, 10 % at first, and answers the rest with 503.",
    "all down": "Every endpoint answers 503. Extra attempts and lost calls are the figures here.",
    "cold start": "The first 10 s, or 20 calls, of a fleet that knows nothing yet.",
    "healthy": "Nothing but background errors, from a cold start on.",
    "hang, mixed answers": "As hang; a fifth of the answers take about 4 s, the others 0.5 s.",
    "healthy, mixed answers": "As healthy; answers as in the row above.",
}

HEAD: Final = """\
# Health rules, simulated

Written by `nox -s simulate -- --write`. Do not edit.

`benchmarks/simulate.py` drives the real `Fleet` and `Flight` in virtual time: nothing is mocked but
the network. Calls come as a Poisson process to a primary and two backups; an answer takes 0.7 s
(median, log-normal, sigma 0.5), an attempt is given up after 10 s, and 3 % of the calls to any
healthy endpoint are answered with a quick 500. Every rule meets the same calls. The seeds behind
these figures are not those that constants were chosen by.

The others are models of published rules with their defaults: Envoy's outlier detection, the circuit
breakers of Polly and of resilience4j, the three strikes that many write by hand, and one shared
place that never goes back by itself (*sticky*). All of them get the driver around them that we use
(endpoints in order, first those that the rule lets through, then the others), so that nothing but
the rule differs. Their sources stand in `benchmarks/simulation/rivals.py`. The *oracle* knows every
trouble beforehand: no rule can do better.
"""

BARS_HEAD: Final = """
## What must hold

Shares are of the calls that came during the trouble. A call that was sent to the dead primary as a
last resort, because both backups had failed it, counts as well: with 3 % of errors everywhere that
alone is about 0.09 %; with a single backup it would be 3 %, the price of never withholding an
endpoint that might work. A failback is the time from the primary's recovery until it had answered a
call that was sent to it first.

| what | scenario | calls a second | seconds | at most | measured | |
|---|---|---|---|---|---|---|
"""

CHOICE_HEAD: Final = """
## What pulls against what

![Two settings, and what they trade](health-frontier.svg)

Longer pauses send fewer calls to a dead primary, find its recovery later (left), and keep calls
away from a healthy one that was unlucky (right). The figures that are
chosen favour the one who waits: a call that meets a hang waits for 10 s, a call that goes to a
backup although the primary is well again waits for nothing. So pauses follow the outage (a third of
its length so far), and only their cap, 300 s, is a compromise. A single failure amid good answers
counts for nothing: that is what keeps a healthy primary in use at 1 call a second, at the price of
one more quick error when it really dies; a hang costs nothing more, since nothing good was heard
for 10 s when the first attempt times out.
"""

GRID_HEAD: Final = """
## Every rule through every scenario

![Share of calls that were sent to the dead primary](health-dead.svg)

![Time to failback](health-failback.svg)

Each cell has the share of calls that were sent to the troubled primary, the 99th percentile of the
latency that was added to the oracle's, and the median time to failback (*never* if the primary was
not used again within 400 s, or 40 calls).
"""


def share(value: float) -> str:
    """Write a share as a percentage."""
    return f"{value:.2%}".replace("%", " %")


def seconds(value: float | None) -> str:
    """Write seconds."""
    if value is None or value == inf or isnan(value):
        return "never"
    return f"{value:.0f} s" if abs(value) >= 20 else f"{max(value, 0.0):.1f} s"


def reading_row(reading: Reading) -> str:
    """Write what was measured at a bar as a row of a table."""
    limit, figure = (
        (share(reading.limit), share(reading.figure))
        if reading.unit == "%"
        else (seconds(reading.limit), seconds(reading.figure))
    )
    holds = "holds" if reading.holds else "**does not hold**"
    place = f"{reading.scenario} | {reading.rate:g} | {reading.length:.0f}"
    return f"| {reading.what} | {place} | {limit} | {figure} | {holds} |"


def figures(cell: Cell) -> str:
    """Write the figures of a cell that say most in its scenario."""
    if cell.scenario in _NO_TROUBLE:
        return share(cell.skipped)
    if cell.scenario == ALL_DOWN.name:
        return f"{cell.extra_attempts:+.2f} · {share(cell.lost)} · {seconds(cell.failback)}"
    return f"{share(cell.dead)} · {seconds(cell.added_p99)} · {seconds(cell.failback)}"


def scenario_table(name: str, cells: Sequence[Cell]) -> str:
    """Write one scenario's table: a row for each rule, a column for each rate."""
    rates = [rate for rate in RATES if any(cell.rate == rate for cell in cells)]
    rules = list(dict.fromkeys(cell.rule for cell in cells))
    found = {(cell.rule, cell.rate): cell for cell in cells}
    what = "sent to the primary while in trouble · added p99 · failback"
    if name in _NO_TROUBLE:
        what = "not sent to the healthy primary first"
    elif name == ALL_DOWN.name:
        what = "extra attempts a call · lost calls · failback"
    lines = [
        f"\n### {name[0].upper()}{name[1:]}\n\n{_ABOUT[name]} Cells: {what}.\n",
        "| calls a second | " + " | ".join(rates) + " |",
        "|---|" + "---|" * len(rates),
    ]
    for rule in rules:
        row = " | ".join(figures(found[rule, rate]) for rate in rates)
        shown = f"**{rule}**" if rule == OURS else rule
        lines.append(f"| {shown} | {row} |")
    return "\n".join(lines) + "\n"


def extra_table(cells: Iterable[Cell]) -> str:
    """Write what each rule's extra attempts and lost calls are, scenario by scenario, at 3/s."""
    chosen = [cell for cell in cells if cell.rate == "3"]
    rules = list(dict.fromkeys(cell.rule for cell in chosen))
    found = {(cell.scenario, cell.rule): cell for cell in chosen}
    lines = [
        "\n### Extra attempts\n\nAttempts beyond the first for each call, at 3 calls a second.\n",
        "| | " + " | ".join(rules) + " |",
        "|---|" + "---|" * len(rules),
    ]
    for name in dict.fromkeys(cell.scenario for cell in chosen):
        row = " | ".join(f"{found[name, rule].extra_attempts:+.3f}" for rule in rules)
        lines.append(f"| {name} | {row} |")
    return "\n".join(lines) + "\n"


def median_note(cells: Iterable[Cell]) -> str:
    """Say where the median call is slower than the oracle's."""
    slow = [
        f"{cell.rule}, {cell.scenario}, {cell.rate}/s: {cell.added_median:.2f} s"
        for cell in cells
        if cell.added_median > _NOTICED
    ]
    if not slow:
        return "\nThe median call is nowhere slower than the oracle's.\n"
    listed = "\n".join(f"- {line}" for line in slow)
    return f"\n### Median added latency\n\nNone (under 5 ms) but for these:\n\n{listed}\n"


def page(readings: Iterable[Reading], cells: Sequence[Cell]) -> str:
    """Write the page of the documentation."""
    parts = [HEAD, BARS_HEAD, "".join(f"{reading_row(each)}\n" for each in readings), CHOICE_HEAD]
    parts.append(GRID_HEAD)
    parts += [
        scenario_table(name, [cell for cell in cells if cell.scenario == name])
        for name in SCENARIOS
        if any(cell.scenario == name for cell in cells)
    ]
    return "".join([*parts, extra_table(cells), median_note(cells)])
