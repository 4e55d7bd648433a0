"""Draws the figures. Measures nothing; the only module that needs matplotlib, and only in use."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from versus.record import Record
from versus.scenarios.dead import DEATHS, SEQUENTIAL, key
from versus.scenarios.recovery import DEATHS as RETURNS
from versus.tables import added, throughput

OURS: Final = "#0b6e4f"
OTHERS: Final = "#66819e"
LOST: Final = "#d1495b"
PALE: Final = "#b9c4d0"
_MOST: Final = 1.25
"""The share of a throughput up to which a bar is drawn."""
_AT_ONCE: Final = {
    "1 at once": "one call at a time",
    "32 at once": "32 at once",
    "256 at once": "256 at once",
}


def draw_all(record: Record, folder: Path) -> None:
    """Draw every figure of which there is anything."""
    for name, draw in (
        ("healthy", _draw_healthy),
        ("throughput", _draw_throughput),
        ("dead", _draw_dead),
        ("recovery", _draw_recovery),
    ):
        figure = draw(record)
        figure.savefig(folder / f"benchmarks-{name}.svg", metadata={"Date": None})
        import_module("matplotlib.pyplot").close(figure)


def _panels(count: int, rows: int) -> tuple[Any, list[Any]]:
    """Begin a figure with panels side by side; the same figures give the same file."""
    matplotlib: Any = import_module("matplotlib")
    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "azure-failover",
            "font.size": 9.0,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.alpha": 0.3,
        }
    )
    figure, axes = import_module("matplotlib.pyplot").subplots(
        1,
        count,
        figsize=(9.0, 1.3 + 0.3 * max(rows, 4)),
        layout="constrained",
        squeeze=False,
        sharey=True,
    )
    figure.patch.set_facecolor("white")
    for axis in axes[0]:
        axis.grid(visible=False, axis="y")
    return figure, list(axes[0])


def _names(record: Record, scenario: str) -> list[str]:
    """Give who was measured, from bottom to top, without what others build on."""
    measured = record.scenarios.get(scenario, {})
    chosen = [
        name for name, card in record.subjects.items() if name in measured and not card.is_base
    ]
    return chosen[::-1]


def _label(record: Record, axis: Any, names: Sequence[str]) -> None:
    """Write the subjects' titles beside the bars; ours in its colour."""
    axis.set_yticks(range(len(names)), [record.subjects[name].title for name in names])
    for name, label in zip(names, axis.get_yticklabels(), strict=True):
        if record.subjects[name].is_ours:
            label.set(color=OURS, fontweight="bold")


def _colour(record: Record, name: str) -> str:
    return OURS if record.subjects[name].is_ours else OTHERS


def _write(axis: Any, value: float, place: float, said: str) -> None:
    """Write beside the end of a bar."""
    axis.annotate(
        said,
        (value, place),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
    )


def _draw_healthy(record: Record) -> Any:
    """Draw what a healthy call over loopback costs more than without failover."""
    names = _names(record, "loopback")
    figure, axes = _panels(2, len(names))
    for axis, colour in zip(axes, ("sync", "async"), strict=True):
        most = 1.0
        for place, name in enumerate(names):
            whole = record.figure("loopback", name, f"{colour} cpu")
            times = record.times("loopback", name, f"{colour} cpu")
            if whole is None or times is None:
                continue
            more, share = added(whole, times), times.median - 1
            axis.barh(place, max(more, 0.0), color=_colour(record, name), height=0.65)
            told = f"{more:+.0f} µs, {share:+.0%}".replace("%", " %")
            _write(axis, max(more, 0.0), place, told)
            most = max(most, more)
        axis.set(title=colour, xlabel="CPU that is added to a call, µs")
        axis.set_xscale("symlog", linthresh=10.0)
        axis.set_xlim(0.0, most * 20.0)
        axis.xaxis.set_major_formatter("{x:g}")
    _label(record, axes[0], names)
    return figure


def _draw_throughput(record: Record) -> Any:
    """Draw the share of the throughput that is left of what a subject builds on."""
    names = _names(record, "concurrency")
    figure, axes = _panels(len(_AT_ONCE), len(names))
    for axis, (at_once, title) in zip(axes, _AT_ONCE.items(), strict=True):
        for place, name in enumerate(names):
            times = throughput(record, at_once, name)
            if times is None:
                continue
            axis.barh(place, min(times.median, _MOST), color=_colour(record, name), height=0.65)
            spread = [min(times.least, _MOST), min(times.most, _MOST)]
            axis.plot(spread, [place, place], color="#222222", linewidth=0.8)
            _write(axis, _MOST, place, f"{times.median:.2f}")
        axis.axvline(1.0, color=LOST, linewidth=1.0)
        axis.set(title=title, xlabel="throughput, 1 = without failover")
        axis.set_xlim(0.0, _MOST + 0.35)
    _label(record, axes[0], names)
    return figure


def _draw_dead(record: Record) -> Any:
    """Draw how long a call takes while the primary is dead, and what it does to it."""
    names = _names(record, "dead")
    figure, axes = _panels(len(DEATHS), len(names))
    for axis, death in zip(axes, DEATHS, strict=True):
        for place, name in enumerate(names):
            found = {
                what: record.figure("dead", name, key(death, SEQUENTIAL, what))
                for what in ("ms a call", "hits", "lost", "made")
            }
            call, hits, lost, made = found.values()
            if call is None or hits is None or lost is None or made is None:
                continue
            colour = LOST if lost.median else _colour(record, name)
            axis.barh(place, call.median, color=colour, height=0.65)
            said = f"{hits.median:g} hits"
            if lost.median:
                said = f"{lost.median:g} of {made.median:g} lost"
            _write(axis, call.median, place, said)
        axis.set(title=death, xlabel="ms a call", xscale="log", xlim=(0.2, 1e5))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.tick_params(axis="x", labelsize=7)
    _label(record, axes[0], names)
    figure.suptitle(
        "one call after the other while the primary is dead: hits on it, or calls lost (red)",
        fontsize=9,
    )
    return figure


def _draw_recovery(record: Record) -> Any:
    """Draw how long a primary that is well again is not in use."""
    names = _names(record, "recovery")
    figure, axes = _panels(len(RETURNS), len(names))
    most = 1.0
    for axis, death in zip(axes, RETURNS, strict=True):
        for place, name in enumerate(names):
            found = record.figure("recovery", name, f"{death}: s")
            if found is None:
                continue
            note = record.note("recovery", name, f"{death}: s")
            colour = PALE if note else _colour(record, name)
            axis.barh(place, found.median, color=colour, height=0.65)
            _write(axis, found.median, place, note or f"{found.median:.2f} s")
            most = max(most, found.median)
        axis.set(title=f"4 s of {death}", xlabel="s until it answers a call again")
    for axis in axes:
        axis.set_xlim(0.0, most * 1.35)
    _label(record, axes[0], names)
    return figure
