"""``check``: is every endpoint reachable, does it take the key, the deployment, the version?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
import click

from azure_failover._cli.cautions import Caution, same_region
from azure_failover._cli.complaints import WRONG, Complaint, debug_option
from azure_failover._cli.printing import Printer, name_in, shortened
from azure_failover._cli.reach import reach
from azure_failover._cli.report import ASPECTS, Mark, Report
from azure_failover._cli.seconds import Seconds
from azure_failover._cli.source import Loaded, complete_endpoint, config_option, load
from azure_failover._cli.surroundings import surroundings

_CELLS: Final = {
    Mark.OK: ("ok", "green"),
    Mark.WRONG: ("NO", "bold red"),
    Mark.UNKNOWN: ("?", "yellow"),
    Mark.NONE: ("-", "dim"),
}
_WIDTHS: Final = {"dns": 4, "tcp": 4, "tls": 4, "auth": 5, "deployment": 11, "version": 8}
_REGION: Final = 15
_NARROW: Final = 80
_FIXED: Final = len("x ") + len("  ") + sum(_WIDTHS.values()) + len("99999 ms")
"""Columns of all but the name and the region."""

timeout_option = click.option(
    "--timeout",
    type=Seconds(0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an endpoint may take in all.",
)


@click.command(short_help="Can every endpoint be reached, and will it serve?")
@click.argument("names", nargs=-1, metavar="[ENDPOINT]...", shell_complete=complete_endpoint)
@config_option
@click.option("--chat", is_flag=True, help="Ask for a real completion; costs some tokens.")
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@debug_option
def check(
    *, names: tuple[str, ...], path: Path | None, chat: bool, timeout: float, as_json: bool
) -> None:
    """Check every endpoint, or those that are named: can it be reached, will it serve?

    Looks at DNS, TCP, TLS, key, deployment and api-version, each endpoint by itself. Sends a chat
    request without messages, which costs nothing; --chat asks for a short real answer. Exits with 1
    if anything is wrong.
    """
    loaded = load(path)
    reports = checked(loaded, chosen(loaded, names), is_chat=chat, timeout=timeout)
    printer = Printer(loaded.config.redact)
    warnings = [*same_region({report.name: report.region for report in reports})]
    is_well = all(report.is_well for report in reports)
    if as_json:
        printer.json(
            {
                "well": is_well,
                "endpoints": [report.as_json() for report in reports],
                "warnings": [attrs.asdict(warning) for warning in warnings],
            }
        )
    else:
        _print(reports, warnings, printer)
    if not is_well:
        sys.exit(WRONG)


def chosen(loaded: Loaded, names: Sequence[str]) -> list[int]:
    """Find the endpoints that were named; all if none was.

    Raises:
        Complaint: There is no such endpoint.
    """
    known = [endpoint.name for endpoint in loaded.config.endpoints]
    if unknown := [name for name in names if name not in known]:
        raise Complaint(f"there is no endpoint {unknown[0]!r}", f"there is {', '.join(known)}")
    return [index for index, name in enumerate(known) if not names or name in names]


def checked(
    loaded: Loaded, indices: Sequence[int], *, is_chat: bool, timeout: float
) -> list[Report]:
    """Check some endpoints of a configuration."""
    return reach(
        loaded.config,
        indices,
        loaded.inherits_key,
        is_chat=is_chat,
        timeout=timeout,
        surroundings=surroundings(),
    )


def milliseconds(report: Report) -> str:
    """Write how long the answer took."""
    taken = report.seconds.get("answer")
    return "" if taken is None else f"{taken * 1000:.0f} ms"


def symbol(report: Report, *, is_utf: bool) -> tuple[str, str]:
    """Give the sign of an endpoint that is well or is not, and its style."""
    if report.is_well:
        return ("✓" if is_utf else "+", "green")
    return ("✗" if is_utf else "x", "bold red")


def _print(reports: Sequence[Report], warnings: Sequence[Caution], printer: Printer) -> None:
    width, region = _columns(reports, printer.console.width)
    heads = "".join(f"{aspect:<{space}}" for aspect, space in _WIDTHS.items())
    printer.line((f"  {'endpoint':<{width}}  {heads}{'region':<{region}}  answer", "bold"))
    for report in reports:
        _print_row(report, width, region, printer)
    printer.line()
    for warning in warnings:
        printer.paragraph(str(warning), first="warning: ", indent="         ", style="yellow")
    wrong = sum(not report.is_well for report in reports)
    count = f"{len(reports)} endpoint" + ("" if len(reports) == 1 else "s")
    if wrong:
        printer.line((f"{count}, {wrong} not well", "bold red"))
    else:
        printer.line((f"{count}, all well" if len(reports) > 1 else f"{count}, well", "bold green"))


def _columns(reports: Sequence[Report], width: int) -> tuple[int, int]:
    """Share out what a line has left between the names and the regions."""
    free = max(_NARROW, width) - _FIXED
    names = max(len("endpoint"), *(len(report.name) for report in reports))
    regions = max(_REGION, *(len(report.region or "") for report in reports))
    name = min(names, free - min(regions, _REGION))
    return name, min(regions, free - name)


def _print_row(report: Report, width: int, width_of_region: int, printer: Printer) -> None:
    cells: list[str | tuple[str, str]] = []
    for aspect in ASPECTS:
        text, style = _CELLS[report.marks[aspect]]
        cells.append((f"{text:<{_WIDTHS[aspect]}}", style))
    sign, style = symbol(report, is_utf=printer.is_utf)
    name = f"{name_in(report.name, width):<{width}}  "
    region = f"{shortened(report.region or '', width_of_region):<{width_of_region}}"
    row = printer.text((sign, style), f" {name}", *cells, f"{region}{milliseconds(report):>8}")
    row.rstrip()
    printer.console.print(row, soft_wrap=True)
    if report.problem is not None:
        printer.paragraph(report.problem, indent="    ", style="red")
        printer.paragraph(report.remedy or "", first="    -> ", indent="       ")
    for note in report.notes:
        printer.paragraph(note, indent="    ", style="dim")
