"""Several attempts of one flight under way at once: when they start, who wins, what is noted."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from scripted_flight import Response, TroubleError, WatchedFleet

from azure_failover.core.course import Course, Reach
from azure_failover.core.events import EndpointFailed
from azure_failover.core.flight import Flight
from azure_failover.core.ledger import Phase
from azure_failover.core.pace import ANY_KIND, CROWD, KNOWN
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
    Send,
)
from azure_failover.core.verdict import Effect, Fault

Flown = Flight[Response]


def sent(command: Command[Response]) -> Send:
    """Insist that something is to be sent."""
    assert isinstance(command, Send)
    return command


def answer(
    flight: Flown, attempt: Attempt, now: float, status: int = 200, *, is_complete: bool = True
) -> Command[Response]:
    """Answer an attempt."""
    response = Response(attempt.index, status)
    return flight.tell(Answered(attempt, response, status, is_complete), now)


def fail(
    flight: Flown, attempt: Attempt, now: float, fault: Fault = Fault.BROKEN
) -> Command[Response]:
    """Let an attempt fail."""
    return flight.tell(Failed(attempt, TroubleError(fault.value), fault, Phase.WAIT), now)


def told(flight: Flown) -> list[tuple[int, str]]:
    """Give the ledger as pairs."""
    return [(entry.index, entry.outcome) for entry in flight.ledger().entries]


def probing_fleet(count: int = 3, **policy: object) -> WatchedFleet:
    """Give a fleet whose primary failed and may be probed at 10."""
    fleet = WatchedFleet(count, **policy)
    fleet.note(0, fleet.again(0, 0.0), Effect.FAILURE, 0.0)
    fleet.forget()
    return fleet


def learned_fleet(count: int = 3, seconds: float = 1.0, **policy: object) -> WatchedFleet:
    """Give a fleet whose primary is known to answer within a time."""
    fleet = WatchedFleet(count, **policy)
    for _ in range(KNOWN):
        fleet.landed(fleet.again(0, 0.0), seconds, seconds)
    fleet.forget()
    return fleet


# Hedged probes.


def test_a_probe_is_backed_by_the_next_endpoint_after_two_seconds() -> None:
    """Nobody waits a whole timeout for a dead primary."""
    flight = Flown(probing_fleet(), 10.0)
    probe = sent(flight.begin(10.0))
    assert (probe.attempt.index, probe.patience) == (0, 2.0)
    backup = sent(flight.tell(Overdue(), 12.0))
    assert (backup.attempt.index, backup.patience) == (1, None)
    delivered = answer(flight, backup.attempt, 12.5)
    assert isinstance(delivered, Deliver)
    assert delivered.response.index == 1
    assert told(flight) == [(0, "cancelled"), (1, "answered")]


def test_a_probe_that_is_outrun_has_failed() -> None:
    """It had two seconds more than the backup: the next request need not wait for it again."""
    fleet = probing_fleet(pause=1.0)
    flight = Flown(fleet, 10.0)
    flight.begin(10.0)
    backup = sent(flight.tell(Overdue(), 12.0))
    answer(flight, backup.attempt, 12.5)
    primary = fleet.status(12.5).endpoints[0]
    assert primary.state == "failed"
    assert primary.retry_in == pytest.approx(12.5 / 3), "a third of the time that it has failed"
    (event,) = flight.take_events()
    assert isinstance(event, EndpointFailed)
    assert event.by_probe


def test_a_probe_that_answers_first_wins_the_primary_back() -> None:
    """The backup beside it is cut, and that says nothing of the backup."""
    fleet = probing_fleet()
    flight = Flown(fleet, 10.0)
    probe = sent(flight.begin(10.0)).attempt
    flight.tell(Overdue(), 12.0)
    assert isinstance(answer(flight, probe, 12.1), Deliver)
    assert [status.state for status in fleet.status(12.1).endpoints] == ["healthy"] * 3
    assert told(flight) == [(0, "answered"), (1, "cancelled")]
    assert fleet.effects[-1] == (1, Effect.NEUTRAL)


def test_a_probe_that_fails_soon_is_followed_by_the_next() -> None:
    """There is nothing to hedge then."""
    flight = Flown(probing_fleet(), 10.0)
    probe = sent(flight.begin(10.0))
    following = sent(fail(flight, probe.attempt, 10.1))
    assert (following.attempt.index, following.patience) == (1, None)


def test_when_the_backup_beside_a_probe_fails_the_probe_is_waited_for() -> None:
    """Trouble with one is no reason to go further while the other is under way."""
    flight = Flown(probing_fleet(), 10.0)
    probe = sent(flight.begin(10.0)).attempt
    backup = sent(flight.tell(Overdue(), 12.0)).attempt
    assert isinstance(fail(flight, backup, 12.1), Await)
    assert isinstance(answer(flight, probe, 13.0), Deliver)


def test_when_both_fail_the_journey_goes_on() -> None:
    """The third endpoint is next."""
    flight = Flown(probing_fleet(), 10.0)
    probe = sent(flight.begin(10.0)).attempt
    backup = sent(flight.tell(Overdue(), 12.0)).attempt
    assert isinstance(answer(flight, backup, 12.1, 503), Await)
    assert sent(fail(flight, probe, 13.0)).attempt.index == 2


@pytest.mark.parametrize(
    ("course", "is_replayable"),
    [(Course(Reach.PINNED, 0), True), (Course(Reach.CURRENT), True), (Course(), False)],
)
def test_what_may_not_move_is_not_hedged(course: Course, is_replayable: bool) -> None:
    """Promise 8: state stays where it was made; and a body that is gone cannot be sent twice."""
    fleet = probing_fleet(1, hedge_after=1.0)
    flight = Flown(fleet, 10.0, course=course, is_replayable=is_replayable)
    assert sent(flight.begin(10.0)).patience is None


def test_probes_are_not_hedged_if_the_policy_says_so() -> None:
    """``hedge_probes_after=None`` switches it off."""
    flight = Flown(probing_fleet(hedge_probes_after=None), 10.0)
    assert sent(flight.begin(10.0)).patience is None


def test_a_probe_without_a_backup_is_waited_for() -> None:
    """There is nowhere else to go."""
    flight = Flown(probing_fleet(1), 10.0)
    probe = sent(flight.begin(10.0))
    assert isinstance(flight.tell(Overdue(), 12.0), Await)
    assert isinstance(answer(flight, probe.attempt, 50.0), Deliver)


# Second chances beside others.


@pytest.mark.parametrize("dies", [0, 1])
def test_a_stale_connection_is_tried_again_at_once_beside_another_attempt(dies: int) -> None:
    """Promise 1: it reached nobody, and to wait for the other would be to give up a well one."""
    fleet = WatchedFleet(2, hedge_after=1.0)
    flight = Flown(fleet, 0.0)
    attempts = [sent(flight.begin(0.0)).attempt, sent(flight.tell(Overdue(), 1.0)).attempt]
    again = sent(fail(flight, attempts[dies], 1.1, Fault.STALE))
    assert (again.attempt.index, again.attempt.is_fresh, again.patience) == (dies, True, None)
    assert isinstance(answer(flight, attempts[1 - dies], 1.2, 503), Await)
    delivered = answer(flight, again.attempt, 1.3)
    assert isinstance(delivered, Deliver)
    assert delivered.response.index == dies
    assert {*fleet.given} == {*fleet.returned}


def test_a_second_chance_that_breaks_beside_another_attempt_leaves_it_to_that_one() -> None:
    """There is one second chance at each endpoint, in a race as well; then it has failed."""
    fleet = WatchedFleet(2, hedge_after=1.0)
    flight = Flown(fleet, 0.0)
    first = sent(flight.begin(0.0)).attempt
    hedge = sent(flight.tell(Overdue(), 1.0)).attempt
    again = sent(fail(flight, first, 1.1, Fault.STALE)).attempt
    assert isinstance(fail(flight, again, 1.2, Fault.STALE), Await)
    assert fleet.status(1.2).failed_endpoints == ("https://r0.example",)
    assert isinstance(answer(flight, hedge, 1.3), Deliver)
    assert told(flight) == [(0, "failed"), (1, "answered"), (0, "failed")]


def test_a_stale_connection_is_not_tried_again_for_something_better_than_a_final_answer() -> None:
    """Promise 2: the 429 is returned as soon as nothing else is under way."""
    flight = Flown(WatchedFleet(hedge_after=1.0), 0.0)
    first = sent(flight.begin(0.0)).attempt
    hedge = sent(flight.tell(Overdue(), 1.0)).attempt
    answer(flight, hedge, 1.1, 429)
    delivered = fail(flight, first, 2.0, Fault.STALE)
    assert isinstance(delivered, Deliver)
    assert delivered.response.status == 429


# Hedges.


def test_a_second_attempt_starts_beside_a_slow_one_if_the_policy_says_so() -> None:
    """After so many seconds; the first good answer wins."""
    flight = Flown(WatchedFleet(hedge_after=1.5), 0.0)
    first = sent(flight.begin(0.0))
    assert first.patience == 1.5
    second = sent(flight.tell(Overdue(), 1.5))
    assert (second.attempt.index, second.patience) == (1, None)
    assert isinstance(answer(flight, first.attempt, 1.6), Deliver)
    assert told(flight) == [(0, "answered"), (1, "cancelled")]


def test_a_hedge_waits_for_what_is_usual() -> None:
    """``"p95"`` is what 95 % of such requests take, and never as long as that is not known."""
    unknown = Flown(WatchedFleet(hedge_after="p95"), 0.0)
    assert sent(unknown.begin(0.0)).patience is None
    patience = sent(Flown(learned_fleet(hedge_after="p95"), 0.0).begin(0.0)).patience
    assert patience == pytest.approx(1.0, rel=0.2)


def test_a_flight_is_hedged_once() -> None:
    """The second attempt has no third beside it."""
    flight = Flown(WatchedFleet(hedge_after=1.0), 0.0)
    flight.begin(0.0)
    assert sent(flight.tell(Overdue(), 1.0)).patience is None
    assert isinstance(flight.tell(Overdue(), 9.0), Await)


@given(st.integers(1, 400))
def test_at_most_a_twentieth_of_all_requests_is_hedged(count: int) -> None:
    """And three more, so that few requests may be hedged too."""
    fleet = WatchedFleet(hedge_after=1.0)
    hedges = 0
    for number in range(count):
        flight = Flown(fleet, 10.0 * number)
        first = sent(flight.begin(10.0 * number)).attempt
        hedges += isinstance(flight.tell(Overdue(), 10.0 * number + 1.0), Send)
        answer(flight, first, 10.0 * number + 2.0)
    assert hedges <= 3 + 0.05 * (count + hedges)
    assert hedges >= min(count, 3)


# Who wins.


@pytest.mark.parametrize("status", [429, 401, 403])
def test_a_refusal_beside_another_attempt_is_kept_for_later(status: int) -> None:
    """It would have been the caller's; now the other may do better."""
    flight = Flown(WatchedFleet(hedge_after=1.0), 0.0)
    first = sent(flight.begin(0.0)).attempt
    hedge = sent(flight.tell(Overdue(), 1.0)).attempt
    assert isinstance(answer(flight, hedge, 1.1, status), Await)
    delivered = answer(flight, first, 1.2)
    assert isinstance(delivered, Deliver)
    assert delivered.response.index == 0


