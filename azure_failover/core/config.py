"""What the user configures: endpoints, their inheritance, the policy.

A configuration comes in as a dict, a TOML file, environment variables or finished objects, and
leaves as frozen values or as one :class:`ConfigError` that lists everything that is wrong. Opens
no connection, and never shows a secret: messages name fields, not values.

The frames that may hold a plain key never raise: :func:`_assemble` gives back problems, and
:meth:`Config.of` forgets its argument before it raises, so that a traceback that prints local
variables prints no key.
"""

from __future__ import annotations

import math
import os
import tomllib
import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast, get_args, get_origin

import attrs
from cattrs import Converter

from azure_failover.core._base_url import BaseUrl, BaseUrlProblem
from azure_failover.core.credentials import MASK, Secret, key_problem
from azure_failover.core.errors import ConfigError, Problem

ConfigSource: TypeAlias = "Mapping[str, Any] | Config | str | os.PathLike[str] | None"
"""What every constructor takes: a dict, a :class:`Config`, a TOML path, or None (environment)."""

DEFAULT_API_VERSION: Final = "2024-10-21"
"""The newest general-availability version of the dated data-plane API."""

PRIMARY_VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "api_key": ("AZURE_OPENAI_KEY", "AZURE_OPENAI_API_KEY"),
    "endpoint": ("AZURE_OPENAI_ENDPOINT",),
    "deployment_name": ("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME"),
    "api_version": ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"),
}
"""Field -> the environment variables that it is read from; the first that is set counts."""

BACKUP_PREFIX: Final = "AZURE_OPENAI_BACKUP_"
"""Backups are ``AZURE_OPENAI_BACKUP_<number>_<suffix>``, in the order of their numbers."""

BACKUP_SUFFIXES: Final[Mapping[str, str]] = {
    "KEY": "api_key",
    "API_KEY": "api_key",
    "ENDPOINT": "endpoint",
    "DEPLOYMENT": "deployment_name",
    "DEPLOYMENT_NAME": "deployment_name",
    "API_VERSION": "api_version",
}

_REMEDIES: Final[Mapping[str, str]] = {
    "endpoint": "write the resource's address, such as https://my-resource.openai.azure.com",
    "api_key": "give the key from the resource's page 'Keys and Endpoint'",
    "deployment_name": "give the name of the deployment, such as gpt-4.1-mini",
    "api_version": f'give a version such as "{DEFAULT_API_VERSION}", or leave it out',
    "timeout": "give a positive number of seconds, such as 60",
    "name": "give a short name in visible ASCII characters, or leave it out",
    "deployments": "map names of the primary's deployments to names of this backup's",
    "backups": 'give a list of mappings, such as [{"endpoint": "https://…"}]',
    "policy": 'give a mapping, such as {"failback": "auto"}',
    "max_retries": "leave it out: each endpoint is tried once",
}


def _remedy(field: str) -> str:
    return _REMEDIES.get(field, "see the documentation of Policy")


@attrs.frozen
class _Flaw:
    """A problem that does not yet know where in the configuration it stands."""

    field: str
    what: str
    remedy: str

    def at(self, path: str) -> Problem:
        return Problem(f"{path}{self.field}", self.what, self.remedy)


def _raise_flaws(flaws: Iterable[_Flaw], source: str) -> None:
    problems = [flaw.at("") for flaw in flaws]
    if problems:
        raise ConfigError(problems, source=source)


# --- the values ----------------------------------------------------------------------------------


def _normal_url(value: str) -> str:
    parsed = BaseUrl.parse(value)
    return value if isinstance(parsed, BaseUrlProblem) else str(parsed)


