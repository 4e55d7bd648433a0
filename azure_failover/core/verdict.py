"""What an outcome means: may the request move on, and what does it say about the endpoint?

The rules are two tables, one for HTTP statuses and one for failures without a status. No state,
no clock, no HTTP library: the drivers translate their library's exceptions into :class:`Fault`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, assert_never, cast

import attrs

from azure_failover.core._policy import Policy
from azure_failover.core.sse import StreamError

RETRY_AFTER_CAP = 120.0
"""A ``Retry-After`` longer than this many seconds counts as this many for our own pauses."""


class Fault(Enum):
    """How an attempt ended when it ended without a usable HTTP answer."""

    CONNECT = "connect"
    """DNS, refused, unreachable, TLS, proxy."""
    CONNECT_TIMEOUT = "connect timeout"
    POOL_TIMEOUT = "pool timeout"
    """No free connection in our own pool: says nothing about the endpoint."""
    QUEUED = "queued"
    """The same, when it was our deadline that left the attempt no more time."""
    WRITE_TIMEOUT = "write timeout"
    READ_TIMEOUT = "read timeout"
    BROKEN = "broken"
    """Reset, or closed early, or not HTTP."""
    STALE = "stale connection"
    """A connection from the pool died before any byte of the answer."""
    LOCAL = "local"
    """The request itself is not valid HTTP."""
    CREDENTIAL = "credential"
    """The endpoint's token provider failed: nothing was sent."""
    DEADLINE = "deadline"
    """Cut by our own deadline."""
    CANCELLED = "cancelled"
    """Cut by the caller."""
    OUTRUN = "outrun"
    """Cut because an attempt beside it was answered first."""
    SILENT = "silent"
    """Left because the endpoint was not heard for far longer than usual."""


TIMEOUTS: Final = frozenset(
    {Fault.CONNECT_TIMEOUT, Fault.POOL_TIMEOUT, Fault.READ_TIMEOUT, Fault.WRITE_TIMEOUT}
)


class Effect(Enum):
    """What an outcome says about the endpoint's health."""

    ALIVE = "alive"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    THROTTLED = "throttled"


class Move(Enum):
    """Where the request goes after an outcome."""

    STAY = "stay"
    """Nowhere: the caller gets this outcome."""
    NEXT = "next"
    SAME_ONCE = "same once"
    """The same endpoint, one more time, over a fresh connection."""
    BY_THROTTLE_POLICY = "by throttle policy"
    BY_MISCONFIGURED_POLICY = "by misconfigured policy"


@attrs.frozen
class Verdict:
    """The meaning of one outcome."""

    move: Move
    effect: Effect

    @property
    def is_misconfigured(self) -> bool:
        """The endpoint answers, but cannot serve us: key, firewall or deployment is wrong."""
        return self.move is Move.BY_MISCONFIGURED_POLICY


_FAILED_OVER = Verdict(Move.NEXT, Effect.FAILURE)
_NEUTRAL = Verdict(Move.STAY, Effect.NEUTRAL)
ALIVE = Verdict(Move.STAY, Effect.ALIVE)
"""The verdict on an answer that the caller gets, and that proves the endpoint alive."""
_THROTTLED = Verdict(Move.BY_THROTTLE_POLICY, Effect.THROTTLED)
_MISCONFIGURED = Verdict(Move.BY_MISCONFIGURED_POLICY, Effect.ALIVE)

FAULTS: Mapping[Fault, Verdict] = {
    Fault.CONNECT: _FAILED_OVER,
    Fault.CONNECT_TIMEOUT: _FAILED_OVER,
    Fault.WRITE_TIMEOUT: _FAILED_OVER,
    Fault.READ_TIMEOUT: _FAILED_OVER,
    Fault.BROKEN: _FAILED_OVER,
    Fault.CREDENTIAL: _FAILED_OVER,
    Fault.STALE: Verdict(Move.SAME_ONCE, Effect.NEUTRAL),
    Fault.POOL_TIMEOUT: _NEUTRAL,
    Fault.QUEUED: Verdict(Move.NEXT, Effect.NEUTRAL),
    Fault.LOCAL: _NEUTRAL,
    Fault.DEADLINE: _NEUTRAL,
    Fault.CANCELLED: _NEUTRAL,
    Fault.OUTRUN: _NEUTRAL,
    Fault.SILENT: _FAILED_OVER,
}

