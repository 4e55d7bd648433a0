"""Extra attempts stay a share of the traffic, whatever happens."""

from __future__ import annotations

from itertools import accumulate

import pytest
from examples import examples
from hypothesis import given, settings, strategies as st
from scripted_flight import (
    Answer,
    Clock,
    Outcome,
    Response,
    Trouble,
    TroubleError,
    WatchedFleet,
    fly,
    scripted,
)

from azure_failover.core.budget import Budget
from azure_failover.core.events import RetryRefused
from azure_failover.core.flight import Flight
from azure_failover.core.ledger import Phase
from azure_failover.core.steps import Answered, Deliver, Failed, Report, Send
from azure_failover.core.verdict import Effect, Fault

GOOD = Answer()
STALE = Trouble(Fault.STALE)
BUSY = Answer(429, retry_after=0.0)
TINY = 1e-6

TURNS = st.lists(
    st.tuples(st.floats(0.0, 60.0) | st.just(0.0), st.integers(0, 40), st.booleans()),
    min_size=1,
    max_size=60,
)
"""Seconds that pass, requests that start, and whether one asks for something extra."""


@given(
    TURNS,
    st.floats(0.01, 1.0),
    st.sampled_from((0.0, 0.5, 3.0)),
    st.sampled_from((1.0, 2.0, 10.0)),
)
@settings(max_examples=examples(120))
def test_extra_attempts_stay_within_budget_over_any_window(
    turns: list[tuple[float, int, bool]], share: float, rate: float, capacity: float
) -> None:
    """Promise 9: at most the capacity, the share of its requests, and the rate, in any window."""
    budget = Budget(share, rate=rate, capacity=capacity)
    times = [*accumulate(seconds for seconds, _, _ in turns)]
    started = [*accumulate(requests for _, requests, _ in turns)]
    granted = [
        (times[turn], started[turn])
        for turn, (_, _, asks) in enumerate(turns)
        if asks and budget.take(started[turn], times[turn])
    ]
    for first, (begin, before) in enumerate(granted):
        for last, (end, until) in enumerate(granted[first:], first):
            earned = share * (until - before) + rate * (end - begin)
            assert last - first + 1 <= capacity + earned + TINY


@given(TURNS, st.floats(0.01, 1.0))
def test_what_was_saved_up_can_be_taken(turns: list[tuple[float, int, bool]], share: float) -> None:
    """No one is refused while the window since the last full budget still has something left."""
    budget = Budget(share)
    now, started, tokens = 0.0, 0, 10.0
    for turn, (seconds, requests, asks) in enumerate(turns):
        now, started = now + seconds, started + requests
        if turn:
            tokens = min(10.0, tokens + share * requests + 0.5 * seconds)
        else:
            budget.take(started, now)
            tokens = 9.0
        if turn and asks:
            is_granted = budget.take(started, now)
            if abs(tokens - 1.0) > TINY:
                assert is_granted == (tokens >= 1.0)
            tokens -= is_granted


def test_a_share_of_nothing_allows_nothing_and_is_no_news() -> None:
    budget = Budget(0.0)
    assert not any(budget.take(1000 * turn, 1000.0 * turn) for turn in range(5))
    assert not budget.is_news


def test_a_clock_that_steps_back_takes_nothing_away() -> None:
    budget = Budget(0.2, capacity=1.0)
    assert budget.take(0, 100.0)
    assert not budget.take(0, 50.0)
    assert budget.take(0, 52.0)


def test_a_spent_budget_is_news_once_until_it_was_full_again() -> None:
    """A refusal now and then is told; each one of a storm would be a storm of its own."""
    budget = Budget(0.2, rate=1.0, capacity=2.0)
    asked = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0]
    told = [not budget.take(0, now) and budget.is_news for now in asked]
    assert told == [False, False, True, False, False, False, False, False, True, False]


# In a fleet.


def busy_at_first(_: int, tries: int) -> Outcome:
    """Each endpoint throttles a request once, and then serves it."""
    return GOOD if tries else BUSY


def stale_at_first(_: int, tries: int) -> Outcome:
    """At each endpoint a pooled connection dies; a fresh one serves."""
    return GOOD if tries else STALE


def test_attempts_after_a_wait_are_a_share_of_the_requests() -> None:
    """Promise 9: when everything is throttled, most requests are told so at once."""
    fleet = WatchedFleet(2, on_throttle="wait")
    trips = [fly(fleet, busy_at_first) for _ in range(100)]
    sent = [trip.sent for trip in trips]
    assert sent[:10] == [[0, 0]] * 10
    assert 20 <= sent.count([0, 0]) <= 10 + 0.2 * 100
    assert sent.count([0, 0]) + sent.count([0]) == 100
    statuses = [trip.delivered.response.status for trip in trips if trip.delivered]
    assert statuses == [200 if each == [0, 0] else 429 for each in sent]


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_second_chances_are_not_rationed(share: float) -> None:
    """However many connections are dead, none is the request's end, and none draws on a budget."""
    fleet = WatchedFleet(2, retry_budget=share, on_throttle="wait")
    trips = [fly(fleet, stale_at_first) for _ in range(100)]
    assert [trip.sent for trip in trips] == [[0, 0]] * 100
    assert [trip.delivered_index for trip in trips] == [0] * 100
    assert [event for trip in trips for event in trip.flight.take_events()] == []
    assert fleet.status(0.0).failed_endpoints == ()
    fresh = WatchedFleet(2, retry_budget=share, on_throttle="wait")
    waits = [[fly(each, busy_at_first).waits for _ in range(30)] for each in (fleet, fresh)]
    assert waits[0] == waits[1]


