"""The policy as a value, and what may be wrong with it.

Says when to move on, when to come back and how long to go on; acts on none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from azure_failover.core._flaws import (
    Flaw,
    choice_flaws,
    choices_of,
    is_seconds,
    raise_flaws,
    remedy,
    seconds_flaw,
    share_flaw,
    spare_flaw,
    whole_flaw,
)
from azure_failover.core.strategy import Strategy

PHASES: Final = ("connect", "read", "write", "pool")
"""The phases of an attempt, as HTTP clients call them."""


@attrs.frozen(kw_only=True)
class AttemptTimeout:
    """Seconds that each phase of an attempt may take; None leaves a phase to the endpoint.

    The endpoint's ``timeout``, the caller's timeout and the time that the deadline leaves count as
    well: the shortest wins.

    Attributes:
        connect: Making a connection.
        read: Waiting for a part of the answer.
        write: Sending a part of the request.
        pool: Waiting for a free connection.
    """

    connect: float | None = 5.0
    read: float | None = None
    write: float | None = None
    pool: float | None = None

    def __attrs_post_init__(self) -> None:
        raise_flaws(attempt_timeout_flaws(attrs.asdict(self)), "AttemptTimeout")


HedgeDelay: TypeAlias = float | Literal["p95"] | None
"""Seconds, or as long as 95 % of such requests take, or never."""


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
        deadline: Seconds that a request may take over all its attempts; None for no limit. Tasks
            are held to it strictly. Threads cannot be: each phase of an attempt is, and a JSON
            body from chunk to chunk; but a name look-up and a token provider take as long as they
            take, and the phases add up.
        reserve: Seconds of the deadline that are kept for each endpoint that could still be tried,
            as long as the attempt itself gets at least twice as much as each of them.
        retry_budget: Share of the requests that may wait for a throttled endpoint and try it
            again (``on_throttle="wait"``); beside it 1 every 2 s is allowed, and 10 saved up.
            0 allows none at all. A second chance after a stale connection needs no budget.
        attempt_timeout: Seconds that each phase of an attempt may take at most.
        pause: Seconds for which a failed endpoint is passed over at first.
        max_pause: Seconds up to which that pause grows, a third of the time for which the endpoint
            has been failing.
        probe_lease: Seconds after which a probe without an outcome is given up for lost.
        strategy: Which endpoint of a tier a request tries first. ``priority``: the first that is
            configured. ``round_robin``: each in its turn. ``weighted``: drawn by ``weight``.
            ``latency``: the one that answers sooner, of two drawn ones.
        failback_ramp: Seconds over which a recovered endpoint's share of the requests that would
            try it first grows from a tenth to all; 0 for all at once.
        hedge_after: Seconds after which a second attempt starts at the next endpoint beside one
            that is not answered yet; ``"p95"`` for as long as 95 % of such requests take there;
            None for never. The first good answer wins. At most 5 % of all requests are hedged.
        hedge_probes_after: The same for the request that probes a failed endpoint, so that nobody
            waits for a dead one; None for never.
        detect_silence: Whether an endpoint that leaves many requests unanswered for far longer
            than usual is failed at once, before any of them times out.
        first_token_timeout: Seconds from the headers of an event stream to its first content, after
            which it is given up for the next endpoint; None for as long as the attempt may wait for
            a byte. Comments and preambles are no content.
        stream_idle_timeout: Seconds for which the next event of a stream may be waited for,
            whatever bytes come meanwhile; None for as long as the attempt may wait for a byte.
        on_stream_break: What ``Client.stream`` does when a stream breaks off after content came.
            ``restart``: it says so by an event and begins again on the next endpoint. ``raise``:
            it raises. A mounted transport can only raise.
        buffer_limit: Bytes up to which a body that can be read only once is kept for a second
            attempt.
    """

    failback: Literal["auto", "never"] = "auto"
    on_throttle: Literal["return", "failover", "wait"] = "return"
    on_misconfigured: Literal["return", "failover"] = "return"
    deadline: float | None = None
    reserve: float = 10.0
    retry_budget: float = 0.2
    attempt_timeout: AttemptTimeout = attrs.field(factory=AttemptTimeout)
    pause: float = 1.0
    max_pause: float = 300.0
    probe_lease: float = 30.0
    strategy: Strategy = "priority"
    failback_ramp: float = 0.0
    hedge_after: HedgeDelay = None
    hedge_probes_after: float | None = 2.0
    detect_silence: bool = True
    first_token_timeout: float | None = None
    stream_idle_timeout: float | None = None
    on_stream_break: Literal["restart", "raise"] = "restart"
    buffer_limit: int = 32 * 1024 * 1024

    def __attrs_post_init__(self) -> None:
        raise_flaws(policy_flaws(attrs.asdict(self, recurse=False)), "Policy")


_SECONDS: Final = (
    "deadline",
    "pause",
    "max_pause",
    "probe_lease",
    "hedge_probes_after",
    "first_token_timeout",
    "stream_idle_timeout",
)
CHOICES: Final = choices_of(Policy)
"""The fields of a policy that are one of a few words, and these words."""


def attempt_timeout_flaws(values: Mapping[str, Any]) -> list[Flaw]:
    """Check the phases that are there."""
    return [
        flaw for phase in PHASES if phase in values for flaw in seconds_flaw(phase, values[phase])
    ]


def policy_flaws(values: Mapping[str, Any]) -> list[Flaw]:
    """Check a policy's values; a field that is missing is not looked at."""
    flaws = [flaw for field in _SECONDS for flaw in seconds_flaw(field, values.get(field))]
    if not flaws and values.get("max_pause", 300.0) < values.get("pause", 1.0):
        flaws.append(Flaw("max_pause", "is shorter than pause", "make it the longer one"))
    return [
        *flaws,
        *spare_flaw("reserve", values.get("reserve", 0)),
        *share_flaw("retry_budget", values.get("retry_budget", 0)),
        *_attempt_timeout_flaw(values.get("attempt_timeout", AttemptTimeout())),
        *_ramp_flaw(values.get("failback_ramp", 0.0)),
        *_hedge_after_flaw(values.get("hedge_after")),
        *_detect_silence_flaw(values.get("detect_silence", True)),
        *whole_flaw("buffer_limit", values.get("buffer_limit", 0)),
        *choice_flaws(values, CHOICES),
    ]


def _attempt_timeout_flaw(value: object) -> Iterator[Flaw]:
    if not isinstance(value, AttemptTimeout):
        what = "is not an AttemptTimeout"
        yield Flaw("attempt_timeout", what, "give one, such as AttemptTimeout(connect=5, read=30)")


def _ramp_flaw(value: object) -> Iterator[Flaw]:
    if not is_seconds(value) and (isinstance(value, bool) or value != 0):
        yield Flaw("failback_ramp", "is not a number of seconds", remedy("failback_ramp"))


def _hedge_after_flaw(value: object) -> Iterator[Flaw]:
    if value not in (None, "p95") and not is_seconds(value):
        what = 'is neither a positive number of seconds nor "p95"'
        yield Flaw("hedge_after", what, remedy("hedge_after"))


def _detect_silence_flaw(value: object) -> Iterator[Flaw]:
    if not isinstance(value, bool):
        yield Flaw("detect_silence", "is neither true nor false", remedy("detect_silence"))
