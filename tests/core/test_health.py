"""The health of one endpoint: when it trips, how long it rests, how it comes back."""

from __future__ import annotations

from math import inf
from typing import TypeAlias

import pytest
from examples import examples
from hypothesis import given, settings, strategies as st

from azure_failover.core.health import (
    FRESH,
    FRESH_LEAST,
    HEALTHY_STRETCH,
    JITTER,
    PAUSE_SHARE,
    TRANSITIONS,
    Cue,
    Health,
    Pacing,
    State,
)
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import RETRY_AFTER_CAP, Effect

PACING = Pacing(pause=1.0, max_pause=300.0, probe_lease=30.0, may_return=True)
NEUTRAL = (Effect.NEUTRAL, Effect.THROTTLED)
SOME = settings(max_examples=examples(75), deadline=None)


def healthy(pacing: Pacing = PACING) -> Health:
    return Health(pacing)


def attempt(health: Health, effect: Effect, at: float = 0.0, **hints: float) -> Cue | None:
    """Start and finish an attempt at one time."""
    return health.finish(health.start(at), effect, at, **hints)


def tripped(at: float = 0.0, pacing: Pacing = PACING) -> Health:
    health = healthy(pacing)
    assert attempt(health, Effect.FAILURE, at) is Cue.TRIPPED
    return health


# The table.


def test_every_state_has_its_row_and_every_cue_its_place() -> None:
    """The table is complete: no state is forgotten, no cue is never used."""
    assert TRANSITIONS.keys() == {*State}
    assert {cue for row in TRANSITIONS.values() for cue in row} == {*Cue}


def test_every_state_can_be_reached_and_left() -> None:
    """No state is a trap: each can be reached from HEALTHY, and HEALTHY from each."""
    for start in State:
        reached = {start}
        while more := {to for state in reached for to in TRANSITIONS[state].values()} - reached:
            reached |= more
        assert reached == {*State}


JOURNEYS: dict[tuple[State, Cue], tuple[str, ...]] = {
    (State.HEALTHY, Cue.TRIPPED): ("fail",),
    (State.HEALTHY, Cue.FELL_SILENT): ("silence",),
    (State.HEALTHY, Cue.RESET): ("reset",),
    (State.FAILED, Cue.RESET): ("fail", "reset"),
    (State.PROBING, Cue.RESET): ("fail", "wait", "start", "reset"),
    (State.FAILED, Cue.PAUSE_OVER): ("fail", "wait", "start"),
    (State.FAILED, Cue.ALIVE): ("fail", "succeed"),
    (State.PROBING, Cue.ALIVE): ("fail", "wait", "succeed"),
    (State.PROBING, Cue.PROBE_FAILED): ("fail", "wait", "fail"),
    (State.PROBING, Cue.PROBE_RELEASED): ("fail", "wait", "cancel"),
    (State.PROBING, Cue.LEASE_OVER): ("fail", "wait", "start", "wait", "start"),
}


@pytest.mark.parametrize(("state", "cue"), [(s, c) for s, row in TRANSITIONS.items() for c in row])
def test_every_move_of_the_table_happens(state: State, cue: Cue) -> None:
    """Each cell of the table is reached by attempts and the passing of time alone."""
    health, now, before = healthy(), 0.0, State.HEALTHY
    effects = {"fail": Effect.FAILURE, "succeed": Effect.ALIVE, "cancel": Effect.NEUTRAL}
    for step in JOURNEYS[state, cue]:
        before, generation = health.state, health.generation
        if step == "wait":
            now += 31.0
            continue
        if step == "silence":
            health.fall_silent(now, 0.0)
            continue
        if step == "reset":
            health.reset()
            continue
        ticket = health.start(now)
        if step != "start":
            before, generation = health.state, health.generation
            assert health.finish(ticket, effects[step], now) in (cue, Cue.TRIPPED)
        assert health.generation > generation
    assert before is state
    assert health.state is TRANSITIONS[state][cue]


# When it trips.


