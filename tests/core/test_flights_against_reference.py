"""Several flights at once over one fleet, each told what happens to it in any order.

The fleet is held against the reference at every call, and each flight against what the design
promises of one request. A command that flights learn gets a case in :meth:`FlightMachine.obey`,
and what else may happen to a flight gets a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TypeAlias, assert_never

import attrs
from clockwork import HINTS, KINDS, LUCK, MOST, ORIGINS, POLICIES, TIERS, Clockwork, courses, within
from examples import examples
from hypothesis import settings, strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from scripted_flight import Response, TroubleError
from trips import MOVES_ON, Flying, Line, Trip

from azure_failover.core.course import ANYWHERE, Course, Reach
from azure_failover.core.flight import Flight
from azure_failover.core.ledger import Phase
from azure_failover.core.pace import ANY_KIND, Kind
from azure_failover.core.sse import StreamError
from azure_failover.core.steps import (
    Answered,
    Attempt,
    Await,
    Command,
    Deliver,
    Discard,
    Failed,
    GiveUp,
    Overdue,
    Report,
    Send,
    Wait,
    Woke,
)
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import Effect, Fault

MISSING = b'{"error": {"code": "DeploymentNotFound", "message": "m"}}'
Ending: TypeAlias = Callable[[Attempt], Report[Response]]


@st.composite
def endings(draw: st.DrawFn) -> Ending:
    """Draw what comes of an attempt, each kind as often as any other."""
    kinds = ("good", "throttled", "bad", "odd", "stale", "any fault")
    kind = draw(st.sampled_from(kinds))
    if "fault" in kind or kind == "stale":
        fault = Fault.STALE if kind == "stale" else draw(st.sampled_from(Fault))
        error, was_sent = TroubleError(fault.value), draw(st.booleans())
        return lambda attempt: Failed(attempt, error, fault, Phase.WAIT, was_sent)
    statuses = {"good": (200,), "throttled": (429,), "bad": (500, 503)}
    status = draw(st.sampled_from(statuses.get(kind, (200, 201, 400, 401, 404))))
    hint = draw(st.sampled_from((0.5, 20.0)) if kind == "throttled" else HINTS)
    hides = None
    if kind == "odd" and status == 200 and hint is not None:
        hides = draw(st.sampled_from((429, 429, 500, 404, 400)))
    is_complete = hides is None and draw(st.sampled_from((True, False, False)))
    has_content = hides is None and status < 400 and not is_complete and draw(st.booleans())
    body = draw(st.sampled_from((b"", MISSING)))
    return lambda attempt: Answered(
        attempt,
        Response(attempt.index, status),
        status,
        is_complete,
        retry_after=hint,
        hides=hides,
        has_content=has_content,
        body=body,
    )


COURSES = st.just(ANYWHERE) | courses()
DEADLINES = st.sampled_from((None, None, 0.0, 1.0, 30.0, 60.0, 100.0)) | st.floats(0.0, 100.0)


def good(attempt: Attempt) -> Report[Response]:
    return Answered(attempt, Response(attempt.index, 200), 200, is_complete=True)


class FlightMachine(Clockwork):
    """Flies any number of requests; the driver's part is played by the rules."""

    @initialize(
        endpoints=st.sampled_from((1, 2, 2, 3, MOST)),
        tiers=TIERS,
        policy=POLICIES,
        origin=ORIGINS,
        weather=st.lists(endings(), min_size=1, max_size=4),
    )
    def begin(
        self,
        endpoints: int,
        tiers: tuple[int, ...],
        policy: dict[str, object],
        origin: float,
        weather: list[Ending],
    ) -> None:
        self.build(tiers[:endpoints], policy, origin)
        self.weather = weather
        """What attempts meet with these days: few things, and so the same ones repeatedly."""
        self.trips: list[Trip] = []
        self.quick: list[tuple[Ticket, float, Kind]] = []

    def dues(self) -> list[float]:
        mine = (time for trip in self.trips for time in (trip.due, trip.last_start, trip.wakes))
        return [*super().dues(), *mine]

    # What the driver does.

    @rule(
        course=COURSES,
        kind=KINDS,
        deadline=DEADLINES,
        is_replayable=st.sampled_from((True, True, True, False)),
        luck=LUCK,
    )
    def take_off(
        self,
        course: Course,
        kind: Kind,
        deadline: float | None,
        luck: float,
        *,
        is_replayable: bool,
    ) -> None:
        self.fleet.luck = luck
        course = within(course, len(self.fleet))
        trip = self.trip(course, kind, deadline, is_replayable=is_replayable)
        self.obey(trip, trip.flight.begin(self.now))

    @rule(
        course=COURSES,
        kind=KINDS,
        deadline=DEADLINES,
        what=st.lists(st.integers(0, 11), min_size=1, max_size=6),
        pace=st.sampled_from((0.0, 0.5, 20.0)),
    )
    def fly_on_and_on(
        self, course: Course, kind: Kind, deadline: float | None, what: list[int], pace: float
    ) -> None:
        """One flight goes far while the others wait."""
        self.take_off(course, kind, deadline, 0.0, is_replayable=True)
        trip = self.trips[-1]
        for each in what:
            self.now += pace
            match trip.command:
                case Send() | Await():
                    self.meet(trip, trip.flying[0].attempt, each)
                case Discard() | Wait():
                    self.go_on_with(trip, 0.0)
                case _:
                    break

    @rule(
        kind=KINDS,
        usual=st.sampled_from((0.1, 5.0)),
        count=st.sampled_from((0, 0, 9, 9, 10, 12)),
    )
    def fly_in_a_crowd(self, kind: Kind, usual: float, count: int) -> None:
        """It is known what is usual, many wait, one is answered, and then nothing is heard."""
        if not count:
            return
        index = self.fleet.reference.steady()[0]
        for _ in range(20):
            ticket = self.fleet.again(index, self.now, kind)
            self.fleet.heard(index, ticket, self.now, usual)
            self.fleet.note(index, ticket, Effect.ALIVE, self.now)
        self.fleet.journal.clear()
        before = len(self.trips)
        for _ in range(count):
            self.take_off(ANYWHERE, kind, None, 0.0, is_replayable=True)
        answered = self.trips[before]
        if answered.flying:
            self.tell(answered, good(answered.flying[0].attempt))
        impatient = [trip for trip in self.trips[before:] if -inf < trip.wakes < inf]
        for trip in impatient[:2]:
            self.grow_impatient(trip, 0.0)

    def trip(
        self,
        course: Course = ANYWHERE,
        kind: Kind = ANY_KIND,
        deadline: float | None = None,
        *,
        is_replayable: bool = True,
        started: float | None = None,
    ) -> Trip:
        started = self.now if started is None else started
        flight: Flight[Response] = Flight(
            self.fleet,
            started,
            course=course,
            kind=kind,
            deadline=deadline,
            is_replayable=is_replayable,
        )
        trip = Trip(flight, course, started, deadline, is_replayable)
        if course.reach is Reach.FLEET:
            trip.lines = [Line(index, "skipped") for index in sorted(course.closed)]
        self.trips.append(trip)
        return trip

    def obey(self, trip: Trip, command: Command[Response]) -> None:
        """Read the fleet's journal into the ledger that is wanted, and take the command in."""
        self.read_journal(trip)
        trip.command, trip.wakes = command, -inf
        match command:
            case Send():
                self.send(trip, command)
                self.is_as_patient_as_promised(trip, command)
            case Await():
                assert trip.flying, "waits for nothing"
                self.is_as_patient_as_promised(trip, command)
            case Discard():
                assert not trip.held.pop(command.response), "closes what was read"
            case Wait():
                assert self.fleet.config.policy.on_throttle == "wait"
                assert trip.may_repeat, "waits twice, or for nothing"
                assert 0 < command.seconds <= 120.0
                trip.wakes = self.now + command.seconds
                assert trip.wakes < trip.last_start, "waits beyond the deadline"
            case Deliver():
                del trip.held[command.response]
                trip.delivered = command
                trip.cancel("pending")
                self.land(trip)
            case GiveUp():
                assert not trip.flying, "gives up what is under way"
                trip.flight.cancelled(self.now)  # as a driver does, on whatever is raised
                self.land(trip)
                self.is_right_to_give_up(trip, command)
            case _:
                assert_never(command)
        trip.is_impatient = False

    def read_journal(self, trip: Trip) -> None:
        skipped: set[int] = set()
        for note in self.fleet.journal:
            if note.ticket is not None:
                assert self.now < trip.last_start, "planned after the deadline"
                trip.lines.append(Line(note.index, "reserved", note.ticket))
                if note.index not in trip.sent:
                    trip.is_last_resort = note.index in skipped
                continue
            skipped.add(note.index)
            if (note.index, "skipped") not in [(one.index, one.outcome) for one in trip.lines]:
                trip.lines.append(Line(note.index, "skipped"))
        self.fleet.journal.clear()

    def send(self, trip: Trip, command: Send) -> None:
        """Nothing starts after the deadline, or where it may not, or more often than it may."""
        attempt, index = command.attempt, command.attempt.index
        assert self.now < trip.last_start, "started after the deadline"
        is_needed = trip.is_impatient or not trip.flying or index in trip.sent
        assert is_needed, "started beside another without need"
        assert attempt.started == self.now
        if index in trip.sent:
            assert trip.may_repeat
            assert index == trip.ended_at
        trip.sent.append(index)
        trip.may_repeat = False
        assert command.time_left == trip.time_for(self.fleet, self.now)
        assert index in trip.allowed(self.fleet)
        assert trip.course.reach is Reach.FLEET or len({*trip.sent}) == 1
        place = next(i for i, line in enumerate(trip.lines) if line.outcome == "reserved")
        line = trip.lines[place]
        assert (line.index, line.ticket) == (index, attempt.ticket)
        trip.lines[place] = attrs.evolve(line, outcome="pending", attempt=attempt)
        trip.start(self.fleet, attempt, self.now)

    def is_as_patient_as_promised(self, trip: Trip, command: Send | Await) -> None:
        """The driver is told to look again when the first of what is under way is overdue."""
        assert command.patience == trip.patience(self.fleet, self.now)
        trip.wakes = inf if command.patience is None else self.now + command.patience

    def land(self, trip: Trip) -> None:
        """What was reserved and not sent was skipped; and an exhausted flight tried all."""
        trip.command = None
        assert all(trip.held.values()), "a response is left open"
        if not trip.lines:
            trip.lines = [Line(index, "skipped") for index in sorted(trip.course.closed)]
        trip.lines = [
            attrs.evolve(line, outcome="skipped") if line.outcome == "reserved" else line
            for line in trip.lines
        ]
        ledger = trip.flight.ledger()
        if ledger.is_exhausted:
            assert {*trip.sent} == trip.allowed(self.fleet)
        served = trip.delivered
        assert ledger.endpoint == (None if served is None else f"r{served.response.index}")
        if served is not None:
            self.has_tried_all(trip, served.response.status)

    def is_right_to_give_up(self, trip: Trip, command: GiveUp) -> None:
        """Promise 3: never before all endpoints were tried, unless the time is up."""
        is_late = self.now >= trip.last_start
        if not trip.sent:
            assert command.error is None
            assert trip.flight.is_barred == (not is_late)
            assert is_late or not trip.allowed(self.fleet)
        self.has_tried_all(trip, trip.last)

    def has_tried_all(self, trip: Trip, last: int | Fault | None) -> None:
        """Promise 2: trouble that is not the request's own moves on as long as it can."""
        is_late = self.now >= trip.last_start or self.now + 0.005 >= trip.due
        if last in MOVES_ON and trip.is_replayable and not is_late:
            assert {*trip.sent} == trip.allowed(self.fleet)

    # What happens to a flight.

    def waiting_for(self, *kinds: type[Command[Response]]) -> list[Trip]:
        return [trip for trip in self.trips if isinstance(trip.command, kinds)]

    @precondition(lambda self: bool(self.waiting_for(Send, Await)))
    @rule(
        which=st.integers(0, 100),
        place=st.integers(0, 3),
        what=st.integers(0, 11),
        times=st.sampled_from((1, 1, 2, 3)),
    )
    def end_an_attempt(self, which: int, place: int, what: int, times: int) -> None:
        """Flights that started early may hear late, or the other way about."""
        flying = self.waiting_for(Send, Await)
        trip = flying[which % len(flying)]
        for _ in range(times):
            if isinstance(trip.command, Send | Await):
                self.meet(trip, trip.flying[place % len(trip.flying)].attempt, what)

    @precondition(lambda self: any(len(trip.flying) > 1 for trip in self.trips))
    @rule(which=st.integers(0, 100), place=st.integers(0, 3), what=st.integers(0, 11))
    def end_a_race(self, which: int, place: int, what: int) -> None:
        """One of several attempts that are under way for one request ends."""
        races = [trip for trip in self.trips if len(trip.flying) > 1]
        trip = races[which % len(races)]
        self.meet(trip, trip.flying[place % len(trip.flying)].attempt, what)

    def meet(self, trip: Trip, attempt: Attempt, what: int) -> None:
        self.tell(trip, self.weather[what % len(self.weather)](attempt))

    def tell(self, trip: Trip, report: Report[Response]) -> None:
        match report:
            case Answered():
                trip.end(report.attempt, "answered")
                trip.held[report.response] = report.is_complete
                trip.last, trip.ended_at = report.status, report.attempt.index
                is_throttled = 429 in (report.hides, report.status)
                trip.may_repeat = is_throttled and report.retry_after is not None and not trip.waits
                trip.waits += trip.may_repeat
            case Failed():
                trip.end(report.attempt, "failed")
                trip.last, trip.ended_at = report.fault, report.attempt.index
                is_news = report.attempt.index not in trip.stale
                trip.may_repeat = report.fault is Fault.STALE and is_news
                trip.stale |= {report.attempt.index} if trip.may_repeat else set()
            case Woke() | Overdue():
                pass
            case _:
                assert_never(report)
        trip.may_repeat &= isinstance(report, Failed) or not trip.flying
        command = trip.flight.tell(report, self.now)
        if isinstance(report, Failed):
            self.has_its_second_chance(trip, report, command)
        self.obey(trip, command)

    def has_its_second_chance(self, trip: Trip, report: Failed, command: Command[Response]) -> None:
        """Promise 1: a stale connection is tried again at once and afresh, beside others as well.

        Not where there is an answer to give back, nor after the deadline.
        """
        is_free = trip.is_replayable or not report.was_sent
        if trip.may_repeat and is_free and not trip.held and self.now < trip.last_start:
            assert isinstance(command, Send)
            assert command.attempt.index == report.attempt.index
            assert command.attempt.is_fresh

    @precondition(lambda self: any(trip.wakes < inf for trip in self.waiting_for(Send, Await)))
    @rule(which=st.integers(0, 100), oversleep=st.just(0.0) | st.floats(-1.0, 2.0))
    def run_out_of_patience(self, which: int, oversleep: float) -> None:
        """None of what is under way ends in time; or a timer fires early."""
        flying = [trip for trip in self.waiting_for(Send, Await) if trip.wakes < inf]
        self.grow_impatient(flying[which % len(flying)], oversleep)

    def grow_impatient(self, trip: Trip, oversleep: float) -> None:
        self.now = max(self.now, trip.wakes + oversleep)
        hedged, trip.is_impatient = self.fleet.hedged, True
        left = trip.allowed(self.fleet) - {*trip.sent}
        is_late = self.now >= trip.last_start
        command = trip.flight.tell(Overdue(), self.now)
        is_due = trip.is_due(self.fleet, self.now, self.fleet.hedged - hedged)
        assert isinstance(command, Send) == (is_due and bool(left) and not is_late)
        self.obey(trip, command)

    @precondition(lambda self: bool(self.waiting_for(Discard, Wait)))
    @rule(which=st.integers(0, 100), oversleep=st.just(0.0) | st.floats(0.0, 2.0))
    def go_on(self, which: int, oversleep: float) -> None:
        """A response is closed, or a sleep ends, a little late or much."""
        idle = self.waiting_for(Discard, Wait)
        self.go_on_with(idle[which % len(idle)], oversleep)

    def go_on_with(self, trip: Trip, oversleep: float) -> None:
        if isinstance(trip.command, Wait):
            self.now = max(self.now, trip.wakes) + oversleep
            self.tell(trip, Woke())
        else:
            self.now += oversleep
            self.obey(trip, trip.flight.proceed(self.now))

    @precondition(lambda self: any(trip.command is not None for trip in self.trips))
    @rule(which=st.integers(0, 100))
    def cancel(self, which: int) -> None:
        """The caller goes away: what was under way proves nothing, and starts nothing."""
        alive = [trip for trip in self.trips if trip.command is not None]
        trip = alive[which % len(alive)]
        facts = [fact for fact in self.fleet.facts(self.now) if fact[0] != "probing"]
        trip.flight.cancelled(self.now)
        assert [one for one in facts if one not in self.fleet.facts(self.now)] == []
        assert all(trip.held.values()), "a response is left open"
        trip.command = None
        trip.cancel("pending", "reserved")

    @precondition(lambda self: bool(self.trips))
    @rule(which=st.integers(0, 100))
    def forget(self, which: int) -> None:
        """A thread dies, or a caller drops what it got: nobody tells the flight."""
        self.trips.pop(which % len(self.trips))

    # A delivered response whose body is still to come.

    def open_ones(self) -> list[Trip]:
        return [trip for trip in self.trips if trip.delivered and trip.delivered.is_open]

    @precondition(lambda self: bool(self.open_ones()))
    @rule(
        which=st.integers(0, 100),
        how=st.sampled_from(("content", "broken", "abandoned", "failed")),
        fault=st.sampled_from((Fault.BROKEN, Fault.READ_TIMEOUT, Fault.CANCELLED)),
    )
    def read_on(self, which: int, how: str, fault: Fault) -> None:
        listening = self.open_ones()
        trip = listening[which % len(listening)]
        assert trip.delivered is not None
        attempt = trip.delivered.attempt
        if how == "content" and not attempt.is_settled:
            trip.flight.content_came(attempt, self.now)
            return
        if how == "abandoned" and not attempt.is_settled:
            trip.flight.body_abandoned(attempt, self.now)
        elif how == "broken":
            self.cut(trip.flight, attempt, fault)
        elif how == "failed" and attempt.is_settled:
            self.fail(trip.flight, attempt)
        trip.delivered = None
        self.trips.remove(trip)

    def cut(self, flight: Flight[Response], attempt: Attempt, fault: Fault) -> None:
        """A body that breaks is news, unless its endpoint has failed or come back meanwhile."""
        ticket, before = attempt.ticket, self.fleet.facts(self.now)
        now_in = self.fleet.reference.endpoints[attempt.index].generation
        counted_in = self.fleet.settled.get(ticket, -1)
        flight.body_broke(attempt, fault, TroubleError("cut"), self.now)
        if attempt.is_settled and counted_in != now_in:
            assert self.fleet.facts(self.now) == before

    def fail(self, flight: Flight[Response], attempt: Attempt) -> None:
        """An error that a stream brings is news in the same way, if it is the endpoint's fault."""
        counted_in = self.fleet.settled.get(attempt.ticket, -1)
        is_news = counted_in == self.fleet.reference.endpoints[attempt.index].generation
        for code in ("content_filter", "server_error"):
            before = self.fleet.facts(self.now)
            body = b'{"error": {"code": "%s"}}' % code.encode()
            flight.stream_failed(attempt, StreamError(body, code, ""), self.now)
            if code == "content_filter" or not is_news:
                assert self.fleet.facts(self.now) == before

    # The usual request, which has no flight unless something goes wrong.

    @rule(kind=KINDS, watches=st.booleans())
    def take_off_quickly(self, kind: Kind, *, watches: bool) -> None:
        ticket = self.fleet.first(self.now, kind, watches=watches)
        if ticket is not None:
            self.fleet.journal.clear()
            self.quick.append((ticket, self.now, kind))

    @precondition(lambda self: bool(self.quick))
    @rule(
        which=st.integers(0, 100),
        how=st.sampled_from(("landed", "raised", "trouble", "trouble")),
        what=st.integers(0, 11),
    )
    def end_quickly(self, which: int, how: str, what: int) -> None:
        ticket, started, kind = self.quick.pop(which % len(self.quick))
        if how == "landed":
            self.fleet.landed(ticket, self.now, self.now - started)
        elif how == "raised":
            self.fleet.note(0, ticket, Effect.NEUTRAL, self.now)
        else:
            trip = self.trip(kind=kind, started=started)
            attempt = trip.flight.take_off(ticket)
            trip.sent.append(0)
            trip.flying.append(Flying(attempt))
            trip.lines.append(Line(0, "pending", ticket, attempt))
            self.meet(trip, attempt, what)

    @rule(is_meant=st.sampled_from((True, False, False, False)))
    def reset(self, *, is_meant: bool) -> None:
        if is_meant:
            self.fleet.reset()

    # Laws.

    @invariant()
    def every_flight_keeps_the_laws(self) -> None:
        """And one that is over, and has kept them to the end, is forgotten."""
        for trip in self.trips:
            self.its_ledger_lists_every_attempt_and_skip_in_order(trip)
            self.it_tries_each_endpoint_once_and_once_more_if_that_was_earned(trip)
            if trip.is_over:
                self.it_has_given_every_ticket_back(trip)
        self.trips = [trip for trip in self.trips if not trip.is_over]

    def its_ledger_lists_every_attempt_and_skip_in_order(self, trip: Trip) -> None:
        """Promise 10: at any time, and at the end with nothing left open."""
        entries = trip.flight.ledger().entries
        assert [(entry.index, entry.outcome) for entry in entries] == [
            (line.index, line.outcome.replace("reserved", "pending")) for line in trip.lines
        ]
        assert trip.flight.attempts == sum(line.outcome != "skipped" for line in trip.lines)
        if trip.command is None:
            assert "pending" not in [entry.outcome for entry in entries]

    def it_tries_each_endpoint_once_and_once_more_if_that_was_earned(self, trip: Trip) -> None:
        """Promise 1: one more try for a stale connection, and one for a wait that was wanted."""
        again = len(trip.sent) - len({*trip.sent})
        assert again <= len(trip.stale) + trip.waits
        assert trip.waits <= 1

    def it_has_given_every_ticket_back(self, trip: Trip) -> None:
        """Nothing is left for ever under way, but for a body that is still to come."""
        tickets = {line.ticket for line in trip.lines if line.ticket is not None}
        assert tickets <= self.fleet.returned


TestFlightMachine = FlightMachine.TestCase
TestFlightMachine.settings = settings(
    max_examples=examples(60), stateful_step_count=50, deadline=None
)
