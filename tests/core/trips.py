"""One flight as it is known from outside: what it may do, and what its ledger has to say.

Written from the design and from what ``core/flight.py`` and ``core/hedging.py`` promise in words.
"""

from __future__ import annotations

from math import inf

import attrs
from checked_fleet import CheckedFleet
from scripted_flight import Response

from azure_failover.core.course import Course, Reach
from azure_failover.core.flight import Flight
from azure_failover.core.steps import Attempt, Command, Deliver
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import Fault

MOVES_ON = (
    *(500, 502, 503, 504, Fault.CONNECT, Fault.CONNECT_TIMEOUT, Fault.READ_TIMEOUT),
    *(Fault.WRITE_TIMEOUT, Fault.BROKEN, Fault.CREDENTIAL, Fault.SILENT),
)
"""What sends a request to the next endpoint under any policy, by the design's table."""


@attrs.frozen
class Line:
    """What the ledger must say in one line; ``reserved`` is shown as pending."""

    index: int
    outcome: str
    ticket: Ticket | None = None
    attempt: Attempt | None = None


@attrs.define(eq=False)
class Flying:
    """An attempt that is under way, and when another may start beside it."""

    attempt: Attempt
    hedge_at: float = inf
    is_free: bool = False
    """Whether that needs no budget: beside a probe, or at a silent endpoint."""
    is_listening: bool = False


@attrs.define(eq=False)
class Trip:
    """One flight, what it may do, and what is known of it from outside."""

    flight: Flight[Response]
    course: Course
    started: float
    deadline: float | None
    is_replayable: bool
    lines: list[Line] = attrs.field(factory=list[Line])
    sent: list[int] = attrs.field(factory=list[int])
    command: Command[Response] | None = None
    """What it waits for; None when it is over."""
    flying: list[Flying] = attrs.field(factory=list[Flying])
    has_hedged: bool = False
    is_impatient: bool = False
    """Whether it was told just now that nothing came in time."""
    wakes: float = -inf
    """When the wait or the patience is over."""
    held: dict[Response, bool] = attrs.field(factory=dict[Response, bool])
    """Responses that are neither delivered nor closed, and whether their bodies were read."""
    delivered: Deliver[Response] | None = None
    last: int | Fault | None = None
    """The status or fault that was told last …"""
    ended_at: int = -1
    """… and the endpoint that it came from."""
    may_repeat: bool = False
    """Whether that earns the same endpoint another try."""
    is_last_resort: bool = False
    """Whether it goes to what it passed over at first."""
    stale: set[int] = attrs.field(factory=set[int])
    waits: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to come, not even a body."""
        is_open = self.delivered is not None and self.delivered.is_open
        return self.command is None and not is_open

    @property
    def due(self) -> float:
        """When its time is over."""
        return inf if self.deadline is None else self.started + self.deadline

    @property
    def last_start(self) -> float:
        """When too little time is left for anything to start."""
        return inf if self.deadline is None else self.due - min(0.5, 1 / 20 * self.deadline)

    @property
    def may_hedge(self) -> bool:
        return self.is_replayable and self.course.reach is Reach.FLEET

    def allowed(self, fleet: CheckedFleet) -> set[int]:
        """Name the endpoints that it may go to."""
        match self.course.reach:
            case Reach.FLEET:
                wanted = {*range(len(fleet))}
            case Reach.CURRENT:
                wanted = {*self.sent}
            case Reach.PINNED:
                wanted = {-1 if self.course.pin is None else self.course.pin}
        return wanted - {*self.course.closed}

    def time_for(self, fleet: CheckedFleet, now: float) -> float | None:
        """Say how long the attempt may take that starts now: some is kept for those after it."""
        if self.deadline is None:
            return None
        tried = sum(1 << index for index in {*self.sent})
        is_open_only = not self.is_last_resort
        others = fleet.reference.prospects(tried, now, self.course, open_only=is_open_only)
        others = others if self.is_replayable else 0
        left = self.due - now
        return left - others * min(fleet.config.policy.reserve, left / (others + 2))

    # What goes on side by side.

    def start(self, fleet: CheckedFleet, attempt: Attempt, now: float) -> None:
        """Add an attempt, and say when another may start beside it."""
        flying, policy, ticket = Flying(attempt), fleet.config.policy, attempt.ticket
        self.flying.append(flying)
        if not self.may_hedge:
            return
        flying.is_free, flying.is_listening = ticket.is_probe, ticket.is_sentry
        after: float | str | None = policy.hedge_after
        if after == "p95":
            after = fleet.pace_of(fleet.known[ticket]).usual
        if self.has_hedged:
            after = None
        if ticket.is_probe:
            after = policy.hedge_probes_after
        if after is not None:
            flying.hedge_at = now + float(after)

    def end(self, attempt: Attempt, outcome: str) -> None:
        """Write down what became of an attempt."""
        (ended,) = [one for one in self.flying if one.attempt is attempt]
        self.flying.remove(ended)
        self.lines = [
            attrs.evolve(line, outcome=outcome) if line.attempt is attempt else line
            for line in self.lines
        ]

    def cancel(self, *outcomes: str) -> None:
        """Write down that what has one of these outcomes so far was cancelled."""
        self.flying.clear()
        self.lines = [
            attrs.evolve(line, outcome="cancelled") if line.outcome in outcomes else line
            for line in self.lines
        ]

    def is_due(self, fleet: CheckedFleet, now: float, granted: int) -> bool:
        """Tell whether another attempt was to start; so many hedges were granted for it."""
        for one in self.flying:
            known = fleet.known[one.attempt.ticket]
            endpoint = fleet.reference.endpoints[known.index]
            if one.is_listening and endpoint.fell_silent_since(known.attempt.generation):
                one.is_listening, one.is_free, one.hedge_at = False, True, now
        for one in self.flying:
            if now >= one.hedge_at:
                one.hedge_at = inf
                if one.is_free:
                    return True
                self.has_hedged = True
                if granted:
                    return True
        return False

    def patience(self, fleet: CheckedFleet, now: float) -> float | None:
        """Say for how long all may be left alone."""
        looks = [one.hedge_at for one in self.flying]
        looks += [fleet.due(one.attempt.ticket, now) for one in self.flying if one.is_listening]
        look = min(looks, default=inf)
        return None if look == inf else max(look - now, 0.001)