def test_the_first_failure_at_low_traffic_trips() -> None:
    """With nothing else under way that could vouch for it, one failure is enough."""
    health = healthy()
    for second in range(0, 200, 10):
        assert attempt(health, Effect.ALIVE, float(second)) is None
    assert attempt(health, Effect.FAILURE, 200.0) is Cue.TRIPPED
    assert health.state is State.FAILED


def test_the_first_of_a_few_attempts_that_fails_trips() -> None:
    """Who sends a few requests by hand sees the first failure in the status."""
    health = healthy()
    for _ in range(FRESH_LEAST - 2):
        assert attempt(health, Effect.ALIVE) is None
    assert attempt(health, Effect.FAILURE) is Cue.TRIPPED


@pytest.mark.parametrize(("silence", "is_tripped"), [(0.0, False), (FRESH, False), (3.1, True)])
def test_a_success_that_just_came_outweighs_a_single_failure(
    silence: float, is_tripped: bool
) -> None:
    """Amid traffic a failure alone is no news, until nothing good was heard for 3 s."""
    health = healthy()
    for _ in range(FRESH_LEAST - 1):
        assert attempt(health, Effect.ALIVE) is None
    assert (attempt(health, Effect.FAILURE, silence) is Cue.TRIPPED) == is_tripped


def test_amid_traffic_a_second_failure_in_a_row_trips() -> None:
    """What one failure did not prove, two do; a success between them makes each the first."""
    health = healthy()
    for _ in range(20):
        assert attempt(health, Effect.ALIVE) is None
    for _ in range(3):
        assert attempt(health, Effect.FAILURE) is None
        assert attempt(health, Effect.ALIVE) is None
    assert attempt(health, Effect.FAILURE) is None
    assert attempt(health, Effect.FAILURE) is Cue.TRIPPED


def test_a_success_counts_when_it_came_back_wherever_it_started() -> None:
    """A slow success that started before the latest is news all the same."""
    health = healthy()
    slow = health.start(0.0)
    for _ in range(FRESH_LEAST - 2):
        assert attempt(health, Effect.ALIVE) is None
    assert health.finish(slow, Effect.ALIVE, 9.0) is None
    assert attempt(health, Effect.FAILURE, 9.0 + FRESH) is None


@pytest.mark.parametrize(
    ("under_way", "every", "trips_at"),
    [
        (100, 6, None),
        (100, 5, 5),
        (100, 1, 5),
        (24, 5, None),
        (25, 5, 5),
        (2, 1, 2),
        (4, 1, 4),
    ],
)
def test_at_high_traffic_a_fifth_of_the_attempts_must_fail(
    under_way: int, every: int, trips_at: int | None
) -> None:
    """At least 5 failures, a fifth of what started up to the latest of them; or all there is."""
    health = healthy()
    tickets = [health.start(0.0) for _ in range(under_way)]
    cues = [health.finish(ticket, Effect.FAILURE, 1.0) for ticket in tickets[every - 1 :: every]]
    found = cues.index(Cue.TRIPPED) + 1 if Cue.TRIPPED in cues else None
    assert found == trips_at


def test_what_started_after_the_latest_failure_does_not_vouch() -> None:
    """In a hang the oldest time out first: what is still young cannot speak for the endpoint."""
    health = healthy()
    tickets = [health.start(second / 100) for second in range(1000)]
    cues = [health.finish(ticket, Effect.FAILURE, 10.0) for ticket in tickets[:5]]
    assert cues == [None] * 4 + [Cue.TRIPPED]


def test_fast_failures_before_slow_successes_do_not_trip() -> None:
    """Outcomes are weighed by start order: successes that are still to come may vouch."""
    health = healthy()
    tickets = [health.start(0.0) for _ in range(100)]
    for ticket in tickets[::10][:4]:
        assert health.finish(ticket, Effect.FAILURE, 0.1) is None
    for ticket in tickets[1::2]:
        assert health.finish(ticket, Effect.ALIVE, 2.0) is None
    assert health.state is State.HEALTHY


