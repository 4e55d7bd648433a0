"""The page on the command line shows what the commands print; ``UPDATE_SNAPSHOTS=1`` renews it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from cli_world import PATIENCE, normal, run, toml
from click.shell_completion import ShellComplete, get_completion_class

from azure_failover._cli.fault_words import KEYS, WORDS, fault_of
from azure_failover._cli.fleet_file import plan_of
from azure_failover._cli.surroundings import Surroundings
from azure_failover._commands import cli
from azure_failover.emulator import Fleet, RegionSpec

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
TOML = re.compile(r"(<!-- a fleet -->\n)?```toml\n(.*?)```", re.DOTALL)
BLOCK = re.compile(
    r"(?:<!-- faults: (?P<faults>.*) -->\n)?"
    r"```console\n\$ azure-failover (?P<line>.*)\n(?P<out>[^`]*)```"
)


def regions(*, shares_key: bool) -> Fleet:
    """Serve what the page's configuration is about, with two mistakes in it, or one."""
    return Fleet(
        [
            RegionSpec("East US", api_key="key-of-eastus"),
            RegionSpec("West US", api_key="key-of-eastus" if shares_key else "key-of-westus"),
            RegionSpec("Sweden Central", api_key="key-of-other", deployment_name="my-gpt-5"),
        ]
    )


def local(config: Mapping[str, Any], fleet: Fleet) -> dict[str, Any]:
    """Put the regions' addresses in place of those on the page; the names stay."""

    def at(table: Mapping[str, Any], index: int) -> dict[str, Any]:
        name = table["endpoint"].removeprefix("https://").partition(".")[0]
        return {**table, "endpoint": fleet.regions[index].endpoint, "name": name}

    backups = [at(each, index) for index, each in enumerate(config["backups"], 1)]
    return {**at(config, 0), "backups": backups}


def printed(line: str, faults: str, config: str) -> str:
    """Run a command of the page."""
    name, *arguments = shlex.split(line)
    offline = name in ("config", "explain")
    pauses = iter([None] if name == "watch" else [])

    def pause(_: float) -> None:
        if next(pauses, "") is not None:
            raise KeyboardInterrupt

    def noon() -> datetime:
        return datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)

    with regions(shares_key=name == "chat") as fleet:
        for given in faults.split():
            place = ["eastus", "westus", "other"].index(given.partition("=")[0])
            fleet.regions[place].fault = fault_of(given.partition("=")[2])
        given = config if offline else toml(local(tomllib.loads(config), fleet))
        Path("fleet.toml").write_text(given, "utf-8")
        return run(name, *arguments, obj=Surroundings(now=noon, sleep=pause)).output


def test_the_page_shows_what_the_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = PAGE.read_text("utf-8")
    config = next(match[2] for match in TOML.finditer(page) if not match[1])
    seen: list[str] = []

    def renewed(block: re.Match[str]) -> str:
        output = printed(block["line"], block["faults"] or "", config)
        seen.append(block["line"].partition(" ")[0])
        if normal(output) == normal(block["out"]):
            return block[0]
        return block[0][: -len(block["out"]) - 3] + output + "```"

    whole = BLOCK.sub(renewed, page)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        PAGE.write_text(whole, "utf-8")
    assert whole == page
    assert {*seen} == {*cli.commands} - {"demo"}


def test_the_fleet_on_the_page_can_be_served(tmp_path: Path) -> None:
    (text,) = (match[2] for match in TOML.finditer(PAGE.read_text("utf-8")) if match[1])
    file = tmp_path / "fleet.toml"
    file.write_text(text, "utf-8")
    plan = plan_of(file, [], {}, tls=False)
    assert [spec.name for spec in plan.specs] == ["eastus", "apim"]
    assert set(plan.faults()) == {"eastus", "apim"}


def test_the_page_names_every_fault_and_every_key() -> None:
    page = PAGE.read_text("utf-8")
    assert [word for word in WORDS if not re.search(rf"`{word}(:SECONDS)?`", page)] == []
    table = page[page.index("| fault | key |") :]
    assert [key for key in KEYS if not re.search(rf"[| ]{key}[ ,]", table)] == []


def test_the_page_names_every_option() -> None:
    """The options that all commands have are told once."""
    page = PAGE.read_text("utf-8")
    options = {
        option
        for name, command in cli.commands.items()
        if name != "demo"
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    }
    assert sorted(option for option in options if option not in page) == ["--plain"]


def completed(*arguments: str, last: str = "") -> list[str]:
    """Complete as a shell does."""
    shell = ShellComplete(cli, {}, "azure-failover", "_AZURE_FAILOVER_COMPLETE")
    return [item.value for item in shell.get_completions([*arguments], last)]


