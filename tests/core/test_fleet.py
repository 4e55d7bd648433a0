"""All endpoints together: which is next, what is known of them, what is told."""

from __future__ import annotations

import random
from math import inf

import pytest
from core_strategies import plain_config
from examples import examples
from hypothesis import given, settings, strategies as st

from azure_failover.core.course import Course, Reach
from azure_failover.core.events import EndpointFailed, EndpointMisconfigured, EndpointRecovered
from azure_failover.core.fleet import Fleet
from azure_failover.core.verdict import Effect


def fleet_of(count: int = 3, luck: float = 0.0, **policy: object) -> Fleet:
    return Fleet(plain_config(count, **policy), random=lambda: luck)


def fail(fleet: Fleet, index: int, now: float = 0.0, reason: str = "503") -> None:
    fleet.note(index, fleet.again(index, now), Effect.FAILURE, now, reason=reason)


def order_of(fleet: Fleet, now: float) -> list[int]:
    """Ask for one endpoint after another until none is left."""
    tried, order = 0, list[int]()
    while (choice := fleet.choose(tried, now)) is not None:
        order.append(choice.index)
        tried |= 1 << choice.index
    return order


@settings(max_examples=examples(100), deadline=None)
@given(
    st.integers(1, 6).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.integers(0, 5))))
)
def test_endpoints_come_in_order_the_failed_ones_last(drawn: tuple[int, set[int]]) -> None:
    """Promises 1 and 3: the configured order, filtered by health; then the others, in order."""
    count, failed = drawn[0], sorted(index for index in drawn[1] if index < drawn[0])
    fleet = fleet_of(count)
    for index in failed:
        fail(fleet, index)
    healthy = [index for index in range(count) if index not in failed]
    assert order_of(fleet, 0.5) == [*healthy, *failed]


def test_a_choice_tells_what_it_passed_over() -> None:
    """Promise 10: each endpoint that was skipped comes with its reason."""
    fleet = fleet_of(3, on_throttle="failover")
    fail(fleet, 0)
    fleet.note(1, fleet.again(1, 0.0), Effect.THROTTLED, 0.0, retry_after=9.0)
    choice = fleet.choose(0, 0.5)
    assert choice is not None
    assert choice.index == 2
    assert [(skip.index, skip.reason) for skip in choice.skipped] == [
        (0, "failed, to be probed in 0.5 s"),
        (1, "throttled for 8.5 s more"),
    ]


def test_a_probe_keeps_other_requests_away() -> None:
    """Promise 4: while one request probes the primary, the others go to the backup."""
    fleet = fleet_of(2)
    fail(fleet, 0)
    probe = fleet.choose(0, 1.0)
    other = fleet.choose(0, 1.0)
    assert probe is not None
    assert other is not None
    assert (probe.index, probe.ticket.is_probe) == (0, True)
    assert other.index == 1
    assert [skip.reason for skip in other.skipped] == ["another request is probing it"]
    assert fleet.status(1.0).endpoints[0].state == "probing"


def test_without_failback_the_primary_is_passed_over_for_good() -> None:
    fleet = fleet_of(2, failback="never")
    fail(fleet, 0)
    choice = fleet.choose(0, 1e9)
    assert choice is not None
    assert [skip.reason for skip in choice.skipped] == ["failed"]
    assert fleet.status(1e9).endpoints[0].retry_in == inf
    fleet.reset()
    assert order_of(fleet, 1e9) == [0, 1]


@pytest.mark.parametrize(("policy", "expected"), [("failover", [1, 0]), ("return", [0, 1])])
def test_a_throttle_passes_over_an_endpoint_only_if_the_policy_says_so(
    policy: str, expected: list[int]
) -> None:
    """Promise 2: a 429 moves requests on only under ``on_throttle="failover"``."""
    fleet = fleet_of(2, on_throttle=policy)
    fleet.note(0, fleet.again(0, 0.0), Effect.THROTTLED, 0.0, retry_after=10.0)
    assert order_of(fleet, 5.0) == expected
    assert order_of(fleet, 10.0) == [0, 1]
    assert fleet.status(4.0).endpoints[0].throttled_for == 6.0
    assert fleet.status(4.0).endpoints[0].state == "healthy"
    assert fleet.status(4.0).current_index == expected[0]


def test_a_failed_endpoint_that_is_throttled_rests_until_both_are_over() -> None:
    fleet = fleet_of(2, on_throttle="failover")
    fail(fleet, 0)
    fleet.note(0, fleet.again(0, 0.5), Effect.THROTTLED, 0.5, retry_after=4.0)
    choice = fleet.choose(0, 2.0)
    assert choice is not None
    assert [skip.reason for skip in choice.skipped] == ["throttled for 2.5 s more"]