def test_a_failure_that_started_before_a_success_is_vouched_for() -> None:
    """A success vouches for all that started before it."""
    health = healthy()
    slow, quick = health.start(0.0), health.start(0.1)
    assert health.finish(quick, Effect.ALIVE, 0.2) is None
    assert health.finish(slow, Effect.FAILURE, 60.0) is None
    assert health.state is State.HEALTHY


def vouched_failure(health: Health, at: float) -> Cue | None:
    """Start two attempts; the later succeeds, so that only the window counts the earlier."""
    bad, good = health.start(at), health.start(at)
    assert health.finish(good, Effect.ALIVE, at) is None
    return health.finish(bad, Effect.FAILURE, at)


def test_half_of_ten_in_the_window_trips() -> None:
    """Of 10 or more that started within 30 s, half failed, although others succeed."""
    health = healthy()
    cues = [vouched_failure(health, at=float(second)) for second in range(5)]
    assert cues == [None, None, None, None, Cue.TRIPPED]


def test_failures_leave_the_window() -> None:
    """What started more than 30 s ago is no longer counted."""
    health = healthy()
    assert [vouched_failure(health, at=float(at)) for at in range(0, 10 * 12, 12)] == [None] * 10


def test_a_late_failure_counts_where_it_started() -> None:
    """A failure that started before the window proves nothing about the window."""
    health = healthy()
    old = [health.start(0.0) for _ in range(20)]
    for _ in range(10):
        attempt(health, Effect.ALIVE, at=100.0)
    cues = [health.finish(ticket, Effect.FAILURE, 100.0) for ticket in old[1:]]
    cues.append(health.finish(old[0], Effect.NEUTRAL, 100.0))
    assert cues == [None] * 20


@pytest.mark.parametrize("lost", [1, 3, 12])
@pytest.mark.parametrize(("age", "is_tripped"), [(0.0, False), (26.0, False), (33.0, True)])
def test_what_never_ended_hides_no_outage(lost: int, age: float, *, is_tripped: bool) -> None:
    """Abandoned attempts might still succeed for 30 s; then the first failure counts again."""
    health = healthy()
    attempt(health, Effect.ALIVE)
    for _ in range(lost):
        health.start(0.0)
    assert (attempt(health, Effect.FAILURE, age) is Cue.TRIPPED) == is_tripped


def test_an_attempt_that_took_long_to_fail_counts() -> None:
    """A hang that ends after the window is a failure like any other."""
    health = healthy()
    slow = health.start(0.0)
    assert health.finish(slow, Effect.FAILURE, 300.0) is Cue.TRIPPED


def test_what_ended_within_the_window_is_not_waited_for() -> None:
    """Failures and neutral ends of the last 30 s vouch for nothing."""
    health = healthy()
    health.start(0.0)
    first, second = health.start(40.0), health.start(40.0)
    void = health.start(40.0)
    assert health.finish(first, Effect.FAILURE, 41.0) is None
    assert health.finish(void, Effect.NEUTRAL, 41.0) is None
    assert health.finish(second, Effect.FAILURE, 41.0) is Cue.TRIPPED


@settings(max_examples=examples(75), deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.floats(3.1, 100.0))
def test_one_request_at_a_time_trips_at_its_first_failure(
    outcomes: list[bool], apart: float
) -> None:
    """Promise 4: at low traffic a failed endpoint is marked at once, and no other is."""
    health = healthy()
    for number, is_good in enumerate(outcomes):
        cue = attempt(health, Effect.ALIVE if is_good else Effect.FAILURE, number * apart)
        assert cue is (None if is_good else Cue.TRIPPED)
        if not is_good:
            return
    assert health.state is State.HEALTHY


@settings(max_examples=examples(75), deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.floats(0.0, 100.0))
def test_one_request_at_a_time_trips_at_its_second_failure_in_a_row(
    outcomes: list[bool], apart: float
) -> None:
    """However quickly they follow, two failures in a row mark an endpoint."""
    health = healthy()
    for number, (before, is_good) in enumerate(zip([True, *outcomes], outcomes, strict=False)):
        attempt(health, Effect.ALIVE if is_good else Effect.FAILURE, number * apart)
        if not before and not is_good:
            assert health.state is State.FAILED
        if health.state is State.FAILED:
            return


