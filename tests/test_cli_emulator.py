"""``emulator``: what it serves, what it prints, and its keys."""

from __future__ import annotations

import os
import re
import ssl
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import httpx
import pytest
from cli_world import Terminal, agrees, needs_terminal, run
from rich.console import Console

from azure_failover import Client, Config
from azure_failover._cli.emulator import Board
from azure_failover._cli.fault_words import KEYS, WORDS, UnknownFaultError, fault_of
from azure_failover._cli.fleet_file import plan_of
from azure_failover._cli.keyboard import keys
from azure_failover._cli.printing import Printer
from azure_failover._cli.surroundings import Surroundings
from azure_failover.emulator import Fleet, faults

MIXED = """
api_key = "one-key"
deployment = "my-gpt"

[[regions]]
name = "eastus"
fault = "503*1"

[[regions]]
name = "apim"
prefix = "/suffix"
key_header = "Ocp-Apim-Subscription-Key"
api = "v1"
api_key = "gateway-key"
deployments = ["embeddings"]
"""


ENDPOINTS = """
endpoint = "https://eastus.openai.azure.com"
api_key = "the-real-secret"
deployment_name = "the-real-secret"

[[backups]]
endpoint = "https://westus.openai.azure.com"
api_key = "the-real-secret"
"""


def serving(*steps: Callable[[], None]) -> Surroundings:
    """Do a step at each look at the regions; then Ctrl-C."""
    left = [*steps]

    def pause(_: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    def noon() -> datetime:
        return datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)

    return Surroundings(sleep=pause, now=noon)


def test_it_serves_what_it_says_and_prints_each_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def ask() -> None:
        with Client(Config.from_toml("reach.toml", env={}), trust_env=False) as client:
            assert client.chat("Hello").endpoint == "westus"

    options = ("-r", "eastus", "-r", "westus", "-f", "eastus=refuse", "--write", "reach.toml")
    result = run("emulator", *options, obj=serving(ask, lambda: None))
    agrees("emulator", "options", result)


def test_it_prints_what_to_paste() -> None:
    agrees("emulator", "to paste", run("emulator", obj=serving()))


def test_a_fleet_of_a_file_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables cannot tell of a gateway's header, so there are none to paste."""
    monkeypatch.chdir(tmp_path)
    Path("fleet.toml").write_text(MIXED, "utf-8")

    def ask() -> None:
        config = Config.from_toml("reach.toml", env={})
        url = f"{config.endpoints[1].endpoint}/openai/v1/chat/completions"
        headers = {"Ocp-Apim-Subscription-Key": "gateway-key"}
        body = {"model": "my-gpt", "messages": [{"role": "user", "content": "Hello"}]}
        assert httpx.post(url, json=body, headers=headers, trust_env=False).is_success

    written = run("emulator", "fleet.toml", "--write", "reach.toml", obj=serving(ask))
    assert written.exit_code == 0
    agrees("emulator", "a file", run("emulator", "fleet.toml", obj=serving()))


def test_tls_comes_with_the_authority_to_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def ask() -> None:
        (authority,) = tmp_path.glob("azure-failover-*/authority.pem")
        trust = ssl.create_default_context(cafile=authority)
        config = Config.from_toml("reach.toml", env={})
        with Client(config, verify=trust, trust_env=False) as client:
            assert client.chat("Hello").endpoint == "eastus"

    result = run("emulator", "--tls", "--write", "reach.toml", obj=serving(ask))
    assert result.exit_code == 0, result.output
    assert "export SSL_CERT_FILE=" in result.output
    assert not [*tmp_path.glob("azure-failover-*")]


@pytest.mark.parametrize(
    ("case", "arguments", "file"),
    [
        ("no such fault", ["-f", "eastus=hnag"], ""),
        ("a strange fault", ["-f", "eastus=42"], ""),
        ("TLS fault without TLS", ["-f", "eastus=tls-alert"], ""),
        ("no such region", ["-f", "uksouth=503"], ""),
        ("a region twice", ["-r", "a", "-r", "a"], ""),
        ("no name", ["-r", ""], ""),
        ("a name that no key can hold", ["-r", "East US"], ""),
        ("a configuration of endpoints", ["fleet.toml"], ENDPOINTS),
        ("no such file", ["nowhere.toml"], ""),
        ("no TOML", ["fleet.toml"], "regions = ["),
        ("an unknown key", ["fleet.toml"], '[[regions]]\nname = "a"\nfoult = "503"'),
        ("a wrong choice", ["fleet.toml"], '[[regions]]\nname = "a"\napi = "v2"'),
        ("a fault of the file", ["fleet.toml"], '[[regions]]\nname = "a"\nfault = "x"'),
        ("not to be written", ["--write", "nowhere/x.toml"], ""),
    ],
)
def test_what_cannot_be_served_is_told_in_a_line(
    case: str,
    arguments: list[str],
    file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fleet.toml").write_text(file, "utf-8")
    agrees("emulator", case, run("emulator", *arguments, obj=serving()))


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("up", None),
        ("503", faults.Status(503)),
        ("429:7", faults.Status(429, {"retry-after": "7"})),
        ("503*3", faults.Status(503, times=3)),
        ("429:7*2", faults.Status(429, {"retry-after": "7"}, times=2)),
        ("Hang", faults.Hang()),
        ("delay:0.5", faults.Delay(0.5)),
        ("delay", faults.Delay(1.0)),
        ("throttled-stream:3", faults.ThrottledStream(3)),
        ("tls-close", faults.TlsBroken("close")),
        ("end*2", faults.BreakStream(3, "end", times=2)),
    ],
)
def test_a_fault_is_a_word(word: str, fault: faults.Fault | None) -> None:
    assert fault_of(word) == fault