@attrs.frozen(kw_only=True)
class Endpoint:
    """One Azure resource as we reach it.

    Attributes:
        endpoint: The address before ``/openai``, without a trailing slash.
        api_key: The key; shows itself as ``***``.
        deployment_name: The deployment that requests for the primary's deployment are sent to.
        api_version: The ``api-version`` of dated URLs.
        timeout: Seconds that each phase of an attempt (sending, waiting for a byte) may take.
            A shorter timeout of the request wins.
        name: How the ledger, the logs and the status call it; by default the first label of the
            host, made unique within the configuration.
        deployments: For a backup: further names of the primary's deployments, and what they are
            called here.
        allow_insecure: Permit plain ``http`` to a host that is not the loopback.
    """

    endpoint: str = attrs.field(converter=_normal_url)
    api_key: Secret = attrs.field(converter=Secret)
    deployment_name: str
    api_version: str = DEFAULT_API_VERSION
    timeout: float = 60.0
    name: str = ""
    deployments: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False)
    allow_insecure: bool = False

    def __attrs_post_init__(self) -> None:
        _raise_flaws(_endpoint_flaws(_values(self)), f"Endpoint {self.name!r}".rstrip(" '"))

    @property
    def base(self) -> BaseUrl:
        """The parsed address."""
        parsed = BaseUrl.parse(self.endpoint)
        assert isinstance(parsed, BaseUrl)  # noqa: S101  (the constructor has seen to it)
        return parsed


@attrs.frozen(kw_only=True)
class Policy:
    """When to move on, when to come back, and how long to go on trying.

    Attributes:
        failback: ``auto`` wins a failed endpoint back by a single probe; ``never`` stays on the
            backup until :meth:`reset` or until the backup fails too.
        on_throttle: What a 429 does. ``return``: the caller gets it. ``failover``: the next
            endpoint is tried, and this one is passed over for as long as Azure asked. ``wait``:
            the same endpoint is tried once more after the time that Azure asked for, if the
            deadline allows (without a deadline: up to 120 s).
        on_misconfigured: What a 401, a 403 or a missing deployment does: ``return`` or
            ``failover``. Either way the endpoint is flagged, and a warning is logged.
        deadline: Seconds that a request may take over all its attempts; None for no limit.
        connect_timeout: Seconds that connecting to one endpoint may take.
        pause: Seconds for which a failed endpoint is passed over at first.
        max_pause: Seconds up to which that pause doubles with each failed probe.
        probe_lease: Seconds after which a probe without an outcome is given up for lost.
    """

    failback: Literal["auto", "never"] = "auto"
    on_throttle: Literal["return", "failover", "wait"] = "return"
    on_misconfigured: Literal["return", "failover"] = "return"
    deadline: float | None = None
    connect_timeout: float = 5.0
    pause: float = 1.0
    max_pause: float = 300.0
    probe_lease: float = 30.0

    def __attrs_post_init__(self) -> None:
        _raise_flaws(_policy_flaws(_values(self)), "Policy")


