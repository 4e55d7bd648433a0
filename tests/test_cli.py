"""The command line as its user meets it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner
from rich.console import Console

import azure_failover
from azure_failover import _demo
from azure_failover._commands import cli
from azure_failover._demo_stage import LiveStage, PlainStage
from azure_failover.emulator import Fleet, faults


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def test_the_demo_shows_a_region_die_and_nothing_lost() -> None:
    result = CliRunner().invoke(cli, ["demo", "--quick"])
    assert result.exit_code == 0, result.output
    for said in (
        "Client(config).chat(…)",
        "await AsyncClient(config).chat(…)",
        "httpx.Client(transport=FailoverTransport(config)).post(…)",
        "-> 'eastus: Hello from a script', by eastus",
        "log: endpoint eastus failed (ConnectError",
        "log: endpoint eastus serves again",
        "1. eastus: ConnectError",
        "2. westus: 200",
        "x-failover-endpoint: westus",
        " 0 lost, ",
        "no request was lost",
    ):
        assert said in result.output
    assert "\x1b" not in result.output


def test_the_live_picture_fits_into_80_columns() -> None:
    console = Console(record=True, force_terminal=True, width=80, height=24)
    assert _demo.run(LiveStage(console), _demo.QUICK) == []
    shown = console.export_text()
    assert "eastus is dead and refuses connections" in shown
    assert "answers 503" in shown
    assert "endpoint eastus serves again" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


class Saboteur(PlainStage):
    """A stage that makes every region fail as soon as the load is shown."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self.fleet = fleet

    def draw(self, picture: _demo.Picture) -> None:
        for region in self.fleet.regions[1:]:
            region.fault = faults.Status(503)
        super().draw(picture)


def test_a_lost_request_is_told_loudly(capsys: pytest.CaptureFixture[str]) -> None:
    with Fleet(_demo.REGIONS) as fleet:
        pace = _demo.Pace(read=0, act=0.3, limit=1)
        wrong = _demo.Demo(Saboteur(fleet), pace, fleet).run()
    assert "requests were LOST, the first: " in wrong[0]
    assert "no request moved to a backup" in wrong
    assert "eastus" in capsys.readouterr().out


def test_a_fleet_that_is_down_from_the_start_is_told_in_one_line() -> None:
    with Fleet(_demo.REGIONS) as fleet:
        for region in fleet.regions:
            region.fault = faults.Status(503)
        (wrong,) = _demo.Demo(PlainStage(), _demo.QUICK, fleet).run()
    assert wrong.startswith("a request was LOST: all 3 endpoints failed:")


def test_the_module_is_the_command() -> None:
    result = python("-m", "azure_failover", "--version")
    assert result.stdout.strip() == f"azure-failover, version {azure_failover.__version__}"
    assert "demo" in python("-m", "azure_failover", "--help").stdout


def test_without_the_extra_it_says_what_to_install() -> None:
    block = "import sys; sys.modules['rich'] = None; sys.modules['rich.console'] = None; "
    result = python("-c", block + "from azure_failover.cli import main; main()")
    assert result.returncode == 1
    assert result.stderr.strip() == (
        "azure-failover needs its extra: pip install 'azure-failover[cli]'"
    )


def test_httpx2_without_the_extra_says_what_to_install() -> None:
    result = python("-c", "import sys; sys.modules['httpx2'] = None; import azure_failover.httpx2")
    assert result.stderr.strip().endswith(
        "ModuleNotFoundError: azure_failover.httpx2 needs its extra: "
        "pip install 'azure-failover[httpx2]'"
    )