@SOME
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 12))
def test_an_older_success_clears_no_newer_failure(has_ended: list[bool], more: int) -> None:
    """Whatever trips without a success that started earlier trips with it, and no later."""

    def trips_after(*, with_success: bool) -> int:
        health = healthy()
        older = health.start(0.0)
        tickets = [health.start(0.0) for _ in has_ended]
        failing = [ticket for ticket, ended in zip(tickets, has_ended, strict=True) if ended]
        for number, ticket in enumerate([*failing, *(health.start(0.0) for _ in range(more))]):
            if with_success and number == len(failing):
                health.finish(older, Effect.ALIVE, 0.0)
            if health.finish(ticket, Effect.FAILURE, 0.0) is Cue.TRIPPED:
                return number
        return 1000

    assert trips_after(with_success=True) <= trips_after(with_success=False)


# Neutral outcomes.

Step: TypeAlias = tuple[str, int, float]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("start", "good", "bad", "vouched", "vouched")),
        st.integers(0, 30),
        st.floats(0.0, 9.0) | st.just(0.0),
    ),
    max_size=60,
)


@settings(max_examples=examples(100), deadline=None)
@given(STEPS, st.lists(st.tuples(st.integers(0, 60), st.sampled_from(NEUTRAL)), max_size=10))
def test_neutral_attempts_change_no_later_decision(
    steps: list[Step], neutral: list[tuple[int, Effect]]
) -> None:
    """A pool timeout, a cancellation, our own deadline: as if the attempt had never been."""

    def history(*, with_neutral: bool) -> list[tuple[str, float]]:
        health, now = healthy(), 0.0
        tickets: list[Ticket] = []
        seen: list[tuple[str, float]] = []
        for number, (action, which, passed) in enumerate(steps):
            if with_neutral and health.state is State.HEALTHY:
                for place, effect in neutral:
                    if place == number:
                        assert attempt(health, effect, now) is None
            now += passed
            if action == "vouched" and health.state is State.HEALTHY:
                seen.append((str(vouched_failure(health, now)), health.failed_until))
            elif action in ("start", "vouched") or not tickets:
                tickets.append(health.start(now))
            else:
                effect = Effect.ALIVE if action == "good" else Effect.FAILURE
                cue = health.finish(tickets.pop(which % len(tickets)), effect, now)
                seen.append((str(cue), health.failed_until))
        return seen

    assert history(with_neutral=True) == history(with_neutral=False)


@SOME
@given(
    st.lists(st.tuples(st.sampled_from(Effect), st.floats(0.0, 50.0), st.booleans()), max_size=30)
)
def test_neutral_attempts_change_nothing_in_any_state(
    steps: list[tuple[Effect, float, bool]],
) -> None:
    """One at a time, over failure, probes and recovery: neutral attempts leave no trace."""
    touched, plain, now = healthy(), healthy(), 0.0
    for effect, passed, is_visited in steps:
        now += passed
        if is_visited:
            attempt(touched, Effect.NEUTRAL, now)
        assert touched.is_open(now) == plain.is_open(now)
        assert str(attempt(touched, effect, now)) == str(attempt(plain, effect, now))
        assert (touched.state, touched.failed_until) == (plain.state, plain.failed_until)


@pytest.mark.parametrize("effect", NEUTRAL)
def test_many_neutral_attempts_do_not_hide_an_outage(effect: Effect) -> None:
    """Cancelled callers prove nothing: the next failure still trips at once."""
    health = healthy()
    for _ in range(50):
        attempt(health, effect)
    assert attempt(health, Effect.FAILURE) is Cue.TRIPPED


