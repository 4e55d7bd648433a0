"""What importing costs: time, and memory, in interpreters that begin anew and take turns."""

from __future__ import annotations

import json
import subprocess
from typing import Final

from versus.child import ChildFailedError, environment
from versus.stage import Stage
from versus.team import Sizes, Team

SCRIPT: Final = """
import sys, time
from versus.usage import rss
memory, wall, cpu = rss(), time.perf_counter(), time.process_time()
exec(sys.argv[1])
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print("\\n", [wall, cpu, rss() - memory])
"""
FIRST: Final = "first transport "
DEPENDENCIES: Final = "dependencies "
CONFIG: Final = {"endpoint": "https://a.example", "api_key": "key", "deployment_name": "gpt"}


def _stages(family: str, package: str) -> dict[str, str]:
    dependencies = f"import attrs, cattrs, {family}"
    imported = f"{dependencies}\nfrom {package} import FailoverTransport"
    return {
        "": imported,
        FIRST: f"{imported}\nFailoverTransport({CONFIG!r})",
        DEPENDENCIES: dependencies,
    }


STATEMENTS: Final = {
    "ours_httpx": _stages("httpx", "azure_failover"),
    "ours_httpx2": _stages("httpx2", "azure_failover.httpx2"),
}
"""What is done, for ours: most of it is imported when the first transport is built. For all others
their files are imported, which import what they use."""


def imports(team: Team, stage: Stage, sizes: Sizes) -> None:
    """Milliseconds of wall and CPU time, and MB."""
    del stage
    cases = [
        (name, prefix, statement)
        for name in team.alive()
        for prefix, statement in statements(name).items()
    ]
    for number in range(-1, sizes.imports):
        for place in range(len(cases)):
            name, prefix, statement = cases[(number + place) % len(cases)]
            with team.trial(name):
                wall, cpu, memory = _import(team.python(name), statement)
                if number >= 0:  # the first one may have to compile
                    team.add(name, f"{prefix}import ms", wall * 1e3)
                    team.add(name, f"{prefix}import cpu ms", cpu * 1e3)
                    team.add(name, f"{prefix}import MB", memory / 1e6)


def statements(name: str) -> dict[str, str]:
    """Give what is imported for a subject, by a prefix for the figures' names."""
    return STATEMENTS.get(name, {"": f"import versus.subjects.{name}"})


def _import(python: str, statement: str) -> list[float]:
    try:
        told = subprocess.run(  # noqa: S603 - the harness's own statements
            [python, "-c", SCRIPT, statement],
            check=True,
            capture_output=True,
            text=True,
            timeout=60.0,
            env=environment(),
            cwd="/",
        )
    except subprocess.SubprocessError as error:
        raise ChildFailedError(f"{statement}: {error}") from error
    figures: list[float] = json.loads(told.stdout.strip().splitlines()[-1])
    return figures
