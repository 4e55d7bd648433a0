"""A driver without I/O: flies a request over a fleet whose endpoints follow a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, assert_never

import attrs
from core_strategies import plain_config

from azure_failover.core.choice import Choice
from azure_failover.core.course import ANYWHERE, Course
from azure_failover.core.fleet import Fleet
from azure_failover.core.flight import Flight
from azure_failover.core.ledger import Ledger, Phase
from azure_failover.core.pace import ANY_KIND, Kind
from azure_failover.core.steps import (
    Answered,
    Attempt,
    Await,
    Command,
    Deliver,
    Discard,
    Failed,
    GiveUp,
    Report,
    Send,
    Wait,
    Woke,
)
from azure_failover.core.strategy import Order
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import Effect, Fault


@attrs.frozen
class Answer:
    """What an endpoint answers, after ``seconds``."""

    status: int = 200
    is_complete: bool = True
    retry_after: float | None = None
    hides: int | None = None
    has_content: bool = False
    body: bytes = b""
    seconds: float = 0.0


@attrs.frozen
class Trouble:
    """How an attempt fails, after ``seconds``."""

    fault: Fault
    seconds: float = 0.0
    was_sent: bool = True


Outcome: TypeAlias = Answer | Trouble


@attrs.frozen(eq=False)
class Response:
    """Stands for a response: known by identity alone."""

    index: int
    status: int


class TroubleError(Exception):
    """Stands for an HTTP library's exception."""


class WatchedFleet(Fleet):
    """A fleet that keeps count of its tickets."""

    def __init__(self, count: int = 3, **policy: object) -> None:
        super().__init__(plain_config(count, **policy), random=lambda: 0.0)
        self.given: list[Ticket] = []
        self.returned: list[Ticket] = []
        self.effects: list[tuple[int, Effect]] = []

    def choose(
        self,
        tried: int,
        now: float,
        course: Course = ANYWHERE,
        order: Order | None = None,
        kind: Kind = ANY_KIND,
    ) -> Choice | None:
        choice = super().choose(tried, now, course, order, kind)
        if choice is not None:
            self.given.append(choice.ticket)
        return choice

    def again(self, index: int, now: float, kind: Kind = ANY_KIND) -> Ticket:
        ticket = super().again(index, now, kind)
        self.given.append(ticket)
        return ticket

    def resume(self, index: int, ticket: Ticket, now: float) -> Ticket:
        resumed = super().resume(index, ticket, now)
        self.given.append(resumed)
        return resumed

    def note(  # type: ignore[no-untyped-def]  # noqa: ANN201
        self,
        index: int,
        ticket: Ticket,
        effect: Effect,
        now: float,
        **facts: object,
    ):
        self.returned.append(ticket)
        self.effects.append((index, effect))
        return super().note(index, ticket, effect, now, **facts)  # type: ignore[arg-type]

    def forget(self) -> None:
        """Begin to count anew."""
        self.given, self.returned, self.effects = [], [], []


@attrs.define
class Clock:
    now: float = 0.0


@attrs.define
class Trip:
    """All that happened on a journey."""

    flight: Flight[Response]
    clock: Clock
    sent: list[int] = attrs.field(factory=list[int])
    starts: list[float] = attrs.field(factory=list[float])
    limits: list[float | None] = attrs.field(factory=list[float | None])
    answers: list[Response] = attrs.field(factory=list[Response])
    errors: list[Exception] = attrs.field(factory=list[Exception])
    outcomes: list[Outcome] = attrs.field(factory=list["Outcome"])
    discarded: list[Response] = attrs.field(factory=list[Response])
    waits: list[float] = attrs.field(factory=list[float])
    delivered: Deliver[Response] | None = None
    error: Exception | None = None

    @property
    def ledger(self) -> Ledger:
        return self.flight.ledger()

    @property
    def delivered_index(self) -> int | None:
        return None if self.delivered is None else self.delivered.response.index


Script: TypeAlias = Callable[[int, int], Outcome]
"""Endpoint, and how many times it was tried before -> what happens."""


def scripted(*outcomes: Outcome) -> Script:
    """Each endpoint always does the same."""
    return lambda index, _: outcomes[index]


def fly(  # noqa: PLR0913  (all that may differ between journeys)
    fleet: Fleet,
    script: Script,
    clock: Clock | None = None,
    *,
    course: Course = ANYWHERE,
    is_replayable: bool = True,
    deadline: float | None = None,
    closing: float = 0.0,
    oversleep: float = 0.0,
    is_strict: bool = False,
) -> Trip:
    """Fly one request.

    Args:
        fleet: The endpoints.
        script: What they do.
        clock: Moves on as the script says.
        course: As for a flight.
        is_replayable: As for a flight.
        deadline: As for a flight.
        closing: Seconds that it takes to discard a response.
        oversleep: Seconds by which each sleep is too long.
        is_strict: Whether an attempt is cut when its time is over, as it is for tasks.
    """
    clock = clock or Clock()
    flight: Flight[Response] = Flight(
        fleet, clock.now, course=course, deadline=deadline, is_replayable=is_replayable
    )
    trip = Trip(flight, clock)
    command: Command[Response] = flight.begin(clock.now)
    while True:
        match command:
            case Send():
                report = _attempt(trip, script, command, is_strict=is_strict)
                command = flight.tell(report, clock.now)
            case Discard():
                trip.discarded.append(command.response)
                clock.now += closing
                command = flight.proceed(clock.now)
            case Wait():
                trip.waits.append(command.seconds)
                clock.now += command.seconds + oversleep
                command = flight.tell(Woke(), clock.now)
            case Await():
                raise AssertionError("nothing is under way")
            case Deliver():
                trip.delivered = command
                return trip
            case GiveUp():
                trip.error = command.error
                return trip
            case _:
                assert_never(command)


def _attempt(trip: Trip, script: Script, command: Send, *, is_strict: bool) -> Report[Response]:
    attempt = command.attempt
    outcome = script(attempt.index, trip.sent.count(attempt.index))
    trip.sent.append(attempt.index)
    trip.outcomes.append(outcome)
    trip.starts.append(trip.clock.now)
    trip.limits.append(command.time_left)
    if is_strict and command.time_left is not None and outcome.seconds > command.time_left:
        trip.clock.now += command.time_left
        cut = TroubleError("cut")
        trip.errors.append(cut)
        return Failed(attempt, cut, Fault.READ_TIMEOUT, Phase.WAIT)
    trip.clock.now += outcome.seconds
    if isinstance(outcome, Trouble):
        error = TroubleError(outcome.fault.value)
        trip.errors.append(error)
        return Failed(attempt, error, outcome.fault, Phase.WAIT, outcome.was_sent)
    return _answered(trip, attempt, outcome)


def _answered(trip: Trip, attempt: Attempt, answer: Answer) -> Answered[Response]:
    response = Response(attempt.index, answer.status)
    trip.answers.append(response)
    return Answered(
        attempt,
        response,
        answer.status,
        answer.is_complete,
        retry_after=answer.retry_after,
        hides=answer.hides,
        has_content=answer.has_content,
        body=answer.body,
    )