@pytest.mark.parametrize("effect", NEUTRAL)
def test_neutral_attempts_do_not_count_in_the_window(effect: Effect) -> None:
    """Neither do they thin out half of the attempts, nor do they make up ten."""
    health = healthy()
    for second in range(4):
        attempt(health, effect, at=float(second))
        assert vouched_failure(health, at=float(second)) is None
    assert vouched_failure(health, at=4.0) is Cue.TRIPPED
    health = healthy()
    for second in range(4):
        attempt(health, effect, at=float(second))
        attempt(health, effect, at=float(second))
        assert vouched_failure(health, at=float(second)) is None


# Generations.


@SOME
@given(st.lists(st.sampled_from(Effect), max_size=20), st.floats(0.0, 200.0))
def test_late_results_of_an_older_generation_change_nothing(
    effects: list[Effect], retry_after: float
) -> None:
    """A burst of stragglers can neither lengthen a pause nor undo it."""
    health = healthy()
    tickets = [health.start(0.0) for _ in effects]
    last = [health.start(0.0) for _ in range(20)]
    for ticket in last:
        health.finish(ticket, Effect.FAILURE, 0.0)
    assert health.state is State.FAILED
    before = (health.state, health.generation, health.failed_until, health.throttled_until)
    for ticket, effect in zip(tickets, effects, strict=True):
        assert health.finish(ticket, effect, 0.5, retry_after=retry_after) is None
    after = (health.state, health.generation, health.failed_until, health.throttled_until)
    assert after == before


def test_bad_news_of_what_had_succeeded_counts_as_a_failure_of_its_own() -> None:
    """A stream that breaks after content trips at low traffic, and a later start vouches for it."""
    health = healthy()
    stream, later = health.start(0.0), health.start(1.0)
    for ticket in (stream, later):
        assert health.finish(ticket, Effect.ALIVE, 2.0) is None
    news = health.resume(stream, 3.0)
    assert news.sequence > later.sequence
    assert health.finish(news, Effect.FAILURE, 3.0) is Cue.TRIPPED


def test_streams_that_break_one_after_another_lengthen_no_pause() -> None:
    """A region dies under many streams: those that notice later start no probe, and fail none."""
    health = healthy()
    streams = [health.start(0.0) for _ in range(8)]
    for stream in streams:
        health.finish(stream, Effect.ALIVE, 1.0)
    for stream in streams[:2]:
        health.finish(health.resume(stream, 2.0), Effect.FAILURE, 2.0)
    before = (health.state, health.generation, health.failed_until)
    assert before[0] is State.FAILED
    for number, stream in enumerate(streams[2:]):
        now = 2.5 + 5.0 * number
        assert health.finish(health.resume(stream, now), Effect.FAILURE, now) is None
    assert (health.state, health.generation, health.failed_until) == before


def test_the_stream_that_won_an_endpoint_back_can_lose_it_again() -> None:
    """A probe whose content came, and which then breaks, is news of the time after the recovery."""
    health = tripped()
    probe = health.start(1.0)
    assert health.finish(probe, Effect.ALIVE, 1.5) is Cue.ALIVE
    assert health.finish(health.resume(probe, 2.0), Effect.FAILURE, 2.0) is Cue.TRIPPED


def test_a_reset_forgets_pauses_and_throttles() -> None:
    """What is under way comes late, and the next pause is short."""
    health = tripped()
    for _ in range(4):
        attempt(health, Effect.FAILURE, health.failed_until)
    late = health.start(5.0)
    attempt(health, Effect.THROTTLED, 5.0, retry_after=90.0)
    health.reset()
    assert (health.state, health.failed_until, health.throttled_until) == (
        State.HEALTHY,
        -inf,
        -inf,
    )
    assert health.finish(late, Effect.FAILURE, 6.0) is None
    assert attempt(health, Effect.FAILURE, 6.0) is Cue.TRIPPED
    assert health.failed_until == 7.0


# Probes.


