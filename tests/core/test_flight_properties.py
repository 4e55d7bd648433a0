"""The promises, for any fleet in any health and endpoints that do anything."""

from __future__ import annotations

from enum import Enum

import attrs
from examples import examples
from hypothesis import given, settings, strategies as st
from scripted_flight import Answer, Clock, Outcome, Trip, Trouble, WatchedFleet, fly

from azure_failover.core.course import Course, Reach
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import Effect, Fault

NOW = 1000.0
MOVING_FAULTS = {
    Fault.CONNECT,
    Fault.CONNECT_TIMEOUT,
    Fault.WRITE_TIMEOUT,
    Fault.READ_TIMEOUT,
    Fault.BROKEN,
    Fault.CREDENTIAL,
    Fault.SILENT,
    Fault.QUEUED,
}
MISSING = b'{"error": {"code": "DeploymentNotFound", "message": "m"}}'


class Before(Enum):
    """What is known of an endpoint before the request."""

    HEALTHY = "healthy"
    FAILED = "failed"
    TO_BE_PROBED = "to be probed"
    BEING_PROBED = "being probed"
    THROTTLED = "throttled"


ANSWERS = st.builds(
    Answer,
    status=st.sampled_from((200, 201, 400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 504)),
    is_complete=st.booleans(),
    retry_after=st.none() | st.just(3.0),
    body=st.sampled_from((b"", MISSING, b"<html>")),
) | st.just(Answer(retry_after=3.0, hides=429, is_complete=False))
OUTCOMES: st.SearchStrategy[Outcome] = ANSWERS | st.builds(
    Trouble, st.sampled_from(Fault), was_sent=st.booleans()
)


@attrs.frozen
class Scene:
    """A fleet's health and what its endpoints will do, at the first and at a second try."""

    before: tuple[Before, ...]
    first: tuple[Outcome, ...]
    second: tuple[Outcome, ...]
    on_throttle: str
    on_misconfigured: str
    reach: Reach
    pin: int | None
    closed: frozenset[int]
    is_replayable: bool

    def fleet(self) -> WatchedFleet:
        fleet = WatchedFleet(
            len(self.before),
            pause=100.0,
            on_throttle=self.on_throttle,
            on_misconfigured=self.on_misconfigured,
        )
        for index, before in enumerate(self.before):
            if before in (Before.TO_BE_PROBED, Before.BEING_PROBED):
                fleet.note(index, fleet.again(index, 0.0), Effect.FAILURE, 0.0)
            if before is Before.FAILED:
                fleet.note(index, fleet.again(index, NOW), Effect.FAILURE, NOW)
            if before is Before.BEING_PROBED:
                assert fleet.again(index, NOW).is_probe
            if before is Before.THROTTLED:
                ticket = fleet.again(index, NOW)
                fleet.note(index, ticket, Effect.THROTTLED, NOW, retry_after=50.0)
        fleet.forget()
        return fleet

    def outcome(self, index: int, tries: int) -> Outcome:
        return (self.first, self.second)[min(tries, 1)][index]

    def is_open(self, index: int) -> bool:
        before = self.before[index]
        if before is Before.THROTTLED:
            return self.on_throttle != "failover"
        return before in (Before.HEALTHY, Before.TO_BE_PROBED)

    def in_use(self) -> int:
        """Name the endpoint that a request uses which may not move."""
        known_good = (
            index
            for index, before in enumerate(self.before)
            if index not in self.closed
            and (
                before is Before.HEALTHY
                or (before is Before.THROTTLED and self.on_throttle != "failover")
            )
        )
        return next(known_good, min({*range(len(self.before))} - self.closed, default=0))

    def may_go_to(self) -> set[int]:
        """Name the endpoints that may get the request."""
        match self.reach:
            case Reach.FLEET:
                wanted = {*range(len(self.before))}
            case Reach.CURRENT:
                wanted = {self.in_use()}
            case Reach.PINNED:
                assert self.pin is not None
                wanted = {self.pin}
        return wanted - self.closed

    def fly(self) -> tuple[WatchedFleet, Trip]:
        fleet = self.fleet()
        course = Course(self.reach, self.pin, dict.fromkeys(self.closed, "cannot take it"))
        clock = Clock(NOW)
        return fleet, fly(
            fleet, self.outcome, clock, course=course, is_replayable=self.is_replayable
        )


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    count = draw(st.integers(1, 4))

    def each(strategy: st.SearchStrategy[Outcome]) -> tuple[Outcome, ...]:
        return tuple(draw(st.lists(strategy, min_size=count, max_size=count)))

    reach = draw(st.sampled_from((*[Reach.FLEET] * 4, Reach.CURRENT, Reach.PINNED)))
    indices = st.integers(0, count - 1)
    return Scene(
        tuple(draw(st.lists(st.sampled_from(Before), min_size=count, max_size=count))),
        each(OUTCOMES),
        each(OUTCOMES),
        draw(st.sampled_from(("return", "failover", "wait"))),
        draw(st.sampled_from(("return", "failover"))),
        reach,
        draw(indices) if reach is Reach.PINNED else None,
        draw(st.just(frozenset[int]()) | st.frozensets(indices)),
        draw(st.sampled_from((True, True, True, False))),
    )


