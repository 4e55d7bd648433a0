"""One request's journey, case by case."""

from __future__ import annotations

import pytest
from core_strategies import plain_config
from scripted_flight import (
    Answer,
    Clock,
    Response,
    Trouble,
    TroubleError,
    WatchedFleet,
    fly,
    scripted,
)

from azure_failover.core.course import Course, Reach
from azure_failover.core.events import EndpointFailed, EndpointMisconfigured, EndpointRecovered
from azure_failover.core.fleet import Fleet
from azure_failover.core.flight import Flight
from azure_failover.core.ledger import Phase
from azure_failover.core.sse import StreamError
from azure_failover.core.steps import Answered, Deliver, Discard, Failed, GiveUp, Send
from azure_failover.core.verdict import Effect, Fault

GOOD = Answer()
BAD = Answer(503)


def lines(trip_ledger: object) -> list[str]:
    return str(trip_ledger).splitlines()


# Health.


def test_a_failed_primary_is_skipped_by_later_requests_and_won_back_by_one_probe() -> None:
    """Promise 4: marked, skipped, probed, used again."""
    fleet, clock = WatchedFleet(2), Clock()
    first = fly(fleet, scripted(BAD, GOOD), clock)
    assert first.sent == [0, 1]
    assert fly(fleet, scripted(GOOD, GOOD), clock).sent == [1]
    clock.now = 6.0
    assert fly(fleet, scripted(BAD, GOOD), clock).sent == [0, 1]
    clock.now = 7.9
    assert fly(fleet, scripted(GOOD, GOOD), clock).sent == [1]
    clock.now = 8.0
    assert fly(fleet, scripted(GOOD, GOOD), clock).sent == [0]
    assert fleet.status(8.0).failed_endpoints == ()


def test_every_failed_endpoint_is_still_tried_in_order() -> None:
    """Promise 3: a health guess never turns a working endpoint into an outage."""
    fleet = WatchedFleet(3)
    assert fly(fleet, scripted(BAD, BAD, BAD)).sent == [0, 1, 2]
    trip = fly(fleet, scripted(BAD, BAD, GOOD))
    assert trip.sent == [0, 1, 2]
    assert trip.delivered_index == 2
    assert lines(trip.ledger) == [
        "1. r0: skipped, failed, to be probed in 1.0 s",
        "2. r1: skipped, failed, to be probed in 1.0 s",
        "3. r2: skipped, failed, to be probed in 1.0 s",
        "4. r0: 503 after 0.00 s",
        "5. r1: 503 after 0.00 s",
        "6. r2: 200 after 0.00 s",
    ]
    assert fly(fleet, scripted(GOOD, GOOD, GOOD)).sent == [2]


def test_a_pool_timeout_does_not_count_against_the_endpoint() -> None:
    """Neutral outcomes go to the caller and change nothing."""
    fleet = WatchedFleet(2)
    trip = fly(fleet, scripted(Trouble(Fault.POOL_TIMEOUT), GOOD))
    assert trip.sent == [0]
    assert trip.error is trip.errors[0]
    assert fleet.effects == [(0, Effect.NEUTRAL)]
    assert not trip.ledger.is_exhausted


def test_what_changed_is_told_once() -> None:
    """Each flight tells of the endpoints whose state it changed, and then forgets."""
    fleet, clock = WatchedFleet(2), Clock()
    trip = fly(fleet, scripted(Trouble(Fault.CONNECT), Answer(401)), clock)
    assert trip.flight.take_events() == (
        EndpointFailed("r0", "TroubleError: connect", 1.0, by_probe=False),
        EndpointMisconfigured("r1", "401"),
    )
    assert trip.flight.take_events() == ()
    clock.now = 1.0
    trip = fly(fleet, scripted(GOOD, GOOD), clock)
    assert trip.flight.take_events() == (EndpointRecovered("r0"),)


def test_a_reset_while_a_request_is_under_way_wins() -> None:
    """What was learned before a reset is forgotten, also by those who are still flying."""
    fleet = WatchedFleet(2)
    flight: Flight[Response] = Flight(fleet, 0.0)
    command = flight.begin(0.0)
    assert isinstance(command, Send)
    fleet.reset()
    command = flight.tell(Answered(command.attempt, Response(0, 503), 503, is_complete=True), 1.0)
    assert isinstance(command, Send)
    assert command.attempt.index == 1
    assert fleet.status(1.0).failed_endpoints == ()
    assert flight.take_events() == ()


# Stale connections.


