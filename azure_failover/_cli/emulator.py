"""``emulator``: serves a fleet of fake regions, whose faults are switched by options or keys."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem
from rich.console import Group, RenderableType
from rich.live import Live

from azure_failover._cli.complaints import Complaint, Failure, debug_option
from azure_failover._cli.diagnosis import plain
from azure_failover._cli.fault_words import EXAMPLES, KEYS, WORDS, fault_of
from azure_failover._cli.fleet_file import (
    DEFAULT_REGIONS,
    FleetPlan,
    as_toml,
    as_variables,
    plan_of,
)
from azure_failover._cli.keyboard import keys
from azure_failover._cli.printing import Printer, name_in, shortened
from azure_failover._cli.surroundings import Surroundings, surroundings
from azure_failover.emulator import Fleet, Recorded, faults

_TICK: Final = 0.2
"""Seconds between two looks at the regions."""
_NAME: Final = 12
"""Columns that a region's name has at least."""
_LAST: Final = len("POST chat/completions gpt-4.1-mini")
_FIXED: Final = len("> 1 ") + len(" ") + len("delay:2   ") + len("requests  ")
"""Columns of all but the name and the last request."""
_KEPT: Final = 1000
"""Requests that a region remembers; the counts go on."""


if TYPE_CHECKING:
    _PairType = click.ParamType[tuple[str, str]]
else:
    _PairType = click.ParamType  # older ones take no arguments


class FaultOption(_PairType):
    """``REGION=FAULT``."""

    name = "fault"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Take it apart."""
        region, sign, word = value.partition("=")
        if not sign or not region or not word:
            self.fail(f"{value!r} is not REGION=FAULT, such as eastus=503", param, ctx)
        return region, word

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete a region's name, then a fault."""
        del param
        region, sign, word = incomplete.partition("=")
        names = ctx.params.get("regions") or DEFAULT_REGIONS
        fitting = [each for each in names if each.startswith(region)]
        if not sign and len(fitting) != 1:
            return [CompletionItem(f"{each}=") for each in fitting]
        # A shell puts a space behind a single completion: a region alone must not be one.
        name = region if sign else fitting[0]
        found = [f"{name}={each}" for each in WORDS if each.startswith(word)]
        return [CompletionItem(each) for each in found]


