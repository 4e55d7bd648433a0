"""One fake region as a test sees it: its address, its fault, what it received. Never runs I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure_failover.emulator import faults
from azure_failover.emulator.shape import StreamShape

if TYPE_CHECKING:
    from azure_failover.emulator._loop import LoopThread
    from azure_failover.emulator._site import Site
    from azure_failover.emulator.recorded import Recorded


class Region:
    """A region of a `Fleet`, which makes it. Every member may be used from any thread."""

    def __init__(self, site: Site, *, thread: LoopThread, is_tls: bool) -> None:
        self._site = site
        self._thread = thread
        self._is_tls = is_tls

    def __repr__(self) -> str:
        where = "not started" if self._site.port is None else self.url
        return f"<Region {self.name} {where} fault={self.fault!r}>"

    @property
    def name(self) -> str:
        """Its name, such as `eastus`."""
        return self._site.identity.name

    @property
    def api_key(self) -> str:
        """The key it takes."""
        return self._site.identity.api_key

    @property
    def token(self) -> str:
        """The Entra token it takes as `Authorization: Bearer`."""
        return self._site.identity.token

    @property
    def deployment_name(self) -> str:
        """The deployment that `Fleet.config` names."""
        return self._site.identity.deployment_name

    @property
    def api(self) -> str:
        """The URLs it answers: `dated`, `v1`, or `any`."""
        return self._site.identity.api

    @property
    def key_header(self) -> str:
        """The header it wants its key in."""
        return self._site.identity.key_header

    @property
    def deployments(self) -> frozenset[str]:
        """Every deployment it has."""
        return self._site.identity.deployments

    @property
    def prefix(self) -> str:
        """The gateway's path before `/openai`, or nothing."""
        return self._site.identity.prefix

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1, the same for as long as the fleet runs.

        Raises:
            RuntimeError: The fleet was never started.
        """
        if self._site.port is None:
            raise RuntimeError("the fleet is not started: use `with Fleet(...) as fleet:`")
        return self._site.port

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self._is_tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        """The URL and the prefix: what a client is configured with."""
        return f"{self.url}{self.prefix}"

    @property
    def fault(self) -> faults.Fault | None:
        """What is wrong with it now; None when healthy. In force when the assignment returns."""
        return self._site.fault

    @fault.setter
    def fault(self, fault: faults.Fault | None) -> None:
        _require_fault(fault)
        if isinstance(fault, faults.TlsBroken) and not self._is_tls:
            raise ValueError("TlsBroken needs TLS: Fleet(..., tls=True)")
        self._thread.command(lambda: self._site.apply(fault), self._site.settle)

    @property
    def shape(self) -> StreamShape:
        """How it writes event streams. Acts on requests complete after the assignment returns."""
        return self._site.shape

    @shape.setter
    def shape(self, shape: StreamShape) -> None:
        _require_shape(shape)
        self._thread.command(lambda: self._site.reshape(shape), self._site.settle)

    @property
    def requests(self) -> tuple[Recorded, ...]:
        """What it received, in order of arrival."""
        return self._site.log.copy()

    @property
    def connections(self) -> int:
        """How many connections are open now, as far as the server has noticed."""
        return self._site.connections

    @property
    def accepted(self) -> int:
        """How many connections it ever accepted."""
        return self._site.accepted

    def clear(self) -> None:
        """Forget the recorded requests."""
        self._site.log.clear()

    def close_idle_connections(self) -> None:
        """Close connections without a request under way, as a server does after an idle time.

        They are closed when this returns; a client that pooled one learns it on its next use. A
        connection whose first request is still to come is not idle yet.
        """
        self._thread.command(self._site.close_idle, self._site.settle)


def _require_fault(given: object) -> None:
    """Raise where a fault's class was given rather than a fault."""
    if not isinstance(given, faults.Fault | None):
        raise TypeError(f"fault is {given!r}: expected None or a fault such as faults.Hang()")


def _require_shape(given: object) -> None:
    if not isinstance(given, StreamShape):
        raise TypeError(f"shape is {given!r}: expected a StreamShape, such as StreamShape()")
