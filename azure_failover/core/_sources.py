"""Where a configuration comes from: the dict form, a TOML file, the environment.

Gives :class:`Parts` or the error that lists every problem; never raises, so that no frame that
holds a plain key ends up in a traceback.
"""

from __future__ import annotations

import logging
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import attrs

from azure_failover.core._endpoint import (
    CREDENTIAL_FIELDS,
    OTHER_KINDS,
    Endpoint,
    endpoint_flaws,
    is_word,
    kinds_of,
    several_flaws,
)
from azure_failover.core._flaws import remedy, seconds_flaw
from azure_failover.core._policy import (
    PHASES,
    AttemptTimeout,
    Policy,
    attempt_timeout_flaws,
    policy_flaws,
)
from azure_failover.core._relations import fleet_problems
from azure_failover.core._structure import as_mapping, kind_of, structured
from azure_failover.core.credentials import Secret
from azure_failover.core.errors import ConfigError, Problem

logger = logging.getLogger("azure_failover")  # a warning that never raises, unlike warnings.warn

PRIMARY_VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "api_key": ("AZURE_OPENAI_KEY", "AZURE_OPENAI_API_KEY"),
    "endpoint": ("AZURE_OPENAI_ENDPOINT",),
    "deployment_name": ("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME"),
    "api_version": ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"),
}
"""Field -> the environment variables that it is read from; the first that is set counts."""

BACKUP_PREFIX: Final = "AZURE_OPENAI_BACKUP_"
"""Backups are ``AZURE_OPENAI_BACKUP_<number>_<suffix>``, in the order of their numbers."""

_FIRST_SUFFIXES: Final = frozenset({"KEY", "DEPLOYMENT"})
"""The suffixes that win over their aliases, as the primary's variables do."""

BACKUP_SUFFIXES: Final[Mapping[str, str]] = {
    "KEY": "api_key",
    "API_KEY": "api_key",
    "ENDPOINT": "endpoint",
    "DEPLOYMENT": "deployment_name",
    "DEPLOYMENT_NAME": "deployment_name",
    "API_VERSION": "api_version",
}


class Parts(NamedTuple):
    """What a configuration is made of, when nothing is wrong with it."""

    endpoints: tuple[Endpoint, ...]
    policy: Policy


_EXPIRING: Final = "AZURE_OPENAI_AD_TOKEN"
"""A variable of the openai SDK; the token in it expires, so it is only mentioned, never read."""

_REQUIRED: Final = ("endpoint", "api_key", "deployment_name")
_TOP_LEVEL: Final = ("backups", "policy")


