"""An environment for each set of requirements, with the interpreter that runs this."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from versus.roster import Card, environments


def here(cards: Iterable[Card]) -> dict[str, str]:
    """Give this interpreter for every subject."""
    return {card.name: sys.executable for card in cards}


def made(cards: Iterable[Card], folder: Path, root: Path) -> dict[str, str]:
    """Make the environments, or renew them; give each subject's interpreter.

    A subject whose requirements cannot be installed is left out, and said so.

    Args:
        cards: The subjects.
        folder: Where the environments are.
        root: The folder of this project, for subjects that require it.
    """
    pythons: dict[str, str] = {}
    for requires, names in environments(cards).items():
        home = folder / f"{names[0]}-{sha256(repr(requires).encode()).hexdigest()[:8]}"
        python = home / "bin" / "python"
        print(f"environment of {', '.join(names)}", file=sys.stderr, flush=True)
        if not python.exists():
            _run([sys.executable, "-m", "venv", str(home)])
        packages = [str(root) if each == "." else each for each in requires]
        try:
            _run([str(python), "-m", "pip", "install", "-q", *packages])
        except subprocess.CalledProcessError as error:
            print(f"  left out: {error}", file=sys.stderr, flush=True)
            continue
        pythons |= dict.fromkeys(names, str(python))
    return pythons


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - the harness's own commands