def _named(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Give a name to each endpoint that has none: the host's first label, made unique."""
    endpoints = tuple(endpoints)
    taken = {endpoint.name for endpoint in endpoints if endpoint.name}
    named: list[Endpoint] = []
    for endpoint in endpoints:
        name, number = endpoint.name or endpoint.base.label, 1
        while not endpoint.name and name in taken:
            number += 1
            name = f"{endpoint.base.label}-{number}"
        taken.add(name)
        named.append(endpoint if endpoint.name else attrs.evolve(endpoint, name=name))
    return tuple(named)


@attrs.frozen
class Config:
    """The endpoints in the order in which they are tried, and the policy.

    Every endpoint here is complete: inheritance has been done. Use :meth:`of` for a configuration
    in any form, or the constructor for finished :class:`Endpoint` objects.
    """

    endpoints: tuple[Endpoint, ...] = attrs.field(converter=_named)
    policy: Policy = attrs.field(factory=Policy)

    def __attrs_post_init__(self) -> None:
        problems = _fleet_problems(self.endpoints)
        if problems:
            raise ConfigError(problems)

    @property
    def primary(self) -> Endpoint:
        """The endpoint that is preferred."""
        return self.endpoints[0]

    @property
    def backups(self) -> tuple[Endpoint, ...]:
        """The other endpoints, in order."""
        return self.endpoints[1:]

    def renames(self, index: int) -> Mapping[str, str]:
        """Give the deployments that are called differently at endpoint ``index``.

        Returns:
            Name at the primary -> name there, without those that are the same.
        """
        there = self.endpoints[index]
        names = {**there.deployments, self.primary.deployment_name: there.deployment_name}
        return {here: name for here, name in names.items() if here != name}

    def redact(self, text: str) -> str:
        """Give ``text`` with every key of this configuration masked."""
        for endpoint in self.endpoints:
            text = text.replace(endpoint.api_key.reveal(), MASK)
        return text

    def to_dict(self, *, reveal_secrets: bool = False) -> dict[str, Any]:
        """Give the documented dict form, with everything that was inherited written out.

        With ``reveal_secrets`` the result can be read back by :meth:`from_dict`; otherwise the
        keys are masked.
        """

        def plain(endpoint: Endpoint) -> dict[str, Any]:
            key = endpoint.api_key.reveal() if reveal_secrets else MASK
            values = {**_values(endpoint), "api_key": key}
            values["deployments"] = dict(endpoint.deployments)
            return values

        primary = plain(self.primary)
        del primary["deployments"]
        return {
            **primary,
            "backups": [plain(backup) for backup in self.backups],
            "policy": _values(self.policy),
        }

    @classmethod
    def of(cls, source: ConfigSource = None) -> Config:
        """Read a configuration in any form.

        Args:
            source: A dict in the documented form, a :class:`Config`, the path of a TOML file, or
                None for the environment.

        Raises:
            ConfigError: Lists everything that is wrong.
        """
        read = read_config(source)
        source = None
        if isinstance(read, ConfigError):
            raise read
        return read

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, env: Mapping[str, str] | None = None) -> Config:
        """Read the documented dict form; see :meth:`of`.

        What the primary leaves out is taken from the environment variables in
        :data:`PRIMARY_VARIABLES`, if they are set.

        Args:
            data: ``api_key``, ``endpoint``, ``deployment_name`` and the other fields of
                :class:`Endpoint` for the primary; ``backups``, a list of the same; ``policy``,
                the fields of :class:`Policy`.
            env: The environment; ``os.environ`` by default.
        """
        read = _assemble(data, os.environ if env is None else env)
        del data, env
        return _raised(read)

    @classmethod
    def from_toml(
        cls, path: str | os.PathLike[str], *, env: Mapping[str, str] | None = None
    ) -> Config:
        """Read a TOML file with the same keys as the dict form (``[[backups]]``, ``[policy]``)."""
        read = _read_toml(path, os.environ if env is None else env)
        del env
        return _raised(read)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Config:
        """Read the environment alone.

        The primary comes from :data:`PRIMARY_VARIABLES`; backups come from variables such as
        ``AZURE_OPENAI_BACKUP_1_ENDPOINT``, ``AZURE_OPENAI_BACKUP_1_KEY``,
        ``AZURE_OPENAI_BACKUP_1_DEPLOYMENT``, ``AZURE_OPENAI_BACKUP_1_API_VERSION``, in the order
        of their numbers.
        """
        read = _read_env(os.environ if env is None else env)
        del env
        return _raised(read)


def read_config(source: ConfigSource) -> Config | ConfigError:
    """Do the work of :meth:`Config.of` without raising, for callers that must forget first."""
    if isinstance(source, Config):
        return source
    if source is None:
        return _read_env(os.environ)
    if isinstance(source, str | os.PathLike):
        return _read_toml(source, os.environ)
    return _assemble(source, os.environ)


def _raised(read: Config | ConfigError) -> Config:
    if isinstance(read, ConfigError):
        raise read
    return read


# --- what is wrong with values of the right type -------------------------------------------------


def _values(instance: Any) -> dict[str, Any]:  # noqa: ANN401  (any attrs class)
    return attrs.asdict(instance, recurse=False)


