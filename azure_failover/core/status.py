"""How the endpoints do, for people and for programs: what ``status()`` gives. Values only."""

from __future__ import annotations

from typing import Literal

import attrs

from azure_failover.core.config import Endpoint
from azure_failover.core.health import Health, State


@attrs.frozen(kw_only=True)
class EndpointStatus:
    """How one endpoint does.

    Attributes:
        name: Its name.
        endpoint: Its address.
        deployment_name: Its deployment.
        type: ``primary`` or ``backup``.
        index: Its place in the configuration; 0 is the primary.
        state: ``healthy``, ``failed`` or ``probing``.
        retry_in: Seconds until it may be probed; 0 when it is healthy or may be probed at once,
            ``inf`` if it is not won back (``failback="never"``).
        throttled_for: Seconds that are left of the last ``Retry-After`` of a 429.
        misconfigured: Why it refuses us (key, firewall, deployment); None if it does not.
        last_error: What its last failure was; None if there was none since ``reset()``.
        tier: Its tier; those of a lower one are tried before it.
        share: The share that it takes of the requests that would try it first: below 1 while it
            returns slowly after a failure (``failback_ramp``).
    """

    name: str
    endpoint: str
    deployment_name: str
    type: Literal["primary", "backup"]
    index: int
    state: Literal["healthy", "failed", "probing"]
    retry_in: float
    throttled_for: float
    misconfigured: str | None
    last_error: str | None
    tier: int
    share: float


@attrs.frozen(kw_only=True)
class Status:
    """Which endpoint is in use, and which failed.

    Attributes:
        endpoints: Every endpoint's status, in the configured order.
        current_index: The place of the endpoint that is in use, which is the first healthy one,
            by tier and then as configured; 0 is the primary.
    """

    endpoints: tuple[EndpointStatus, ...]
    current_index: int

    @property
    def total_endpoints(self) -> int:
        """How many endpoints are configured, the primary included."""
        return len(self.endpoints)

    @property
    def current(self) -> EndpointStatus:
        """The endpoint that is in use."""
        return self.endpoints[self.current_index]

    @property
    def current_endpoint(self) -> str:
        """The address of the endpoint that is in use."""
        return self.current.endpoint

    @property
    def current_type(self) -> Literal["primary", "backup"]:
        """Whether the endpoint that is in use is the primary or a backup."""
        return self.current.type

    @property
    def failed_endpoints(self) -> tuple[str, ...]:
        """The addresses of the endpoints that are marked failed, in the configured order."""
        return tuple(status.endpoint for status in self.endpoints if status.state != "healthy")

    @property
    def available_backups(self) -> int:
        """How many backups are configured."""
        return len(self.endpoints) - 1

    @property
    def has_backups(self) -> bool:
        """Whether any backup is configured."""
        return self.available_backups > 0


def status_of(
    endpoint: Endpoint,
    health: Health,
    index: int,
    now: float,
    *,
    misconfigured: str | None,
    last_error: str | None,
    share: float,
) -> EndpointStatus:
    """Tell how one endpoint does."""
    is_healthy = health.state is State.HEALTHY
    return EndpointStatus(
        name=endpoint.name,
        endpoint=endpoint.endpoint,
        deployment_name=endpoint.deployment_name,
        type="backup" if index else "primary",
        index=index,
        state=health.state.value,
        retry_in=0.0 if is_healthy else max(0.0, health.failed_until - now),
        throttled_for=max(0.0, health.throttled_until - now),
        misconfigured=misconfigured,
        last_error=last_error,
        tier=endpoint.tier,
        share=share,
    )
