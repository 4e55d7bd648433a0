"""Ours against everything a user would pick instead, in interleaved slices, each in a process.

Prints tables and what must hold. By default a smoke test: few slices, and only the subjects that
need no SDK. ``--full`` measures all subjects for real, in environments that are made for them under
``--environments``, and merges the figures into ``docs/benchmarks.json``; ``--only`` and
``--subjects`` renew a part of it. ``--write`` renews ``docs/benchmarks.md`` and its plots from
that file, after the run or, with ``--no-run``, instead of one; a smoke test writes them to where
nobody looks. See ``versus/contract.py`` for what a subject is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import cattrs
from versus.environments import here, made
from versus.machine import machine
from versus.page import page, text
from versus.plots import draw_all
from versus.record import Record, Run, load, merged, save
from versus.roster import PLAIN, Card, checked, roster, with_companions
from versus.scenarios import SCENARIOS
from versus.stage import Stage
from versus.tables import failures
from versus.team import QUICK, Sizes, Team

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
FIGURES = DOCS / "benchmarks.json"
PAGE = "benchmarks.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write what is asked for; 1 if somebody failed in a smoke test."""
    options = _options(arguments)
    if options.no_run:
        write(load(options.json), DOCS)
        return 0
    new = Record()
    for part in _measured(options):
        new = merged(new, part)
        if options.full:  # scenario by scenario: nothing is lost when one breaks off
            save(merged(load(options.json), new), options.json)
    print(text(new))
    if options.write:
        write(load(options.json), DOCS)
    if options.full:
        return 0
    with tempfile.TemporaryDirectory(prefix="versus-") as folder:
        write(new, Path(folder))
    return int(bool(failures(new)))


def write(record: Record, folder: Path) -> None:
    """Write the page and its plots."""
    (folder / PAGE).write_text(page(record), encoding="utf-8")
    draw_all(record, folder)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--quick", action="store_true", help="a smoke test, which is the default")
    add("--full", action="store_true", help="real figures, into the record")
    add("--only", metavar="SCENARIO,…", default="", help=f"of {', '.join(SCENARIOS)}")
    add("--subjects", metavar="NAME,…", default="", help="and what they are compared with")
    add("--environments", metavar="FOLDER", type=Path, help="make an environment for each subject")
    add("--no-nginx", action="store_true", help="do without nginx though it is installed")
    add("--json", metavar="FILE", type=Path, default=FIGURES, help="where the record is")
    add("--write", action="store_true", help="then renew the page of the documentation")
    add("--no-run", action="store_true", help="only renew the page of the documentation")
    options = parser.parse_args(arguments)
    if options.write and not options.full:
        parser.error("--write takes --full")
    if options.quick + options.full + options.no_run > 1:
        parser.error("it is either --quick or --full or --no-run")
    try:
        options.only = checked(_listed(options.only) or [*SCENARIOS], SCENARIOS, "scenario")
        options.subjects = checked(_listed(options.subjects), roster(), "subject")
    except ValueError as error:
        parser.error(str(error))
    if not options.environments and (beyond := {*options.subjects}.difference(PLAIN)):
        parser.error(f"{', '.join(sorted(beyond))} takes --environments")
    return options


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _measured(options: argparse.Namespace) -> Iterator[Record]:
    """Measure what is asked for, scenario by scenario."""
    cards = roster()
    within_reach = cards if options.environments else dict.fromkeys(PLAIN)
    names = with_companions(options.subjects or within_reach, cards)
    chosen = {name: cards[name] for name in names if name in within_reach}
    pythons = (
        made(chosen.values(), options.environments.absolute(), ROOT)
        if options.environments
        else here(chosen.values())
    )
    chosen = {name: card for name, card in chosen.items() if name in pythons}
    sizes = Sizes() if options.full else QUICK
    with (
        tempfile.TemporaryDirectory(prefix="versus-") as home,
        Stage(Path(home), may_use_nginx=not options.no_nginx) as stage,
    ):
        yield from _run(chosen, pythons, stage, sizes, options.only)


def _run(
    cards: Mapping[str, Card],
    pythons: Mapping[str, str],
    stage: Stage,
    sizes: Sizes,
    only: Sequence[str],
) -> Iterator[Record]:
    """Run scenarios; each has processes of its own, unless it is but a smoke test."""
    name = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    about = machine(server=stage.server)
    runs = {name: Run(date=name, machine=about, settings=cattrs.unstructure(sizes))}
    for together in [only] if sizes is QUICK else [[scenario] for scenario in only]:
        with Team(cards.values(), pythons, stage.home) as team:
            for scenario in together:
                begin = time.monotonic()
                SCENARIOS[scenario](team, stage, sizes)
                print(f"{scenario}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
                found = {scenario: team.measured(name)}
                yield Record(runs=runs, subjects=team.cards, scenarios=found)


if __name__ == "__main__":
    sys.exit(main())
