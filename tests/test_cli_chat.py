"""``chat``: the answer on standard output, and on standard error who gave it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_world import (
    QUIET,
    SNAPSHOTS,
    Terminal,
    agrees,
    needs_terminal,
    normal,
    recorded,
    run,
    toml,
)
from click.testing import CliRunner, Result

from azure_failover._commands import cli
from azure_failover.emulator import Fleet, faults


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fleet: Fleet) -> Fleet:
    monkeypatch.chdir(tmp_path)
    config = fleet.config()
    Path("fleet.toml").write_text(toml(config), "utf-8")
    return fleet


def ask(*arguments: str) -> Result:
    return run("chat", "-c", "fleet.toml", *arguments)


def test_the_answer_stands_alone_on_standard_output(here: Fleet) -> None:
    result = ask("Hello there")
    assert result.stdout == "eastus: Hello there\n"
    agrees("chat", "well", result)
    (request,) = here.requests
    assert request.streamed


def test_instructions_and_a_deployment_are_sent(here: Fleet) -> None:
    result = ask("Hello", "--system", "Be brief.", "--deployment", "text-embedding-3-small")
    assert result.exit_code == 0
    (request,) = here.requests
    assert request.deployment == "text-embedding-3-small"
    body: Any = request.json()
    assert [each["role"] for each in body["messages"]] == ["system", "user"]


BREAKS: dict[str, faults.Fault] = {
    "the first is down": faults.Status(503),
    "the first refuses": faults.Refuse(),
    "the first breaks off": faults.BreakStream(4, "close"),
    "the first ends too soon": faults.BreakStream(4, "end"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_another_endpoint_answers_and_is_named(here: Fleet, case: str) -> None:
    here["eastus"].fault = BREAKS[case]
    result = ask("Hello there")
    assert result.stdout == "westus: Hello there\n"
    agrees("chat", case, result)


FAILURES: dict[str, tuple[faults.Fault, list[str]]] = {
    "the key is refused": (faults.Status(401), []),
    "all are down": (faults.Status(503), []),
    "no failover": (faults.Status(503), ["--no-failover"]),
    "all hang": (faults.Hang(), ["--timeout", "0.7"]),
    "all break off": (faults.BreakStream(4, "close"), []),
    "garbage": (faults.Garbage(), []),
    "throttled": (faults.Status(429, {"retry-after": "3"}), []),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_went_wrong_is_told_in_a_line(here: Fleet, case: str) -> None:
    fault, options = FAILURES[case]
    for region in here:
        region.fault = fault
    result = ask("Hello there", *options)
    assert result.exit_code == 1
    assert result.stdout == ""
    agrees("chat", case, result)


def test_a_message_comes_from_standard_input_too(here: Fleet) -> None:
    assert here
    command = [sys.executable, "-m", "azure_failover", "chat", "-", "-c", "fleet.toml"]
    done = subprocess.run(  # noqa: S603
        command,
        input="Hello\nthere",
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
        env={**os.environ, **QUIET, "PYTHONUTF8": "1"},
    )
    assert done.stdout == "eastus: Hello\nthere\n"
    assert ask("").exit_code == 2


def test_what_is_no_text_is_refused(here: Fleet) -> None:
    case = "no text"
    arguments = ["chat", "-", "-c", "fleet.toml"]
    result = CliRunner().invoke(cli, arguments, input=b"\xff\xfe", env={**QUIET})
    agrees("chat", case, result)
    assert ask("Hello", "--system", "\udcff").exit_code == 2
    assert here.requests == ()


def test_an_argument_is_the_bytes_that_were_typed(here: Fleet) -> None:
    """In the locale C, Python takes what is beyond ASCII for surrogates."""
    result = ask("h\u00e9".encode().decode("ascii", "surrogateescape"))
    assert result.stdout == "eastus: h\u00e9\n"
    assert len(here.requests) == 1


@needs_terminal
def test_on_a_terminal_it_prints_what_comes_but_no_control_characters(here: Fleet) -> None:
    here["eastus"].fault = faults.BreakStream(5, "close")
    terminal = Terminal("chat", "one two \x1b[31mthree\x07 four", "-c", "fleet.toml")
    assert terminal.end() == 0
    assert "\x1b" not in terminal.shown
    assert "\x07" not in terminal.shown
    restarted = "-- eastus broke off; westus begins again:\nwestus: one two [31mthree four\n"
    assert restarted in terminal.shown


def test_every_output_on_record_is_one_of_a_test() -> None:
    assert SNAPSHOTS.is_dir()
    assert set(recorded("chat")) == {"well", "no text", *BREAKS, *FAILURES}
    assert normal("127.0.0.1:12345  17 ms") == "127.0.0.1:PORT  N ms"
