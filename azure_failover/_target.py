"""Single endpoints picked out of a fleet by hand: to be called alone, or to be marked failed.

Knows the insides of a client's transport, so that the connector need not. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import attrs
import httpx

from azure_failover._client_base import Base
from azure_failover.core._endpoint import normal_url, values_of
from azure_failover.core.config import Config, Endpoint
from azure_failover.core.verdict import Effect
from azure_failover.transport._upstream import Upstream


@attrs.frozen
class Target:
    """The one endpoint that calls are directed to.

    Attributes:
        endpoint: It, complete.
        index: Its place in the configuration; -1 if its address is not there.
        given: What the application set of it; all else was filled in.
    """

    endpoint: Endpoint
    index: int
    given: Mapping[str, Any]

    @property
    def type(self) -> str:
        """``primary``, ``backup``, or ``custom`` for what is not configured."""
        return "custom" if self.index < 0 else type_of(self.index)


def type_of(index: int) -> str:
    """Say what a configured endpoint is."""
    return "backup" if index else "primary"


def target_of(config: Config, current: int, given: Mapping[str, Any]) -> Target:
    """Complete a target.

    What was not set is what the configured endpoint of that address has; at an address that is not
    configured it is what a backup would inherit: the primary's.

    Args:
        config: The configuration.
        current: The place of the endpoint that is meant if no address was set.
        given: ``endpoint``, ``deployment_name``, ``api_key`` (a secret), ``api_version``; or some.

    Raises:
        ConfigError: If that can be no endpoint.
    """
    here = config.endpoints[current]
    address: object = normal_url(given.get("endpoint", here.endpoint))
    deployment: object = given.get("deployment_name", here.deployment_name)
    found = min(
        (index for index, each in enumerate(config.endpoints) if each.endpoint == address),
        key=lambda i: (config.endpoints[i].deployment_name != deployment, i != current, i),
        default=-1,
    )
    values: dict[str, Any] = {**values_of(config.endpoints[max(found, 0)]), "deployments": {}}
    values["api_version"] = values["api_version"] or config.primary.api_version
    if found < 0:
        values["name"] = ""
    if "api_key" in given:
        values |= {"token_provider": None, "credential": None, "auth": "endpoint"}
    values |= given
    return Target(Endpoint(**values), found, dict(given))


class SharedPools(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """The connections of one client, lent to another; closing is left to the owner."""

    def __init__(self, owner: Base) -> None:
        transport = owner._transport  # pyright: ignore[reportPrivateUsage]
        self._upstream: Final[Upstream[httpx.Request, httpx.Response]] = transport._upstream  # pyright: ignore[reportPrivateUsage]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request from a thread."""
        return self._upstream.sync_for(*_origin(request)).handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request from a task."""
        return await self._upstream.async_for(*_origin(request)).handle_async_request(request)


def _origin(request: httpx.Request) -> tuple[str, str]:
    return request.url.scheme, request.url.netloc.decode("ascii", "replace")


def mark_failed(client: Base, wanted: Collection[int]) -> None:
    """Have exactly these endpoints count as failed, as if each had just failed.

    Args:
        client: The client of the fleet.
        wanted: Their places.
    """
    driver = client._transport._driver  # pyright: ignore[reportPrivateUsage]
    driver.fleet.reset()
    for index in sorted({*wanted}):
        for _ in range(_ENOUGH):
            now = driver.clock()
            ticket = driver.fleet.again(index, now)
            if driver.fleet.note(index, ticket, Effect.FAILURE, now, reason=MARKED) is not None:
                break


MARKED: Final = "marked as failed by the application"
_ENOUGH: Final = 10
"""Failures that fail an endpoint whatever starts there meanwhile; alone, the first one does."""
