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
from simulation.grid import (
    Cell,
    Reading,
    failbacks,
    frontiers,
    grid,
    pairs,
    readings,
    remedies,
    waits,
)
from simulation.page import (
    Findings,
    page,
    pairs_table,
    reading_row,
    remedies_table,
    scenario_table,
)
from simulation.plots import draw_dead, draw_failbacks, draw_frontiers, draw_waits
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
    found = _measured(options)
    if options.json:
        options.json.write_text(json.dumps(attrs.asdict(found), indent=1) + "\n", encoding="utf-8")
    if options.write:
        write(found)
    _say_cost(found, time.process_time() - begin)
    return int(not options.quick and not all(each.holds for each in found.readings))


def _measured(options: argparse.Namespace) -> Findings:
    """Measure what is asked for, and print it."""
    is_quick, scenario = options.quick, options.scenario
    names = [] if options.tuning else [scenario] if scenario else list(SCENARIOS)
    found = Findings(
        readings=[] if scenario else _bars(is_quick=is_quick, tunes=options.tuning),
        cells=_grid(names, is_quick=is_quick),
        remedies=[] if scenario or options.tuning else remedies(is_quick=is_quick),
        pairs=[] if scenario or options.tuning else pairs(is_quick=is_quick),
    )
    if found.remedies:
        print(f"\n{remedies_table(found.remedies)}\n{pairs_table(found.pairs)}", flush=True)
    return found


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


def _say_cost(found: Findings, seconds: float) -> None:
    cells = (*found.cells, *found.remedies, *found.pairs)
    count = sum(each.simulated for each in found.readings) + sum(each.simulated for each in cells)
    print(f"\n{count:,} calls, {seconds:.0f} s of CPU in all", file=sys.stderr)


def write(found: Findings) -> None:
    """Write the page and its plots."""
    (DOCS / "health-simulation.md").write_text(page(found), encoding="utf-8")
    draw_dead(found.cells, DOCS / "health-dead.svg")
    draw_waits(waits(), DOCS / "health-waits.svg")
    draw_failbacks(failbacks(), DOCS / "health-failback.svg")
    draw_frontiers(frontiers(), DOCS / "health-frontier.svg")


if __name__ == "__main__":
    sys.exit(main())
