"""Checks that the type checkers reject exactly the marked lines of ``rejects.py``.

A mark names mypy's reason; pyright and ty have words of their own, so only their lines count.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

REJECTS = Path(__file__).with_name("rejects.py")
TY_CANNOT_SEE = ("http3=True", "dedline=5")
"""Keywords that an unpacked ``TypedDict`` does not have, which ty does not check yet."""


def marks() -> dict[int, str]:
    """Read the marks: the number of a line -> mypy's code."""
    lines = REJECTS.read_text(encoding="utf-8").splitlines()
    found = {
        number: re.search(r"# error: ([a-z-]+)$", line) for number, line in enumerate(lines, 1)
    }
    return {number: mark[1] for number, mark in found.items() if mark}


def said(pattern: str, *command: str) -> dict[int, str]:
    """Run a checker of this environment: the number of a line -> what the pattern finds there."""
    run = (sys.executable, "-m", *command, str(REJECTS))
    output = subprocess.run(run, capture_output=True, text=True, check=False).stdout  # noqa: S603
    return {int(number): code for number, code in re.findall(pattern, output)}


def complaints() -> Iterator[str]:
    """Compare what the checkers say with the marks."""
    wanted = marks()
    lines = REJECTS.read_text(encoding="utf-8").splitlines()
    seen = [number for number in wanted if not any(t in lines[number - 1] for t in TY_CANNOT_SEE)]
    by_itself = ("-p", os.devnull, "--pythonpath", sys.executable)  # the project leaves it out
    checkers = {
        "mypy": (
            wanted,
            said(
                r"rejects\.py:(\d+): error: .*\[([a-z-]+)\]",
                "mypy",
                "--strict",
                "--no-error-summary",
            ),
        ),
        "pyright": (
            dict.fromkeys(wanted, "error"),
            said(r"rejects\.py:(\d+):\d+ - (error)", "pyright", *by_itself),
        ),
        "ty": (
            dict.fromkeys(seen, "error"),
            said(
                r"rejects\.py:(\d+):\d+: (error)",
                *("ty", "check", "--output-format", "concise", "--python", sys.prefix),
            ),
        ),
    }
    for name, (marked, found) in checkers.items():
        for number, code in sorted(marked.items() - found.items()):
            yield f"rejects.py:{number}: {name} does not reject this with [{code}]"
        for number, code in sorted(found.items() - marked.items()):
            yield f"rejects.py:{number}: {name} rejects this unexpectedly with [{code}]"


def main() -> int:
    """Print what is wrong; give the exit code."""
    wrong = list(complaints())
    print(*(wrong or [f"mypy, pyright and ty reject the {len(marks())} wrong uses"]), sep="\n")  # noqa: T201
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