STATUSES: Mapping[int, Verdict] = {
    401: _MISCONFIGURED,
    403: _MISCONFIGURED,
    429: _THROTTLED,
    500: _FAILED_OVER,
    502: _FAILED_OVER,
    503: _FAILED_OVER,
    504: _FAILED_OVER,
}
"""Every status that is not listed comes back to the caller and proves the endpoint alive."""


def settled(move: Move, policy: Policy) -> Move:
    """Say where the request goes where a verdict leaves that to the policy."""
    match move:
        case Move.BY_MISCONFIGURED_POLICY:
            return Move.NEXT if policy.on_misconfigured == "failover" else Move.STAY
        case Move.BY_THROTTLE_POLICY if policy.on_throttle == "failover":
            return Move.NEXT
        case Move.BY_THROTTLE_POLICY:
            return Move.SAME_ONCE if policy.on_throttle == "wait" else Move.STAY
        case Move.STAY | Move.NEXT | Move.SAME_ONCE:
            return move
        case _:
            assert_never(move)


def judge_fault(fault: Fault) -> Verdict:
    """Give the verdict on an attempt that ended without a usable answer."""
    return FAULTS[fault]


def judge_answer(status: int, *, error: bytes = b"") -> Verdict:
    """Give the verdict on an HTTP answer.

    Args:
        status: The HTTP status, or the one that an event stream hides under its 200.
        error: The body of a 400 or 404, which may say that the deployment does not exist.
    """
    if status == 200:  # noqa: PLR2004  (the healthy path, first)
        return ALIVE
    if status in (400, 404) and is_missing_deployment(error):
        return _MISCONFIGURED
    return STATUSES.get(status, ALIVE)


HIDDEN_STATUSES: Final[Mapping[str, int]] = {
    "authentication_error": 401,
    "bad_request": 400,
    "content_filter": 400,
    "context_length_exceeded": 400,
    "DeploymentNotFound": 404,
    "insufficient_quota": 429,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "not_found": 404,
    "not_found_error": 404,
    "permission_denied": 403,
    "permission_error": 403,
    "rate_limit_exceeded": 429,
    "string_above_max_length": 400,
    "too_many_requests": 429,
    "unsupported_parameter": 400,
    "unsupported_value": 400,
}
"""Code or type of an error event -> the status that an answer with this error would have."""


def hidden_status(error: StreamError) -> int:
    """Say which status an event stream hides under its 200 that brings an error for an answer.

    What is neither the caller's fault nor throttling counts as the endpoint's: 500.
    """
    for word in (error.code, error.kind):
        if word in HIDDEN_STATUSES:
            return HIDDEN_STATUSES[word]
        if word.isdecimal() and 400 <= int(word) < 600:  # noqa: PLR2004
            return int(word)
        if word.lower().startswith("invalid_") or "image" in word:
            return 400
    return 404 if is_missing_deployment(error.body) else 500


def is_missing_deployment(body: bytes) -> bool:
    """Tell whether an error body says that the endpoint lacks the deployment.

    Dated URLs say it with the code ``DeploymentNotFound``, v1 URLs only in the message.
    """
    code, message = error_facts(body)
    return (
        code == "DeploymentNotFound" or "could not find an existing deployment" in message.lower()
    )


def error_facts(body: bytes | Mapping[str, Any]) -> tuple[str | None, str]:
    """Read code and message out of any of Azure's error bodies; ``(None, "")`` if it is none.

    Azure has two envelopes, ``{"error": {"code", "message"}}`` and ``{"statusCode", "message"}``,
    and neither is guaranteed: a gateway may answer with HTML, text or nothing.
    """
    data: Any = body
    if isinstance(body, bytes):
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return None, ""
    if not isinstance(data, Mapping):
        return None, ""
    envelope = cast("Mapping[str, object]", data)
    error = envelope.get("error", envelope)
    if not isinstance(error, Mapping):
        return None, error if isinstance(error, str) else ""
    facts = cast("Mapping[str, object]", error)
    code, message = facts.get("code"), facts.get("message")
    return (
        str(code) if isinstance(code, str | int) else None,
        message if isinstance(message, str) else "",
    )
