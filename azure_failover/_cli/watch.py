"""``watch``: the checks of ``check`` over and over, with what was found in the rounds before."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs
import click
from rich.console import Group, RenderableType
from rich.live import Live

from azure_failover._cli.check import checked, chosen, milliseconds, symbol, timeout_option
from azure_failover._cli.complaints import WRONG, debug_option
from azure_failover._cli.printing import Printer, name_in, shortened
from azure_failover._cli.report import Report
from azure_failover._cli.seconds import Seconds
from azure_failover._cli.source import complete_endpoint, config_option, load
from azure_failover._cli.surroundings import Surroundings, surroundings

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS: Final = ".:-=+*%#"
_ROUNDS: Final = 30
"""How many rounds the strip of an endpoint shows."""
_REGION: Final = 15
_NAME: Final = 18
_FIXED: Final = len("x   99999 ms    ") + _ROUNDS + len("  ") + _REGION
"""Columns of all but the name, which has at least 18."""


@click.command(short_help="Check every endpoint over and over.")
@click.argument("names", nargs=-1, metavar="[ENDPOINT]...", shell_complete=complete_endpoint)
@config_option
@click.option("--chat", is_flag=True, help="Ask for real completions; each costs some tokens.")
@click.option(
    "--interval",
    type=Seconds(0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="The pause between two rounds.",
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after so many rounds.")
@timeout_option
@debug_option
def watch(
    *,
    names: tuple[str, ...],
    path: Path | None,
    chat: bool,
    interval: float,
    count: int | None,
    timeout: float,
) -> None:
    """Check every endpoint, or those that are named, over and over, until Ctrl-C.

    On a terminal it shows a picture with the last rounds: a bar for an answer, as high as it took
    long, and a cross for none. Elsewhere it prints a line for each round. Exits with 1 if anything
    was wrong in the last one.
    """
    loaded = load(path)
    indices = chosen(loaded, names)
    printer = Printer(loaded.config.redact)
    heading = f"{loaded.source}, every {interval:g} s"
    watched = Watched(
        lambda: checked(loaded, indices, is_chat=chat, timeout=timeout),
        surroundings(),
        interval=interval,
        count=count,
    )
    if printer.is_live:
        _show(watched, printer, heading)
    else:
        for _ in watched.rounds():
            printer.line(round_line(watched.now, watched.reports))
    if not watched.number:
        raise click.Abort  # Ctrl-C in the first round
    if not all(report.is_well for report in watched.reports):
        sys.exit(WRONG)


@attrs.define
class Watched:
    """Rounds of checks, the last of which are kept.

    Attributes:
        check: Does one round.
        surroundings: The machine.
        interval: Seconds between two rounds.
        count: How many rounds; None for until Ctrl-C.
        reports: What the last round found.
        now: When that was, as ``hh:mm:ss``.
        history: For each endpoint, by name, the seconds that each round's answer took; None where
            it was not well.
        number: How many rounds there were.
    """

    check: Callable[[], list[Report]]
    surroundings: Surroundings
    interval: float
    count: int | None
    reports: list[Report] = attrs.field(factory=list[Report])
    now: str = ""
    history: dict[str, deque[float | None]] = attrs.field(factory=dict[str, "deque[float | None]"])
    number: int = 0

    def rounds(self) -> Iterator[int]:
        """Do one round after the other, and give its number; Ctrl-C ends them."""
        try:
            while True:
                self._do()
                yield self.number
                if self.number == self.count:
                    return
                self.surroundings.sleep(self.interval)
        except KeyboardInterrupt:
            return

    def _do(self) -> None:
        self.reports = self.check()
        self.now = self.surroundings.now().strftime("%H:%M:%S")
        self.number += 1
        for report in self.reports:
            past = self.history.setdefault(report.name, deque(maxlen=_ROUNDS))
            past.append(report.seconds.get("answer", 0.0) if report.is_well else None)


def strip(past: Sequence[float | None], peak: float, *, is_utf: bool) -> str:
    """Draw one sign for each round: a bar, as high as the answer took long, or a cross.

    Args:
        past: Seconds, or None where the endpoint was not well.
        peak: The seconds of the highest bar.
        is_utf: Whether there are signs beyond ASCII.
    """
    blocks, cross = (_BLOCKS, "✗") if is_utf else (_ASCII_BLOCKS, "x")
    last = len(blocks) - 1
    return "".join(
        cross if taken is None else blocks[min(last, int(taken / peak * last)) if peak else 0]
        for taken in past
    )


def round_line(now: str, reports: Sequence[Report]) -> str:
    """Write a round in one line."""
    well = sum(report.is_well for report in reports)
    told = [
        f"{report.name} {milliseconds(report)}"
        if report.is_well
        else f"{report.name} NO ({_in_short(report.problem or '')})"
        for report in reports
    ]
    return "  ".join([now, f"{well}/{len(reports)} well", *told])


def _in_short(problem: str) -> str:
    """Leave out what the endpoint itself said: ``401: the key is not accepted: Access …``."""
    return shortened(": ".join(problem.split(": ")[:2]), 45)


def _show(watched: Watched, printer: Printer, heading: str) -> None:
    with Live(console=printer.console, auto_refresh=False) as live:
        printer.console.show_cursor(show=False)
        try:
            live.update(printer.text("the first round is under way"), refresh=True)
            for _ in watched.rounds():
                live.update(picture(watched, printer, heading), refresh=True)
        finally:
            printer.console.show_cursor(show=True)


def picture(watched: Watched, printer: Printer, heading: str) -> RenderableType:
    """Draw the last round and those before."""
    peak = max((taken for past in watched.history.values() for taken in past if taken), default=0.0)
    room = max(_NAME, printer.console.width - _FIXED)
    width = min(room, max(len(report.name) for report in watched.reports))
    lines = [printer.text((f"{watched.now}  round {watched.number}, {heading}", "bold"))]
    for report in watched.reports:
        past = strip(watched.history[report.name], peak, is_utf=printer.is_utf)
        sign, style = symbol(report, is_utf=printer.is_utf)
        took = milliseconds(report) if report.is_well else ""
        name = f" {name_in(report.name, width):<{width}}  {took:>8}  "
        region = shortened(report.region or "", _REGION)
        parts = [(sign, style), (name, ""), (f"{past:<{_ROUNDS}}  ", "cyan"), (region, "dim")]
        lines.append(printer.text(*parts))
        if report.problem is not None:
            text = shortened(printer.redact(report.problem), printer.console.width - 5)
            lines.append(printer.text((f"    {text}", "red")))
    return Group(*lines)