@attrs.define
class Expectation:
    """What the design says of a scene: who is asked, in which order, and who has the last word."""

    sent: list[int] = attrs.field(factory=list[int])
    ledger: list[tuple[int, str]] = attrs.field(factory=list[tuple[int, str]])
    is_exhausted: bool = False
    waited: int = 0
    stale: set[int] = attrs.field(factory=set[int])

    def next_step(self, scene: Scene, index: int, outcome: Outcome) -> str:
        """Read the design's outcome table: ``stay``, ``next`` or ``again``."""
        if not scene.is_replayable and (isinstance(outcome, Answer) or outcome.was_sent):
            return "stay"
        if isinstance(outcome, Trouble):
            if outcome.fault is Fault.STALE:
                had_its_chance = index in self.stale
                self.stale.add(index)
                return "next" if had_its_chance else "again"
            return "next" if outcome.fault in MOVING_FAULTS else "stay"
        if 429 in (outcome.hides, outcome.status):
            if scene.on_throttle == "wait" and outcome.retry_after is not None:
                self.waited += 1
                return "again" if self.waited == 1 else "stay"
            return "next" if scene.on_throttle == "failover" else "stay"
        is_missing = outcome.status in (400, 404) and outcome.body == MISSING
        if outcome.status in (401, 403) or is_missing:
            return "next" if scene.on_misconfigured == "failover" else "stay"
        return "next" if outcome.status in (500, 502, 503, 504) else "stay"


def expected(scene: Scene) -> Expectation:
    found = Expectation()
    skipped: set[int] = set()
    if scene.reach is Reach.FLEET or not scene.may_go_to():
        found.ledger = [(one, "skipped") for one in sorted(scene.closed)]
    while True:
        untried = sorted(scene.may_go_to() - {*found.sent})
        if not untried:
            found.is_exhausted = bool(found.sent)
            return found
        index = next((one for one in untried if scene.is_open(one)), untried[0])
        if scene.reach is Reach.FLEET:
            is_forced = not any(scene.is_open(one) for one in untried)
            passed = [one for one in untried if is_forced or one < index]
            found.ledger += [(one, "skipped") for one in passed if one not in skipped]
            skipped |= {*passed}
        step, tries = "again", 0
        while step == "again":
            outcome = scene.outcome(index, tries)
            found.sent.append(index)
            step, tries = found.next_step(scene, index, outcome), tries + 1
            found.ledger.append((index, "failed" if isinstance(outcome, Trouble) else "answered"))
        if step == "stay":
            return found


LAWS = settings(max_examples=examples(100), deadline=None)


