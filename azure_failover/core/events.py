"""What happened to an endpoint, in the past tense, for logs and hooks. Values only."""

from __future__ import annotations

from typing import TypeAlias

import attrs


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