def _text_flaw(field: str, value: str) -> Iterable[_Flaw]:
    if not value:
        yield _Flaw(field, "is empty", _remedy(field))
    elif value != value.strip() or not value.isprintable():
        yield _Flaw(field, "has control characters or white space around it", _remedy(field))


def _seconds_flaw(field: str, value: float | None) -> Iterable[_Flaw]:
    if value is not None and not (math.isfinite(value) and value > 0):
        yield _Flaw(field, "is not a positive number of seconds", "give one, such as 10.0")


def _endpoint_flaws(values: Mapping[str, Any]) -> list[_Flaw]:
    """Check values that have the right types; a field that is missing is not looked at."""
    flaws: list[_Flaw] = []
    if "endpoint" in values:
        base = BaseUrl.parse(values["endpoint"])
        if isinstance(base, BaseUrlProblem):
            flaws.append(_Flaw("endpoint", base.what, base.remedy or _remedy("endpoint")))
        elif base.scheme == "http" and not base.is_loopback and not values.get("allow_insecure"):
            flaws.append(
                _Flaw(
                    "endpoint",
                    "is plain http, which would show the key to the network",
                    "write https, or set allow_insecure = true if you mean it",
                )
            )
    if "api_key" in values and (what := key_problem(values["api_key"].reveal())):
        flaws.append(_Flaw("api_key", what, _remedy("api_key")))
    if "deployment_name" in values:
        flaws += _text_flaw("deployment_name", values["deployment_name"])
    if "api_version" in values:
        version = values["api_version"]
        if not version.isascii() or not version.replace("-", "").replace(".", "").isalnum():
            what = "is not an api-version" if version else "is empty"
            flaws.append(_Flaw("api_version", what, _remedy("api_version")))
    if "timeout" in values:
        flaws += _seconds_flaw("timeout", values["timeout"])
    if values.get("name"):
        flaws += _text_flaw("name", values["name"])
        if not values["name"].isascii():
            flaws.append(_Flaw("name", "is not ASCII", _remedy("name")))
    for here, there in values.get("deployments", {}).items():
        flaws += _text_flaw("deployments", here)
        flaws += _text_flaw("deployments", there)
    return flaws


def _policy_flaws(values: Mapping[str, Any]) -> list[_Flaw]:
    flaws: list[_Flaw] = []
    for field in ("deadline", "connect_timeout", "pause", "max_pause", "probe_lease"):
        if field in values:
            flaws += _seconds_flaw(field, values[field])
    if not flaws and values.get("max_pause", 300.0) < values.get("pause", 1.0):
        flaws.append(_Flaw("max_pause", "is shorter than pause", "make it the longer one"))
    for field, choices in _CHOICES.items():
        if field in values and values[field] not in choices:
            flaws.append(_choice_flaw(field, choices))
    return flaws


def _choice_flaw(field: str, choices: Iterable[str]) -> _Flaw:
    listed = ", ".join(f'"{choice}"' for choice in choices)
    return _Flaw(field, "is none of its choices", f"give one of {listed}")


def _fleet_problems(endpoints: tuple[Endpoint, ...]) -> list[Problem]:
    """Check what endpoints may not be to each other."""
    if not endpoints:
        return [Problem("endpoints", "is empty", "give at least the primary")]
    problems: list[Problem] = []
    targets: dict[tuple[str, str], str] = {}
    names: dict[str, str] = {}
    for index, endpoint in enumerate(endpoints):
        path = f"backups[{index - 1}]." if index else ""
        where = f"backups[{index - 1}]" if index else "the primary"
        target = (endpoint.endpoint, endpoint.deployment_name)
        if target in targets:
            what = f"is the same endpoint and deployment as {targets[target]}"
            problems.append(Problem(f"{path}endpoint", what, "remove it or change one of the two"))
        if endpoint.name in names:
            what = f"is the name of {names[endpoint.name]} too"
            problems.append(Problem(f"{path}name", what, "give each endpoint a name of its own"))
        targets.setdefault(target, where)
        names.setdefault(endpoint.name, where)
    primary = endpoints[0]
    if primary.deployments:
        what = "belongs to backups: it says what they call the primary's deployments"
        problems.append(Problem("deployments", what, "move it into the backups"))
    for index, backup in enumerate(endpoints[1:]):
        other = backup.deployments.get(primary.deployment_name, backup.deployment_name)
        if other != backup.deployment_name:
            what = "names the primary's deployment_name, and differs from deployment_name here"
            problems.append(
                Problem(f"backups[{index}].deployments", what, "say it in deployment_name alone")
            )
    return problems