def test_only_one_probe_is_under_way_at_a_time() -> None:
    """Promise 4: a failed endpoint is won back by a single probe."""
    health = tripped()
    assert not health.is_open(0.9)
    assert health.is_open(1.0)
    probe = health.start(1.0)
    assert probe.is_probe
    assert health.state is State.PROBING
    assert not health.is_open(1.0)
    assert not health.start(1.0).is_probe
    assert health.finish(probe, Effect.ALIVE, 1.5) is Cue.ALIVE
    assert health.is_open(1.5)


@pytest.mark.parametrize("effect", NEUTRAL)
def test_a_probe_without_a_verdict_frees_the_place(effect: Effect) -> None:
    """A cancelled probe lengthens no pause: the next request probes."""
    health = tripped()
    assert attempt(health, effect, 1.0) is Cue.PROBE_RELEASED
    assert health.state is State.FAILED
    assert health.is_open(1.0)
    assert health.start(1.0).is_probe


def test_a_throttled_probe_waits_as_long_as_it_was_told() -> None:
    """A 429 to a probe is neither failure nor success, and its ``Retry-After`` is honoured."""
    health = tripped()
    assert attempt(health, Effect.THROTTLED, 1.0, retry_after=7.0) is Cue.PROBE_RELEASED
    assert not health.is_open(7.9)
    assert health.is_open(8.0)


def test_a_lost_probe_frees_the_place_when_its_lease_ends() -> None:
    """A hung or forgotten probe is given up, and its late outcome changes nothing."""
    health = tripped()
    lost = health.start(1.0)
    assert not health.is_open(30.9)
    assert health.is_open(31.0)
    second = health.start(31.0)
    assert second.is_probe
    assert health.finish(lost, Effect.ALIVE, 32.0) is None
    assert health.state is State.PROBING
    assert health.finish(second, Effect.FAILURE, 33.0) is Cue.PROBE_FAILED


def test_a_forced_success_brings_an_endpoint_back() -> None:
    """Promise 3: tried because nothing else was left, an endpoint that works is believed."""
    for at in (0.5, 1.0):
        health = tripped()
        if at >= 1.0:
            assert health.start(at).is_probe
        forced = health.start(at)
        assert not forced.is_probe
        assert health.finish(forced, Effect.ALIVE, at) is Cue.ALIVE
        assert health.state is State.HEALTHY


@pytest.mark.parametrize("effect", [Effect.FAILURE, *NEUTRAL])
def test_a_forced_attempt_that_fails_lengthens_no_pause(effect: Effect) -> None:
    health = tripped()
    assert attempt(health, effect, 0.5) is None
    assert (health.state, health.failed_until) == (State.FAILED, 1.0)


# Pauses.


def test_the_pause_is_a_third_of_the_time_of_failing() -> None:
    """So an endpoint comes back at most a third too late; never under 1 s, never over the cap."""
    health, longest, pause = tripped(), PACING.max_pause / (1 + JITTER), 1.0
    for _ in range(40):
        now = health.failed_until
        assert attempt(health, Effect.FAILURE, now) is Cue.PROBE_FAILED
        pause = health.failed_until - now
        assert pause == pytest.approx(max(1.0, min(now * PAUSE_SHARE, longest)))
    assert pause == pytest.approx(longest)


def test_the_time_that_probes_take_counts_as_failing() -> None:
    """A hang that is found out by one slow probe is not probed the sooner for it."""
    health = tripped()
    probe = health.start(1.0)
    assert health.finish(probe, Effect.FAILURE, 31.0) is Cue.PROBE_FAILED
    assert health.failed_until - 31.0 == pytest.approx(31.0 * PAUSE_SHARE)