def test_a_lost_probe_of_a_throttled_endpoint_is_not_blamed() -> None:
    """Promise 10: when the lease is over, what keeps requests away is the throttle alone."""
    fleet = fleet_of(2, on_throttle="failover", probe_lease=3.0)
    fail(fleet, 0)
    fleet.again(0, 1.0)
    fleet.note(0, fleet.again(0, 2.0), Effect.THROTTLED, 2.0, retry_after=9.0)
    choice = fleet.choose(0, 5.0)
    assert choice is not None
    assert [skip.reason for skip in choice.skipped] == ["throttled for 6.0 s more"]


# The endpoint that is in use.


def test_a_request_that_may_not_move_goes_to_the_endpoint_in_use() -> None:
    """``auto_failover=False`` tries the first healthy endpoint, and only that."""
    fleet = fleet_of(3)
    fail(fleet, 0)
    choice = fleet.choose(0, 5.0, Course(Reach.CURRENT))
    assert choice is not None
    assert (choice.index, choice.skipped) == (1, ())
    assert fleet.choose(0b010, 5.0, Course(Reach.CURRENT)) is None


def test_the_primary_is_in_use_when_all_failed() -> None:
    fleet = fleet_of(2)
    for index in (0, 1):
        fail(fleet, index)
    choice = fleet.choose(0, 0.5, Course(Reach.CURRENT))
    assert choice is not None
    assert choice.index == 0
    assert fleet.status(0.5).current_index == 0


# Status.


def test_the_status_tells_which_endpoint_is_in_use_and_which_failed() -> None:
    """What users of the former system read: total, current, failed, backups."""
    fleet = fleet_of(3, luck=0.5)
    status = fleet.status(0.0)
    assert (status.total_endpoints, status.available_backups, status.has_backups) == (3, 2, True)
    assert (status.current_endpoint, status.current_type) == ("https://r0.example", "primary")
    assert status.failed_endpoints == ()
    fail(fleet, 0, reason="503 overloaded")
    status = fleet.status(0.25)
    assert (status.current_endpoint, status.current_type) == ("https://r1.example", "backup")
    assert status.failed_endpoints == ("https://r0.example",)
    primary = status.endpoints[0]
    assert (primary.name, primary.type, primary.index) == ("r0", "primary", 0)
    assert primary.state == "failed"
    assert primary.retry_in == pytest.approx(0.85)  # pyright: ignore[reportUnknownMemberType]
    assert (primary.last_error, primary.misconfigured) == ("503 overloaded", None)
    assert (status.current.deployment_name, status.current.retry_in) == ("gpt", 0.0)
    assert fleet.status(9.0).endpoints[0].retry_in == 0.0
    assert len(fleet) == 3


def test_a_lone_endpoint_has_no_backups() -> None:
    assert not fleet_of(1).status(0.0).has_backups


# Events.


def test_an_outage_and_its_end_are_told_once() -> None:
    """What a person wants to know: failed, still failed, serves again; nothing in between."""
    fleet = fleet_of(2)
    first, second = fleet.again(0, 0.0), fleet.again(0, 0.0)
    assert fleet.note(0, first, Effect.FAILURE, 0.0, reason="503") is None
    event = fleet.note(0, second, Effect.FAILURE, 0.0, reason="503")
    assert event == EndpointFailed("r0", "503", 1.0, by_probe=False)
    event = fleet.note(0, fleet.again(0, 1.0), Effect.FAILURE, 6.0, reason="timeout")
    assert event == EndpointFailed("r0", "timeout", 2.0, by_probe=True)
    assert fleet.note(0, fleet.again(0, 8.0), Effect.ALIVE, 8.0) == EndpointRecovered("r0")
    assert fleet.note(0, fleet.again(0, 8.0), Effect.ALIVE, 8.0) is None
    assert fleet.note(0, fleet.again(0, 8.0), Effect.NEUTRAL, 8.0) is None


def test_a_misconfigured_endpoint_is_told_once_and_forgotten_when_it_serves() -> None:
    """A wrong key is flagged and warned of, and counts as no failure."""
    fleet = fleet_of(2)
    event = fleet.note(0, fleet.again(0, 0.0), Effect.ALIVE, 0.0, misconfigured="401")
    assert event == EndpointMisconfigured("r0", "401")
    assert fleet.note(0, fleet.again(0, 0.0), Effect.ALIVE, 0.0, misconfigured="401 x") is None
    status = fleet.status(0.0).endpoints[0]
    assert (status.misconfigured, status.state) == ("401 x", "healthy")
    assert fleet.note(0, fleet.again(0, 0.0), Effect.ALIVE, 0.0) is None
    assert fleet.status(0.0).endpoints[0].misconfigured is None