def test_a_stale_connection_gets_one_more_try_at_the_same_endpoint() -> None:
    """Promise 1: the second try is free, and what comes of it counts."""
    fleet = WatchedFleet(2)
    trip = fly(fleet, lambda _, tries: GOOD if tries else Trouble(Fault.STALE))
    assert trip.sent == [0, 0]
    assert trip.delivered_index == 0
    assert fleet.effects == [(0, Effect.NEUTRAL), (0, Effect.ALIVE)]


def test_each_endpoint_has_its_own_second_chance() -> None:
    """Promise 1: that one endpoint's connection was stale says nothing of the next one's."""
    fleet = WatchedFleet(2)
    trip = fly(fleet, lambda index, tries: GOOD if index and tries else Trouble(Fault.STALE))
    assert trip.sent == [0, 0, 1, 1]
    assert trip.delivered_index == 1
    assert fleet.effects[2:] == [(1, Effect.NEUTRAL), (1, Effect.ALIVE)]


def test_a_connection_that_breaks_twice_is_a_failure() -> None:
    fleet = WatchedFleet(2)
    trip = fly(fleet, scripted(Trouble(Fault.STALE), GOOD))
    assert trip.sent == [0, 0, 1]
    assert fleet.status(0.0).failed_endpoints == ("https://r0.example",)


def test_a_stale_connection_after_the_deadline_is_not_tried_again() -> None:
    """Promise 9 goes before the second chance."""
    trip = fly(WatchedFleet(1), scripted(Trouble(Fault.STALE, seconds=2.0)), deadline=1.0)
    assert trip.sent == [0]
    assert trip.error is trip.errors[0]


# Policies.


@pytest.mark.parametrize(
    "throttle",
    [
        Answer(429, retry_after=3.0),
        Answer(200, is_complete=False, retry_after=3.0, hides=429),
    ],
    ids=["429", "in a stream"],
)
def test_a_throttle_is_handled_as_the_policy_says(throttle: Answer) -> None:
    """Promise 2: returned, moved on from, or waited for."""
    trip = fly(WatchedFleet(2), scripted(throttle, GOOD))
    assert (trip.sent, trip.delivered_index) == ([0], 0)
    fleet = WatchedFleet(2, on_throttle="failover")
    trip = fly(fleet, scripted(throttle, GOOD))
    assert (trip.sent, trip.delivered_index) == ([0, 1], 1)
    assert fly(fleet, scripted(GOOD, GOOD)).sent == [1]
    fleet = WatchedFleet(2, on_throttle="wait")
    trip = fly(fleet, lambda _, tries: GOOD if tries else throttle)
    assert (trip.sent, trip.waits, trip.delivered_index) == ([0, 0], [3.0], 0)
    assert trip.starts == [0.0, 3.0]
    is_open = not throttle.is_complete
    assert len(trip.discarded) == is_open, "an open loser is discarded before any wait"


def test_a_hidden_throttle_is_named_in_the_ledger() -> None:
    trip = fly(WatchedFleet(1), scripted(Answer(200, hides=429, retry_after=3.0)))
    assert lines(trip.ledger) == ["1. r0: 200 hides 429 after 0.00 s"]


@pytest.mark.parametrize(
    ("hint", "deadline", "waits"),
    [
        (None, None, []),
        (0.0, None, []),
        (120.0, None, [120.0]),
        (121.0, None, []),
        (3.0, 5.0, [3.0]),
        (5.0, 5.0, []),
    ],
)
def test_a_wait_has_to_be_known_short_and_within_the_deadline(
    hint: float | None, deadline: float | None, waits: list[float]
) -> None:
    """Promise 9: no wait that could not end in an attempt; without a deadline up to 120 s."""
    fleet = WatchedFleet(2, on_throttle="wait")
    trip = fly(fleet, scripted(Answer(429, retry_after=hint), GOOD), deadline=deadline)
    assert trip.waits == waits
    assert trip.sent == ([0, 0] if waits or hint == 0.0 else [0])
    assert trip.delivered_index == 0
    assert not trip.ledger.is_exhausted


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_misconfigured_endpoint_is_moved_on_from_only_if_the_policy_says_so(status: int) -> None:
    """Promise 2; the endpoint is flagged either way, and never marked failed."""
    refusal = Answer(status, body=b'{"error": {"code": "DeploymentNotFound"}}')
    for policy, sent in (("return", [0]), ("failover", [0, 1])):
        fleet = WatchedFleet(2, on_misconfigured=policy)
        trip = fly(fleet, scripted(refusal, GOOD))
        assert trip.sent == sent
        assert fleet.status(0.0).endpoints[0].misconfigured == f"{status} DeploymentNotFound"
        assert fleet.status(0.0).failed_endpoints == ()


