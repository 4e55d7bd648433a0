"""``watch``: rounds of checks, as lines and as a picture."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import NoReturn

import pytest
from cli_world import Terminal, agrees, needs_terminal, run, toml
from rich.console import Console

from azure_failover._cli import watch
from azure_failover._cli.printing import Printer
from azure_failover._cli.report import ASPECTS, Mark, Report
from azure_failover._cli.surroundings import Surroundings
from azure_failover.emulator import Fleet, faults


def noon() -> datetime:
    return datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


def test_it_prints_a_line_for_each_round(tmp_path: Path) -> None:
    """A region fails between two rounds, and is back before the last."""
    with Fleet(["eastus", "westus"]) as fleet:
        file = tmp_path / "fleet.toml"
        file.write_text(toml(fleet.config()), "utf-8")
        changes: list[faults.Fault | None] = [faults.Status(503), faults.Refuse(), None]

        def pause(seconds: float) -> None:
            assert seconds == 7
            fleet["westus"].fault = changes.pop(0)

        obj = Surroundings(now=noon, sleep=pause)
        options = ("-c", str(file), "--count", "4", "--interval", "7")
        agrees("watch", "four rounds", run("watch", *options, obj=obj), is_log=True)
        assert changes == []
        fleet["westus"].fault = faults.Status(401)
        result = run("watch", "-c", str(file), "--count", "1", "westus", obj=obj)
        agrees("watch", "the last round was not well", result, is_log=True)


def test_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    def interrupt(_: float = 0) -> NoReturn:
        raise KeyboardInterrupt

    with Fleet(["eastus"]) as fleet:
        file = tmp_path / "fleet.toml"
        file.write_text(toml(fleet.config()), "utf-8")
        result = run("watch", "-c", str(file), obj=Surroundings(now=noon, sleep=interrupt))
        agrees("watch", "Ctrl-C", result)
        result = run("watch", "-c", str(file), obj=Surroundings(clock=interrupt))
        agrees("watch", "Ctrl-C in the first round", result)


def report(name: str, seconds: float | None) -> Report:
    return Report(
        name=name,
        endpoint="https://x",
        deployment="d",
        api="v1",
        version=None,
        marks=dict.fromkeys(ASPECTS, Mark.OK),
        seconds={} if seconds is None else {"answer": seconds},
        region="swedencentral",
        problem="503: " + "the service is not available at all, " * 9 if seconds is None else None,
    )


def drawn(encoding: str) -> str:
    rounds = [0.04, 0.05, None, None, 0.9, 0.05] * 8
    reports = iter([[report("eastus", each), report("west" * 9, 0.05)] for each in rounds])
    check: Callable[[], list[Report]] = lambda: next(reports)  # noqa: E731
    world = Surroundings(now=noon, sleep=lambda _: None)
    watched = watch.Watched(check, world, interval=1, count=len(rounds) - 3)
    assert [*watched.rounds()][-1] == len(rounds) - 3
    printer = Printer()
    printer.is_utf = encoding == "utf-8"
    console = Console(file=StringIO(), width=80, legacy_windows=False)
    console.print(watch.picture(watched, printer, "fleet.toml, every 1 s"))
    output = console.file
    assert isinstance(output, StringIO)
    return output.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_picture_fits_into_80_columns_and_into_ascii(encoding: str) -> None:
    text = drawn(encoding)
    assert text.encode(encoding)
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) == 4


def test_a_strip_has_a_sign_for_each_round() -> None:
    past = deque([0.0, 0.1, None, 0.2])
    assert watch.strip(past, 0.2, is_utf=True) == "▁▄✗█"
    assert watch.strip(past, 0.2, is_utf=False) == ".=x#"
    assert watch.strip([0.0, None], 0.0, is_utf=True) == "▁✗"


@needs_terminal
def test_on_a_terminal_it_draws_each_round_anew(tmp_path: Path) -> None:
    with Fleet(["eastus"]) as fleet:
        file = tmp_path / "fleet.toml"
        file.write_text(toml(fleet.config()), "utf-8")
        terminal = Terminal("watch", "-c", str(file), "--count", "3", "--interval", "0")
        assert terminal.end() == 0
    assert "round 1, " in terminal.shown
    assert "round 3, " in terminal.shown
    assert "\x1b[?25h" in terminal.shown  # the cursor is back