def test_an_endpoint_that_comes_back_misconfigured_is_told_as_misconfigured() -> None:
    fleet = fleet_of(2)
    fail(fleet, 0)
    event = fleet.note(0, fleet.again(0, 1.0), Effect.ALIVE, 1.0, misconfigured="403")
    assert event == EndpointMisconfigured("r0", "403")
    assert fleet.status(1.0).endpoints[0].state == "healthy"


# Reset and late results.


@settings(max_examples=examples(100), deadline=None)
@given(effects=st.lists(st.sampled_from(Effect), min_size=1, max_size=8), has_failed=st.booleans())
def test_a_reset_forgets_everything_and_what_is_under_way_changes_nothing(
    effects: list[Effect], *, has_failed: bool
) -> None:
    """After a reset the fleet is as new, however the attempts of before end."""
    fleet = fleet_of(2, on_throttle="failover")
    tickets = [fleet.again(0, 0.0) for _ in effects]
    if has_failed:
        for _ in range(9):
            fail(fleet, 0)
    fleet.reset()
    for ticket, effect in zip(tickets, effects, strict=True):
        event = fleet.note(
            0,
            ticket,
            effect,
            1.0,
            reason="late",
            retry_after=50.0,
            misconfigured="late" if effect is Effect.ALIVE else None,
        )
        assert event is None
    assert fleet.status(1.0) == fleet_of(2).status(1.0)
    assert order_of(fleet, 1.0) == [0, 1]


def test_the_attempts_after_a_reset_count_again() -> None:
    fleet = fleet_of(2)
    fleet.reset()
    fail(fleet, 0)
    assert order_of(fleet, 0.5) == [1, 0]


@settings(max_examples=examples(100), deadline=None)
@given(
    steps=st.lists(st.sampled_from(("start", "fail", "flag", "land", "wait")), max_size=15),
    which=st.randoms(use_true_random=False),
)
def test_the_quick_way_to_note_a_success_says_the_same_as_the_long_one(
    steps: list[str], which: random.Random
) -> None:
    """The usual case takes a short cut, and nothing but time is saved by it."""
    quick, long, now = fleet_of(2), fleet_of(2), 0.0
    tickets = [(quick.again(0, now), long.again(0, now))]
    for step in steps:
        if step == "wait":
            now += 0.7
        elif step == "start" or not tickets:
            tickets.append((quick.again(0, now), long.again(0, now)))
        else:
            one, other = tickets.pop(which.randrange(len(tickets)))
            if step == "land":
                assert quick.landed(one, now) == long.note(0, other, Effect.ALIVE, now)
            else:
                effect = Effect.FAILURE if step == "fail" else Effect.ALIVE
                flag = "401" if step == "flag" else None
                quick.note(0, one, effect, now, reason="x", misconfigured=flag)
                long.note(0, other, effect, now, reason="x", misconfigured=flag)
        assert quick.status(now) == long.status(now)


def test_the_quick_way_to_the_primary_is_open_while_nothing_stands_against_it() -> None:
    """The usual case asks for no more than this, and decides as the full choice does."""
    fleet = fleet_of(2, on_throttle="failover")
    assert fleet.first(0.0) is not None
    fleet.note(0, fleet.again(0, 0.0), Effect.THROTTLED, 0.0, retry_after=10.0)
    assert fleet.first(5.0) is None
    assert fleet.first(10.0) is not None
    fleet.reset()
    fail(fleet, 0)
    assert fleet.first(0.5) is None
    assert fleet.first(1.0) is None, "a probe is for the full choice"


# The usual request.


def test_the_usual_request_starts_at_a_primary_that_is_well() -> None:
    """Each start has a number of its own, so that a later success vouches for an earlier start."""
    fleet = fleet_of(2)
    tickets = [fleet.first(now) for now in (0.0, 0.1, 10.0)]
    assert [ticket.sequence for ticket in tickets if ticket is not None] == [1, 2, 3]


def test_the_usual_request_looks_closer_at_a_primary_that_is_throttled() -> None:
    fleet = Fleet(plain_config(2, on_throttle="failover"), random=lambda: 0.0)
    fleet.note(0, fleet.again(0, 0.0), Effect.THROTTLED, 0.0, retry_after=5.0)
    assert fleet.first(4.9) is None
    assert fleet.first(5.0) is not None
