"""What can go wrong with a region, as values; they say what happens and never do it themselves.

Assign one to `Region.fault`. It acts on requests that are complete after the assignment; requests
that already hang stay hung until their client leaves. `times=N` heals the region by itself after
N requests were affected. A request that gets no answer at all is not carried out either: nothing
is stored for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import field, frozen, validators

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from azure_failover.emulator.recorded import Recorded

__all__ = [
    "BadJson",
    "BreakStream",
    "CloseBeforeHeaders",
    "Delay",
    "Drip",
    "EndInBody",
    "Fault",
    "Garbage",
    "Hang",
    "HangInBody",
    "Refuse",
    "RequestFault",
    "ResetBeforeHeaders",
    "ResetInBody",
    "Scripted",
    "StaleConnection",
    "Status",
    "ThrottledStream",
    "TlsBroken",
    "Truncate",
]


@frozen
class _Limited:
    """A fault that can end by itself.

    Args:
        times: Heal after so many affected requests; None stays until it is replaced.
    """

    times: int | None = field(
        default=None, kw_only=True, validator=validators.optional(validators.ge(1))
    )


def _between_events(fault: BreakStream, _: object, within: int) -> None:
    if within and fault.how in {"comments", "error"}:
        raise ValueError(f"within is {within}: {fault.how} comes between events, expected 0")


@frozen
class Status(_Limited):
    """Answer with a status code.

    Args:
        code: The status code.
        headers: Headers to add; a name that is already there is replaced.
        body: A mapping is sent as JSON, text and bytes as they are; None sends what Azure sends.
    """

    code: int = field(validator=[validators.ge(200), validators.le(999)])
    headers: Mapping[str, str] | None = None
    body: Mapping[str, object] | str | bytes | None = None


@frozen
class Hang(_Limited):
    """Read the request and never answer it."""


@frozen
class Delay(_Limited):
    """Answer as usual, but only after some seconds."""

    seconds: float = field(validator=validators.ge(0))


@frozen
class Drip(_Limited):
    """Answer as usual, but pause so many seconds before each event of a stream, or half a body."""

    seconds: float = field(validator=validators.ge(0))


@frozen
class ResetBeforeHeaders(_Limited):
    """Reset the connection (TCP RST) in place of an answer.

    Under TLS a client may report a reset as an end of file: Python 3.12 does, 3.13 does not.
    """


@frozen
class CloseBeforeHeaders(_Limited):
    """Close the connection (TCP FIN) in place of an answer."""


@frozen
class ResetInBody(_Limited):
    """Send whole headers and `after` bytes of the body, then reset the connection.

    In a stream the bytes counted are those of the events, not of the chunk framing. A stream is
    cut even where `after` exceeds it; a JSON body shorter than that arrives whole.
    """

    after: int = field(validator=validators.ge(0))


@frozen
class Truncate(_Limited):
    """Send whole headers and `after` bytes of the body, then close; counted as `ResetInBody`."""

    after: int = field(validator=validators.ge(0))


@frozen
class HangInBody(_Limited):
    """Send whole headers and `after` bytes of the body, then nothing; counted as `ResetInBody`."""

    after: int = field(validator=validators.ge(0))


@frozen
class EndInBody(_Limited):
    """Send `after` bytes of the body and end it as HTTP demands, so that nothing looks broken.

    A stream ends without `data: [DONE]`; a JSON body is announced at its shortened length.
    """

    after: int = field(validator=validators.ge(0))


@frozen
class BreakStream(_Limited):
    """Break an event stream at one of its events.

    A request that asks for no stream is answered as usual and not counted; one that is answered
    with an error in place of a stream gets that error, and is counted.

    Args:
        at: How many whole events are sent before; 0 breaks right after the headers. A negative
            number counts from the end: -1 breaks before the last event, which is `[DONE]` or
            `response.completed`. Past either end it stops there: a stream of n events breaks
            after all of them for n and above.
        how: What comes then. `reset` is an RST and `close` a FIN, without the last chunk that HTTP
            demands; `end` is that chunk, so that nothing looks broken; `hang` is nothing at all;
            `comments` are lines that begin with a colon, for as long as the client stays; `error`
            is an error event, on `responses` followed by `response.failed`, and an orderly end.
        within: How many bytes of the next event are sent as well, at most all of it. Comments and
            errors come between events only.
        interval: Seconds before each of the comments.
        code: The error's code; `rate_limit_exceeded` where Azure throttles.
        error_type: The error's type; `too_many_requests` where Azure throttles.
        message: What the error says.
        retry_after: Seconds for a `retry-after` header; None sends none.

    Raises:
        ValueError: `within` with comments or an error.
    """

    at: int = field(validator=validators.instance_of(int))
    how: Literal["reset", "close", "end", "hang", "comments", "error"] = field(
        default="reset",
        validator=validators.in_(("reset", "close", "end", "hang", "comments", "error")),
    )
    within: int = field(default=0, kw_only=True, validator=[validators.ge(0), _between_events])
    interval: float = field(default=1.0, kw_only=True, validator=validators.gt(0))
    code: str | None = field(default="server_error", kw_only=True)
    error_type: str = field(default="server_error", kw_only=True)
    message: str = field(
        default="The server had an error while processing your request. Sorry about that!",
        kw_only=True,
    )
    retry_after: int | None = field(default=None, kw_only=True)


@frozen
class ThrottledStream(_Limited):
    """Answer 200 with `retry-after` and an error event first, as Azure throttles streams.

    On `responses` the error comes after `response.created` and before `response.failed`. A request
    that asked for no stream gets a 429 with the same header.
    """

    retry_after: int = 1


@frozen
class Garbage(_Limited):
    """Answer with bytes that are not HTTP, then close."""


@frozen
class BadJson(_Limited):
    """Answer 200 and `application/json` with a body that is not JSON."""


@frozen
class StaleConnection(_Limited):
    """Reset a request that comes on a reused connection; answer one on a fresh connection."""


@frozen
class Scripted(_Limited):
    """Let a function choose per request, on the server's thread; None answers as usual.

    The `times` of the fault it returns is not looked at. What it raises is answered with a 500
    and raised again by `Fleet.close`.
    """

    choose: Callable[[Recorded], RequestFault | None]


@frozen
class Refuse:
    """Refuse connections and reset the open ones; the port stays reserved for coming back.

    It knows no `times`: the operating system refuses by itself and nobody counts.
    """


@frozen
class TlsBroken(_Limited):
    """Fail new TLS handshakes, each counting as one for `times`; open connections go on.

    Args:
        how: `alert` sends a fatal handshake_failure (RFC 8446, section 6.2), `close` ends with a
            FIN, `reset` with an RST.
    """

    how: Literal["alert", "close", "reset"] = "alert"


RequestFault: TypeAlias = (
    Status
    | Hang
    | Delay
    | Drip
    | ResetBeforeHeaders
    | CloseBeforeHeaders
    | ResetInBody
    | Truncate
    | HangInBody
    | EndInBody
    | BreakStream
    | ThrottledStream
    | Garbage
    | BadJson
    | StaleConnection
    | Scripted
)
"""What can befall a single request."""

Fault: TypeAlias = RequestFault | Refuse | TlsBroken
"""What `Region.fault` takes."""