def _take_max_retries(given: Mapping[Any, Any], path: str, problems: list[Problem]) -> None:
    """Accept the former system's ``max_retries``, and say that it no longer does anything."""
    value = given.get("max_retries", 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        problems.append(
            Problem(f"{path}max_retries", "is not a whole number", remedy("max_retries"))
        )
    elif value:
        logger.warning("%smax_retries has no effect: each endpoint is tried once per request", path)


def from_dict(
    data: object, env: Mapping[str, str], *, source: str = "the configuration"
) -> Parts | ConfigError:
    """Read the dict form; what the primary leaves out comes from ``env`` if it is there.

    Args:
        data: What the user gave.
        env: The environment variables.
        source: What to call ``data`` in an error.
    """
    given = as_mapping(data)
    if given is None:
        what = f"is {kind_of(data)}, not a mapping"
        advice = "give a dict with endpoint, api_key and deployment_name"
        return ConfigError([Problem("config", what, advice)], source=source)
    problems: list[Problem] = []
    primary = _primary(given, env, problems)
    backups = _backups(given.get("backups", ()), primary, problems)
    policy = _policy(given.get("policy", {}), problems)
    problems += fleet_problems([primary, *backups])
    if problems:
        return ConfigError(problems, source=source)
    return Parts(tuple(Endpoint(**values) for values in (primary, *backups)), policy)


def _primary(
    given: Mapping[Any, Any], env: Mapping[str, str], problems: list[Problem]
) -> dict[str, Any]:
    values = structured(Endpoint, given, "", problems, extra=(*_TOP_LEVEL, "max_retries"))
    _take_max_retries(given, "", problems)
    skipped = {*given, *(("api_key",) if _has_another_kind(given) else ())}
    variables = _variables(env, [field for field in PRIMARY_VARIABLES if field not in skipped])
    for field, name in variables.items():
        if env[name]:
            values[field] = Secret(env[name]) if field == "api_key" else env[name]
        else:
            problems.append(_empty(name))
    problems += [
        _missing(field, "", env)
        for field in _REQUIRED
        if field not in skipped and field not in variables
    ]
    problems += [flaw.at("") for flaw in several_flaws(kinds_of(given))]
    problems += [
        attrs.evolve(flaw, field=variables.get(flaw.field, flaw.field)).at("")
        for flaw in endpoint_flaws(values)
    ]
    return values


def _has_another_kind(given: Mapping[Any, Any]) -> bool:
    """Tell whether a mapping says, rightly or not, that its credential is no key."""
    if "token_provider" in given or "credential" in given:
        return True
    return "auth" in given and not is_word(given["auth"], "endpoint")


def _variables(env: Mapping[str, str], fields: Iterable[str]) -> dict[str, str]:
    """Find the variable that each of ``fields`` is read from, if any is set."""
    found = {
        field: next((name for name in PRIMARY_VARIABLES[field] if name in env), None)
        for field in fields
    }
    return {field: name for field, name in found.items() if name is not None}


def _empty(name: str) -> Problem:
    return Problem(name, "is set but empty", "unset it or give it a value")


def _missing(field: str, path: str, env: Mapping[str, str]) -> Problem:
    variables = PRIMARY_VARIABLES[field]
    also = "" if path else f", or set {variables[0]}"
    if field == "api_key":
        also += OTHER_KINDS + _expiring_advice(env)
    return Problem(f"{path}{field}", "is missing", f"{remedy(field)}{also}")


def _expiring_advice(env: Mapping[str, str]) -> str:
    advice = f"; {_EXPIRING} is not read, since a token expires: give a token_provider"
    return advice if env.get(_EXPIRING) else ""


def _backups(
    given: object, primary: Mapping[str, Any], problems: list[Problem]
) -> list[dict[str, Any]]:
    """Read the backups; each inherits from the primary what it does not say itself."""
    if not isinstance(given, list | tuple):
        problems.append(Problem("backups", f"is {kind_of(given)}, not a list", remedy("backups")))
        return []
    backups: list[dict[str, Any]] = []
    for index, backup in enumerate(cast("Sequence[object]", given)):
        path = f"backups[{index}]."
        own = as_mapping(backup)
        if own is None:
            what = f"is {kind_of(backup)}, not a mapping"
            problems.append(Problem(path[:-1], what, 'write {"endpoint": "https://…"}'))
            continue
        values = structured(Endpoint, own, path, problems, extra=("max_retries",))
        problems += _credential_problems(own, primary, path)
        values = _inherited(own, primary) | values
        _take_max_retries(own, path, problems)
        if "endpoint" not in own:
            problems.append(_missing("endpoint", path, {}))
        problems += [flaw.at(path) for flaw in endpoint_flaws(values) if flaw.field in own]
        backups.append(values)
    return backups


_NOT_INHERITED: Final = frozenset({"endpoint", "name", "deployments"})
"""What makes an endpoint this one endpoint; all else is inherited."""

_KIND: Final = frozenset({*CREDENTIAL_FIELDS, "auth"})
"""What is inherited as a unit: who says one of these has a credential of its own."""


def _inherited(own: Mapping[Any, Any], primary: Mapping[str, Any]) -> dict[str, Any]:
    dropped = _NOT_INHERITED | _KIND if kinds_of(own) else _NOT_INHERITED
    return {field: value for field, value in primary.items() if field not in dropped}


def _credential_problems(
    own: Mapping[Any, Any], primary: Mapping[str, Any], path: str
) -> list[Problem]:
    problems = [flaw.at(path) for flaw in several_flaws(kinds_of(own))]
    has_none = is_word(own.get("auth"), "endpoint") and kinds_of(primary) == ("auth",)
    if has_none and not any(field in own for field in CREDENTIAL_FIELDS):
        what = 'is "endpoint", and the primary has no credential to inherit'
        problems.append(Problem(f"{path}auth", what, f"give {', '.join(CREDENTIAL_FIELDS)} here"))
    return problems


def _policy(given: object, problems: list[Problem]) -> Policy:
    if isinstance(given, Policy):
        return given
    fields = as_mapping(given)
    if fields is None:
        problems.append(Problem("policy", f"is {kind_of(given)}, not a mapping", remedy("policy")))
        return Policy()
    before = len(problems)
    values = structured(Policy, fields, "policy.", problems, extra=("attempt_timeout",))
    if "attempt_timeout" in fields:
        values["attempt_timeout"] = _attempt_timeout(fields["attempt_timeout"], problems)
    problems += [flaw.at("policy.") for flaw in policy_flaws(values)]
    return Policy(**values) if len(problems) == before else Policy()


def _attempt_timeout(given: object, problems: list[Problem]) -> AttemptTimeout:
    """Read seconds for all phases, or a mapping of phases."""
    if isinstance(given, AttemptTimeout):
        return given
    path = "policy.attempt_timeout"
    phases = as_mapping(given)
    before = len(problems)
    if phases is not None:
        values = structured(AttemptTimeout, phases, f"{path}.", problems)
        problems += [flaw.at(f"{path}.") for flaw in attempt_timeout_flaws(values)]
    elif isinstance(given, bool) or not isinstance(given, int | float):
        what = f"is {kind_of(given)}, not a number or a mapping"
        problems.append(Problem(path, what, remedy("attempt_timeout")))
        return AttemptTimeout()
    else:
        values = dict.fromkeys(PHASES, given)
        problems += [flaw.at("policy.") for flaw in seconds_flaw("attempt_timeout", given)]
    return AttemptTimeout(**values) if len(problems) == before else AttemptTimeout()


def from_toml(path: str | os.PathLike[str], env: Mapping[str, str]) -> Parts | ConfigError:
    name = os.fspath(path)
    # What is no TOML file by its name may be anything, even a key: it is not quoted.
    is_named = name.lower().endswith(".toml") and not any(mark in name for mark in '\n={"')
    source = "the configuration file" + (f" {name}" if is_named else "")
    if name.lower().startswith(("http://", "https://")):
        advice = "give the path of a TOML file, or a dict with endpoint, api_key, deployment_name"
        return ConfigError([Problem("config", "is a URL, not a path", advice)])
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else "is not UTF-8"
        return ConfigError([Problem("file", f"cannot be read: {what}", "check it")], source=source)
    return from_toml_text(text, env, source=source)


def from_toml_text(text: str, env: Mapping[str, str], *, source: str) -> Parts | ConfigError:
    """Read the text of a TOML file.

    Args:
        text: The text.
        env: The environment variables.
        source: What to call the file in an error.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # tomllib lets int's own errors through
        is_placed = isinstance(error, tomllib.TOMLDecodeError)
        place = f" ({str(error).rpartition('(')[2].rstrip(')')})" if is_placed else ""
        what = f"is not valid TOML{place}"
        advice = 'write lines such as endpoint = "https://…" and [[backups]] tables'
        return ConfigError([Problem("file", what, advice)], source=source)
    read = from_dict(data, env, source=source)
    if isinstance(read, ConfigError):
        return ConfigError([_for_a_file(problem) for problem in read.problems], source=source)
    return read


def _for_a_file(problem: Problem) -> Problem:
    """Say what to do instead where a file tries to hold what only Python can."""
    if problem.path.rpartition(".")[2] not in ("token_provider", "credential"):
        return problem
    advice = (
        "a file cannot hold it: read the file by tomllib, put the object into the dict, "
        "and give the dict"
    )
    return attrs.evolve(problem, remedy=advice)


def from_env(env: Mapping[str, str]) -> Parts | ConfigError:
    problems: list[Problem] = []
    tables: dict[int, dict[str, Any]] = {}
    variables: dict[tuple[int, str], str] = {}
    for name in sorted(env):
        if not name.startswith(BACKUP_PREFIX):
            continue
        number, _, suffix = name.removeprefix(BACKUP_PREFIX).partition("_")
        if not (number.isascii() and number.isdigit()) or suffix not in BACKUP_SUFFIXES:
            problems.append(_unknown_variable(name, number, suffix))
        elif not env[name]:
            problems.append(_empty(name))
        else:
            place = (int(number), BACKUP_SUFFIXES[suffix])
            if place not in variables or suffix in _FIRST_SUFFIXES:
                tables.setdefault(place[0], {})[place[1]] = env[name]
                variables[place] = name
    numbers = sorted(tables)
    read = from_dict(
        {"backups": [tables[number] for number in numbers]}, env, source="the environment"
    )
    if isinstance(read, ConfigError):
        problems += [_renamed(problem, numbers, variables, env) for problem in read.problems]
    return ConfigError(problems, source="the environment") if problems else read


def _unknown_variable(name: str, number: str, suffix: str) -> Problem:
    if not (number.isascii() and number.isdigit()):
        advice = f"number the backups: {BACKUP_PREFIX}1_ENDPOINT"
    else:
        close = get_close_matches(suffix, BACKUP_SUFFIXES, n=1)
        wanted = close[0] if close else "ENDPOINT"
        advice = f"did you mean {BACKUP_PREFIX}{number}_{wanted}?"
    return Problem(name, "is not a known variable", advice)


def _renamed(
    problem: Problem,
    numbers: list[int],
    variables: Mapping[tuple[int, str], str],
    env: Mapping[str, str],
) -> Problem:
    """Give a problem of the dict form the name of the variable that caused it."""
    path, advice = problem.path, problem.remedy
    if problem.what == "is missing":
        field = path.rpartition(".")[2]
        advice = f"set it: {remedy(field)}{_expiring_advice(env) if field == 'api_key' else ''}"
    if path.startswith("backups["):
        index, _, field = path.removeprefix("backups[").partition("].")
        number = numbers[int(index)]
        path = variables.get((number, field), f"{BACKUP_PREFIX}{number}_{field.upper()}")
    elif path in PRIMARY_VARIABLES:
        path = PRIMARY_VARIABLES[path][0]
    return attrs.evolve(problem, path=path, remedy=advice)
