"""The command line as its user meets it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys

import httpx
import pytest
from click.testing import CliRunner
from rich.console import Console

import azure_failover
from azure_failover import FailoverTransport, _demo
from azure_failover._commands import cli
from azure_failover._demo_stage import LiveStage, PlainStage
from azure_failover.emulator import Fleet, faults


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    surroundings = os.environ | {"PYTHONUTF8": "1"} | environment
    return subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, encoding="utf-8", env=surroundings
    )


def test_the_demo_shows_a_region_die_and_nothing_lost() -> None:
    # A CI that forces colours makes no terminal of a pipe.
    result = CliRunner().invoke(cli, ["demo", "--quick"], env={"FORCE_COLOR": "1"})
    assert result.exit_code == 0, result.output
    for said in (
        "Client(config).chat(…)",
        "await AsyncClient(config).chat(…)",
        "httpx.Client(transport=FailoverTransport(config)).post(…)",
        "-> 'eastus: Hello from a script', by eastus",
        "log: endpoint eastus failed (",
        "log: endpoint eastus serves again",
        "1. eastus: ",
        ". westus: 200",
        "x-failover-endpoint: westus",
        "northeurope",
        " 0 lost, ",
        "moved on by themselves",
        " ms after the primary died",
        " s after its return",
        "no request was lost",
    ):
        assert said in result.output
    assert "\x1b" not in result.output


def test_the_live_picture_fits_into_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=80, height=24)
    assert _demo.run(LiveStage(console), _demo.QUICK) == []
    shown = re.sub(r"\x1b\[[0-9;]*m", "", drawn.getvalue())
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", shown)  # each frame begins anew
    assert "eastus is dead and refuses connections" in shown
    assert "answers 503" in shown
    assert "endpoint eastus serves again" in shown
    assert "passed over for" in " ".join(shown.split())
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_long_lines_stay_indented() -> None:
    drawn = io.StringIO()
    LiveStage(Console(file=drawn, width=80)).line("the server disconnected " * 9)
    lines = drawn.getvalue().splitlines()
    assert len(lines) == 3
    assert all(line.startswith("  ") for line in lines)


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
    assert "\n" not in wrong


def test_the_surroundings_do_not_break_the_demo() -> None:
    """A proxy and an old code page are no reason to fail."""
    proxy = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    result = python(
        *("-m", "azure_failover", "demo", "--quick"),
        **proxy,
        PYTHONUTF8="0",
        PYTHONIOENCODING="cp437",
    )
    assert result.returncode == 0, result.stderr
    assert "no request was lost" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stderr == ""


def test_regions_that_cannot_start_are_told_in_one_line() -> None:
    """The environment forbids listening; a sandbox does that."""
    forbid = (
        "import sys\n"
        "def forbid(event, arguments):\n"
        "    if event == 'socket.bind': raise PermissionError('no listening here')\n"
        "sys.addaudithook(forbid)\n"
        "sys.argv = ['azure-failover', 'demo', '--quick']\n"
        "from azure_failover.cli import main; main()\n"
    )
    result = python("-c", forbid)
    assert result.returncode == 1
    assert result.stderr.strip() == "Error: the fake regions cannot run: no listening here"


def test_the_module_is_the_command() -> None:
    result = python("-m", "azure_failover", "--version")
    assert result.stdout.strip() == f"azure-failover, version {azure_failover.__version__}"
    assert "demo" in python("-m", "azure_failover", "--help").stdout


@pytest.mark.parametrize("missing", ["click", "h11", "rich"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    block = f"import sys; sys.modules[{missing!r}] = None; "
    result = python("-c", block + "from azure_failover.cli import main; main()")
    assert result.returncode == 1
    assert result.stderr.strip() == (
        "azure-failover needs its extra: pip install 'azure-failover[cli]'"
    )


def test_ctrl_c_while_it_loads_shows_no_traceback() -> None:
    code = """
import sys

class Interrupted:
    @staticmethod
    def find_spec(name, *_):
        if name == "rich":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted)
from azure_failover.cli import main
main()
"""
    result = python("-c", code)
    assert (result.returncode, result.stderr.strip()) == (130, "stopped")


def test_httpx2_without_the_extra_says_what_to_install() -> None:
    result = python("-c", "import sys; sys.modules['httpx2'] = None; import azure_failover.httpx2")
    assert result.stderr.strip().endswith(
        "ModuleNotFoundError: azure_failover.httpx2 needs its extra: "
        "pip install 'azure-failover[httpx2]'"
    )


def test_a_retry_on_the_same_region_is_no_failover() -> None:
    tally = _demo.Tally()
    with Fleet(_demo.REGIONS) as fleet:
        transport = FailoverTransport(fleet.config(), trust_env=False)
        url = f"{fleet['eastus'].endpoint}/openai/v1/chat/completions"
        hello = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}
        with httpx.Client(transport=transport) as http:
            for fault in (None, faults.StaleConnection(), faults.Status(503)):
                fleet["eastus"].fault = fault
                tally.came(http.post(url, json=hello))
    assert (tally.answered, tally.moved) == (3, 1)
    assert tally.interesting is not None
    assert tally.interesting[0].endpoint == "westus"
