"""What may be wrong with a field, and what would be right: words that never quote a value.

Knows no class of the configuration, reads nothing, and raises only the finished error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, get_args, get_origin

import attrs

from azure_failover.core.errors import ConfigError, Problem

DEFAULT_API_VERSION: Final = "2024-10-21"
"""The newest general-availability version of the dated data-plane API."""

_REMEDIES: Final[Mapping[str, str]] = {
    "endpoint": "write the resource's address, such as https://my-resource.openai.azure.com",
    "api_key": "give the key from the resource's page 'Keys and Endpoint'",
    "deployment_name": "give the name of the deployment, such as gpt-4.1-mini",
    "api_version": f'give a version such as "{DEFAULT_API_VERSION}", or leave it out',
    "timeout": "give a positive number of seconds, such as 60",
    "name": "give a short name in visible ASCII characters, or leave it out",
    "deployments": "map names of the primary's deployments to names of this backup's",
    "token_provider": "give a function without arguments that returns a token, such as that of "
    "azure.identity.get_bearer_token_provider; a credential object goes into credential",
    "credential": "give an azure-identity credential, such as DefaultAzureCredential(); "
    "a function goes into token_provider",
    "scope": 'give the scope of the token, such as "https://cognitiveservices.azure.com/.default"',
    "key_header": "give the name of the header that the key travels in, such as api-key",
    "allow_insecure": "give true or false, or leave it out",
    "auth": 'give "endpoint" or "client", or leave it out',
    "api": 'give "any", "v1" or "dated", or leave it out',
    "tier": "give a whole number from 0: lower tiers are tried first",
    "weight": "give a positive number, such as 2.5",
    "failback_ramp": "give a number of seconds, such as 60; 0 returns at once",
    "backups": 'give a list of mappings, such as [{"endpoint": "https://…"}]',
    "policy": 'give a mapping, such as {"failback": "auto"}',
    "max_retries": "leave it out: each endpoint is tried once",
    "attempt_timeout": 'give a number of seconds, or a mapping such as {"connect": 5, "read": 30}',
    "hedge_after": 'give a number of seconds, such as 10.0, or "p95"; false for never',
    "hedge_probes_after": "give a number of seconds, such as 2.0; false for never",
    "detect_silence": "give true or false, or leave it out",
    "buffer_limit": "give a number of bytes, such as 33554432; 0 buffers nothing",
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


def raise_flaws(flaws: Iterable[Flaw], source: str) -> None:
    """Raise the error that lists all flaws of one object, if there are any."""
    problems = [flaw.at("") for flaw in flaws]
    if problems:
        raise ConfigError(problems, source=source)


def text_flaw(field: str, value: object) -> Iterator[Flaw]:
    """Find what keeps a value from being a line of text."""
    if not isinstance(value, str):
        yield Flaw(field, "is not text", remedy(field))
    elif not value:
        yield Flaw(field, "is empty", remedy(field))
    elif value != value.strip() or not value.isprintable():
        yield Flaw(field, "has control characters or white space around it", remedy(field))


def whole_flaw(field: str, value: object) -> Iterator[Flaw]:
    """Find what keeps a value from being a whole number from 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        yield Flaw(field, "is not a whole number", remedy(field))
    elif value < 0:
        yield Flaw(field, "is below 0", remedy(field))


def is_positive(value: object) -> bool:
    """Tell whether a value is a positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value <= sys.float_info.max


def is_seconds(value: object) -> bool:
    """Tell whether a value can be a length of time."""
    return is_positive(value)


def seconds_flaw(field: str, value: object) -> Iterator[Flaw]:
    """Find what keeps a value from being seconds; None is no flaw."""
    if value is not None and not is_seconds(value):
        yield Flaw(field, "is not a positive number of seconds", "give one, such as 10.0")


def spare_flaw(field: str, value: object) -> Iterator[Flaw]:
    """Find what keeps a value from being seconds, or none."""
    if not is_seconds(value) and (isinstance(value, bool) or value != 0):
        yield Flaw(field, "is not a number of seconds, 0 or more", "give one, such as 10.0")


def share_flaw(field: str, value: object) -> Iterator[Flaw]:
    """Find what keeps a value from being a share of the whole."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        yield Flaw(field, "is not a share from 0 to 1", "give one, such as 0.2")


def choice_flaw(field: str, choices: Iterable[str]) -> Flaw:
    """Say that a field is none of its choices."""
    listed = ", ".join(f'"{choice}"' for choice in choices)
    return Flaw(field, "is none of its choices", f"give one of {listed}")


def choice_flaws(
    values: Mapping[str, Any], choices: Mapping[str, tuple[str, ...]]
) -> Iterator[Flaw]:
    """Find the fields that are none of their choices; a field that is missing is not looked at."""
    for field, words in choices.items():
        if field in values and not (isinstance(values[field], str) and values[field] in words):
            yield choice_flaw(field, words)


def choices_of(kind: type[attrs.AttrsInstance]) -> Mapping[str, tuple[str, ...]]:
    """Give the fields of a class that are one of a few words, and these words."""
    attrs.resolve_types(kind)
    return {
        field.name: get_args(field.type)
        for field in attrs.fields(kind)
        if get_origin(field.type) is Literal
    }
