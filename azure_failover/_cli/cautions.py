"""What may be meant and may be a mistake in a configuration: rules over values, no I/O.

What cannot be right is an error of the configuration, and found elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from azure_failover.core.config import Config, Endpoint

_NAMES: Final = """
    australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral
    brazilsouth brazilsoutheast canadacentral canadaeast centralindia centralus chilecentral
    eastasia eastus eastus2 francecentral francesouth germanynorth germanywestcentral
    indonesiacentral israelcentral italynorth japaneast japanwest jioindiacentral jioindiawest
    koreacentral koreasouth malaysiawest mexicocentral newzealandnorth northcentralus northeurope
    norwayeast norwaywest polandcentral qatarcentral southafricanorth southafricawest
    southcentralus southeastasia southindia spaincentral swedencentral swedensouth
    switzerlandnorth switzerlandwest uaecentral uaenorth uksouth ukwest usgovarizona usgovtexas
    usgovvirginia westcentralus westeurope westindia westus westus2 westus3
"""
REGIONS: Final = frozenset(_NAMES.split())
"""Azure's regions as their names are written in addresses (``az account list-locations``)."""


@attrs.frozen
class Caution:
    """Something that may be a mistake.

    Attributes:
        rule: ``one_endpoint``, ``same_region``, ``inherited_key``, ``mixed_versions`` or
            ``deployment_names``.
        endpoints: The names of the endpoints that it is about.
        what: What was found.
        remedy: What to look at.
    """

    rule: str
    endpoints: tuple[str, ...]
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


def region_of(endpoint: Endpoint) -> str | None:
    """Guess an endpoint's region from its host, or else from its name; None if neither tells."""
    host = "" if endpoint.base.is_ip else endpoint.base.host.partition(".")[0]
    return _region_in(host) or _region_in(endpoint.name)


def _region_in(text: str) -> str | None:
    """Find a region's name as a whole part between dashes, over several parts, or as an end.

    In this order: ``eastus-2`` is a second resource in ``eastus``.
    """
    parts = [part for part in text.lower().replace("_", "-").split("-") if part]
    joined = {
        "".join(parts[start:end])
        for start in range(len(parts))
        for end in range(start + 1, len(parts) + 1)
    }
    ends = {region for part in parts for region in REGIONS if part.endswith(region)}
    found = (REGIONS.intersection(parts), REGIONS & joined, ends)
    return next((max(names, key=len) for names in found if names), None)


def cautions(config: Config, inherits_key: Sequence[bool]) -> list[Caution]:
    """Find everything that may be a mistake.

    Args:
        config: The configuration.
        inherits_key: For each endpoint, whether its key is the primary's because it has none.
    """
    regions = {endpoint.name: region_of(endpoint) for endpoint in config.endpoints}
    return [
        *_one_endpoint(config.endpoints),
        *same_region(regions),
        *_inherited_key(config, inherits_key),
        *_mixed_versions(config.endpoints),
        *_deployment_names(config.endpoints),
    ]


def _one_endpoint(endpoints: Sequence[Endpoint]) -> Iterator[Caution]:
    if len(endpoints) == 1:
        what = "there is no backup: nothing to fail over to"
        yield Caution("one_endpoint", (endpoints[0].name,), what, "add a [[backups]] table")


def same_region(regions: Mapping[str, str | None]) -> Iterator[Caution]:
    """Find endpoints of one region.

    Args:
        regions: The region of each endpoint, by name; None where it is not known.
    """
    for region in sorted({region for region in regions.values() if region}):
        names = tuple(name for name, found in regions.items() if found == region)
        if len(names) > 1:
            what = f"{_listed(names)} are in the same region, {region}, and may fail together"
            yield Caution("same_region", names, what, "add a backup in another region")


def _inherited_key(config: Config, inherits_key: Sequence[bool]) -> Iterator[Caution]:
    names = tuple(
        endpoint.name
        for endpoint, inherits in zip(config.endpoints, inherits_key, strict=True)
        if inherits and endpoint.base.origin != config.primary.base.origin
    )
    if names:
        has = "has" if len(names) == 1 else "have"
        what = f"{_listed(names)} {has} the key of {config.primary.name}, another resource"
        advice = (
            "each resource has keys of its own: give api_key, unless you know that it is shared"
        )
        yield Caution("inherited_key", names, what, advice)


def _mixed_versions(endpoints: Sequence[Endpoint]) -> Iterator[Caution]:
    versions = {each.name: each.api_version for each in endpoints if each.api != "v1"}
    if len({*versions.values()}) > 1:
        shown = [f"{name} {version or '(as requested)'}" for name, version in versions.items()]
        what = f"the api-versions differ: {', '.join(shown)}"
        advice = "answers may differ in form: give all the same, or leave it out"
        yield Caution("mixed_versions", tuple(versions), what, advice)


def _deployment_names(endpoints: Sequence[Endpoint]) -> Iterator[Caution]:
    names = {each.name: each.deployment_name for each in endpoints}
    if len({*names.values()}) > 1:
        shown = ", ".join(f"{name} {deployment}" for name, deployment in names.items())
        what = f"the deployments are called differently: {shown}"
        advice = "make sure that they run the same model"
        yield Caution("deployment_names", tuple(names), what, advice)


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