@pytest.mark.parametrize("ends", ["breaks", "503", "503, to be read"])
def test_a_refusal_that_was_kept_is_the_callers_when_the_other_fails(ends: str) -> None:
    """Promise 2: a 429 is returned, not followed by a third endpoint."""
    flight = Flown(WatchedFleet(hedge_after=1.0), 0.0)
    first = sent(flight.begin(0.0)).attempt
    hedge = sent(flight.tell(Overdue(), 1.0)).attempt
    answer(flight, hedge, 1.1, 429)
    if ends == "breaks":
        command = fail(flight, first, 2.0)
    else:
        command = answer(flight, first, 2.0, 503, is_complete=ends == "503")
    if isinstance(command, Discard):
        command = flight.proceed(2.0)
    assert isinstance(command, Deliver)
    assert command.response.status == 429
    assert flight.ledger().endpoint == "r1"


def test_a_refusal_that_the_policy_fails_over_is_not_kept_for_the_end() -> None:
    """Then it is like any other trouble."""
    policy = {"hedge_after": 1.0, "on_throttle": "failover", "on_misconfigured": "failover"}
    for status in (429, 401):
        flight = Flown(WatchedFleet(**policy), 0.0)  # type: ignore[arg-type]
        first = sent(flight.begin(0.0)).attempt
        hedge = sent(flight.tell(Overdue(), 1.0)).attempt
        answer(flight, hedge, 1.1, status)
        assert sent(fail(flight, first, 2.0)).attempt.index == 2