@pytest.mark.parametrize("well", [0, 1, 2])
def test_many_stale_connections_at_once_lose_nothing_while_the_others_are_down(well: int) -> None:
    """Promise 3: the one well endpoint answers each request, over a fresh connection."""
    fleet = WatchedFleet(3)
    flights: list[Flight[Response]] = [Flight(fleet, 0.0) for _ in range(40)]
    commands = [flight.begin(0.0) for flight in flights]
    sent: list[list[int]] = [[] for _ in flights]
    for turn in range(4):
        for place, (flight, command) in enumerate(zip(flights, commands, strict=True)):
            if isinstance(command, Deliver):
                continue
            assert isinstance(command, Send)
            attempt = command.attempt
            is_second = attempt.index in sent[place]
            sent[place].append(attempt.index)
            assert attempt.is_fresh == is_second
            report: Report[Response]
            if attempt.index == well and not is_second:
                report = Failed(attempt, TroubleError("stale"), Fault.STALE, Phase.WAIT)
            else:
                status = 200 if attempt.index == well else 503
                answer = Response(attempt.index, status)
                report = Answered(attempt, answer, status, is_complete=True)
            commands[place] = flight.tell(report, float(turn))
    assert [
        command.response.status if isinstance(command, Deliver) else command for command in commands
    ] == [200] * 40
    assert all(tried.count(well) == 2 for tried in sent)
    assert [one.state for one in fleet.status(4.0).endpoints][well] == "healthy"


SCRIPTS = st.lists(
    st.tuples(
        st.floats(0.0, 5.0) | st.just(0.0),
        st.sampled_from((BUSY, BUSY, STALE, Answer(503), GOOD)),
        st.sampled_from((BUSY, STALE, GOOD)),
        st.sampled_from((False,) * 9 + (True,)),
    ),
    min_size=20,
    max_size=120,
)


@given(SCRIPTS, st.sampled_from((0.0, 0.05, 0.2, 1.0)))
@settings(max_examples=examples(60), deadline=None)
def test_a_fleet_stays_within_its_budget_over_any_window(
    script: list[tuple[float, Outcome, Outcome, bool]], share: float
) -> None:
    """Promise 9: also with failovers, which earn nothing, and across resets."""
    fleet = WatchedFleet(2, on_throttle="wait", retry_budget=share, pause=1e-3, max_pause=1e-3)
    clock = Clock()
    extras: list[tuple[float, int]] = []
    for number, (seconds, first, second, resets) in enumerate(script):
        clock.now += seconds
        if resets:
            fleet.reset()
        trip = fly(fleet, scripted(first, second), clock)
        extras += [(clock.now, number)] * len(trip.waits)
        if trip.waits:
            assert share
    for first_extra, (begin, before) in enumerate(extras):
        for last_extra, (end, until) in enumerate(extras[first_extra:], first_extra):
            earned = share * (until - before) + 0.5 * (end - begin)
            assert last_extra - first_extra + 1 <= 10 + earned + TINY


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_refused_wait_is_the_429(*, is_complete: bool) -> None:
    """The answer that asked to wait is handed on, and its body with it; the ledger tells why."""
    fleet = WatchedFleet(2, on_throttle="wait", retry_budget=0)
    throttle = Answer(429, retry_after=3.0, is_complete=is_complete)
    trip = fly(fleet, scripted(throttle, GOOD))
    assert (trip.sent, trip.waits, trip.discarded) == ([0], [], [])
    assert trip.delivered_index == 0
    assert fleet.effects[0] == (0, Effect.THROTTLED)
    assert trip.flight.take_events() == (RetryRefused("r0", is_news=False),)
    assert trip.ledger.entries[0].error == "retry budget spent"


def test_a_refused_wait_adds_to_what_the_answer_said() -> None:
    body = b'{"error": {"code": "RateLimitReached", "message": "enough"}}'
    fleet = WatchedFleet(1, on_throttle="wait", retry_budget=0)
    trip = fly(fleet, scripted(Answer(429, retry_after=3.0, body=body)))
    assert trip.ledger.entries[0].error == "RateLimitReached; retry budget spent"


def test_a_wait_that_the_deadline_forbids_takes_nothing_from_the_budget() -> None:
    """Promise 9: time is asked first, and what is not used is left to others."""
    fleet = WatchedFleet(1, on_throttle="wait")
    late = Answer(429, retry_after=3.0)
    for _ in range(20):
        trip = fly(fleet, scripted(late), deadline=3.0)
        assert (trip.sent, trip.waits, trip.flight.take_events()) == ([0], [], ())
    assert [fly(fleet, busy_at_first).sent for _ in range(10)] == [[0, 0]] * 10


def test_a_storm_is_told_as_news_once() -> None:
    fleet = WatchedFleet(2, on_throttle="wait")
    trips = [fly(fleet, busy_at_first) for _ in range(100)]
    events = [event for trip in trips for event in trip.flight.take_events()]
    refused = [event for event in events if isinstance(event, RetryRefused)]
    assert len(refused) > 1
    assert [event.is_news for event in refused] == [True] + [False] * (len(refused) - 1)


def test_what_requests_earned_outlasts_a_reset() -> None:
    """A reset forgets what was learned of endpoints, not how many requests there were."""
    fleet = WatchedFleet(2)

    def hedges(requests: int) -> int:
        for _ in range(requests):
            assert fleet.first(0.0) is not None
        return sum(fleet.take_hedge(0.0) for _ in range(10))

    assert hedges(100) == 3
    fleet.reset()
    assert hedges(20) == 1
    assert hedges(40) == 2
