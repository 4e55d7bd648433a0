"""What must hold, and whether it does. Reads a record; measures nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from versus.record import Ratio, Record, Series, added_ratio, ratio
from versus.roster import BY_HAND, OURS, UNDER_SDK
from versus.scenarios.dead import DEATHS, SEQUENTIAL, SIDE_BY_SIDE, Shape, key
from versus.scenarios.healthy import BY_CPU
from versus.scenarios.recovery import DEATHS as RETURNS
from versus.team import COLOURS

IN_MEMORY: Final = "healthy, in memory"
AT_A_TIME: Final = "calls at once"
ADDED: Final = 0.10
ADDED_TO_FLOOR: Final = 1.5
ADDED_TO_SDK: Final = 0.03
THROUGHPUT: Final = 0.95
BUSY: Final = (32, 256)
HITS: Final = 2.0
WALL: Final = 1.1
RECOVERY: Final = 3.0
FIRST: Final = 1.05
EVENT: Final = 1.15
GROWTH: Final = 1.0
IMPORT: Final = 15.0
WARM: Final = 2
"""From this part of the run on, of eight, memory must be flat."""


@attrs.frozen(kw_only=True)
class Reading:
    """One bar, and what was measured at it.

    Attributes:
        what: Which figure, of which subject.
        bar: What it may be.
        figure: What it is.
        holds: Whether the bar is met.
    """

    what: str
    bar: str
    figure: str
    holds: bool


def percent(value: float) -> str:
    """Write a share as a percentage."""
    return f"{100 * value:.1f} %".replace("-0.0", "0.0")


def readings(record: Record) -> list[Reading]:
    """Read all bars of which there are figures."""
    return [
        *_memory(record),
        *_throughput(record),
        *_dead(record),
        *_recovery(record),
        *_streams(record),
        *_endurance(record),
        *_imports(record),
    ]


def _title(record: Record, name: str) -> str:
    return record.subjects[name].title


def _base(record: Record, name: str) -> str:
    """Give the title of what a subject builds on."""
    return _title(record, record.subjects[name].base)


def _times(found: Ratio) -> str:
    return f"{found.middle:.2f} ({found.least:.2f} to {found.most:.2f})"


def _memory(record: Record) -> Iterator[Reading]:
    """What a healthy call costs in memory."""
    for ours, limit in (*((ours, ADDED) for ours in OURS.values()), (UNDER_SDK, ADDED_TO_SDK)):
        for colour in COLOURS:
            times = record.times("memory", ours, f"{colour} cpu")
            if times is None:
                continue
            added = [percent(each - 1) for each in (times.median, times.least, times.most)]
            yield Reading(
                what=f"{IN_MEMORY}, {colour}: {_title(record, ours)} adds to {_base(record, ours)}",
                bar=f"at most {100 * limit:g} %",
                figure=f"{added[0]} ({added[1]} to {added[2]})",
                holds=times.median - 1 <= limit,
            )
    for family, ours in OURS.items():
        for colour in COLOURS:
            yield from _to_floor(record, ours, BY_HAND[family], f"{colour} cpu")


def _to_floor(record: Record, ours: str, floor: str, figure: str) -> Iterator[Reading]:
    """What ours adds, in units of what the transport written by hand adds."""
    times = [record.times("memory", name, figure) for name in (ours, floor)]
    if times[0] is None or times[1] is None or not record.pair("memory", ours, floor, figure):
        return
    found = added_ratio(times[0], times[1])
    yield Reading(
        what=f"{IN_MEMORY}, {figure.partition(' ')[0]}: {_title(record, ours)} adds, "
        f"against what {_title(record, floor)} adds",
        bar=f"at most {ADDED_TO_FLOOR:g} times",
        figure="by hand adds nothing that can be measured" if found is None else _times(found),
        holds=found is not None and found.middle <= ADDED_TO_FLOOR,
    )


def _throughput(record: Record) -> Iterator[Reading]:
    for at_once in BUSY:
        for ours in OURS.values():
            times = record.times("concurrency", ours, f"{at_once} at once{BY_CPU}")
            if times is not None:
                yield Reading(
                    what=f"healthy, {at_once} {AT_A_TIME}: throughput of "
                    f"{_title(record, ours)} against {_base(record, ours)}",
                    bar=f"at least {THROUGHPUT:g}",
                    figure=_times(Ratio.of(times)),
                    holds=times.median >= THROUGHPUT,
                )


def _dead(record: Record) -> Iterator[Reading]:
    for ours, by_hand in (*((OURS[family], BY_HAND[family]) for family in OURS), (UNDER_SDK, None)):
        for shape in (SEQUENTIAL, SIDE_BY_SIDE):
            for death in DEATHS:
                yield from _outage(record, ours, by_hand, death, shape)


def _outage(
    record: Record, ours: str, by_hand: str | None, death: str, shape: Shape
) -> Iterator[Reading]:
    """Every outage counts, not the median one; the floor's is the median one."""

    def figure(name: str) -> Series | None:
        return record.figure("dead", ours, key(death, shape, name))

    lost, hits = figure("lost"), figure("hits")
    if lost is None or hits is None:
        return
    what = f"primary dead ({death}), {shape.name}: {{}}, {_title(record, ours)}"
    yield Reading(
        what=what.format("lost calls"),
        bar="0",
        figure=f"{lost.most:g}",
        holds=lost.most == 0,
    )
    if shape is SEQUENTIAL:
        rate = figure("hits a second") or hits
        yield Reading(
            what=what.format("hits on the dead endpoint a second"),
            bar=f"at most {HITS:g}",
            figure=f"{rate.most:.3g}",
            holds=rate.most <= HITS,
        )
        pair = record.pair("dead", ours, by_hand, key(death, shape, "ms a call"))
        if pair is not None:
            found = ratio(*pair)
            yield Reading(
                what=what.format("wall time against by hand"),
                bar=f"at most {WALL:g}",
                figure=_times(found),
                holds=found.middle <= WALL,
            )
        return
    pair = record.pair("dead", ours, by_hand, key(death, shape, "hits"))
    if pair is not None:
        yield Reading(
            what=what.format("hits on the dead endpoint"),
            bar=f"at most {pair[1].median:g}, as by hand",
            figure=f"{hits.most:g}",
            holds=hits.most <= pair[1].median,
        )