def test_an_error_of_the_callers_own_wins_at_once() -> None:
    """Every endpoint would say the same."""
    flight = Flown(WatchedFleet(hedge_after=1.0), 0.0)
    flight.begin(0.0)
    hedge = sent(flight.tell(Overdue(), 1.0)).attempt
    assert isinstance(answer(flight, hedge, 1.1, 400), Deliver)


def test_our_own_trouble_with_one_does_not_end_the_other() -> None:
    """A full pool for the hedge is no reason to give up the first."""
    flight = Flown(WatchedFleet(hedge_after=1.0), 0.0)
    first = sent(flight.begin(0.0)).attempt
    hedge = sent(flight.tell(Overdue(), 1.0)).attempt
    assert isinstance(fail(flight, hedge, 1.1, Fault.POOL_TIMEOUT), Await)
    assert isinstance(fail(flight, first, 1.2, Fault.POOL_TIMEOUT), GiveUp)


def test_a_cancelled_flight_gives_every_ticket_back() -> None:
    """What is under way when the caller leaves proves nothing."""
    fleet = probing_fleet()
    flight = Flown(fleet, 10.0)
    flight.begin(10.0)
    flight.tell(Overdue(), 12.0)
    flight.cancelled(13.0)
    assert fleet.effects == [(0, Effect.NEUTRAL), (1, Effect.NEUTRAL)]
    assert told(flight) == [(0, "cancelled"), (1, "cancelled")]


