"""Writes the figures down: text for the terminal, tables for the page. Measures nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf, isnan
from typing import Final

import attrs

from simulation.grid import (
    BARE,
    LATE,
    OURS,
    PAIRS,
    RATES,
    REMEDIES,
    SIDE_RATES,
    Cell,
    Reading,
)
from simulation.scenarios import ALL_DOWN, COLD, HANG, HEALTHY, HEALTHY_MIXED, SCENARIOS

_NO_TROUBLE: Final = {each.name for each in (COLD, HEALTHY, HEALTHY_MIXED)}
_NOTICED: Final = 0.005
"""Seconds of median added latency above which a cell is mentioned."""

_ABOUT: Final = {
    "hang": "The primary falls silent: attempts run into the timeout, those under way too.",
    "fast 5xx": "The primary answers 503 at once.",
    "partial errors": "40 % of the primary's answers are quick 500s.",
    "brown-out": "The primary's answers take eight times as long; the longest run into the "
    "timeout. All these rules look at failures, so a slow endpoint that answers is used on; the "
    "oracle does without it. What a user can do: [below](#a-brown-out-is-no-failure).",
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
alone is about 0.09 %; with [a single backup](#one-backup-only) it is 3 %. A failback is the time
from the primary's recovery until it had answered a call that was sent to it first.

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

SILENCE_HEAD: Final = """
## Silence and hedged probes

![What callers wait around the start of a hang](health-waits.svg)

Rules that wait for failures learn of a hang when the first attempt times out: at 300 calls a second
3,000 callers are stuck by then, for 10 s each. Two things spare them that (`detect_silence` and
`hedge_probes_after`, both on by default). *Silence*: when many attempts wait side by side and none
of them has been answered for 1.4 times as long as 99 % usually take, the endpoint is failed, and
those that wait are cut and go to the next one at once; what is usual is learned for each operation
and deployment. *Hedged probes*: a request that probes a failed endpoint is backed by the next one
after 2 s. The figures show a hang with both, and with neither.

"""

SILENCE_FOOT: Final = """
At 1 call a second too few wait at once for their silence to say anything; what is left is that a
probe of the dead primary costs its caller 2 s and not 10. The worst case stays: a call that both
backups fail goes to the dead primary as a last resort, and waits there; so does who meets the hang
first where traffic is low. Where long answers are as usual as in *hang, mixed answers*, silence
would have to last for about as long as the timeout, and brings next to nothing.

What could be taken for silence, and is not, stands [above](#what-must-hold) as false alarms:
bursts of 64 calls at once every 10 s, some of which take twice as long to answer; bursts of 400 in
which 4 % of the answers take 15 times as long as the others, and come last; a batch job, started
with 64 calls at once after a trickle, whose answers take twice as long; a model that thinks for
15 s beside one that answers in 0.7 s.
"""

REMEDIES_HEAD: Final = """
## A brown-out is no failure

An endpoint that answers eight times more slowly still answers: it is neither failed nor silent,
and stays in use. Who minds has to say so:

"""

REMEDIES_FOOT: Final = """
- A timeout that is only a little longer than answers may take (here 3 s, where 0.2 % of the healthy
  answers take longer) makes a brown-out a failure, which all other rules then see. One slow answer
  in ten still comes in time; if that is a probe's, the endpoint is back for a moment, which costs
  most at 300 calls a second.
- `strategy="latency"` goes where answers come sooner, so that the median caller notices nothing. It
  tries the slow endpoint now and then, which the slowest callers notice; and no endpoint is
  preferred in good times.
- `hedge_after` does little: at most 5 % of all calls are hedged, and `"p95"` follows what is usual.
  It is made for the rare long answer of a healthy endpoint.
- Silence has no part in it: answers keep coming.
"""

PAIRS_HEAD: Final = """
## One backup only

With a single backup each of its errors sends a call to the primary as a last resort, dead or not:
an endpoint that might work is never withheld. With 3 % of background errors that is 3 % of the
calls during an outage; they would be lost either way, but in a hang they also wait for the timeout.
Cells: sent to the dead primary · of these as a last resort · lost calls · added p99. (The added
latency is that of calls which could be answered at all.)

"""

GRID_HEAD: Final = """
## Every rule through every scenario

![Share of calls that were sent to the dead primary](health-dead.svg)

![Time to failback](health-failback.svg)

Each cell has the share of calls that were sent to the troubled primary, the 99th percentile of the
latency that was added to the oracle's, and the median time to failback (*never* if the primary was
not used again within 400 s, or 40 calls). Our rule without silence and hedged probes stands where
that makes a difference.
"""


def share(value: float) -> str:
    """Write a share as a percentage."""
    return f"{value:.2%}".replace("%", " %")


def seconds(value: float | None) -> str:
    """Write seconds."""
    if value is None or value == inf or isnan(value):
        return "never"
    return f"{value:.0f} s" if abs(value) >= 20 else f"{max(value, 0.0):.1f} s"


_WRITERS: Final[dict[str, Callable[[float], str]]] = {
    "%": share,
    "s": seconds,
    "": "{:.0f}".format,
}


def reading_row(reading: Reading) -> str:
    """Write what was measured at a bar as a row of a table."""
    write = _WRITERS[reading.unit]
    limit, figure = write(reading.limit), write(reading.figure)
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
        known = [found.get((name, rule)) for rule in rules]
        row = " | ".join("" if each is None else f"{each.extra_attempts:+.3f}" for each in known)
        lines.append(f"| {name} | {row} |")
    return "\n".join(lines) + "\n"


def median_table(cells: Iterable[Cell]) -> str:
    """Say where the median call is slower than the oracle's."""
    found = {(cell.scenario, cell.rule, cell.rate): cell.added_median for cell in cells}
    slow = dict.fromkeys(key[:2] for key, median in found.items() if median > _NOTICED)
    if not slow:
        return "\nThe median call is nowhere slower than the oracle's.\n"
    lines = [
        "\n### Median added latency\n\nSeconds; under 5 ms where nothing stands.\n",
        "| scenario | rule | " + " | ".join(RATES) + " |",
        "|---|---|" + "---|" * len(RATES),
    ]
    for scenario, rule in slow:
        medians = [found.get((scenario, rule, rate), 0.0) for rate in RATES]
        row = " | ".join(f"{each:.2f}" if each > _NOTICED else "" for each in medians)
        lines.append(f"| {scenario} | {rule} | {row} |")
    return "\n".join(lines) + "\n"