def test_a_request_that_may_not_move_stays() -> None:
    """``auto_failover=False``: the endpoint in use, and no other."""
    fleet = WatchedFleet(3)
    trip = fly(fleet, scripted(BAD, GOOD, GOOD), course=Course(Reach.CURRENT))
    assert trip.sent == [0]
    assert trip.delivered_index == 0
    assert trip.ledger.is_exhausted
    assert fly(fleet, scripted(GOOD, GOOD, GOOD), course=Course(Reach.CURRENT)).sent == [1]


# Deadlines.


def test_a_deadline_that_is_over_lets_nothing_start() -> None:
    """Promise 9: then there is nothing to tell but that."""
    trip = fly(WatchedFleet(2), scripted(GOOD, GOOD), deadline=0.0)
    assert (trip.sent, trip.error, trip.delivered) == ([], None, None)
    assert trip.ledger.entries == ()
    assert trip.ledger.endpoint is None


@pytest.mark.parametrize(
    "fault",
    [Fault.CONNECT_TIMEOUT, Fault.POOL_TIMEOUT, Fault.READ_TIMEOUT, Fault.WRITE_TIMEOUT],
)
@pytest.mark.parametrize("early", [0.0, 0.004])
def test_a_timeout_at_our_own_deadline_does_not_count_against_the_endpoint(
    fault: Fault, early: float
) -> None:
    """A cut made by our own deadline is neutral, even if the timer was a little early."""
    fleet = WatchedFleet(2)
    trip = fly(fleet, scripted(Trouble(fault, seconds=2.0 - early), GOOD), deadline=2.0)
    assert trip.sent == [0]
    assert fleet.effects == [(0, Effect.NEUTRAL)]
    assert not trip.ledger.is_exhausted


def test_an_attempt_that_only_queued_in_our_own_pool_blames_nobody_and_moves_on() -> None:
    """Its share of the deadline is over, not the deadline: the next endpoint gets the rest."""
    fleet = WatchedFleet(2)
    trip = fly(fleet, scripted(Trouble(Fault.POOL_TIMEOUT, seconds=4.0 / 3), GOOD), deadline=2.0)
    assert trip.sent == [0, 1]
    assert fleet.effects == [(0, Effect.NEUTRAL), (1, Effect.ALIVE)]


def test_a_timeout_well_before_the_deadline_is_the_endpoint_s() -> None:
    fleet = WatchedFleet(2)
    trip = fly(fleet, scripted(Trouble(Fault.READ_TIMEOUT, seconds=1.0), GOOD), deadline=2.0)
    assert trip.sent == [0, 1]
    assert trip.limits == [pytest.approx(4 / 3), 1.0]
    assert fleet.effects[0] == (0, Effect.FAILURE)


def test_an_answer_after_the_deadline_is_delivered() -> None:
    """The deadline keeps attempts from starting; what has come is not thrown away."""
    trip = fly(WatchedFleet(2), scripted(Answer(503, seconds=3.0), GOOD), deadline=2.0)
    assert trip.delivered_index == 0
    assert not trip.ledger.is_exhausted


@pytest.mark.parametrize(
    ("policy", "first", "closing", "oversleep"),
    [
        ("return", Answer(503, is_complete=False), 2.0, 0.0),
        ("wait", Answer(429, retry_after=1.5), 0.0, 1.0),
        ("wait", Answer(429, is_complete=False, retry_after=1.5), 1.0, 0.0),
    ],
    ids=["a slow discard", "a sleep too long", "a sleep that would be too long"],
)
def test_an_attempt_that_the_deadline_overtakes_is_not_made(
    policy: str, first: Answer, closing: float, oversleep: float
) -> None:
    """Promise 9: also when it was planned in time, and the ledger tells so."""
    fleet = WatchedFleet(2, on_throttle=policy)
    trip = fly(fleet, scripted(first, GOOD), deadline=2.0, closing=closing, oversleep=oversleep)
    assert trip.sent == [0]
    assert (trip.error, trip.delivered) == (None, None)
    assert lines(trip.ledger)[-1].endswith(": skipped, the deadline left no time")
    assert trip.waits == [] or oversleep, "it sleeps although no time would be left"
    assert len(fleet.returned) == len(fleet.given) == 2
    assert trip.flight.attempts == 1


# Cancellation.