@SOME
@given(
    luck=st.floats(0.0, 1.0, exclude_max=True),
    retry_after=st.none() | st.floats(0.0, 1e6),
    pause=st.floats(0.1, 100.0),
    probes=st.integers(0, 80),
)
def test_a_pause_is_jittered_and_never_shorter_than_a_hint(
    luck: float, retry_after: float | None, pause: float, probes: int
) -> None:
    """0 to 20 % are added, within the cap, and a ``Retry-After`` of up to 120 s is waited for."""
    health = tripped(pacing=Pacing(pause, 300.0, 30.0, may_return=True))
    for _ in range(probes):
        attempt(health, Effect.FAILURE, health.failed_until)
    now = health.failed_until
    attempt(health, Effect.FAILURE, now, luck=luck, **_hint(retry_after))
    found = health.failed_until - now
    plain = max(pause, min(now * PAUSE_SHARE, 300.0 / (1 + JITTER)))
    least = max(plain, min(retry_after or 0.0, RETRY_AFTER_CAP))
    assert found >= least * (1 - 1e-9) - 1e-6
    assert found <= max(plain * (1 + JITTER), least) * (1 + 1e-9) + 1e-6
    assert found <= 300.0 * (1 + 1e-9) + 1e-6


def _hint(retry_after: float | None) -> dict[str, float]:
    return {} if retry_after is None else {"retry_after": retry_after}


@SOME
@given(st.lists(st.tuples(st.floats(0.0, 200.0), st.booleans()), max_size=20), st.data())
def test_the_later_of_two_deadlines_wins(
    steps: list[tuple[float, bool]], data: st.DataObject
) -> None:
    """No failure ever shortens a pause, and no throttle a throttle."""
    health, now = tripped(), 0.0
    for passed, is_failure in steps:
        now += passed
        failed_until, throttled_until = health.failed_until, health.throttled_until
        effect = Effect.FAILURE if is_failure else Effect.THROTTLED
        attempt(health, effect, now, retry_after=data.draw(st.floats(0.0, 300.0)))
        assert health.failed_until >= failed_until
        assert health.throttled_until >= throttled_until
        assert health.throttled_until <= now + RETRY_AFTER_CAP


@pytest.mark.parametrize(("stretch", "expected"), [(0.0, 50.0), (124.9, 91.6), (125.0, 1.0)])
def test_pauses_start_short_again_after_a_healthy_stretch(stretch: float, expected: float) -> None:
    """After 5 of its last pauses in good health an endpoint is forgiven; before, it flaps."""
    health = tripped()
    attempt(health, Effect.FAILURE, 75.0)
    assert health.failed_until == 100.0
    assert attempt(health, Effect.ALIVE, 150.0) is Cue.ALIVE
    assert HEALTHY_STRETCH * 25.0 == 125.0
    now = 150.0 + stretch
    assert attempt(health, Effect.FAILURE, now) is Cue.TRIPPED
    assert health.failed_until - now == pytest.approx(expected, abs=0.1)


def test_without_failback_a_failed_endpoint_is_not_probed() -> None:
    """Promise 4: ``failback="never"`` keeps the old sticky behaviour."""
    health = tripped(pacing=Pacing(1.0, 300.0, 30.0, may_return=False))
    assert health.failed_until == inf
    assert not health.is_open(1e12)
    assert not health.start(1e12).is_probe
    assert attempt(health, Effect.ALIVE, 1e12) is Cue.ALIVE


# Throttling.


@pytest.mark.parametrize("retry_after", [None, 7.0, 86400.0])
def test_a_throttle_is_neither_failure_nor_success(retry_after: float | None) -> None:
    """A 429 sets the gate for as long as Azure asks, but at most 120 s, and nothing else."""
    health = healthy()
    assert attempt(health, Effect.THROTTLED, 5.0, **_hint(retry_after)) is None
    assert health.state is State.HEALTHY
    expected = -inf if retry_after is None else 5.0 + min(retry_after, 120.0)
    assert health.throttled_until == expected


def test_recovery_forgets_the_evidence() -> None:
    """After a recovery one success does not have to make up for the outage."""
    health = healthy()
    for ticket in [health.start(0.0) for _ in range(12)]:
        health.finish(ticket, Effect.FAILURE, 0.0)
    attempt(health, Effect.ALIVE, 1.0)
    first, second = health.start(1.0), health.start(1.0)
    assert health.finish(first, Effect.FAILURE, 1.0) is None
    assert health.finish(second, Effect.ALIVE, 1.0) is None
    assert health.state is State.HEALTHY
