"""How a deadline is shared out among the attempts of a request."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from scripted_flight import Answer, Clock, Trouble, WatchedFleet, fly, scripted

from azure_failover.core.allowance import NO_DEADLINE, SLACK, Deadline
from azure_failover.core.course import Course, Reach
from azure_failover.core.verdict import Effect, Fault

GOOD = Answer()
HANG = Trouble(Fault.READ_TIMEOUT, seconds=1e9)
SECONDS = st.floats(0.01, 1e4)
NOW = st.floats(0.0, 1e6)


@given(SECONDS, NOW, st.integers(0, 9), st.floats(0.0, 100.0))
def test_an_attempt_gets_twice_what_is_kept_for_each_after_it(
    left: float, now: float, others: int, reserve: float
) -> None:
    """Promise 9: what is kept is at most the reserve, and never starves the attempt itself."""
    deadline = Deadline.after(left, now)
    allowance = deadline.allowance(now, others, reserve)
    assert allowance is not None
    if not others:
        assert allowance == deadline.ends - now
        return
    kept = (deadline.ends - now - allowance) / others
    assert -1e-6 <= kept <= reserve + 1e-6
    assert allowance >= 2 * kept - 1e-6
    assert kept == pytest.approx(reserve, abs=1e-6) or allowance == pytest.approx(2 * kept)


@given(SECONDS, NOW, st.integers(1, 5))
def test_up_to_five_endpoints_that_hang_are_all_asked(
    seconds: float, now: float, count: int
) -> None:
    """Promise 9: each gets so much that useful time is left for the last."""
    deadline = Deadline.after(seconds, now)
    for others in reversed(range(count)):
        assert not deadline.is_late(now)
        allowance = deadline.allowance(now, others, 10.0)
        assert allowance is not None
        now += allowance
    assert deadline.is_over(now)


@given(SECONDS, NOW)
def test_nothing_starts_when_too_little_time_is_left(seconds: float, now: float) -> None:
    """Promise 9: half a second, or a twentieth of a short deadline, is of no use."""
    deadline = Deadline.after(seconds, now)
    least = min(0.5, seconds / 20)
    assert not deadline.is_late(now)
    assert not deadline.is_late(deadline.ends - 1.01 * least - 1e-9)
    assert deadline.is_late(deadline.ends - 0.99 * least + 1e-9)
    assert not deadline.is_over(deadline.ends - 2 * SLACK)
    assert deadline.is_over(deadline.ends - SLACK / 2)


def test_without_a_deadline_there_is_no_limit() -> None:
    deadline = Deadline.after(None, 5.0)
    assert deadline is NO_DEADLINE
    assert not deadline.is_late(1e300)
    assert not deadline.is_over(1e300)
    assert deadline.allowance(1e300, 3, 10.0) is None


# In a flight.


def test_a_hang_is_cut_in_time_for_the_others_and_counts_as_a_timeout() -> None:
    """Promise 9: cut by its share, an endpoint has failed; cut by the deadline, nobody has."""
    fleet = WatchedFleet(3)
    trip = fly(fleet, scripted(HANG, HANG, HANG), deadline=30.0, is_strict=True)
    assert trip.sent == [0, 1, 2]
    assert trip.starts == [0.0, 15.0, 25.0]
    assert trip.limits == [15.0, 10.0, 5.0]
    assert trip.clock.now == 30.0
    assert fleet.effects == [(0, Effect.FAILURE), (1, Effect.FAILURE), (2, Effect.NEUTRAL)]
    assert trip.error is trip.errors[-1]


def test_nothing_is_kept_for_an_endpoint_that_is_marked_failed() -> None:
    """A guess about the primary's chance: it gets what the backup would hardly use."""
    fleet = WatchedFleet(2, pause=100.0)
    fleet.note(1, fleet.again(1, 0.0), Effect.FAILURE, 0.0)
    assert fly(fleet, scripted(GOOD, GOOD), deadline=30.0).limits == [30.0]