def test_a_cancelled_request_proves_nothing() -> None:
    """Neutral: the attempt under way is given back and told as cancelled."""
    fleet = WatchedFleet(2)
    flight: Flight[Response] = Flight(fleet, 0.0)
    assert isinstance(flight.begin(0.0), Send)
    flight.cancelled(2.0)
    assert fleet.effects == [(0, Effect.NEUTRAL)]
    assert lines(flight.ledger()) == ["1. r0: cancelled after 2.00 s"]


def test_a_request_that_is_cancelled_between_two_attempts_frees_the_second() -> None:
    """A reserved probe that is never sent does not keep others away."""
    fleet = WatchedFleet(2)
    flight: Flight[Response] = Flight(fleet, 0.0)
    command = flight.begin(0.0)
    assert isinstance(command, Send)
    answer = Answered(command.attempt, Response(0, 503), 503, is_complete=False)
    assert isinstance(flight.tell(answer, 0.0), Discard)
    flight.cancelled(0.5)
    assert len(fleet.given) == len(fleet.returned) == 2
    assert [entry.outcome for entry in flight.ledger().entries] == ["answered", "cancelled"]


# Bodies that the caller reads.


def opened(fleet: WatchedFleet) -> tuple[Flight[Response], Deliver[Response]]:
    trip = fly(fleet, scripted(*[Answer(is_complete=False)] * len(fleet)))
    assert trip.delivered is not None
    assert trip.delivered.is_open
    assert fleet.effects == []
    return trip.flight, trip.delivered


def test_a_stream_proves_its_endpoint_at_its_first_content() -> None:
    """Success is recorded at the first content, never at headers alone."""
    fleet = WatchedFleet(2)
    flight, delivered = opened(fleet)
    flight.content_came(delivered.attempt, 1.0)
    assert fleet.effects == [(0, Effect.ALIVE)]


def test_a_stream_that_the_caller_closes_unread_proves_nothing() -> None:
    fleet = WatchedFleet(2)
    flight, delivered = opened(fleet)
    flight.body_abandoned(delivered.attempt, 1.0)
    assert fleet.effects == [(0, Effect.NEUTRAL)]


def test_an_error_behind_content_that_is_the_callers_own_leaves_its_endpoint_well() -> None:
    """A filter that stops a text half-way has read the text: the endpoint is alive."""
    fleet = WatchedFleet(2)
    flight, delivered = opened(fleet)
    flight.content_came(delivered.attempt, 1.0)
    error = StreamError(b'{"error": {"code": "content_filter"}}', "content_filter", "")
    flight.stream_failed(delivered.attempt, error, 2.0)
    assert fleet.effects == [(0, Effect.ALIVE)]
    assert fleet.status(2.0).failed_endpoints == ()
    entry = flight.ledger().entries[0]
    assert (entry.phase, entry.error) == (Phase.BODY, "content_filter")


@pytest.mark.parametrize("has_content", [True, False])
def test_a_stream_that_breaks_is_a_failure(*, has_content: bool) -> None:
    """Promise 5: raised, not replayed; and the endpoint is marked, content or not."""
    fleet = WatchedFleet(2)
    flight, delivered = opened(fleet)
    if has_content:
        flight.content_came(delivered.attempt, 1.0)
    flight.body_broke(delivered.attempt, Fault.BROKEN, TroubleError("cut off"), 2.0)
    assert fleet.effects[-1] == (0, Effect.FAILURE)
    assert fleet.status(2.0).failed_endpoints == ("https://r0.example",)
    entry = flight.ledger().entries[0]
    assert (entry.outcome, entry.phase, entry.error) == (
        "answered",
        Phase.BODY,
        "TroubleError: cut off",
    )
    assert isinstance(flight.take_events()[0], EndpointFailed)


@pytest.mark.parametrize("has_come_back", [True, False])
def test_a_stream_that_breaks_after_its_endpoint_has_changed_is_no_news(
    *, has_come_back: bool
) -> None:
    """Promise 4: streams that an outage cuts one after another neither probe nor lengthen it."""
    fleet = WatchedFleet(2)
    flight, delivered = opened(fleet)
    flight.content_came(delivered.attempt, 1.0)
    fleet.note(0, fleet.again(0, 1.0), Effect.FAILURE, 1.0)
    if has_come_back:
        fleet.note(0, fleet.again(0, 2.0), Effect.ALIVE, 2.0)
    before = fleet.status(9.0)
    flight.body_broke(delivered.attempt, Fault.READ_TIMEOUT, TroubleError("cut off"), 9.0)
    assert fleet.status(9.0) == before
    assert flight.take_events() == ()
    assert flight.ledger().entries[0].error == "TroubleError: cut off"


