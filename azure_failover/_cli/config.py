"""``config``: the endpoints as they will be used, where values come from, what looks odd."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final, cast

import attrs
import click

from azure_failover._cli.complaints import WRONG, debug_option
from azure_failover._cli.origins import Origins
from azure_failover._cli.printing import Printer
from azure_failover._cli.source import Loaded, config_option, load
from azure_failover.core._endpoint import CREDENTIAL_FIELDS
from azure_failover.core._policy import Policy
from azure_failover.core.config import Config
from azure_failover.core.credentials import MASK

_ALWAYS: Final = frozenset({"endpoint", "deployment_name", "api_version"})
"""The fields that are shown even where they have their default."""


@click.command(short_help="Show the endpoints, where values come from, and what looks odd.")
@config_option
@click.option("--all", "everything", is_flag=True, help="Show what has its default as well.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--strict", is_flag=True, help="Exit with 1 if there is a warning.")
@debug_option
def config(*, path: Path | None, everything: bool, as_json: bool, strict: bool) -> None:
    """Show the endpoints as they will be used, and where each value comes from.

    Sends nothing. Keys are masked. Warns of what may be a mistake: no backup, two endpoints in one
    region, a key that a backup on another resource inherits, api-versions or deployments that
    differ.
    """
    loaded = load(path)
    printer = Printer(loaded.config.redact)
    if as_json:
        printer.json(_as_json(loaded))
    else:
        _print(loaded, printer, everything=everything)
    if strict and loaded.cautions:
        sys.exit(WRONG)


def shown(value: object) -> str:
    """Write a value of the configuration."""
    match value:
        case None:
            return "(none)"
        case bool():
            return "true" if value else "false"
        case dict():
            named = cast("dict[str, object]", value)
            pairs = [f"{name} = {item}" for name, item in named.items() if item is not None]
            return ", ".join(pairs) or "(none)"
        case _:
            return str(value)


def _plain(config: Config, index: int) -> dict[str, Any]:
    """Give an endpoint's fields, its credential masked, without the kinds that it has not."""
    endpoint = config.endpoints[index]
    values = attrs.asdict(endpoint, recurse=False)
    values["deployments"] = dict(endpoint.deployments)
    for field in CREDENTIAL_FIELDS:
        if values[field] is None:
            del values[field]
        else:
            values[field] = MASK
    return values


def _policy(policy: Policy) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the fields of the policy, and those that differ from the default."""
    values, usual = attrs.asdict(policy), attrs.asdict(Policy())
    return values, {field: value for field, value in values.items() if value != usual[field]}


def _as_json(loaded: Loaded) -> dict[str, Any]:
    return {
        "source": loaded.source,
        "endpoints": [
            {
                "type": "backup" if index else "primary",
                **_plain(loaded.config, index),
                "origins": {
                    field: origin.variable or origin.kind
                    for field, origin in loaded.origins[index].items()
                },
            }
            for index in range(len(loaded.config.endpoints))
        ],
        "policy": _policy(loaded.config.policy)[0],
        "warnings": [attrs.asdict(caution) for caution in loaded.cautions],
    }


def _print(loaded: Loaded, printer: Printer, *, everything: bool) -> None:
    printer.line(f"from {loaded.source}")
    for index, endpoint in enumerate(loaded.config.endpoints):
        printer.line()
        kind = f"backup {index}" if index else "primary"
        printer.line((endpoint.name, "bold"), f"  {kind}")
        origins = loaded.origins[index]
        for field, value in _plain(loaded.config, index).items():
            if field != "name" and (everything or _is_telling(field, origins)):
                _print_field(printer, field, value, str(origins[field]))
    printer.line()
    values, changed = _policy(loaded.config.policy)
    listed = values if everything else changed
    printer.line(("policy", "bold"), "" if listed else "  all defaults")
    for field, value in listed.items():
        _print_field(printer, field, value, "" if field in changed else "default")
    printer.line()
    for caution in loaded.cautions:
        printer.paragraph(str(caution), first="warning: ", indent="         ", style="yellow")
    if not loaded.cautions:
        printer.line("no warnings")


def _is_telling(field: str, origins: Origins) -> bool:
    always = field in _ALWAYS or field in CREDENTIAL_FIELDS
    return always or origins[field].kind != "default"


def _print_field(printer: Printer, field: str, value: object, origin: str) -> None:
    told = shown(value)
    if field == "api_version" and value is None:
        told = "(as requested)"
    begin, width = f"  {field:<20}{told}", min(printer.console.width, 100)
    space = width - len(begin) - len(origin)
    if not origin or space >= 2:  # noqa: PLR2004  (at least a gap)
        printer.line(begin, (" " * space + origin if origin else "", "dim"))
        return
    printer.line(begin)
    printer.line((f"{origin:>{width}}", "dim"))