def test_commands_endpoints_and_faults_complete(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    hosts = ["east", "west", "west-2"]
    tables = [{"endpoint": f"https://{host}.example", "name": host} for host in hosts]
    first = {**tables[0], "api_key": "k1-secret", "deployment_name": "d"}
    file.write_text(toml({**first, "backups": tables[1:]}), "utf-8")
    assert completed(last="ch") == ["chat", "check"]
    assert completed("check", "-c", str(file), last="we") == ["west", "west-2"]
    assert completed("watch", "-c", str(tmp_path / "none.toml"), last="we") == []
    assert completed("emulator", "-f", last="e") == [f"eastus={word}" for word in WORDS]
    assert completed("emulator", "-r", "a", "-r", "b", "-f", last="") == ["a=", "b="]
    assert completed("emulator", "-f", last="a=re") == ["a=refuse", "a=reset"]


@pytest.mark.parametrize(
    ("typed", "last", "expected"),
    [
        (["emulator", "-f", "eastus"], "=", WORDS),
        (["emulator", "-f", "eastus", "="], "re", ["refuse", "reset"]),
        (["emulator", "--fault", "=", "eastus", "="], "re", ["refuse", "reset"]),
        (["emulator", "--fault", "="], "wes", [f"westus={word}" for word in WORDS]),
        (["emulator", "-f", "a", "=", "up", "-f", "westus", "="], "ha", ["hang"]),
        (["check", "--config", "=", "fleet.toml"], "we", ["west"]),
        (["config"], "--js", ["--json"]),
    ],
)
def test_bash_gets_the_words_that_it_takes_apart(
    typed: list[str],
    last: str,
    expected: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bash asks for the word behind a ``=`` alone, and puts the answer in its place."""
    monkeypatch.chdir(tmp_path)
    config = {"endpoint": "https://w.example", "name": "west", "api_key": "k1-secret"}
    Path("fleet.toml").write_text(toml({**config, "deployment_name": "d"}), "utf-8")
    monkeypatch.setenv("COMP_WORDS", shlex.join(["azure-failover", *typed, last]))
    monkeypatch.setenv("COMP_CWORD", str(len(typed) + 1))
    shell = get_completion_class("bash")
    assert shell is not None
    told = shell(cli, {}, "azure-failover", "_AZURE_FAILOVER_COMPLETE").complete()
    assert [line.removeprefix("plain,") for line in told.splitlines()] == [*expected]


@pytest.mark.parametrize("shell", ["zsh", "fish"])  # for bash, click asks bash for its version
def test_completion_is_switched_on_as_the_page_says(shell: str) -> None:
    variable = "_AZURE_FAILOVER_COMPLETE"
    assert f"{variable}={shell}_source azure-failover" in PAGE.read_text("utf-8")
    command = [sys.executable, "-m", "azure_failover"]
    done = subprocess.run(  # noqa: S603
        command,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, variable: f"{shell}_source"},
    )
    assert f"{variable}={shell}_complete" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="a named pipe")
def test_completion_takes_nothing_from_a_pipe(tmp_path: Path) -> None:
    """Nor does it wait for one that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    asked = {"COMP_WORDS": "azure-failover check -c pipe w", "COMP_CWORD": "4"}
    done = subprocess.run(
        [sys.executable, "-m", "azure_failover"],
        env={**os.environ, **asked, "_AZURE_FAILOVER_COMPLETE": "zsh_complete"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert done.stdout.strip() == ""


IN_BASH = """
COMP_WORDS=(azure-failover emulator -f eastus = re) COMP_CWORD=5
_azure_failover_completion azure-failover re =
echo "${COMPREPLY[@]}"
"""
IN_ZSH = """
echo "${_comps[azure-failover]}"
"""


@pytest.mark.parametrize(
    ("shell", "before", "after", "told"),
    [
        ("bash", "", IN_BASH, "refuse reset\n"),
        ("zsh", "autoload -Uz compinit; compinit -D -u\n", IN_ZSH, "_azure_failover_completion\n"),
    ],
)
def test_a_real_shell_takes_the_line_on_the_page(
    shell: str, before: str, after: str, told: str, tmp_path: Path
) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"needs {shell}")
    (line,) = re.findall(rf"```sh\n(eval .*{shell}_source.*\n)```", PAGE.read_text("utf-8"))
    command = tmp_path / "azure-failover"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m azure_failover "$@"\n', "utf-8")
    command.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603
        [found, "-c", before + line + after],
        env={**os.environ, "PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == told
