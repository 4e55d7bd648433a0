"""What the tests of the command line share: TOML files, runs, and outputs on record."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from azure_failover._cli.surroundings import Surroundings
from azure_failover._commands import cli

SNAPSHOTS = Path(__file__).parent / "snapshots"
HEADING = re.compile(r"^=== (.+)\n", re.MULTILINE)
QUIET = {"NO_PROXY": "*", "COLUMNS": "80", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
"""No proxy of this machine, and a CI that forces colours: a pipe is still no terminal."""


def toml(config: Mapping[str, Any]) -> str:
    """Write the dict form as TOML."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in config.items() if key != "backups"]
    for backup in config.get("backups", ()):
        lines += ["", "[[backups]]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in backup.items()]
    return "\n".join(lines) + "\n"


def run(*arguments: str, obj: Surroundings | None = None, **environment: str) -> Result:
    """Run a command in a pipe, 80 columns wide."""
    named = {name: None for name in os.environ if name.startswith(("AZURE_OPENAI", "OPENAI_"))}
    surroundings = {**named, **QUIET, **environment}
    return CliRunner().invoke(cli, arguments, obj=obj, env=surroundings)


START = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
runpy.run_module("azure_failover", run_name="__main__", alter_sys=True)
"""
PATIENCE = 60.0
"""Seconds without a sign from a command after which it counts as hung."""


class Terminal:
    """A command on a pseudo-terminal, and all that it has shown."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        import pty

        self._ours, theirs = pty.openpty()
        self.shown = ""
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", START, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, **QUIET, "PYTHONUTF8": "1", **environment},
        )
        os.close(theirs)

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self._ours, keys.encode())

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def read_until(self, pattern: str) -> None:
        """Wait until something is shown."""
        while not re.search(pattern, self.shown):
            assert self._read(), self.shown

    def end(self) -> int:
        """Wait for the end, and give the exit code."""
        while self._read():
            pass
        os.close(self._ours)
        return self._process.wait(30)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], PATIENCE)
        if not ready:
            self._process.kill()
            raise TimeoutError(f"nothing came for {PATIENCE} s; so far: {self.shown}")
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # Linux says so that nobody has the other side any more
            return False
        self.shown += piece.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(piece)


needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")


def normal(text: str) -> str:
    """Replace what differs from run to run: ports and times."""
    text = re.sub(r"127\.0\.0\.1(:|-)\d+", r"127.0.0.1\1PORT", text)
    text = re.sub(r" +\d+ ms", "  N ms", text)
    text = re.sub(r"\b\d+\.\d+ s\b", "N s", text)
    text = re.sub(r"\[Errno \d+\]", "[Errno N]", text)
    return re.sub(r'"(dns|tcp|tls|answer)": [\d.]+', r'"\1": SECONDS', text)


def recorded(name: str) -> dict[str, str]:
    """Read the outputs on record for a command: case -> text."""
    path = SNAPSHOTS / f"{name}.txt"
    if not path.exists():
        return {}
    _, *parts = HEADING.split(path.read_text("utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def agrees(name: str, case: str, result: Result, *, is_log: bool = False) -> None:
    """Compare an output with the one on record; ``UPDATE_SNAPSHOTS=1`` puts it on record."""
    text = f"{normal(result.output)}exit code {result.exit_code}\n"
    known = recorded(name)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        known[case] = text
        SNAPSHOTS.mkdir(exist_ok=True)
        whole = "".join(f"=== {each}\n{known[each]}" for each in sorted(known))
        (SNAPSHOTS / f"{name}.txt").write_text(whole, "utf-8")
    assert text == known.get(case)
    assert "\x1b" not in result.output
    if not is_log and not result.output.startswith("{"):
        lines = [line for line in result.output.splitlines() if not line.startswith("Error")]
        folded = [line for line in lines if " " in line.strip()]  # an address stays whole
        assert max(map(len, folded), default=0) <= 80