def test_a_probe_whose_stream_breaks_lengthens_the_pause() -> None:
    """A probe is a success only if content came."""
    fleet, clock = WatchedFleet(2), Clock()
    fly(fleet, scripted(BAD, GOOD), clock)
    clock.now = 6.0
    trip = fly(fleet, scripted(Answer(is_complete=False), GOOD), clock)
    assert trip.delivered is not None
    assert trip.delivered_index == 0
    trip.flight.body_broke(trip.delivered.attempt, Fault.BROKEN, TroubleError("cut off"), 6.0)
    status = fleet.status(6.0).endpoints[0]
    assert (status.state, status.retry_in) == ("failed", 2.0)


# The short way.


def test_a_flight_may_take_over_an_attempt_that_was_made_without_it() -> None:
    """The usual request asks the fleet alone; the flight begins where it met with trouble."""
    fleet = Fleet(plain_config(2), random=lambda: 0.0)
    ticket = fleet.first(0.0)
    assert ticket is not None
    flight: Flight[Response] = Flight(fleet, 0.0)
    attempt = flight.take_off(ticket)
    error = TroubleError("refused")
    command = flight.tell(Failed(attempt, error, Fault.CONNECT, Phase.CONNECT), 1.0)
    assert isinstance(command, Send)
    assert command.attempt.index == 1
    assert flight.attempts == 2
    assert lines(flight.ledger()) == [
        "1. r0: TroubleError: refused (connect) after 1.00 s",
        "2. r1: pending",
    ]


# Words.


def test_the_ledger_tells_an_error_in_words_and_without_keys() -> None:
    """Promise 6: a key that an error quotes is masked; an empty error borrows its cause's text."""
    fleet = WatchedFleet(1)
    flight: Flight[Response] = Flight(fleet, 0.0)
    command = flight.begin(0.0)
    assert isinstance(command, Send)
    error = TroubleError()
    error.__cause__ = TroubleError()
    error.__cause__.__context__ = OSError("bad header b'key-0'")
    given_up = flight.tell(Failed(command.attempt, error, Fault.CONNECT, Phase.CONNECT), 0.25)
    assert isinstance(given_up, GiveUp)
    assert given_up.error is error
    assert lines(flight.ledger()) == [
        "1. r0: TroubleError: bad header b'***' (connect) after 0.25 s"
    ]
    assert fleet.status(0.25).endpoints[0].last_error == "TroubleError: bad header b'***'"


def test_an_error_without_any_text_is_told_by_its_name() -> None:
    fleet = WatchedFleet(1)
    flight: Flight[Response] = Flight(fleet, 0.0)
    command = flight.begin(0.0)
    assert isinstance(command, Send)
    flight.tell(Failed(command.attempt, TroubleError(), Fault.CONNECT, Phase.CONNECT), 0.0)
    assert flight.ledger().entries[0].error == "TroubleError"


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b'{"error": {"code": "content_filter"}}', "400 content_filter"),
        (b'{"error": {"code": "400"}}', "400"),
        (b"<html>", "400"),
    ],
)
def test_the_ledger_tells_the_code_of_an_error_answer(body: bytes, line: str) -> None:
    trip = fly(WatchedFleet(1), scripted(Answer(400, body=body)))
    assert lines(trip.ledger) == [f"1. r0: {line} after 0.00 s"]


# The last word.


def test_an_answer_that_came_is_given_back_when_exceptions_follow() -> None:
    """Promise 9: an SDK can be told by an answer, not by an exception, to leave it at that."""
    trip = fly(WatchedFleet(3), scripted(Answer(500), BAD, Trouble(Fault.CONNECT)))
    assert trip.sent == [0, 1, 2]
    assert trip.delivered_index == 1
    assert trip.ledger.is_exhausted
    assert trip.ledger.endpoint == "r1"


def test_an_open_answer_that_was_passed_over_is_gone() -> None:
    trip = fly(WatchedFleet(2), scripted(Answer(503, is_complete=False), Trouble(Fault.CONNECT)))
    assert trip.delivered is None
    assert trip.error is trip.errors[0]
    assert len(trip.discarded) == 1


def test_an_answer_of_an_endpoint_that_was_passed_over_is_not_given_back_too_soon() -> None:
    """With endpoints left that the deadline withholds, the true last outcome counts."""
    slow = Trouble(Fault.READ_TIMEOUT, seconds=3.0)
    trip = fly(WatchedFleet(3), scripted(BAD, slow, GOOD), deadline=2.0)
    assert trip.delivered is None
    assert trip.error is trip.errors[0]
