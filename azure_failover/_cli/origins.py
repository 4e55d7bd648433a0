"""Where each value of a configuration was said: the file, a variable, the primary, or nowhere.

Reads mappings that were found to be right before; shows no value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import attrs

from azure_failover.core._endpoint import CREDENTIAL_FIELDS, Endpoint, kinds_of
from azure_failover.core._sources import BACKUP_PREFIX, BACKUP_SUFFIXES, PRIMARY_VARIABLES

_FIELDS: Final = tuple(field.name for field in attrs.fields(Endpoint))
_OWN: Final = frozenset({"endpoint", "name", "deployments"})
_KIND: Final = frozenset({*CREDENTIAL_FIELDS, "auth"})


@attrs.frozen
class Origin:
    """Where one value comes from.

    Attributes:
        kind: ``given`` in the file, ``environment``, ``inherited`` from the primary, ``default``.
        variable: The environment variable, if it is one.
    """

    kind: Literal["given", "environment", "inherited", "default"]
    variable: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "given":
                return ""
            case "environment":
                return self.variable
            case "inherited":
                return "from the primary"
            case "default":
                return "default"


Origins = Mapping[str, Origin]
"""The origin of each field of one endpoint."""

_GIVEN: Final = Origin("given")
_INHERITED: Final = Origin("inherited")
_DEFAULT: Final = Origin("default")


def of_a_file(data: Mapping[str, Any], env: Mapping[str, str]) -> tuple[Origins, ...]:
    """Tell the origins of a file's endpoints, the primary first."""
    given = {field: _GIVEN for field in _FIELDS if field in data}
    has_another_kind = "auth" in data and data["auth"] != "endpoint"
    primary = given | {
        field: origin
        for field, origin in _variables(env).items()
        if field not in data and not (field == "api_key" and has_another_kind)
    }
    backups: Sequence[Mapping[str, Any]] = data.get("backups", ())
    told = [{field: _GIVEN for field in _FIELDS if field in backup} for backup in backups]
    return _complete(primary, told, [bool(kinds_of(backup)) for backup in backups])


def of_the_environment(env: Mapping[str, str]) -> tuple[Origins, ...]:
    """Tell the origins of the endpoints that the environment describes, the primary first."""
    backups: dict[int, dict[str, Origin]] = {}
    for suffix, field in BACKUP_SUFFIXES.items():  # of two names, the one that counts is first
        for name in env:
            number = name.removeprefix(BACKUP_PREFIX).removesuffix(f"_{suffix}")
            if name == f"{BACKUP_PREFIX}{number}_{suffix}" and number.isdigit():
                backups.setdefault(int(number), {}).setdefault(field, Origin("environment", name))
    told = [backups[number] for number in sorted(backups)]
    return _complete(_variables(env), told, ["api_key" in backup for backup in told])


def _variables(env: Mapping[str, str]) -> dict[str, Origin]:
    found = {
        field: next((name for name in names if name in env), None)
        for field, names in PRIMARY_VARIABLES.items()
    }
    return {field: Origin("environment", name) for field, name in found.items() if name}


def _complete(
    primary: Mapping[str, Origin],
    backups: Sequence[Mapping[str, Origin]],
    has_credential: Sequence[bool],
) -> tuple[Origins, ...]:
    """Fill in what was left out: a backup's from the primary, if that says it, or the default."""
    first = {field: primary.get(field, _DEFAULT) for field in _FIELDS}

    def filled(told: Mapping[str, Origin], *, has_own: bool) -> Origins:
        alone = _OWN | _KIND if has_own else _OWN
        inherited = {field: _INHERITED for field in primary if field not in alone}
        return {field: told.get(field, inherited.get(field, _DEFAULT)) for field in _FIELDS}

    rest = [filled(told, has_own=own) for told, own in zip(backups, has_credential, strict=True)]
    return (first, *rest)