@LAWS
@given(scenes())
def test_endpoints_are_tried_in_order_each_at_most_once(scene: Scene) -> None:
    """Promises 1, 2 and 3: the order, the triggers, and that a guess never withholds one."""
    _, trip = scene.fly()
    assert trip.sent == expected(scene).sent


@LAWS
@given(scenes())
def test_the_caller_gets_the_first_good_answer_or_the_last_bad_one(scene: Scene) -> None:
    """Promises 1 and 9: an exception only if no endpoint that failed gave a complete answer."""
    _, trip = scene.fly()
    if not scene.may_go_to():
        assert trip.flight.is_barred
        assert (trip.delivered, trip.error) == (None, None)
        return
    last = trip.ledger.attempts[-1]
    assert last.index == expected(scene).sent[-1]
    complete = [
        answer
        for answer, outcome in zip(
            trip.answers, [one for one in trip.outcomes if isinstance(one, Answer)], strict=True
        )
        if outcome.is_complete
    ]
    if last.outcome == "answered" or (trip.ledger.is_exhausted and complete):
        assert trip.delivered is not None
        wanted = trip.answers[-1] if last.outcome == "answered" else complete[-1]
        assert trip.delivered.response is wanted
        assert trip.ledger.endpoint == f"r{trip.delivered.attempt.index}"
        assert trip.error is None
    else:
        assert trip.delivered is None
        assert trip.error is trip.errors[-1]
        assert trip.ledger.endpoint is None


@LAWS
@given(scenes())
def test_the_ledger_lists_every_attempt_and_every_skip(scene: Scene) -> None:
    """Promise 10: each endpoint tried or passed over, in order, and nothing left open."""
    _, trip = scene.fly()
    wanted, ledger = expected(scene), trip.ledger
    assert [(entry.index, entry.outcome) for entry in ledger.entries] == wanted.ledger
    assert [entry.index for entry in ledger.attempts] == trip.sent
    assert trip.flight.attempts == len(trip.sent)
    for entry in ledger.entries:
        assert entry.endpoint == f"r{entry.index}"
        assert (entry.elapsed is None) == (entry.outcome == "skipped")
        assert entry.error or entry.outcome == "answered"
        assert (entry.status is not None) == (entry.outcome == "answered")
        assert (entry.phase is not None) == (entry.outcome == "failed")


@LAWS
@given(scenes())
def test_exhausted_means_that_all_were_tried_and_failed(scene: Scene) -> None:
    """Promise 10: a flight is exhausted only if no endpoint was left to try."""
    _, trip = scene.fly()
    assert trip.ledger.is_exhausted == expected(scene).is_exhausted
    if trip.ledger.is_exhausted:
        assert {*trip.sent} == scene.may_go_to()


@LAWS
@given(scenes())
def test_a_request_goes_only_where_it_may(scene: Scene) -> None:
    """Promises 7 and 8: never to an endpoint that cannot take it, or that lacks its state."""
    _, trip = scene.fly()
    assert {*trip.sent} <= scene.may_go_to()
    if not scene.is_replayable:
        last = len(trip.sent) - 1
        assert all(
            isinstance(outcome, Trouble) and not outcome.was_sent
            for place, outcome in enumerate(trip.outcomes)
            if place < last
        )


@LAWS
@given(scenes())
def test_every_response_is_delivered_or_discarded_once(scene: Scene) -> None:
    """Promise 12: of all answers one is delivered at most, and open losers are closed once."""
    _, trip = scene.fly()
    outcomes = [outcome for outcome in trip.outcomes if isinstance(outcome, Answer)]
    is_open = {
        id(response): not outcome.is_complete
        for response, outcome in zip(trip.answers, outcomes, strict=True)
    }
    delivered = None if trip.delivered is None else id(trip.delivered.response)
    losers = [id(response) for response in trip.answers if id(response) != delivered]
    closed = [id(response) for response in trip.discarded]
    assert sorted(closed) == sorted(loser for loser in losers if is_open[loser])


def ids(tickets: list[Ticket]) -> list[int]:
    return sorted(id(ticket) for ticket in tickets)


