"""What happened to an endpoint or to a request, in the past tense, for logs and hooks: values."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from azure_failover.core.ledger import Ledger, Phase


@attrs.frozen(kw_only=True)
class AttemptFailed:
    """An attempt got no usable answer; the request may yet get one elsewhere.

    Attributes:
        endpoint: The endpoint's name.
        status: The HTTP status, if one came.
        error: What went wrong, in words, or Azure's error code; None if the status says it all.
        phase: How far the attempt came; None if an answer came.
        elapsed: Seconds that the attempt took.
    """

    endpoint: str
    status: int | None
    error: str | None
    phase: Phase | None
    elapsed: float


@attrs.frozen(kw_only=True)
class FailedOver:
    """A request moved on to another endpoint, since an attempt failed or took too long.

    Attributes:
        endpoint: The name of the endpoint that is tried now.
        origin: The name of the endpoint that was tried before.
    """

    endpoint: str
    origin: str


@attrs.frozen
class ProbeStarted:
    """A request tries a failed endpoint, to see whether it is well again."""

    endpoint: str


@attrs.frozen
class Exhausted:
    """Every endpoint that a request might go to was tried, and none could serve it.

    Attributes:
        ledger: What was tried.
    """

    ledger: Ledger


@attrs.frozen(kw_only=True)
class StreamMoved:
    """A stream of a client broke off and began again at another endpoint.

    Attributes:
        endpoint: The name of the endpoint that answers now.
        origin: The name of the endpoint whose stream broke off.
        reason: What broke, in words.
    """

    endpoint: str
    origin: str
    reason: str


@attrs.frozen
class EndpointFailed:
    """An endpoint was marked failed, or failed its probe.

    Attributes:
        endpoint: The endpoint's name.
        reason: What the attempt that decided it met with.
        pause: Seconds for which it will be passed over; ``inf`` under ``failback="never"``.
        by_probe: Whether it was failed already, and the probe failed too.
        by_silence: Whether many attempts at it wait, and none is answered.
    """

    endpoint: str
    reason: str
    pause: float
    by_probe: bool = attrs.field(default=False, kw_only=True)
    by_silence: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class EndpointRecovered:
    """A failed endpoint served a request and is used again."""

    endpoint: str


@attrs.frozen
class EndpointMisconfigured:
    """An endpoint answers, but not to us: its key, firewall or deployment is wrong."""

    endpoint: str
    reason: str


@attrs.frozen
class RetryRefused:
    """A throttled request got no second attempt at its endpoint: the retry budget is spent.

    Attributes:
        endpoint: The endpoint's name.
        is_news: Whether this is the first since the budget was full.
    """

    endpoint: str
    is_news: bool


Event: TypeAlias = EndpointFailed | EndpointRecovered | EndpointMisconfigured | RetryRefused
"""What changes an endpoint, or what it may be asked for."""
News: TypeAlias = AttemptFailed | FailedOver | ProbeStarted | Exhausted | StreamMoved
"""What happens to one request."""
FailoverEvent: TypeAlias = Event | News
"""What ``on_event`` is called with."""