def _recovery(record: Record) -> Iterator[Reading]:
    for ours in (*OURS.values(), UNDER_SDK):
        for death in RETURNS:
            found = record.figure("recovery", ours, f"{death}: s")
            if found is not None:
                yield Reading(
                    what=f"primary back after an outage of 4 s ({death}): in use again, "
                    f"{_title(record, ours)}",
                    bar=f"within {RECOVERY:g} s",
                    figure=f"{found.median:.2f} s ({found.least:.2f} to {found.most:.2f})",
                    holds=found.most <= RECOVERY,
                )


def _streams(record: Record) -> Iterator[Reading]:
    for what, figure, limit in (
        ("time to the first content", "first ms", FIRST),
        ("CPU for an event", "cpu", EVENT),
    ):
        for ours in OURS.values():
            for colour in COLOURS:
                times = record.times("streams", ours, f"{colour} {figure}")
                if times is not None:
                    yield Reading(
                        what=f"stream, {colour}: {what} of {_title(record, ours)} against "
                        f"{_base(record, ours)}",
                        bar=f"at most {limit:g}",
                        figure=_times(Ratio.of(times)),
                        holds=times.median <= limit,
                    )


def growth(series: Series) -> float:
    """Give by how many MB memory grows once it is warm; the last part against an early one."""
    warm = series.blocks[min(WARM, len(series.blocks) - 1)]
    return series.blocks[-1] - warm


def _endurance(record: Record) -> Iterator[Reading]:
    for ours in (*OURS.values(), UNDER_SDK):
        for colour in COLOURS:
            memory = record.figure("endurance", ours, f"{colour} MB")
            sockets = record.figure("endurance", ours, f"{colour} sockets left")
            if memory is None or sockets is None:
                continue
            what = f"20,000 requests, {colour}: {{}}, {_title(record, ours)}"
            yield Reading(
                what=what.format("memory grows after a quarter of them by"),
                bar=f"at most {GROWTH:g} MB",
                figure=f"{growth(memory):.2f} MB",
                holds=growth(memory) <= GROWTH,
            )
            yield Reading(
                what=what.format("sockets left over"),
                bar="0",
                figure=f"{sockets.most:g}",
                holds=sockets.most == 0,
            )


def _imports(record: Record) -> Iterator[Reading]:
    for family, ours in OURS.items():
        whole = record.figure("imports", ours, "import cpu ms")
        least = record.figure("imports", ours, "dependencies import cpu ms")
        if whole is not None and least is not None:
            added = whole.median - least.median
            yield Reading(
                what=f"import: {_title(record, ours)} adds to {family}, attrs and cattrs",
                bar=f"at most {IMPORT:g} ms",
                figure=f"{added:.1f} ms",
                holds=added <= IMPORT,
            )
