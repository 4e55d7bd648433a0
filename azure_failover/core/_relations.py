"""What the endpoints of one configuration may not be to each other.

Looks at fields that are right by themselves; what is missing is told elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from azure_failover.core._endpoint import normal_url
from azure_failover.core.errors import Problem


def fleet_problems(endpoints: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """Check what endpoints, primary first, may not be to each other.

    Takes fields of the right type; what is missing is not looked at.
    """
    if not endpoints:
        return [Problem("endpoints", "is empty", "give at least the primary")]
    problems: list[Problem] = []
    targets: dict[tuple[str, str], str] = {}
    names: dict[str, str] = {}
    for index, values in enumerate(endpoints):
        path = f"backups[{index - 1}]." if index else ""
        where = f"backups[{index - 1}]" if index else "the primary"
        if "endpoint" in values and "deployment_name" in values:
            target = (normal_url(values["endpoint"]), values["deployment_name"])
            if (first := targets.setdefault(target, where)) != where:
                what = f"is the same endpoint and deployment as {first}"
                advice = "remove it or change one of the two"
                problems.append(Problem(f"{path}endpoint", what, advice))
        name = values.get("name", "")
        if name and (first := names.setdefault(name, where)) != where:
            advice = "give each endpoint a name of its own"
            problems.append(Problem(f"{path}name", f"is the name of {first} too", advice))
    return problems + _deployment_problems(endpoints[0], endpoints[1:])


def _deployment_problems(
    primary: Mapping[str, Any], backups: Sequence[Mapping[str, Any]]
) -> list[Problem]:
    problems: list[Problem] = []
    if primary.get("deployments"):
        what = "belongs to backups: it says what they call the primary's deployments"
        problems.append(Problem("deployments", what, "move it into the backups"))
    here = primary.get("deployment_name")
    for index, backup in enumerate(backups):
        there = backup.get("deployment_name")
        if backup.get("deployments", {}).get(here, there) != there:
            what = "names the primary's deployment_name, and differs from deployment_name here"
            advice = "say it in deployment_name alone"
            problems.append(Problem(f"backups[{index}].deployments", what, advice))
    return problems
