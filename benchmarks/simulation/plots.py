"""Draws the figures. Measures nothing; the only module that needs matplotlib, and only in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from math import isfinite
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from simulation.grid import BARE, OURS, OUTAGES, RATES, RULES, Cell, Frontier

_COLOURS: Final = ("#0b6e4f", "#d1495b", "#edae49", "#66819e", "#8d5a97", "#9a9a9a", "#222222")
_SIZE: Final = (9.0, 4.4)
_SLICE: Final = 0.5
"""Seconds in which calls are put together where what they wait is drawn."""
_RANGE: Final = {
    "color": _COLOURS[0],
    "alpha": 0.25,
    "linewidth": 0.0,
    "label": "nine callers in ten",
}


def _panels(count: int) -> tuple[Any, list[Any]]:
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
            "grid.alpha": 0.3,
        }
    )
    figure, axes = import_module("matplotlib.pyplot").subplots(
        1, count, figsize=_SIZE, layout="constrained", squeeze=False
    )
    figure.patch.set_facecolor("white")
    return figure, list(axes[0])


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    import_module("matplotlib.pyplot").close(figure)


def _line(axis: Any, name: str, xs: Sequence[float], ys: Sequence[float]) -> None:
    others = [rule for rule in RULES if rule not in (OURS, BARE)]
    is_ours = name in (OURS, BARE)
    axis.plot(
        xs,
        ys,
        label=name.replace(", ", ",\n"),
        color=_COLOURS[0] if is_ours else _COLOURS[1 + others.index(name)],
        linestyle="--" if name == BARE else "-",
        marker="o",
        markersize=3.5,
        linewidth=2.4 if is_ours else 1.2,
    )


def _legend(figure: Any, axis: Any) -> None:
    """Write the legend below, where no line runs."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)


def draw_dead(cells: Sequence[Cell], path: Path) -> None:
    """Draw the share of calls that were sent to the dead primary, over the rate."""
    figure, axes = _panels(2)
    for axis, scenario in zip(axes, ("hang", "fast 5xx"), strict=True):
        chosen = [cell for cell in cells if cell.scenario == scenario and cell.rule != "oracle"]
        for rule in dict.fromkeys(cell.rule for cell in chosen):
            points = [(RATES[cell.rate], cell.dead) for cell in chosen if cell.rule == rule]
            _line(axis, rule, [x for x, _ in points], [y for _, y in points])
        axis.set(xscale="log", yscale="log", title=scenario, xlabel="calls a second")
        axis.set(ylim=(1e-3, 1.3))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_major_formatter(_in_percent)
    axes[0].set_ylabel("share sent to the dead primary")
    _legend(figure, axes[0])
    _save(figure, path)


def _in_percent(share: float, _: object) -> str:
    return f"{100 * share:g} %"


def draw_failbacks(failbacks: Mapping[str, Sequence[float]], path: Path) -> None:
    """Draw the time to failback over the length of the outage."""
    figure, axes = _panels(1)
    for rule, seconds in failbacks.items():
        points = [
            (outage, back) for outage, back in zip(OUTAGES, seconds, strict=True) if isfinite(back)
        ]
        _line(axes[0], rule, [x for x, _ in points], [y for _, y in points])
    axes[0].set(
        xscale="log",
        yscale="log",
        title="hang at 3 calls a second",
        xlabel="length of the outage, s (each point: 11 outages, up to 25 % off)",
        ylabel="median failback, s",
    )
    axes[0].xaxis.set_major_formatter("{x:g}")
    axes[0].yaxis.set_major_formatter("{x:g}")
    _legend(figure, axes[0])
    _save(figure, path)


def draw_frontiers(frontiers: Sequence[Frontier], path: Path) -> None:
    """Draw what settings trade."""
    figure, axes = _panels(len(frontiers))
    for axis, frontier in zip(axes, frontiers, strict=True):
        xs = [x for _, x, _ in frontier.points]
        ys = [y for _, _, y in frontier.points]
        _line(axis, OURS, xs, ys)
        for value, x, y in frontier.points:
            axis.annotate(f"{value:g} s", (x, y), xytext=(5, 5), textcoords="offset points")
        axis.set(title=frontier.setting, xlabel=frontier.x, ylabel=frontier.y)
        percent = import_module("matplotlib.ticker").PercentFormatter(1.0)
        axis.xaxis.set_major_formatter(percent)
        if max(ys) < 1.0:
            axis.yaxis.set_major_formatter(percent)
    _save(figure, path)


def draw_waits(waits: Mapping[str, Sequence[tuple[float, float]]], path: Path) -> None:
    """Draw what callers wait around the start of a hang: the median one and the slowest."""
    figure, axes = _panels(len(waits))
    for axis, (rule, calls) in zip(axes, waits.items(), strict=True):
        slices: dict[int, list[float]] = {}
        for came, waited in calls:
            if -3.0 <= came < 20.0:
                slices.setdefault(int(came // _SLICE), []).append(waited)
        xs = [(number + 0.5) * _SLICE for number in sorted(slices)]
        each = [slices[number] for number in sorted(slices)]
        twentieths = [quantiles(waited, n=20) for waited in each]
        axis.fill_between(xs, [e[0] for e in twentieths], [e[-1] for e in twentieths], **_RANGE)
        axis.plot(xs, [median(e) for e in each], color=_COLOURS[0], label="the median caller")
        axis.axvline(0.0, color=_COLOURS[1], linewidth=1.0, label="the hang begins")
        axis.set(title=rule, xlabel="when the call came, s", ylim=(0.0, 13.0))
    axes[0].set_ylabel("what the caller waited, s")
    _legend(figure, axes[0])
    _save(figure, path)