@LAWS
@given(scenes(), st.sampled_from(("came", "abandoned", "broke", "came, broke")))
def test_every_ticket_is_given_back_once(scene: Scene, ending: str) -> None:
    """Promise 4: no attempt is left for ever under way, or counted twice."""
    fleet, trip = scene.fly()
    if trip.delivered is not None and trip.delivered.is_open:
        attempt, now = trip.delivered.attempt, trip.clock.now
        assert len(fleet.returned) == len(fleet.given) - 1
        if "came" in ending:
            trip.flight.content_came(attempt, now)
        if "broke" in ending:
            trip.flight.body_broke(attempt, Fault.BROKEN, ValueError("cut"), now)
        if ending == "abandoned":
            trip.flight.body_abandoned(attempt, now)
    assert ids(fleet.returned) == ids(fleet.given)
    trip.flight.cancelled(trip.clock.now)
    assert ids(fleet.returned) == ids(fleet.given)


@LAWS
@given(scenes())
def test_only_a_success_that_still_has_to_come_is_delivered_open(scene: Scene) -> None:
    """Success is recorded at the complete body, never at headers alone."""
    _, trip = scene.fly()
    if trip.delivered is not None:
        given = [one for one in trip.outcomes if isinstance(one, Answer)]
        outcome = given[trip.answers.index(trip.delivered.response)]
        is_good = outcome.status < 400 and outcome.hides is None
        assert trip.delivered.is_open == (is_good and not outcome.is_complete)


# Deadlines.


@LAWS
@given(
    outcomes=st.lists(
        st.builds(
            Answer,
            status=st.sampled_from((200, 429, 503)),
            retry_after=st.none() | st.floats(0.0, 3.0),
            seconds=st.floats(0.0, 2.0),
        )
        | st.builds(Trouble, st.sampled_from(Fault), seconds=st.floats(0.0, 2.0)),
        min_size=1,
        max_size=4,
    ),
    deadline=st.floats(0.0, 4.0),
    policy=st.sampled_from(("return", "failover", "wait")),
    closing=st.floats(0.0, 1.0) | st.just(0.0),
    oversleep=st.floats(0.0, 0.1) | st.just(0.0),
)
def test_nothing_starts_after_the_deadline(
    *, outcomes: list[Outcome], deadline: float, policy: str, closing: float, oversleep: float
) -> None:
    """Promise 9: an attempt starts only with useful time left, and never gets more than is left."""
    fleet = WatchedFleet(len(outcomes), on_throttle=policy)
    trip = fly(
        fleet,
        lambda index, _: outcomes[index],
        Clock(NOW),
        deadline=deadline,
        closing=closing,
        oversleep=oversleep,
    )
    for start, left in zip(trip.starts, trip.limits, strict=True):
        assert left is not None
        assert 0 < left <= (NOW + deadline) - start
        assert (NOW + deadline) - start > min(0.5, deadline / 20) - 1e-9
    ledger = trip.ledger
    assert ids(fleet.returned) == ids(fleet.given)
    assert [entry.index for entry in ledger.attempts] == trip.sent
    assert trip.flight.attempts == len(trip.sent)
    assert not any(entry.outcome == "pending" for entry in ledger.entries)
    if ledger.is_exhausted:
        assert {*trip.sent} == {*range(len(outcomes))}


@LAWS
@given(
    st.lists(st.sampled_from(sorted(MOVING_FAULTS, key=str)), min_size=2, max_size=4),
    st.floats(0.1, 1.0),
)
def test_a_flight_that_the_deadline_ends_is_not_exhausted(
    faults: list[Fault], seconds: float
) -> None:
    """Promise 10: endpoints that the deadline kept from being tried are not called failed."""
    trip = fly(
        WatchedFleet(len(faults)),
        lambda index, _: Trouble(faults[index], seconds),
        Clock(NOW),
        deadline=seconds / 2,
    )
    assert trip.sent == [0]
    assert not trip.ledger.is_exhausted
    assert trip.error is trip.errors[0]
