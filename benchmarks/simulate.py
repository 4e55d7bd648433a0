"""How our health rules do against published ones: the real core, in virtual time.

Prints a table for each scenario, and what must hold. ``--quick`` is a smoke test; ``--write``
renews ``docs/health-simulation.md`` and its plots; ``--tuning`` measures the bars by the seeds for
tuning, with which constants may be tried. See ``simulation/world.py`` for how it works.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import attrs
from simulation.grid import Cell, Reading, failbacks, frontiers, grid, readings
from simulation.page import page, reading_row, scenario_table
from simulation.plots import draw_dead, draw_failbacks, draw_frontiers
from simulation.scenarios import SCENARIOS

DOCS = Path(__file__).parent.parent / "docs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, print, and write what is asked for; 1 if a bar does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few and short runs, as a smoke test")
    parser.add_argument("--scenario", choices=SCENARIOS, help="only this scenario, and no bars")
    parser.add_argument("--tuning", action="store_true", help="only the bars, by tuning seeds")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures there")
    parser.add_argument("--write", action="store_true", help="renew the page of the documentation")
    options = parser.parse_args(arguments)
    if options.write and (options.quick or options.scenario or options.tuning):
        parser.error("--write takes all runs in full")
    begin = time.process_time()
    measured = [] if options.scenario else _bars(is_quick=options.quick, tunes=options.tuning)
    names = [] if options.tuning else [options.scenario] if options.scenario else list(SCENARIOS)
    cells = _grid(names, is_quick=options.quick)
    _say_cost(cells, time.process_time() - begin)
    if options.json:
        figures = {
            "bars": [attrs.asdict(each) for each in measured],
            "cells": [attrs.asdict(each) for each in cells],
        }
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if options.write:
        write(measured, cells)
    return int(not options.quick and not all(each.holds for each in measured))


def _bars(*, is_quick: bool, tunes: bool) -> list[Reading]:
    found: list[Reading] = []
    for reading in readings(is_quick=is_quick, tunes=tunes):
        print(reading_row(reading), flush=True)
        found.append(reading)
    return found


def _grid(names: Sequence[str], *, is_quick: bool) -> list[Cell]:
    found: list[Cell] = []
    for name in names:
        cells = list(grid([name], is_quick=is_quick))
        print(scenario_table(name, cells), flush=True)
        found += cells
    return found


def _say_cost(cells: Sequence[Cell], seconds: float) -> None:
    count = sum(cell.simulated for cell in cells)
    print(f"\n{count:,} calls in the tables; {seconds:.0f} s of CPU in all", file=sys.stderr)


def write(measured: Sequence[Reading], cells: Sequence[Cell]) -> None:
    """Write the page and its plots."""
    (DOCS / "health-simulation.md").write_text(page(measured, cells), encoding="utf-8")
    draw_dead(cells, DOCS / "health-dead.svg")
    draw_failbacks(failbacks(), DOCS / "health-failback.svg")
    draw_frontiers(frontiers(), DOCS / "health-frontier.svg")


if __name__ == "__main__":
    sys.exit(main())