@pytest.mark.parametrize("word", ["", "hang:3", "42", "1503", "hang*0", "503*", "=", "x y"])
def test_what_is_no_fault_is_refused_with_what_would_be(word: str) -> None:
    with pytest.raises(UnknownFaultError, match="; (did you mean|write one)"):
        fault_of(word)


def test_every_word_and_every_key_is_a_fault() -> None:
    for word in (*WORDS, *KEYS.values()):
        fault_of(word)


def test_keys_choose_a_region_and_switch_its_fault() -> None:
    with Fleet(["eastus", "westus"]) as fleet:
        board = Board(fleet, {"eastus": "up", "westus": "up"})
        for key in "29s":  # there is no ninth region
            assert board.press(key)
        assert fleet["westus"].fault == faults.Status(503)
        assert [board.fault(name) for name in ("eastus", "westus")] == ["up", "503"]
        assert board.press("u")
        assert board.press("?")
        assert fleet["westus"].fault is None
        assert not board.press("q")


def test_the_picture_shows_what_healed_by_itself_and_fits() -> None:
    names = ["eastus", "a-region-with-a-very-long-name"]
    with Fleet(names) as fleet, httpx.Client(trust_env=False) as http:
        east = fleet["eastus"]
        east.fault = fault_of("503*1")
        board = Board(fleet, {names[0]: "503*1", names[1]: "up"})
        assert board.fault("eastus") == "503*1"
        for _ in range(2):
            http.post(f"{east.url}/openai/v1/chat/completions", json={"model": "x\x1b[31m" * 30})
        assert len([*board.poll()]) == 2
        assert [*board.poll()] == []
        assert board.counts["eastus"] == 2
        assert board.fault("eastus") == "up"
        console = Console(file=StringIO(), width=80)
        console.print(board.picture(Printer()))
        file = console.file
        assert isinstance(file, StringIO)
        lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in file.getvalue()


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (60, "1 cont...astus"),
        (80, "1 contoso-o...od-eastus "),
        (90, "1 contoso-openai-prod-eastus "),
    ],
)
def test_regions_whose_names_begin_alike_are_told_apart(
    columns: int, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))  # a test's output is no terminal
    names = ["contoso-openai-prod-eastus", "contoso-openai-prod-westus"]
    with Fleet(names) as fleet:
        console = Console(file=StringIO(), width=columns)
        console.print(Board(fleet, dict.fromkeys(names, "up")).picture(Printer()))
        output = console.file
        assert isinstance(output, StringIO)
        assert shown in output.getvalue()
        assert max(map(len, output.getvalue().splitlines())) <= columns


def test_counts_go_on_when_a_region_forgets() -> None:
    with Fleet(["eastus"]) as fleet, httpx.Client(trust_env=False) as http:
        board = Board(fleet, {"eastus": "up"})
        for _ in range(1001):
            http.get(f"{fleet['eastus'].url}/x")
        assert len([*board.poll()]) == 1001
        assert fleet["eastus"].requests == ()
        http.get(f"{fleet['eastus'].url}/x")
        assert len([*board.poll()]) == 1
        assert board.counts["eastus"] == 1002


def test_names_in_options_join_those_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(MIXED, "utf-8")
    plan = plan_of(file, ["uksouth"], {"uksouth": "hang", "eastus": "up"}, tls=True)
    assert [spec.name for spec in plan.specs] == ["eastus", "apim", "uksouth"]
    assert plan.faults() == {"eastus": None, "apim": None, "uksouth": faults.Hang()}
    assert plan.tls


@needs_terminal
def test_on_a_terminal_keys_switch_faults() -> None:
    terminal = Terminal("emulator", "-r", "eastus", "-r", "westus")
    terminal.read_until("q=quit")
    terminal.press("2h")
    terminal.read_until(r"westus[^\n]*hang")
    terminal.press("q")
    assert terminal.end() == 0


@needs_terminal
def test_on_a_terminal_ctrl_c_is_a_normal_end() -> None:
    terminal = Terminal("emulator", NO_COLOR="1")
    terminal.read_until("q=quit")
    terminal.interrupt()
    assert terminal.end() == 0
    assert "Traceback" not in terminal.shown
    assert re.findall(r"\x1b\[[0-9;]*m", terminal.shown) == []


@needs_terminal
def test_the_terminal_is_as_before_when_keys_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    import pty
    import termios

    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r", closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        before = termios.tcgetattr(theirs)
        with keys() as read:
            assert termios.tcgetattr(theirs)[3] != before[3]
            os.write(ours, b"q")
            assert read(30) == "q"
            assert read(0) == ""
        assert termios.tcgetattr(theirs)[3] == before[3]
    os.close(theirs)
    os.close(ours)