def side_table(head: str, rows: Iterable[tuple[str, Iterable[str]]]) -> str:
    """Write a table with a row for each name and a column for each of the few rates."""
    lines = [f"| {head} | " + " | ".join(f"{rate}/s" for rate in SIDE_RATES) + " |"]
    lines.append("|---|" + "---|" * len(SIDE_RATES))
    lines += [f"| {name} | " + " | ".join(row) + " |" for name, row in rows]
    return "\n".join(lines) + "\n"


def silence_table(cells: Iterable[Cell]) -> str:
    """Write what silence and hedged probes bring in a hang."""
    found = {(cell.rule, cell.rate): cell for cell in cells if cell.scenario == HANG.name}
    head = f"hang: added p99 · worst · calls that come more than {LATE:.0f} s late"
    return side_table(
        head,
        (
            (
                rule,
                [
                    f"{each.added_p99:.1f} s · {each.added_worst:.1f} s · {share(each.late)}"
                    for each in (found[rule, rate] for rate in SIDE_RATES)
                ],
            )
            for rule in (BARE, OURS)
        ),
    )


def remedies_table(cells: Iterable[Cell]) -> str:
    """Write what can be done about a brown-out."""
    found = {(cell.rule, cell.rate): cell for cell in cells}
    head = "brown-out: sent to the slow primary · added median · p99 · extra attempts a call"
    return side_table(
        head,
        (
            (
                rule,
                [
                    f"{share(each.dead)} · {seconds(each.added_median)} · {seconds(each.added_p99)}"
                    f" · {each.extra_attempts:+.2f}"
                    for each in (found[rule, rate] for rate in SIDE_RATES)
                ],
            )
            for rule in REMEDIES
        ),
    )


def pairs_table(cells: Iterable[Cell]) -> str:
    """Write how our rule does with one backup, beside two."""
    found = {(cell.scenario, cell.rate): cell for cell in cells}
    return side_table(
        "",
        (
            (
                scenario.name if scenario.backups == 1 else f"{scenario.name}, two backups",
                [
                    f"{share(each.dead)} · {share(each.last_resort)} · {share(each.lost)}"
                    f" · {each.added_p99:.1f} s"
                    for each in (found[scenario.name, rate] for rate in SIDE_RATES)
                ],
            )
            for scenario in PAIRS
        ),
    )


@attrs.frozen(kw_only=True)
class Findings:
    """All that is measured.

    Attributes:
        readings: At the bars.
        cells: Every rule through every scenario.
        remedies: Policies against a brown-out.
        pairs: One backup and two.
    """

    readings: Sequence[Reading]
    cells: Sequence[Cell]
    remedies: Sequence[Cell]
    pairs: Sequence[Cell]


def page(found: Findings) -> str:
    """Write the page of the documentation."""
    cells = found.cells
    parts = [HEAD, BARS_HEAD, *(f"{reading_row(each)}\n" for each in found.readings)]
    parts += [SILENCE_HEAD, silence_table(cells), SILENCE_FOOT]
    parts += [REMEDIES_HEAD, remedies_table(found.remedies), REMEDIES_FOOT]
    parts += [PAIRS_HEAD, pairs_table(found.pairs), CHOICE_HEAD, GRID_HEAD]
    parts += [
        scenario_table(name, [cell for cell in cells if cell.scenario == name])
        for name in SCENARIOS
        if any(cell.scenario == name for cell in cells)
    ]
    return "".join([*parts, extra_table(cells), median_table(cells)])
