"""One endpoint and the policy as values, and what may be wrong with their fields.

Checks fields of the right type; where they come from is for :mod:`~azure_failover.core._sources`.
A flaw names a field and never quotes its value.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    Required,
    TypedDict,
    Unpack,
    get_args,
    get_origin,
)

import attrs

from azure_failover.core._base_url import BaseUrl, BaseUrlProblem
from azure_failover.core.credentials import Secret, key_problem
from azure_failover.core.errors import ConfigError, Problem

DEFAULT_API_VERSION: Final = "2024-10-21"
"""The newest general-availability version of the dated data-plane API."""

_VERSION: Final = re.compile(r"[0-9A-Za-z]+([.-][0-9A-Za-z]+)*")

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


def remedy(field: str) -> str:
    """Tell what would be right in a field."""
    return _REMEDIES.get(field, "see the documentation of Policy")


@attrs.frozen
class Flaw:
    """A problem that does not yet know where in the configuration it stands."""

    field: str
    what: str
    remedy: str

    def at(self, path: str) -> Problem:
        """Say where: ``path`` is empty, or ends with a dot."""
        return Problem(f"{path}{self.field}", self.what, self.remedy)


def _raise_flaws(flaws: Iterable[Flaw], source: str) -> None:
    problems = [flaw.at("") for flaw in flaws]
    if problems:
        raise ConfigError(problems, source=source)


def normal_url(value: str) -> str:
    """Give an address in its normal form; one that cannot be parsed as it is."""
    parsed = BaseUrl.parse(value)
    return value if isinstance(parsed, BaseUrlProblem) else str(parsed)


class EndpointFields(TypedDict, total=False):
    """The arguments of :class:`Endpoint` besides its key."""

    endpoint: Required[str]
    deployment_name: Required[str]
    api_version: str | None
    timeout: float
    name: str
    deployments: Mapping[str, str]
    allow_insecure: bool


@attrs.frozen(kw_only=True, init=False)
class Endpoint:
    """One Azure resource as we reach it.

    Attributes:
        endpoint: The address before ``/openai``, without a trailing slash.
        api_key: The key; shows itself as ``***``.
        deployment_name: The deployment that requests for the primary's deployment are sent to.
        api_version: The ``api-version`` that dated URLs take there; None keeps the one that a
            request has, and :data:`DEFAULT_API_VERSION` serves a request that has none.
        timeout: Seconds that each phase of an attempt (sending, waiting for a byte) may take.
            A shorter timeout of the request wins.
        name: How the ledger, the logs and the status call it; by default the first label of the
            host, made unique within the configuration.
        deployments: For a backup: further names of the primary's deployments, and what they are
            called here.
        allow_insecure: Permit plain ``http`` to a host that is not the loopback.
    """

    endpoint: str = attrs.field(converter=normal_url)
    api_key: Secret
    deployment_name: str
    api_version: str | None = None
    timeout: float = 60.0
    name: str = ""
    deployments: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False)
    allow_insecure: bool = False

    if TYPE_CHECKING:

        def __attrs_init__(self, *, api_key: Secret, **fields: Unpack[EndpointFields]) -> None: ...

    def __init__(self, *, api_key: str | Secret, **fields: Unpack[EndpointFields]) -> None:
        # Forgotten here, so that no frame of a traceback holds the plain key.
        secret = Secret(api_key)
        del api_key
        self.__attrs_init__(api_key=secret, **fields)

    def __attrs_post_init__(self) -> None:
        _raise_flaws(endpoint_flaws(values_of(self)), f"Endpoint {self.name!r}".rstrip(" '"))

    @property
    def base(self) -> BaseUrl:
        """The parsed address."""
        parsed = BaseUrl.parse(self.endpoint)
        assert isinstance(parsed, BaseUrl)
        return parsed


@attrs.frozen(kw_only=True)
class Policy:
    """When to move on, when to come back, and how long to go on trying.

    Attributes:
        failback: ``auto`` wins a failed endpoint back by a single probe; ``never`` stays on the
            backup until a reset, or until the backup fails too.
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
        _raise_flaws(policy_flaws(values_of(self)), "Policy")


