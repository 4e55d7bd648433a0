"""Writes figures down as tables, for the terminal and for the page. Measures nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from versus.bars import growth, readings
from versus.layers import BARE as LAYER_BARE, BY_HAND as LAYER_BY_HAND
from versus.record import Record, Series, added_ratio
from versus.roster import OURS
from versus.scenarios.dead import DEATHS, SHAPES, Shape, key
from versus.scenarios.healthy import BY_CPU, TIMES
from versus.scenarios.imports import DEPENDENCIES, FIRST, STATEMENTS
from versus.scenarios.recovery import DEATHS as RETURNS
from versus.scenarios.streaming import CUTS
from versus.team import COLOURS

NONE: Final = "-"
Column = tuple[str, Callable[[str], str]]
"""What a column is called, and what stands in it for a subject."""


def table(head: str, columns: Sequence[Column], rows: Iterable[tuple[str, str]]) -> str:
    """Write a table; a row is a subject's name and how it is shown."""
    lines = [
        f"| {head} | " + " | ".join(name for name, _ in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for name, shown in rows:
        lines.append(f"| {shown} | " + " | ".join(cell(name) for _, cell in columns) + " |")
    return "\n".join(lines) + "\n"


def shown(record: Record, name: str) -> str:
    """Give a subject's title; ours stands out."""
    card = record.subjects[name]
    return f"**{card.title}**" if card.is_ours else card.title


def rows(record: Record, scenario: str) -> list[tuple[str, str]]:
    """Give who was measured in a scenario, in the roster's order."""
    measured = record.scenarios.get(scenario, {})
    return [(name, shown(record, name)) for name in record.subjects if name in measured]


def number(value: float) -> str:
    """Write a number with three digits, and none behind the point where there are more."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(series: Series | None) -> str:
    """Write a median with the least and the greatest of the run's parts."""
    if series is None:
        return NONE
    return f"{number(series.median)} ({number(series.least)} to {number(series.most)})"


def against(record: Record, scenario: str, figure: str, name: str) -> str:
    """Write what is added to what a subject builds on."""
    whole, times = record.figure(scenario, name, figure), record.times(scenario, name, figure)
    if whole is None or times is None:
        return ""
    return f"{added(whole, times):+.0f}, {more(times)}"


def more(times: Series) -> str:
    """Write by what share a figure is more than what a subject builds on."""
    return f"{100 * (times.median - 1):+.1f} %"


def added(whole: Series, times: Series) -> float:
    """Give what of a figure is added to what a subject builds on."""
    return whole.median * (1 - 1 / times.median)


def throughput(record: Record, figure: str, name: str) -> Series | None:
    """Find the share of the throughput that is left, by CPU time."""
    return record.times("concurrency", name, figure + BY_CPU)


def share(record: Record, figure: str, name: str) -> str:
    """Write the share of the throughput that is left of what a subject builds on."""
    times = throughput(record, figure, name)
    return "" if times is None else f"{times.median:.2f} ({times.least:.2f} to {times.most:.2f})"


def _figure(record: Record, scenario: str, figure: str, name: str) -> str:
    return spread(record.figure(scenario, name, figure))


def cost_table(record: Record, scenario: str, whats: Sequence[str]) -> str:
    """Write what calls cost, and what of that is added."""
    columns: list[Column] = []
    for colour in COLOURS:
        for what in whats:
            figure = f"{colour} {what}"
            title = f"{colour}, {what.replace('cpu', 'CPU')} µs"
            columns.append((title, partial(_figure, record, scenario, figure)))
            columns.append(("adds", partial(against, record, scenario, figure)))
    return table("", columns, rows(record, scenario))


def layers_table(record: Record, scenario: str = "layers") -> str:
    """Write what more and more of ours adds to a call, and how that compares with by hand."""
    measured = record.scenarios.get(scenario, {})
    layers = {
        figure: None
        for each in measured.values()
        for figure in each.figures
        if not figure.endswith(TIMES)
    }

    def cell(subject: str, layer: str) -> str:
        whole = record.figure(scenario, subject, layer)
        times = record.figure(scenario, subject, layer + TIMES)
        floor = record.figure(scenario, subject, LAYER_BY_HAND + TIMES)
        if whole is None or times is None or floor is None:
            return NONE
        if layer == LAYER_BARE:
            return f"{number(whole.median)} µs"
        found = added_ratio(times, floor)
        units = "" if found is None else f", {found.middle:.2f} of by hand"
        return f"{added(whole, times):+.1f} µs, {more(times)}{units}"

    columns: list[Column] = [
        (record.subjects[record.subjects[name].base].title, partial(cell, name))
        for name in record.subjects
        if name in measured
    ]
    return table("what stands between", columns, ((name, name) for name in layers))


def concurrency_table(record: Record) -> str:
    """Write calls a second, and the share that is left."""
    names = {
        figure: None
        for measured in record.scenarios.get("concurrency", {}).values()
        for figure in measured.figures
        if not figure.endswith(BY_CPU)
    }
    columns: list[Column] = []
    for figure in names:
        columns.append((f"{figure}, calls/s", partial(_figure, record, "concurrency", figure)))
        columns.append(("share", partial(share, record, figure)))
    return table("", columns, rows(record, "concurrency"))


def dead_table(record: Record, shape: Shape) -> str:
    """Write what an outage comes to."""
    columns: list[Column] = [(death, partial(_outage, record, shape, death)) for death in DEATHS]
    shown_rows = [
        (name, f"*{title}, straight to the backup*" if record.subjects[name].is_base else title)
        for name, title in rows(record, "dead")
    ]
    return table(shape.name, columns, shown_rows)


def _outage(record: Record, shape: Shape, death: str, name: str) -> str:
    call, hits, lost, made, asked = (
        record.figure("dead", name, key(death, shape, what))
        for what in ("ms a call", "hits", "lost", "made", "asked for")
    )
    if call is None or hits is None or lost is None or made is None or asked is None:
        return NONE
    told = f"{number(call.median)} ms"
    if not record.subjects[name].is_base:
        told += f", {hits.median:g} hits"
    if lost.most:
        told += f", **{lost.median:g} lost**"
    if made.median < asked.median:
        told += f", only {made.median:g} of {asked.median:g} made"
    return told


def recovery_table(record: Record) -> str:
    """Write how long it takes until the primary is in use again."""

    def cell(death: str, name: str) -> str:
        note = record.note("recovery", name, f"{death}: s")
        return note or spread(record.figure("recovery", name, f"{death}: s"))

    def lost(name: str) -> str:
        found = [record.figure("recovery", name, f"{death}: lost") for death in RETURNS]
        return ", ".join(f"{each.median:g}" for each in found if each is not None)

    columns: list[Column] = [(f"{death}, s", partial(cell, death)) for death in RETURNS]
    columns.append((f"lost calls ({', '.join(RETURNS)})", lost))
    return table("", columns, rows(record, "recovery"))


def streams_table(record: Record) -> str:
    """Write what streams cost, and how many times as much as what a subject builds on."""

    def cell(figure: str, name: str) -> str:
        times = record.times("streams", name, figure)
        told = spread(record.figure("streams", name, figure))
        return told if times is None else f"{told}, {times.median:.2f} times"

    columns: list[Column] = [
        (f"{colour}, {what}", partial(cell, f"{colour} {figure}"))
        for what, figure in (("first content ms", "first ms"), ("CPU µs an event", "cpu"))
        for colour in COLOURS
    ]
    return table("", columns, rows(record, "streams"))


def cuts_table(record: Record) -> str:
    """Write what a caller sees of a stream that is cut."""

    def cell(cut: str, name: str) -> str:
        return record.note("cuts", name, cut) or NONE

    columns: list[Column] = [(cut, partial(cell, cut)) for cut in CUTS]
    return table("the stream", columns, rows(record, "cuts"))


def endurance_table(record: Record) -> str:
    """Write what many requests leave behind."""

    def memory(colour: str, name: str) -> str:
        found = record.figure("endurance", name, f"{colour} MB")
        return NONE if found is None else f"{found.blocks[-1]:.1f}, {growth(found):+.2f}"

    def sockets(colour: str, name: str) -> str:
        found = record.figure("endurance", name, f"{colour} sockets left")
        return NONE if found is None else f"{found.median:g}"

    def total(colour: str, name: str) -> str:
        told: list[str] = []
        for what in ("made", "failovers", "lost"):
            found = record.figure("endurance", name, f"{colour} {what}")
            if found is None or (what == "failovers" and record.subjects[name].is_base):
                continue
            told.append(f"{found.mean * found.count:.0f} {what}")
        return ", ".join(told)

    columns: list[Column] = []
    for colour in COLOURS:
        columns += [
            (f"{colour}: MB, growth", partial(memory, colour)),
            ("sockets left", partial(sockets, colour)),
            ("calls", partial(total, colour)),
        ]
    return table("", columns, rows(record, "endurance"))


def imports_table(record: Record) -> str:
    """Write what importing costs."""

    def cell(what: str, name: str) -> str:
        subject, _, prefix = name.partition("|")
        return spread(record.figure("imports", subject, f"{prefix}{what}"))

    columns: list[Column] = [
        (what.replace("cpu", "CPU"), partial(cell, what))
        for what in ("import cpu ms", "import ms", "import MB")
    ]
    families = {ours: family for family, ours in OURS.items()}
    titles = {
        "": "{title}",
        FIRST: "{title}, and a first transport built",
        DEPENDENCIES: "{family}, attrs and cattrs alone",
    }
    shown_rows = [
        (f"{name}|{prefix}", titles[prefix].format(title=title, family=families.get(name)))
        for name, title in rows(record, "imports")
        for prefix in STATEMENTS.get(name, {"": ""})
    ]
    return table("", columns, shown_rows)


def bars_table(record: Record) -> str:
    """Write what must hold."""
    lines = ["| what | bar | measured | |", "|---|---|---|---|"]
    for each in readings(record):
        met = "met" if each.holds else "**not met**"
        lines.append(f"| {each.what} | {each.bar} | {each.figure} | {met} |")
    return "\n".join(lines) + "\n"


def failures(record: Record) -> list[str]:
    """Say who could not take part to the end, and why."""
    return [
        f"- {record.subjects[name].title}, {scenario}: {measured.notes['failed']}"
        for scenario, subjects in record.scenarios.items()
        for name, measured in subjects.items()
        if "failed" in measured.notes
    ]


def scenario_tables(record: Record) -> dict[str, str]:
    """Write the tables of every scenario that was measured."""
    tables: dict[str, Callable[[], str]] = {
        "memory": lambda: cost_table(record, "memory", ["cpu"]),
        "layers": lambda: layers_table(record),
        "loopback": lambda: cost_table(record, "loopback", ["cpu", "wall"]),
        "tls": lambda: cost_table(record, "tls", ["cpu", "wall"]),
        "concurrency": lambda: concurrency_table(record),
        "crowd": lambda: layers_table(record, "crowd"),
        "dead": lambda: "\n".join(dead_table(record, shape) for shape in SHAPES),
        "recovery": lambda: recovery_table(record),
        "streams": lambda: streams_table(record),
        "cuts": lambda: cuts_table(record),
        "endurance": lambda: endurance_table(record),
        "imports": lambda: imports_table(record),
    }
    return {name: write() for name, write in tables.items() if name in record.scenarios}
