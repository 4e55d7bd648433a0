"""Who a region is: its name, credentials and deployments. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from attrs import field, frozen, validators

from azure_failover.emulator.shape import StreamShape

DEFAULT_DEPLOYMENT = "gpt-4.1-mini"
EMBEDDING_DEPLOYMENT = "text-embedding-3-small"

_DEFAULT_NAMES = (
    "eastus",
    "westus",
    "northeurope",
    "swedencentral",
    "eastus2",
    "westeurope",
    "francecentral",
    "japaneast",
    "australiaeast",
    "uksouth",
    "canadaeast",
    "northcentralus",
)


def _as_prefix(text: str) -> str:
    stripped = text.strip("/")
    return f"/{stripped}" if stripped else ""


def _lowered(name: str) -> str:
    return name.lower()


def _as_tokens(tokens: Iterable[str]) -> frozenset[str]:
    if isinstance(tokens, str):
        raise TypeError("tokens is one text: give a collection of tokens")
    return frozenset(tokens)


def _as_names(names: Iterable[str] | None) -> frozenset[str] | None:
    if isinstance(names, str):
        raise TypeError(f"deployments is {names!r}: give a collection of names, not one name")
    return None if names is None else frozenset(names)


@frozen(kw_only=True)
class Identity:
    """A region with every default filled in."""

    name: str
    api_key: str = field(repr=False)
    token: str = field(repr=False)
    deployment_name: str
    deployments: frozenset[str]
    prefix: str
    api: str
    tokens: frozenset[str] = field(repr=False)
    key_header: str
    key_query: str | None
    strict_model: bool
    shape: StreamShape


@frozen
class RegionSpec:
    """One region, as `Fleet` takes it where a bare name says too little.

    Args:
        name: The region's name; it shows in answers and in the `x-ms-region` header.
        api_key: Its key; by default the fleet's, else `key-<name>`.
        token: The Entra token it takes as `Authorization: Bearer`; by default `token-<name>`.
        deployment_name: The deployment that `Fleet.config` names; by default the fleet's.
        deployments: Every deployment it has; by default that one and an embedding model.
        prefix: The path before `/openai`: a gateway's, such as `/apim/suffix`, or that of a
            Foundry project, `/api/projects/p`.
        api: The URLs it answers: `dated`, `v1`, or `any`; the others are not found.
        tokens: Further Entra tokens it takes.
        key_header: The header it wants its key in. With another than `api-key` it is a gateway,
            such as API Management with `Ocp-Apim-Subscription-Key`, and takes nothing else.
        key_query: A query parameter in which it takes its key too, such as `subscription-key`.
        strict_model: Refuse a body whose `model` is not the deployment that a dated URL names.
        shape: How it writes event streams at first; `Region.shape` changes it.
    """

    name: str
    api_key: str | None = field(default=None, kw_only=True, repr=False)
    token: str | None = field(default=None, kw_only=True, repr=False)
    deployment_name: str | None = field(default=None, kw_only=True)
    deployments: frozenset[str] | None = field(default=None, kw_only=True, converter=_as_names)
    prefix: str = field(default="", kw_only=True, converter=_as_prefix)
    api: Literal["any", "dated", "v1"] = field(
        default="any", kw_only=True, validator=validators.in_(("any", "dated", "v1"))
    )
    tokens: frozenset[str] = field(
        default=frozenset(), kw_only=True, converter=_as_tokens, repr=False
    )
    key_header: str = field(default="api-key", kw_only=True, converter=_lowered)
    key_query: str | None = field(default=None, kw_only=True)
    strict_model: bool = field(default=False, kw_only=True)
    shape: StreamShape = field(
        default=StreamShape(), kw_only=True, validator=validators.instance_of(StreamShape)
    )

    def resolve(self, *, api_key: str | None, deployment_name: str) -> Identity:
        """Fill in what was left out, from the fleet's own settings."""
        deployment = self.deployment_name or deployment_name
        token = self.token or f"token-{self.name}"
        return Identity(
            name=self.name,
            api_key=self.api_key or api_key or f"key-{self.name}",
            token=token,
            deployment_name=deployment,
            deployments=(self.deployments or frozenset({EMBEDDING_DEPLOYMENT})) | {deployment},
            prefix=self.prefix,
            api=self.api,
            tokens=self.tokens | {token},
            key_header=self.key_header,
            key_query=self.key_query,
            strict_model=self.strict_model,
            shape=self.shape,
        )


def specs_of(regions: int | Iterable[str | RegionSpec]) -> tuple[RegionSpec, ...]:
    """Turn a count, names or specs into specs.

    Raises:
        ValueError: No region at all, or two of the same name.
    """
    if isinstance(regions, int):
        names = [*_DEFAULT_NAMES, *(f"region{n}" for n in range(len(_DEFAULT_NAMES), regions))]
        regions = names[: max(regions, 0)]
    elif isinstance(regions, str):
        raise TypeError(f"regions is {regions!r}: give a list of names, or a count")
    specs = tuple(RegionSpec(each) if isinstance(each, str) else each for each in regions)
    if not specs:
        raise ValueError("regions is empty: a fleet has at least one")
    names_given = [spec.name for spec in specs]
    if len(set(names_given)) < len(names_given):
        raise ValueError(f"regions has a name twice: {names_given}")
    return specs
