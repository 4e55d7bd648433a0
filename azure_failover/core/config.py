"""What the user configures: endpoints, their inheritance, the policy.

A configuration comes in as a dict, a TOML file, environment variables or finished objects, and
leaves as frozen values or as one :class:`ConfigError` that lists everything that is wrong. Opens
no connection, and never shows a secret: messages name fields, not values.

The frames that may hold a plain key never raise: they give back errors, and who raises one has
forgotten its argument first, so that a traceback that prints local variables prints no key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from azure_failover.core import _sources
from azure_failover.core._endpoint import CREDENTIAL_FIELDS, Endpoint, values_of
from azure_failover.core._flaws import DEFAULT_API_VERSION
from azure_failover.core._policy import AttemptTimeout, Policy
from azure_failover.core._relations import fleet_problems
from azure_failover.core._sources import Parts
from azure_failover.core.credentials import (
    CREDENTIAL_HEADERS,
    MASK,
    Secret,
    identity_of,
    is_async_source,
)
from azure_failover.core.errors import ConfigError, Problem

ConfigSource: TypeAlias = "Mapping[str, Any] | Config | str | os.PathLike[str] | None"
"""What every constructor takes: a dict, a :class:`Config`, a TOML path, or None (environment)."""


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
        fields: dict[str, Any] = {**values_of(endpoint), "name": name}
        named.append(endpoint if endpoint.name else Endpoint(**fields))
    return tuple(named)


@attrs.frozen
class Config:
    """The endpoints, the primary first, and the policy.

    Every endpoint here is complete: inheritance has been done. Use :meth:`of` for a configuration
    in any form, or the constructor for finished :class:`Endpoint` objects.
    """

    endpoints: tuple[Endpoint, ...] = attrs.field(converter=_named)
    policy: Policy = attrs.field(factory=Policy)

    def __attrs_post_init__(self) -> None:
        problems = fleet_problems([values_of(endpoint) for endpoint in self.endpoints])
        if problems:
            raise ConfigError(problems)

    @property
    def primary(self) -> Endpoint:
        """The endpoint whose deployment requests name; preferred, if tier and strategy agree."""
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

    def foreign_headers(self, index: int) -> tuple[str, ...]:
        """Name the headers, in lower case, that a request to endpoint ``index`` must not keep.

        These are all in which any endpoint looks for a credential, but for the one that the
        endpoint's own credential overwrites. None for ``auth="client"``.
        """
        there = self.endpoints[index]
        if there.auth == "client":
            return ()
        own = "authorization" if there.api_key is None else there.key_header
        keys = [endpoint.key_header for endpoint in self.endpoints]
        return tuple(name for name in dict.fromkeys((*CREDENTIAL_HEADERS, *keys)) if name != own)

    def async_only(self) -> tuple[str, ...]:
        """Name the endpoints whose tokens can only be awaited: threads cannot use them."""
        return tuple(endpoint.name for endpoint in self.endpoints if is_async_source(endpoint))

    def redact(self, text: str) -> str:
        """Give ``text`` with every key of this configuration masked."""
        keys = {endpoint.api_key.reveal() for endpoint in self.endpoints if endpoint.api_key}
        for key in sorted(keys, key=len, reverse=True):  # one may begin another
            text = text.replace(key, MASK)
        return text

    def to_dict(self, *, reveal_secrets: bool = False) -> dict[str, Any]:
        """Give the documented dict form, with everything that was inherited written out.

        With ``reveal_secrets`` the result can be read back by :meth:`from_dict`; otherwise keys,
        token providers and credentials are masked.
        """

        def plain(endpoint: Endpoint) -> dict[str, Any]:
            values = {key: value for key, value in values_of(endpoint).items() if value is not None}
            for field in CREDENTIAL_FIELDS:
                if field in values and not reveal_secrets:
                    values[field] = MASK
                elif isinstance(values.get(field), Secret):
                    values[field] = values[field].reveal()
            values["deployments"] = dict(endpoint.deployments)
            return values

        primary = plain(self.primary)
        del primary["deployments"]
        return {
            **primary,
            "backups": [plain(backup) for backup in self.backups],
            "policy": attrs.asdict(self.policy),
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
            data: ``endpoint``, ``deployment_name``, ``api_key`` or another credential, and the
                other fields of :class:`Endpoint` for the primary; ``backups``, a list of the
                same; ``policy``, the fields of :class:`Policy`.
            env: The environment; ``os.environ`` by default.
        """
        read = _built(_sources.from_dict(data, os.environ if env is None else env))
        del data, env
        return _raised(read)

    @classmethod
    def from_toml(
        cls, path: str | os.PathLike[str], *, env: Mapping[str, str] | None = None
    ) -> Config:
        """Read a TOML file with the same keys as the dict form (``[[backups]]``, ``[policy]``)."""
        read = _built(_sources.from_toml(path, os.environ if env is None else env))
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
        read = _built(_sources.from_env(os.environ if env is None else env))
        del env
        return _raised(read)


def sync_problems(config: Config) -> list[Problem]:
    """Say what keeps threads from using a configuration: tokens that can only be awaited."""
    problems: list[Problem] = []
    told: set[object] = set()
    for index, endpoint in enumerate(config.endpoints):
        is_provider = endpoint.token_provider is not None
        source = identity_of(endpoint.token_provider if is_provider else endpoint.credential)
        if source in told or not is_async_source(endpoint):
            continue
        told.add(source)
        field = "token_provider" if is_provider else "credential"
        path = f"backups[{index - 1}].{field}" if index else field
        what = "is async, and this client is for threads"
        problems.append(Problem(path, what, f"use AsyncClient, or give a {_SYNC[field]}"))
    return problems


_SYNC: Final = {
    "token_provider": "provider that is not async",
    "credential": "credential of azure.identity, not of azure.identity.aio",
}


def read_config(source: ConfigSource, env: Mapping[str, str] | None = None) -> Config | ConfigError:
    """Do the work of :meth:`Config.of` without raising, for callers that must forget first.

    Args:
        source: As for :meth:`Config.of`.
        env: The environment; ``os.environ`` by default.
    """
    env = os.environ if env is None else env
    if isinstance(source, Config):
        return source
    if source is None:
        return _built(_sources.from_env(env))
    if isinstance(source, str | os.PathLike):
        return _built(_sources.from_toml(source, env))
    return _built(_sources.from_dict(source, env))


def _built(parts: Parts | ConfigError) -> Config | ConfigError:
    return parts if isinstance(parts, ConfigError) else Config(*parts)


def _raised(read: Config | ConfigError) -> Config:
    if isinstance(read, ConfigError):
        raise read
    return read


__all__ = [
    "DEFAULT_API_VERSION",
    "AttemptTimeout",
    "Config",
    "ConfigSource",
    "Endpoint",
    "Policy",
    "read_config",
    "sync_problems",
]