def test_time_is_kept_when_every_endpoint_is_marked_failed() -> None:
    """Promise 3: then one guess is as good as the other, and none may use up all the time."""
    fleet, clock = WatchedFleet(2, pause=100.0), Clock()
    fly(fleet, scripted(Answer(503), Answer(503)), clock)
    trip = fly(fleet, scripted(HANG, GOOD), clock, deadline=30.0, is_strict=True)
    assert trip.limits == [20.0, 10.0]
    assert trip.delivered_index == 1


@pytest.mark.parametrize(
    ("course", "is_replayable"),
    [
        (Course(Reach.CURRENT), True),
        (Course(Reach.PINNED, 1), True),
        (Course(closed={1: "cannot take it", 2: "nor this"}), True),
        (Course(), False),
    ],
    ids=["stays", "pinned", "others closed", "sent only once"],
)
def test_nothing_is_kept_where_the_request_cannot_go(
    course: Course, *, is_replayable: bool
) -> None:
    trip = fly(
        WatchedFleet(3),
        scripted(GOOD, GOOD, GOOD),
        course=course,
        is_replayable=is_replayable,
        deadline=30.0,
    )
    assert trip.limits == [30.0]


@pytest.mark.parametrize(("deadline", "least"), [(20.0, 0.5), (2.0, 0.1)])
def test_an_endpoint_that_could_be_given_no_useful_time_is_not_asked(
    deadline: float, least: float
) -> None:
    """Promise 9: the outcome that is there is handed back instead."""
    for left, sent in ((least * 1.01, [0, 1]), (least * 0.99, [0])):
        refused = Trouble(Fault.CONNECT, seconds=deadline - left)
        trip = fly(WatchedFleet(2), scripted(refused, GOOD), deadline=deadline)
        assert trip.sent == sent
        assert not trip.ledger.is_exhausted


@pytest.mark.parametrize(("deadline", "waits"), [(3.2, [3.0]), (3.1, [])])
def test_a_wait_leaves_useful_time_or_is_not_made(deadline: float, waits: list[float]) -> None:
    fleet = WatchedFleet(1, on_throttle="wait")
    trip = fly(fleet, scripted(Answer(429, retry_after=3.0)), deadline=deadline)
    assert trip.waits == waits
    assert trip.delivered_index == 0


def test_a_reserve_of_nothing_keeps_nothing() -> None:
    trip = fly(WatchedFleet(3, reserve=0), scripted(GOOD, GOOD, GOOD), deadline=30.0)
    assert trip.limits == [30.0]


OUTCOMES = st.lists(
    st.builds(Answer, st.sampled_from((200, 429, 503)), seconds=st.floats(0.0, 40.0))
    | st.builds(Trouble, st.sampled_from(Fault), seconds=st.floats(0.0, 40.0))
    | st.just(HANG),
    min_size=1,
    max_size=5,
)


@given(OUTCOMES, st.floats(0.1, 60.0), st.floats(0.0, 20.0))
def test_an_attempt_that_is_cut_costs_no_more_than_its_share(
    outcomes: list[Answer | Trouble], deadline: float, reserve: float
) -> None:
    """Promise 9: one budget for all attempts, and an endpoint is blamed for its share alone."""
    fleet = WatchedFleet(len(outcomes), reserve=reserve)
    trip = fly(fleet, lambda index, _: outcomes[index], deadline=deadline, is_strict=True)
    assert trip.clock.now <= deadline + 1e-6
    if reserve > 10.0 and all(outcome is HANG for outcome in outcomes):
        assert trip.sent == [*range(len(outcomes))]
    for entry, (_, effect) in zip(trip.ledger.attempts, fleet.effects, strict=True):
        assert entry.elapsed is not None
        if entry.error == "TroubleError: cut":
            ended = entry.started + entry.elapsed
            is_ours = ended + SLACK >= deadline
            assert effect is (Effect.NEUTRAL if is_ours else Effect.FAILURE)
