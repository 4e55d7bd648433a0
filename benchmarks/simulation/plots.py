"""Draws the figures. Measures nothing; the only module that needs matplotlib, and only in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any, Final

from simulation.grid import OURS, OUTAGES, RATES, Cell, Frontier

_COLOURS: Final = ("#0b6e4f", "#d1495b", "#edae49", "#66819e", "#8d5a97", "#9a9a9a", "#222222")
_SIZE: Final = (9.0, 4.0)


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


def _line(axis: Any, number: int, name: str, xs: Sequence[float], ys: Sequence[float]) -> None:
    axis.plot(
        xs,
        ys,
        label=name,
        color=_COLOURS[number % len(_COLOURS)],
        marker="o",
        markersize=3.5,
        linewidth=2.4 if name == OURS else 1.2,
    )


def draw_dead(cells: Sequence[Cell], path: Path) -> None:
    """Draw the share of calls that were sent to the dead primary, over the rate."""
    figure, axes = _panels(2)
    for axis, scenario in zip(axes, ("hang", "fast 5xx"), strict=True):
        chosen = [cell for cell in cells if cell.scenario == scenario and cell.rule != "oracle"]
        for number, rule in enumerate(dict.fromkeys(cell.rule for cell in chosen)):
            points = [(RATES[cell.rate], cell.dead) for cell in chosen if cell.rule == rule]
            _line(axis, number, rule, [x for x, _ in points], [y for _, y in points])
        axis.set(xscale="log", yscale="log", title=scenario, xlabel="calls a second")
    axes[0].set_ylabel("share sent to the dead primary")
    axes[1].legend(frameon=False, fontsize=8)
    _save(figure, path)


def draw_failbacks(failbacks: Mapping[str, Sequence[float]], path: Path) -> None:
    """Draw the time to failback over the length of the outage."""
    figure, axes = _panels(1)
    for number, (rule, seconds) in enumerate(failbacks.items()):
        points = [
            (outage, back) for outage, back in zip(OUTAGES, seconds, strict=True) if isfinite(back)
        ]
        _line(axes[0], number, rule, [x for x, _ in points], [y for _, y in points])
    axes[0].set(
        xscale="log",
        yscale="log",
        title="hang at 3 calls a second",
        xlabel="length of the outage, s",
        ylabel="median failback, s",
    )
    axes[0].legend(frameon=False, fontsize=8)
    _save(figure, path)


def draw_frontiers(frontiers: Sequence[Frontier], path: Path) -> None:
    """Draw what settings trade."""
    figure, axes = _panels(len(frontiers))
    for axis, frontier in zip(axes, frontiers, strict=True):
        xs = [x for _, x, _ in frontier.points]
        ys = [y for _, _, y in frontier.points]
        _line(axis, 0, OURS, xs, ys)
        for value, x, y in frontier.points:
            axis.annotate(f"{value:g} s", (x, y), xytext=(5, 5), textcoords="offset points")
        axis.set(title=frontier.setting, xlabel=frontier.x, ylabel=frontier.y)
        percent = import_module("matplotlib.ticker").PercentFormatter(1.0)
        axis.xaxis.set_major_formatter(percent)
        if max(ys) < 1.0:
            axis.yaxis.set_major_formatter(percent)
    _save(figure, path)