# Silence.


def crowd(fleet: WatchedFleet, now: float, count: int = CROWD + 1) -> list[tuple[Flown, Attempt]]:
    """Let requests start that nobody answers, but for one."""
    flights = [Flown(fleet, now) for _ in range(count)]
    attempts = [sent(flight.begin(now)).attempt for flight in flights]
    answer(flights[0], attempts[0], now + 0.1)
    return list(zip(flights, attempts, strict=True))[1:]


def test_many_that_wait_in_vain_fail_an_endpoint_before_any_times_out() -> None:
    """The next request that starts finds the endpoint silent, and goes elsewhere."""
    fleet = learned_fleet()
    crowd(fleet, 10.0)
    early = Flown(fleet, 10.5)
    assert sent(early.begin(10.5)).attempt.index == 0
    late = Flown(fleet, 14.0)
    assert sent(late.begin(14.0)).attempt.index == 1
    (event,) = late.take_events()
    assert isinstance(event, EndpointFailed)
    assert event.by_silence
    assert fleet.status(14.0).endpoints[0].state == "failed"
    assert "silent" in str(fleet.status(14.0).endpoints[0].last_error)


def test_the_quick_start_sees_silence_too() -> None:
    """The usual case gives way to the closer look."""
    fleet = learned_fleet()
    crowd(fleet, 10.0)
    assert fleet.first(10.2, ANY_KIND) is not None
    assert fleet.first(14.0, ANY_KIND) is None


