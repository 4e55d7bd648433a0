"""What a flight tells of its attempts, each time once."""

from __future__ import annotations

from scripted_flight import Answer, Clock, Trouble, WatchedFleet, fly, scripted

from azure_failover.core.events import AttemptFailed, FailedOver, ProbeStarted
from azure_failover.core.ledger import Phase
from azure_failover.core.sse import StreamError
from azure_failover.core.verdict import Fault

GOOD = Answer()


def test_failed_attempts_and_moves_are_told_in_order_and_once() -> None:
    script = scripted(Answer(503, seconds=1.0), Trouble(Fault.READ_TIMEOUT, seconds=2.0), GOOD)
    flight = fly(WatchedFleet(3), script).flight
    assert flight.take_news() == (
        AttemptFailed(endpoint="r0", status=503, error=None, phase=None, elapsed=1.0),
        FailedOver(endpoint="r1", origin="r0"),
        AttemptFailed(
            endpoint="r1",
            status=None,
            error="TroubleError: read timeout",
            phase=Phase.WAIT,
            elapsed=2.0,
        ),
        FailedOver(endpoint="r2", origin="r1"),
    )
    assert flight.take_news() == ()


def test_a_second_attempt_at_the_same_endpoint_is_no_move() -> None:
    trip = fly(WatchedFleet(1), lambda _, count: GOOD if count else Trouble(Fault.STALE))
    assert [type(event) for event in trip.flight.take_news()] == [AttemptFailed]


def test_a_probe_is_told() -> None:
    fleet, clock = WatchedFleet(2), Clock()
    fly(fleet, scripted(Answer(503), GOOD), clock)
    clock.now += 5.0
    assert fly(fleet, scripted(GOOD), clock).flight.take_news() == (ProbeStarted("r0"),)
    assert fly(fleet, scripted(GOOD), clock).flight.take_news() == ()


def test_what_the_caller_gets_as_its_own_is_no_failed_attempt() -> None:
    for answer in (Answer(400), Answer(404), Answer(200, hides=400, is_complete=False)):
        trip = fly(WatchedFleet(2), scripted(answer))
        assert trip.flight.take_news() == ()


def test_a_skip_is_no_news() -> None:
    fleet, clock = WatchedFleet(2), Clock()
    fly(fleet, scripted(Answer(503), GOOD), clock)
    trip = fly(fleet, scripted(GOOD, GOOD), clock)
    assert trip.sent == [1]
    assert trip.flight.take_news() == ()


def test_a_stream_that_fails_later_is_told_then() -> None:
    trip = fly(WatchedFleet(1), scripted(Answer(is_complete=False, has_content=True)))
    assert trip.flight.take_news() == ()
    assert trip.delivered is not None
    body = b'{"error": {"code": "server_error"}}'
    error = StreamError(body, "server_error", "")
    trip.flight.stream_failed(trip.delivered.attempt, error, trip.clock.now)
    (told,) = trip.flight.take_news()
    assert isinstance(told, AttemptFailed)
    assert (told.error, told.phase) == ("server_error", Phase.BODY)
