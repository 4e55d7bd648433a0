"""What a flight and its driver say to each other: commands one way, reports the other.

Values only; see :mod:`azure_failover.core.flight` for what they lead to.
"""

from __future__ import annotations

from math import inf
from typing import Generic, TypeAlias, TypeVar

import attrs

from azure_failover.core.ledger import Outcome, Phase
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import Fault

R = TypeVar("R")


@attrs.define(eq=False)
class Attempt:
    """One try at one endpoint, and what became of it so far."""

    index: int
    ticket: Ticket
    started: float
    ended: float | None = None
    outcome: Outcome = "pending"
    phase: Phase | None = None
    status: int | None = None
    hides: int | None = None
    """The status that an event stream hides under its 200, if it failed."""
    error: str | None = None
    is_settled: bool = False
    """Whether content came, and so the ticket was given back before the body's end."""
    allowance: float | None = None
    """Seconds that the deadline leaves it; None without a deadline."""
    is_fresh: bool = False
    """Whether it has to go over a new connection, since one from the pool was dead."""
    hedge_at: float = inf
    """When another attempt may start beside this one."""
    is_hedge_free: bool = False
    """Whether that other attempt may start without drawing on the budget for hedges."""
    is_announced: bool = False
    """Whether it was told as news that it began."""
    is_blamed: bool = False
    """Whether it was told as news that it failed."""


# --- what the driver is told to do ---------------------------------------------------------------


@attrs.define(eq=False)
class Send:
    """Send the request to the attempt's endpoint, and tell how that went.

    ``time_left`` is how many seconds of the deadline the attempt may take; None without a
    deadline. Others may be under way meanwhile. ``patience`` is as for :class:`Await`.
    """

    attempt: Attempt
    time_left: float | None
    patience: float | None = None


@attrs.define(eq=False)
class Await:
    """Start nothing: tell what becomes of the attempts that are under way.

    If nothing comes for ``patience`` seconds, tell :class:`Overdue`; None means to wait on.
    """

    patience: float | None


@attrs.define(eq=False)
class Discard(Generic[R]):
    """Close this response, whose body is still to come, then ask ``Flight.proceed``."""

    response: R


@attrs.define(eq=False)
class Wait:
    """Sleep so many seconds, then tell :class:`Woke`."""

    seconds: float


@attrs.define(eq=False)
class Deliver(Generic[R]):
    """Hand this response to the caller; the journey is over, and so is all that is under way.

    ``is_open`` is True if the body is still to come and decides what the endpoint is worth:
    ``Flight.content_came``, ``Flight.body_broke`` or ``Flight.body_abandoned``.
    """

    response: R
    attempt: Attempt
    is_open: bool


@attrs.define(eq=False)
class GiveUp:
    """Raise this error, or a timeout if there is none; the journey is over, with all under way."""

    error: Exception | None


Command: TypeAlias = Send | Await | Discard[R] | Wait | Deliver[R] | GiveUp


# --- what the driver tells -----------------------------------------------------------------------


@attrs.define(eq=False)
class Answered(Generic[R]):
    """An HTTP answer came.

    Attributes:
        attempt: The attempt that it answers.
        response: The response; handed back with :class:`Deliver` or :class:`Discard`.
        status: The HTTP status.
        is_complete: Whether the body has been read to its end.
        retry_after: The answer's hint when to come again, in seconds.
        hides: The status that an event stream hides under its 200, if it has failed already.
        has_content: Whether the first content of an open body has come.
        body: The body of an error answer, if it was read, or the error of an event stream.
    """

    attempt: Attempt
    response: R
    status: int
    is_complete: bool
    retry_after: float | None = None
    hides: int | None = None
    has_content: bool = False
    body: bytes = b""


@attrs.define(eq=False)
class Failed:
    """The attempt ended without a usable answer.

    ``was_sent`` is False if nothing of the body had gone out.
    """

    attempt: Attempt
    error: Exception
    fault: Fault
    phase: Phase
    was_sent: bool = True


@attrs.define(eq=False)
class Woke:
    """The wait is over."""


@attrs.define(eq=False)
class Overdue:
    """The patience is over, and none of the attempts under way has ended."""


Report: TypeAlias = Answered[R] | Failed | Woke | Overdue
