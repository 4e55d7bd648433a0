"""Finds where ours does not win: every figure in which somebody else is better. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from versus.record import Record, Series, ratio
from versus.roster import OURS, UNDER_SDK
from versus.scenarios.dead import DEATHS, SHAPES, key
from versus.scenarios.healthy import BY_CPU
from versus.scenarios.recovery import DEATHS as RETURNS
from versus.team import COLOURS

NOTICED: Final = 1.02
"""Who is better by less than this is as good."""


@attrs.frozen
class Figure:
    """A figure by which subjects compare; less is better, unless ``more`` is.

    Attributes:
        says: How the report calls it.
        unit: What it is in.
    """

    scenario: str
    name: str
    says: str
    unit: str
    more: bool = False


def figures() -> Iterator[Figure]:
    """Give all figures by which subjects compare."""
    for colour in COLOURS:
        yield Figure("memory", f"{colour} cpu", f"a call in memory, {colour}", "µs of CPU")
    for scenario, where in (("loopback", "over loopback"), ("tls", "over TLS")):
        for colour in COLOURS:
            yield Figure(scenario, f"{colour} cpu", f"a call {where}, {colour}", "µs of CPU")
    for at_once in (1, 32, 256):
        says = f"{at_once} calls at once"
        name = f"{at_once} at once{BY_CPU}"
        yield Figure("concurrency", name, says, "calls a second of CPU", more=True)
    for shape in SHAPES:
        for death in DEATHS:
            says = f"primary dead ({death}), {shape.name}"
            yield Figure("dead", key(death, shape, "lost"), says, "calls lost")
            yield Figure("dead", key(death, shape, "hits"), says, "hits on it")
            yield Figure("dead", key(death, shape, "ms a call"), says, "ms a call")
    for death in RETURNS:
        says = f"primary back after {death}"
        yield Figure("recovery", f"{death}: s", says, "s until it is in use")
    for colour in COLOURS:
        says = f"stream, {colour}"
        yield Figure("streams", f"{colour} first ms", says, "ms to the first content")
        yield Figure("streams", f"{colour} cpu", says, "µs of CPU an event")
    yield Figure("imports", "import cpu ms", "import", "ms of CPU")


def losses(record: Record) -> list[str]:
    """Say where somebody who fails over is better than ours under the same client.

    Better means: in the median by a fiftieth, and in every part of the run. Who loses calls in an
    outage is no better for being quick about it, or for sparing the dead endpoint.
    """
    found: list[str] = []
    for figure in figures():
        for ours in (*OURS.values(), UNDER_SDK):
            for name in _rivals(record, ours):
                pair = record.pair(figure.scenario, name, ours, figure.name)
                if pair is not None and _is_better(pair, figure) and _counts(record, name, figure):
                    theirs, mine = (f"{each.median:.4g}" for each in pair)
                    titles = [record.subjects[each].title for each in (name, ours)]
                    found.append(
                        f"{figure.says}: {titles[0]} has {theirs} {figure.unit}, {titles[1]} {mine}"
                    )
    return found


def _rivals(record: Record, ours: str) -> list[str]:
    """Give who fails over and is built upon the same as one of ours; the rest is upon the SDK."""
    cards = record.subjects
    if ours not in cards:
        return []
    ours_floor, plain = (
        cards[ours].floor,
        {cards[each].floor for each in OURS.values() if each in cards},
    )
    return [
        card.name
        for card in cards.values()
        if card.fails_over
        and not card.is_ours
        and (card.floor == ours_floor or (ours == UNDER_SDK and card.floor not in plain))
    ]


def _is_better(pair: tuple[Series, Series], figure: Figure) -> bool:
    theirs, mine = pair
    if not mine.median:
        return False
    if not theirs.median:
        return not figure.more
    found = ratio(mine, theirs) if not figure.more else ratio(theirs, mine)
    return found.middle > NOTICED and found.least > 1.0


def _counts(record: Record, name: str, figure: Figure) -> bool:
    """Whether the subject did what was asked for: lost nothing, and came to an end."""
    if figure.scenario != "dead":
        return True
    prefix = figure.name.partition(": ")[0]
    lost = record.figure("dead", name, f"{prefix}: lost")
    made = record.figure("dead", name, f"{prefix}: made")
    asked = record.figure("dead", name, f"{prefix}: asked for")
    if lost is None or made is None or asked is None:
        return False
    return lost.most == 0 and made.median == asked.median