# --- structuring: from plain data to values of the right type ------------------------------------


class _WrongTypeError(ValueError):
    """A value that has the wrong type; the message says which, never what the value is."""


def _kind(value: object) -> str:
    return "null" if value is None else f"a {type(value).__name__}"


def _strict(kind: type, wanted: str) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:  # noqa: ANN401  (cattrs gives anything)
        if isinstance(value, kind) and not (kind is not bool and isinstance(value, bool)):
            return value
        hint = " (put it in quotes)" if isinstance(value, date) else ""
        raise _WrongTypeError(f"is {_kind(value)}, not {wanted}{hint}")

    return structure


def _structure_number(value: Any, _: Any) -> float:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _WrongTypeError(f"is {_kind(value)}, not a number")
    return float(value)


def _structure_secret(value: Any, _: Any) -> Secret:  # noqa: ANN401
    if isinstance(value, str | Secret):
        return Secret(value)
    raise _WrongTypeError(f"is {_kind(value)}, not text")


def _structure_names(value: Any, _: Any) -> Mapping[str, str]:  # noqa: ANN401
    if not isinstance(value, Mapping):
        raise _WrongTypeError(f"is {_kind(value)}, not a mapping")
    pairs = cast("Mapping[object, object]", value)
    if not all(isinstance(part, str) for pair in pairs.items() for part in pair):
        raise _WrongTypeError("holds something that is not text")
    return {str(here): str(there) for here, there in pairs.items()}


def _structure_choice(value: Any, choices: Any) -> str:  # noqa: ANN401
    if isinstance(value, str) and value in get_args(choices):
        return value
    raise _WrongTypeError("is none of its choices")


def _converter() -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(str, _strict(str, "text"))
    converter.register_structure_hook(bool, _strict(bool, "true or false"))
    converter.register_structure_hook(float, _structure_number)
    converter.register_structure_hook(Secret, _structure_secret)
    converter.register_structure_hook_func(
        lambda kind: get_origin(kind) is get_origin(Mapping[str, str]), _structure_names
    )
    converter.register_structure_hook_func(
        lambda kind: get_origin(kind) is Literal, _structure_choice
    )
    return converter


_CONVERTER: Final = _converter()
attrs.resolve_types(Endpoint)
attrs.resolve_types(Policy)
_TYPES: Final[Mapping[type, Mapping[str, Any]]] = {
    kind: {field.name: field.type for field in attrs.fields(kind)} for kind in (Endpoint, Policy)
}
_CHOICES: Final = {
    name: get_args(kind) for name, kind in _TYPES[Policy].items() if get_origin(kind) is Literal
}
_REQUIRED: Final = ("endpoint", "api_key", "deployment_name")
_TOP_LEVEL: Final = ("backups", "policy")


def _structured(
    kind: type, given: Mapping[Any, Any], path: str, problems: list[Problem], *, extra: Any = ()
) -> dict[str, Any]:
    """Structure the fields of ``kind`` one by one, so that one bad field hides no other.

    Returns:
        The fields that could be structured; for the others there is a problem.
    """
    types = _TYPES[kind]
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key in extra:
            continue
        if key not in types:
            problems.append(_unknown(key, path, (*types, *extra)))
            continue
        try:
            values[key] = _CONVERTER.structure(value, types[key])
        except _WrongTypeError as error:
            if key in _CHOICES:
                problems.append(_choice_flaw(key, _CHOICES[key]).at(path))
            else:
                problems.append(Problem(f"{path}{key}", str(error), _remedy(key)))
    return values