def values_of(instance: Endpoint | Policy) -> dict[str, Any]:
    """Give the fields as they are."""
    return attrs.asdict(instance, recurse=False)


def _text_flaw(field: str, value: str) -> Iterator[Flaw]:
    if not value:
        yield Flaw(field, "is empty", remedy(field))
    elif value != value.strip() or not value.isprintable():
        yield Flaw(field, "has control characters or white space around it", remedy(field))


def is_seconds(value: object) -> bool:
    """Tell whether a value is a positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value <= sys.float_info.max


def _seconds_flaw(field: str, value: float | None) -> Iterator[Flaw]:
    if value is not None and not is_seconds(value):
        yield Flaw(field, "is not a positive number of seconds", "give one, such as 10.0")


def endpoint_flaws(values: Mapping[str, Any]) -> list[Flaw]:
    """Check values that have the right types; a field that is missing is not looked at."""
    return [
        *(_address_flaw(values) if "endpoint" in values else ()),
        *(_key_flaw(values["api_key"]) if "api_key" in values else ()),
        *(
            _text_flaw("deployment_name", values["deployment_name"])
            if "deployment_name" in values
            else ()
        ),
        *_version_flaw(values.get("api_version")),
        *_seconds_flaw("timeout", values.get("timeout")),
        *_name_flaw(values.get("name", "")),
        *(
            flaw
            for pair in values.get("deployments", {}).items()
            for name in pair
            for flaw in _text_flaw("deployments", name)
        ),
    ]


def _address_flaw(values: Mapping[str, Any]) -> Iterator[Flaw]:
    base = BaseUrl.parse(values["endpoint"])
    if isinstance(base, BaseUrlProblem):
        yield Flaw("endpoint", base.what, base.remedy or remedy("endpoint"))
    elif base.scheme == "http" and not base.is_loopback and not values.get("allow_insecure"):
        yield Flaw(
            "endpoint",
            "is plain http, which would show the key to the network",
            "write https, or set allow_insecure = true if you mean it",
        )


def _key_flaw(key: Secret) -> Iterator[Flaw]:
    if what := key_problem(key.reveal()):
        yield Flaw("api_key", what, remedy("api_key"))


def _version_flaw(version: str | None) -> Iterator[Flaw]:
    if version is not None and not _VERSION.fullmatch(version):
        what = "is not an api-version" if version else "is empty"
        yield Flaw("api_version", what, remedy("api_version"))


def _name_flaw(name: str) -> Iterator[Flaw]:
    if name:
        yield from _text_flaw("name", name)
        if not name.isascii():
            yield Flaw("name", "is not ASCII", remedy("name"))


def policy_flaws(values: Mapping[str, Any]) -> list[Flaw]:
    """Check a policy's values that have the right types."""
    flaws: list[Flaw] = []
    for field in ("deadline", "connect_timeout", "pause", "max_pause", "probe_lease"):
        if field in values:
            flaws += _seconds_flaw(field, values[field])
    if not flaws and values.get("max_pause", 300.0) < values.get("pause", 1.0):
        flaws.append(Flaw("max_pause", "is shorter than pause", "make it the longer one"))
    for field, choices in CHOICES.items():
        if field in values and values[field] not in choices:
            flaws.append(choice_flaw(field, choices))
    return flaws


def choice_flaw(field: str, choices: Iterable[str]) -> Flaw:
    """Say that a field is none of its choices."""
    listed = ", ".join(f'"{choice}"' for choice in choices)
    return Flaw(field, "is none of its choices", f"give one of {listed}")


attrs.resolve_types(Policy)
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    field.name: get_args(field.type)
    for field in attrs.fields(Policy)
    if get_origin(field.type) is Literal
}
"""The fields of a policy that are one of a few words, and these words."""


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