def test_a_sentry_moves_on_when_its_endpoint_is_silent() -> None:
    """It keeps an eye even if no other request ever starts."""
    fleet = learned_fleet()
    flights = crowd(fleet, 10.0, CROWD + 3)
    (sentry,) = [flight for flight, attempt in flights if attempt.ticket.is_sentry]
    command = sentry.tell(Overdue(), 11.0)
    assert isinstance(command, Await)
    assert command.patience is not None
    now = 11.0 + command.patience
    moved = sent(sentry.tell(Overdue(), now))
    assert moved.attempt.index == 1
    assert fleet.status(now).endpoints[0].state == "failed"


def test_an_attempt_that_was_cut_for_silence_goes_to_the_next() -> None:
    """The endpoint is marked already; nothing is counted twice."""
    fleet = learned_fleet()
    flight, attempt = crowd(fleet, 10.0)[0]
    Flown(fleet, 14.0).begin(14.0)
    generation = fleet.status(14.0).endpoints[0].retry_in
    assert sent(fail(flight, attempt, 14.0, Fault.SILENT)).attempt.index == 1
    assert fleet.status(14.0).endpoints[0].retry_in == generation


def test_an_attempt_that_waits_since_before_learns_of_a_later_silence() -> None:
    """Its endpoint failed and came back meanwhile; it waits all the longer."""
    fleet = learned_fleet()
    ticket = fleet.again(0, 5.0)
    fleet.note(0, fleet.again(0, 5.0), Effect.FAILURE, 40.0)
    assert fleet.status(40.0).endpoints[0].state == "failed"
    fleet.note(0, fleet.again(0, 42.0), Effect.ALIVE, 42.0)
    assert not fleet.is_silenced(0, ticket)
    crowd(fleet, 50.0)
    Flown(fleet, 60.0).begin(60.0)
    assert fleet.is_silenced(0, ticket)


def test_an_answer_that_comes_late_does_not_tell_what_is_usual() -> None:
    """Late results change nothing: stragglers of an outage would make silence seem usual."""
    fleet = WatchedFleet(1)
    early = [fleet.again(0, 0.0) for _ in range(KNOWN)]
    fleet.reset()
    for ticket in early:
        fleet.heard(0, ticket, 60.0, 60.0)
        fleet.note(0, ticket, Effect.ALIVE, 60.0)
    assert fleet.usual(fleet.again(0, 60.0)) is None


def test_silence_is_not_noticed_if_the_policy_says_so() -> None:
    """``detect_silence=False`` switches it off."""
    fleet = learned_fleet(detect_silence=False)
    crowd(fleet, 10.0)
    assert sent(Flown(fleet, 1000.0).begin(1000.0)).attempt.index == 0


def test_slow_requests_of_another_kind_are_not_silence() -> None:
    """What is usual is learned for each operation and deployment by itself."""
    fleet = learned_fleet()
    slow = ("chat/completions", "o1")
    flights = [Flown(fleet, 10.0, kind=slow) for _ in range(CROWD + 1)]
    attempts = [sent(flight.begin(10.0)).attempt for flight in flights]
    answer(flights[0], attempts[0], 10.1)
    assert sent(Flown(fleet, 100.0, kind=slow).begin(100.0)).attempt.index == 0


def test_endless_patience_is_none() -> None:
    """A driver is never told to wait for ``inf`` seconds."""
    flight = Flown(probing_fleet(1, hedge_probes_after=None), 10.0)
    assert sent(flight.begin(10.0)).patience is None
