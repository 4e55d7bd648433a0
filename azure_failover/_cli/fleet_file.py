"""The fleet of ``emulator``: from a small TOML file or from options, and back as a configuration.

Reads values and writes text; starts nothing.
"""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import attrs
from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError

from azure_failover._cli.complaints import Complaint
from azure_failover._cli.fault_words import UnknownFaultError, fault_of
from azure_failover.emulator import RegionSpec, faults
from azure_failover.emulator.spec import DEFAULT_DEPLOYMENT

DEFAULT_REGIONS: Final = ("eastus", "westus", "northeurope")
_ENVIRONMENT: Final = frozenset({"name", "endpoint", "api_key", "deployment_name"})
"""What the environment can say about an endpoint; the name it makes up by itself."""


@attrs.frozen(kw_only=True)
class _RegionTable:
    """A ``[[regions]]`` table: the fields of ``RegionSpec``, and a fault."""

    name: str
    api_key: str | None = None
    token: str | None = None
    deployment_name: str | None = None
    deployments: list[str] | None = None
    prefix: str = ""
    api: Literal["any", "dated", "v1"] = "any"
    key_header: str = "api-key"
    key_query: str | None = None
    strict_model: bool = False
    fault: str = "up"

    def spec(self) -> RegionSpec:
        fields = attrs.asdict(self)
        del fields["fault"]
        if self.deployments is not None:
            fields["deployments"] = frozenset(self.deployments)
        return RegionSpec(fields.pop("name"), **fields)


@attrs.frozen(kw_only=True)
class _FleetTable:
    """The whole file."""

    regions: list[_RegionTable]
    tls: bool = False
    api_key: str | None = None
    deployment: str = DEFAULT_DEPLOYMENT


@attrs.frozen(kw_only=True)
class FleetPlan:
    """What to serve.

    Attributes:
        specs: The regions.
        words: The fault of each region, in words, by name.
        tls: Whether to serve https.
        api_key: One key for all; None for one each.
        deployment: The deployment of all.
    """

    specs: tuple[RegionSpec, ...]
    words: Mapping[str, str]
    tls: bool = False
    api_key: str | None = None
    deployment: str = DEFAULT_DEPLOYMENT

    def faults(self) -> Mapping[str, faults.Fault | None]:
        """Give the fault of each region, by name.

        Raises:
            Complaint: A word is no fault, or one of TLS without TLS.
        """
        found: dict[str, faults.Fault | None] = {}
        for name, word in self.words.items():
            try:
                found[name] = fault_of(word)
            except UnknownFaultError as error:
                what, _, remedy = str(error).partition("; ")
                raise Complaint(f"{name}: {what}", remedy) from error
            if isinstance(found[name], faults.TlsBroken) and not self.tls:
                raise Complaint(f"{name}: {word} needs TLS", "add --tls, or tls = true")
        return found


def plan_of(
    path: Path | None, regions: Sequence[str], words: Mapping[str, str], *, tls: bool
) -> FleetPlan:
    """Put together what to serve.

    Args:
        path: A TOML file; None for options alone.
        regions: Names of further regions; three are made up where there is none at all.
        words: Faults by region; they win over the file's.
        tls: Whether to serve https, whatever the file says.

    Raises:
        Complaint: The file or an option cannot be used.
    """
    table = _FleetTable(regions=[]) if path is None else _read(path)
    names = regions or (() if table.regions else DEFAULT_REGIONS)
    tables = [*table.regions, *(_RegionTable(name=name) for name in names)]
    known = [each.name for each in tables]
    if twice := next((name for name in known if known.count(name) > 1), None):
        raise Complaint(f"there are two regions {twice!r}", "give each a name of its own")
    for each in tables:
        has_key = each.api_key is not None or table.api_key is not None
        if not _is_name(each.name, has_key=has_key):
            advice = "give one such as eastus; with an api_key, any" if each.name else "give one"
            raise Complaint(f"{each.name!r} is no name of a region", advice)
    if unknown := next((name for name in words if name not in known), None):
        raise Complaint(f"there is no region {unknown!r}", f"there is {', '.join(known)}")
    return FleetPlan(
        specs=tuple(each.spec() for each in tables),
        words={each.name: words.get(each.name, each.fault) for each in tables},
        tls=tls or table.tls,
        api_key=table.api_key,
        deployment=table.deployment,
    )


def _is_name(text: str, *, has_key: bool) -> bool:
    """Tell whether a region may be called so: a key that is made up has its name in it."""
    fits_a_key = text.isascii() and text.isprintable() and " " not in text
    return bool(text.strip()) and (has_key or fits_a_key)


def _read(path: Path) -> _FleetTable:
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Complaint(f"{path} cannot be read: {error.strerror}", "check it") from error
    except ValueError as error:
        advice = 'write [[regions]] tables with name = "eastus" and fault = "503"'
        raise Complaint(f"{path} is not valid TOML", advice) from error
    converter = Converter(forbid_extra_keys=True)
    try:
        return converter.structure(data, _FleetTable)
    except (BaseValidationError, ValueError, TypeError) as error:
        keys = ", ".join(field.name for field in attrs.fields(_RegionTable))
        advice = f"the keys are tls, api_key, deployment and [[regions]] with {keys}"
        raise Complaint(f"{path}: {_in_words(error)}", advice) from error


def _in_words(error: Exception) -> str:
    """Say where a table is wrong; cattrs says ``… @ $.regions[0].api``."""
    if not isinstance(error, BaseValidationError):
        return "something has the wrong type"
    told: list[str] = []
    for line in transform_error(error):
        what, _, place = line.rpartition(" @ $")
        known = what if what.startswith(("extra", "required")) else "a value that it cannot have"
        told.append(f"{place.lstrip('.') or 'the file'}: {known}")
    return ", ".join(told)


def as_toml(config: Mapping[str, Any]) -> str:
    """Write a configuration as TOML."""
    tables = [{key: value for key, value in config.items() if key != "backups"}]
    tables += config["backups"]
    # A JSON string is a basic string of TOML.
    texts = ["\n".join(f"{key} = {json.dumps(value)}" for key, value in t.items()) for t in tables]
    return "\n\n[[backups]]\n".join(texts) + "\n"


def as_variables(config: Mapping[str, Any]) -> str | None:
    """Write a configuration as a shell's variables; None if they cannot say all of it."""
    said = {field for table in (config, *config["backups"]) for field in table}
    if not said <= _ENVIRONMENT | {"backups"}:
        return None
    lines: list[str] = []
    for number, table in enumerate((config, *config["backups"])):
        prefix = f"AZURE_OPENAI_BACKUP_{number}_" if number else "AZURE_OPENAI_"
        pairs = (("ENDPOINT", "endpoint"), ("KEY", "api_key"), ("DEPLOYMENT", "deployment_name"))
        lines += [
            f"export {prefix}{suffix}={shlex.quote(table[field])}"
            for suffix, field in pairs
            if field in table
        ]
    return "\n".join(lines) + "\n"