def _unknown(key: object, path: str, known: Iterable[str]) -> Problem:
    close = get_close_matches(str(key).lower(), [*known], n=1)
    shown = str(key) if isinstance(key, str) and key.isprintable() else repr(key)
    remedy = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}"
    return Problem(f"{path}{shown[:60]}", "is not a known key", remedy)


def _take_max_retries(given: Mapping[Any, Any], path: str, problems: list[Problem]) -> None:
    """Accept the former system's ``max_retries``, and say that it no longer does anything."""
    value = given.get("max_retries", 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        problems.append(
            Problem(f"{path}max_retries", "is not a whole number", _remedy("max_retries"))
        )
    elif value:
        warnings.warn(
            f"{path}max_retries has no effect: each endpoint is tried once per request",
            UserWarning,
            stacklevel=5,
        )


def _from_environment(
    env: Mapping[str, str], problems: list[Problem]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the primary's variables. Returns field -> value and field -> variable."""
    values: dict[str, Any] = {}
    variables: dict[str, str] = {}
    for field, names in PRIMARY_VARIABLES.items():
        for name in names:
            if name not in env:
                continue
            if not env[name]:
                problems.append(Problem(name, "is set but empty", "unset it or give it a value"))
            values[field] = Secret(env[name]) if field == "api_key" else env[name]
            variables[field] = name
            break
    return values, variables


def _assemble(
    data: object, env: Mapping[str, str], *, source: str = "the configuration"
) -> Config | ConfigError:
    """Turn the dict form into a :class:`Config`, or into the error that lists all problems."""
    if not isinstance(data, Mapping):
        what = f"is {_kind(cast('object', data))}, not a mapping"
        remedy = "give a dict with endpoint, api_key and deployment_name"
        return ConfigError([Problem("config", what, remedy)], source=source)
    problems: list[Problem] = []
    given = cast("Mapping[Any, Any]", data)
    extra = (*_TOP_LEVEL, "max_retries")
    primary = _structured(Endpoint, given, "", problems, extra=extra)
    _take_max_retries(given, "", problems)
    missing = {field for field in PRIMARY_VARIABLES if field not in given}
    env_problems: list[Problem] = []
    env_values, variables = _from_environment(
        {name: env[name] for field in missing for name in PRIMARY_VARIABLES[field] if name in env},
        env_problems,
    )
    problems += env_problems
    primary |= env_values
    for field in _REQUIRED:
        if field not in given and field not in primary:
            problems.append(_missing(field, ""))
    problems += [
        Problem(variables.get(flaw.field, flaw.field), flaw.what, flaw.remedy)
        for flaw in _endpoint_flaws(primary)
        if not (flaw.field in variables and not env[variables[flaw.field]])
    ]
    endpoints = [primary, *_backups(given.get("backups", ()), primary, problems)]
    policy = _policy(given.get("policy", {}), problems)
    if not problems:
        built = tuple(Endpoint(**values) for values in endpoints)
        problems = _fleet_problems(_named(built))
        if not problems:
            return Config(built, policy)
    return ConfigError(problems, source=source)


def _missing(field: str, path: str) -> Problem:
    variables = PRIMARY_VARIABLES[field]
    also = "" if path else f", or set {variables[0]}"
    return Problem(f"{path}{field}", "is missing", f"{_remedy(field)}{also}")


def _backups(
    given: object, primary: Mapping[str, Any], problems: list[Problem]
) -> list[dict[str, Any]]:
    """Read the backups; each inherits from the primary what it does not say itself."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        problems.append(Problem("backups", f"is {_kind(given)}, not a list", _remedy("backups")))
        return []
    inherited = {field: value for field, value in primary.items() if field not in _NOT_INHERITED}
    backups: list[dict[str, Any]] = []
    for index, backup in enumerate(cast("Iterable[object]", given)):
        path = f"backups[{index}]."
        if not isinstance(backup, Mapping):
            what = f"is {_kind(backup)}, not a mapping"
            problems.append(Problem(path[:-1], what, 'write {"endpoint": "https://…"}'))
            continue
        own = cast("Mapping[Any, Any]", backup)
        values = inherited | _structured(Endpoint, own, path, problems, extra=("max_retries",))
        _take_max_retries(own, path, problems)
        if "endpoint" not in own:
            problems.append(_missing("endpoint", path))
        problems += [flaw.at(path) for flaw in _endpoint_flaws(values) if flaw.field in own]
        backups.append(values)
    return backups


_NOT_INHERITED: Final = frozenset({"endpoint", "name", "deployments"})
"""What makes an endpoint this one endpoint; all else is inherited."""


def _policy(given: object, problems: list[Problem]) -> Policy:
    if isinstance(given, Policy):
        return given
    if not isinstance(given, Mapping):
        problems.append(Problem("policy", f"is {_kind(given)}, not a mapping", _remedy("policy")))
        return Policy()
    before = len(problems)
    values = _structured(Policy, cast("Mapping[Any, Any]", given), "policy.", problems)
    problems += [flaw.at("policy.") for flaw in _policy_flaws(values)]
    return Policy(**values) if len(problems) == before else Policy()


# --- the other sources ---------------------------------------------------------------------------


def _read_toml(path: str | os.PathLike[str], env: Mapping[str, str]) -> Config | ConfigError:
    name = os.fspath(path)
    source = f"the configuration file {name}"
    if name.lower().startswith(("http://", "https://")):
        remedy = "give the path of a TOML file, or a dict with endpoint, api_key, deployment_name"
        return ConfigError([Problem("config", "is a URL, not a path", remedy)])
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else "is not UTF-8"
        return ConfigError([Problem("file", f"cannot be read: {what}", "check it")], source=source)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = str(error).rpartition("(")[2].rstrip(")")
        what = f"is not valid TOML ({place})"
        remedy = 'write lines such as endpoint = "https://…" and [[backups]] tables'
        return ConfigError([Problem("file", what, remedy)], source=source)
    return _assemble(data, env, source=source)


def _read_env(env: Mapping[str, str]) -> Config | ConfigError:
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
            problems.append(Problem(name, "is set but empty", "unset it or give it a value"))
        else:
            field = BACKUP_SUFFIXES[suffix]
            tables.setdefault(int(number), {})[field] = env[name]
            variables[int(number), field] = name
    numbers = sorted(tables)
    read = _assemble(
        {"backups": [tables[number] for number in numbers]}, env, source="the environment"
    )
    if isinstance(read, ConfigError):
        problems += [_renamed(problem, numbers, variables) for problem in read.problems]
    return ConfigError(problems, source="the environment") if problems else cast("Config", read)


def _unknown_variable(name: str, number: str, suffix: str) -> Problem:
    if not (number.isascii() and number.isdigit()):
        remedy = f"number the backups: {BACKUP_PREFIX}1_ENDPOINT"
    else:
        close = get_close_matches(suffix, BACKUP_SUFFIXES, n=1)
        wanted = close[0] if close else "ENDPOINT"
        remedy = f"did you mean {BACKUP_PREFIX}{number}_{wanted}?"
    return Problem(name, "is not a known variable", remedy)


def _renamed(
    problem: Problem, numbers: list[int], variables: Mapping[tuple[int, str], str]
) -> Problem:
    """Give a problem of the dict form the name of the variable that caused it."""
    path = problem.path
    if path.startswith("backups["):
        index, _, field = path.removeprefix("backups[").partition("].")
        number = numbers[int(index)]
        path = variables.get((number, field), f"{BACKUP_PREFIX}{number}_{field.upper()}")
    elif path in PRIMARY_VARIABLES:
        path = PRIMARY_VARIABLES[path][0]
    remedy = problem.remedy
    if problem.what == "is missing":
        remedy = f"set it: {remedy.partition(', or set ')[0]}"
    return attrs.evolve(problem, path=path, remedy=remedy)