@click.command(short_help="Serve fake regions, and break them as you like.")
@click.argument("path", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("-r", "--region", "regions", multiple=True, metavar="NAME", help="Add a region.")
@click.option(
    "-f",
    "--fault",
    "words",
    multiple=True,
    type=FaultOption(),
    metavar="REGION=FAULT",
    help=f"Begin with a fault: {EXAMPLES}.",
)
@click.option("--tls", is_flag=True, help="Serve https, by an authority made for this run.")
@click.option(
    "--write",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the configuration that reaches the regions, in place of printing it.",
)
@click.option("--plain", "is_plain", is_flag=True, help="Print lines even on a terminal.")
@debug_option
def emulator(
    *,
    path: Path | None,
    regions: tuple[str, ...],
    words: tuple[tuple[str, str], ...],
    tls: bool,
    write: Path | None,
    is_plain: bool,
) -> None:
    """Serve fake regions on this machine until Ctrl-C, and break them as you like.

    FILE is a TOML file with [[regions]] tables. Prints the configuration that reaches the regions.
    On a terminal, a digit chooses a region and a letter its fault; elsewhere a line is printed for
    each request.
    """
    plan = plan_of(path, regions, dict(words), tls=tls)
    planned = plan.faults()
    printer = Printer()
    try:
        fleet = Fleet(plan.specs, tls=plan.tls, api_key=plan.api_key, deployment=plan.deployment)
        fleet.start()
    except ImportError as error:
        advice = "pip install 'azure-failover[emulator]'"
        raise Complaint("TLS needs an extra", advice) from error
    except OSError as error:
        what = f"the fake regions cannot run: {error}"
        raise Failure(what, "look whether this machine allows to listen on 127.0.0.1") from error
    with closing(fleet), tempfile.TemporaryDirectory(prefix="azure-failover-") as home:
        for name, fault in planned.items():
            fleet[name].fault = fault
        _introduce(fleet, plan, Path(home), write, printer)
        board = Board(fleet, plan.words)
        with suppress(KeyboardInterrupt):
            if printer.is_live and not is_plain:
                _show(board, printer)
            else:
                _print_requests(board, printer, surroundings())


def _introduce(
    fleet: Fleet, plan: FleetPlan, home: Path, write: Path | None, printer: Printer
) -> None:
    """Tell how to reach the regions."""
    config = fleet.config()
    if write is not None:
        try:
            write.write_text(as_toml(config), "utf-8")
        except OSError as error:
            raise Failure(f"{write} cannot be written: {error.strerror}", "check it") from error
        printer.line(f"# wrote {write}: azure-failover check --config {write}")
    else:
        if variables := as_variables(config):
            printer.line(("# for a shell:", "dim"))
            printer.line(variables)
        printer.line(("# for a TOML file, or --write FILE:", "dim"))
        printer.line(as_toml(config))
    if plan.tls:
        authority = home / "authority.pem"
        authority.write_bytes(fleet.ca_pem)
        printer.line(("# whom clients must trust:", "dim"))
        printer.line(f"export SSL_CERT_FILE={authority}")


class Board:
    """The regions with their faults and requests, and the key that was pressed last."""

    def __init__(self, fleet: Fleet, words: Mapping[str, str]) -> None:
        self._fleet = fleet
        self._faults: dict[str, tuple[faults.Fault | None, str]] = {
            region.name: (region.fault, words[region.name]) for region in fleet
        }
        self._seen = dict.fromkeys(self._faults, 0)
        self.counts = dict.fromkeys(self._faults, 0)
        self.last: dict[str, str] = dict.fromkeys(self._faults, "")
        self.chosen = 0

    def press(self, pressed: str) -> bool:
        """Act on a key; False if it ends the show."""
        regions = self._fleet.regions
        if pressed.isdigit() and 0 < int(pressed) <= len(regions):
            self.chosen = int(pressed) - 1
        elif pressed in KEYS:
            word, region = KEYS[pressed], regions[self.chosen]
            region.fault = fault_of(word)
            self._faults[region.name] = (region.fault, word)
        return pressed not in ("q", "\x04")

    def fault(self, name: str) -> str:
        """Say what is wrong with a region now: it may have healed by itself."""
        now = self._fleet[name].fault
        fault, word = self._faults[name]
        return "up" if now is None else word if now == fault else type(now).__name__

    def poll(self) -> Iterator[Recorded]:
        """Give the requests that have come since, in order, and count them."""
        fresh: list[Recorded] = []
        for region in self._fleet:
            requests = region.requests
            fresh += requests[self._seen[region.name] :]
            self._seen[region.name] = len(requests)
            if len(requests) > _KEPT:  # what comes at this very moment is not counted
                region.clear()
                self._seen[region.name] = 0
        for request in sorted(fresh, key=lambda each: each.number):
            self.counts[request.region] += 1
            self.last[request.region] = in_words(request)
            yield request

    def picture(self, printer: Printer) -> RenderableType:
        """Draw the regions, and the keys that there are."""
        longest = max(len(region.name) for region in self._fleet.regions)
        width = min(max(_NAME, printer.console.width - _FIXED - _LAST), max(_NAME, longest))
        head = f"  {'region':<{width + 3}}{'is':<10}{'requests':>8}  the last"
        lines = [printer.text((head, "bold"))]
        room = printer.console.width - _FIXED - width
        for number, region in enumerate(self._fleet.regions, 1):
            word = self.fault(region.name)
            mark = ">" if number - 1 == self.chosen else " "
            name = f"{number} {name_in(region.name, width)}"
            lines.append(
                printer.text(
                    (f"{mark} {name:<{width + 3}}", "bold" if mark == ">" else ""),
                    (f"{shortened(word, 9):<10}", "green" if word == "up" else "red"),
                    f"{self.counts[region.name]:>8}  ",
                    (shortened(self.last[region.name], room), "dim"),
                )
            )
        offered = "  ".join(f"{key}={word}" for key, word in KEYS.items())
        folded = printer.folded(f"1-9=region  {offered}  q=quit", indent="  ")
        return Group(*lines, printer.text(), *(printer.text((each, "dim")) for each in folded))


def in_words(request: Recorded) -> str:
    """Say what a request was for, without credentials."""
    asked = request.deployment or request.model or ""
    streamed = " (stream)" if request.streamed else ""
    return plain(f"{request.method} {request.route or request.path} {asked}", "") + streamed


def _show(board: Board, printer: Printer) -> None:
    with keys() as read, Live(console=printer.console, auto_refresh=False) as live:
        while True:
            for _ in board.poll():
                pass
            live.update(board.picture(printer), refresh=True)
            if not all(board.press(key) for key in read(_TICK)):
                return


def _print_requests(board: Board, printer: Printer, world: Surroundings) -> None:
    printer.line("# requests:")
    while True:
        for request in board.poll():
            fault = board.fault(request.region)
            now = world.now().strftime("%H:%M:%S")
            state = "" if fault == "up" else f"  [{fault}]"
            printer.line(f"{now}  {request.region}  {in_words(request)}{state}")
        world.sleep(_TICK)
