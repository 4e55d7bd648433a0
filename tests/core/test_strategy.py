"""The order in which one request tries the endpoints, under each strategy."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, permutations
from typing import Any, get_args

import pytest
from core_strategies import plain_config
from examples import examples
from hypothesis import given, settings, strategies as st
from scripted_flight import Answer, Clock, Outcome, Trouble, WatchedFleet, fly

from azure_failover.core.config import Config
from azure_failover.core.course import ANYWHERE, Course, Reach
from azure_failover.core.fleet import Fleet
from azure_failover.core.strategy import (
    FIRST_SHARE,
    Measures,
    Order,
    Strategy,
    drawn,
    share_of,
    tiers_of,
)
from azure_failover.core.verdict import Effect, Fault

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
UNKNOWN = Measures([None] * 9, [0] * 9)


def seeded(seed: int) -> random.Random:
    """Give luck that is the same in each run."""
    return random.Random(seed)


def draw_from(
    strategy: Strategy,
    tiers: Sequence[int],
    *,
    luck: Callable[[], float],
    weights: Sequence[float] = (1.0,) * 9,
    measures: Measures = UNKNOWN,
    turn: int = 0,
) -> tuple[int, ...]:
    return drawn(
        strategy, tiers_of(tiers), weights=weights, measures=measures, turn=turn, random=luck
    )


# What holds under every strategy.


@st.composite
def draws(draw: st.DrawFn) -> dict[str, Any]:
    """Draw all that an order depends on but luck."""
    count = draw(st.integers(1, 6))

    def each(strategy: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(strategy, min_size=count, max_size=count))

    return {
        "strategy": draw(st.sampled_from(STRATEGIES)),
        "tiers": each(st.integers(0, 3)),
        "weights": each(st.floats(5e-324, 1e308)),
        "measures": Measures(each(st.none() | st.floats(0.0, 1e9)), each(st.integers(0, 50))),
        "turn": draw(st.integers(0, 10**12)),
    }


LUCK = st.integers(0, 2**32).map(seeded)


@given(draws(), LUCK)
def test_an_order_names_each_endpoint_once_and_tiers_one_after_the_other(
    given_here: dict[str, Any], luck: random.Random
) -> None:
    """Promise 1: each endpoint at most once; a permutation in which tiers never interleave."""
    order = draw_from(luck=luck.random, **given_here)
    assert sorted(order) == [*range(len(given_here["tiers"]))]
    tiers = [given_here["tiers"][index] for index in order]
    assert tiers == sorted(tiers)


@given(draws(), st.integers(0, 2**32))
def test_an_order_follows_from_its_luck(given_here: dict[str, Any], seed: int) -> None:
    """Promise 11: the same numbers and the same random source give the same order."""
    one = draw_from(luck=seeded(seed).random, **given_here)
    assert draw_from(luck=seeded(seed).random, **given_here) == one


@pytest.mark.parametrize("luck", [0.0, 1.0 - 2**-53])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_ends_of_luck_are_luck_too(strategy: Strategy, luck: float) -> None:
    assert sorted(draw_from(strategy, [0] * 5, luck=lambda: luck)) == [0, 1, 2, 3, 4]


# Each strategy.


def test_priority_keeps_the_configured_order_within_a_tier() -> None:
    """Promise 1, with provisioned throughput before pay-as-you-go."""
    assert draw_from("priority", [1, 0, 1, 0], luck=lambda: 0.5) == (1, 3, 0, 2)


def firsts_of(orders: Iterator[tuple[int, ...]], closed: Sequence[int] = ()) -> list[int]:
    """Name the endpoint that each order gives first of those that are not closed."""
    return [next(index for index in order if index not in closed) for order in orders]


@given(st.integers(1, 6), st.integers(0, 10**9), st.integers(1, 40))
def test_round_robin_is_fair_over_any_window(count: int, begin: int, length: int) -> None:
    """In any stretch of requests no endpoint of a tier is first more than once more than another.

    All are open; see below for what is left when some are not.
    """
    firsts = firsts_of(
        draw_from("round_robin", [0] * count, luck=lambda: 0.0, turn=turn)
        for turn in range(begin, begin + length)
    )
    counts = [firsts.count(index) for index in range(count)]
    assert max(counts) - min(counts) <= 1


def test_round_robin_shares_what_failed_endpoints_leave_evenly_among_all_others() -> None:
    """Whichever endpoints are closed, the others take turns; none gets all of a neighbour's."""
    turns = range(5 * 4 * 3 * 2)
    orders = [draw_from("round_robin", [0] * 5, luck=lambda: 0.0, turn=turn) for turn in turns]
    assert {*orders} == {*permutations(range(5))}
    for number in (1, 2, 3):
        for closed in combinations(range(5), number):
            counts = Counter(firsts_of(iter(orders), closed))
            assert {*counts.values()} == {len(turns) // (5 - number)}


WEIGHTS = (5.0, 3.0, 1.0, 1.0)


@pytest.mark.parametrize("closed", [(), (0,), (1, 3)])
def test_weights_are_shares_of_first_choices(closed: tuple[int, ...]) -> None:
    """20,000 draws come within 1.5 points of the weights' shares, also of those left open.

    The standard deviation of such a share is at most 0.36 points.
    """
    luck, times = seeded(20), 20_000
    counts = Counter(
        firsts_of(
            (
                draw_from("weighted", [0] * 4, luck=luck.random, weights=WEIGHTS)
                for _ in range(times)
            ),
            closed,
        )
    )
    total = sum(weight for index, weight in enumerate(WEIGHTS) if index not in closed)
    for index, weight in enumerate(WEIGHTS):
        wanted = 0.0 if index in closed else weight / total
        assert abs(counts[index] / times - wanted) < 0.015


@given(LUCK, st.lists(st.floats(0.01, 10.0), min_size=2, max_size=2, unique=True))
def test_of_two_endpoints_the_faster_comes_first(
    luck: random.Random, latencies: list[float]
) -> None:
    """With two in a tier both are drawn, and their costs are compared."""
    order = draw_from("latency", [0, 0], luck=luck.random, measures=Measures(latencies, [0, 0]))
    assert latencies[order[0]] < latencies[order[1]]


def test_of_many_the_fastest_is_first_most_often_and_the_slowest_never() -> None:
    """Two random choices of four: shares of 3/6, 2/6, 1/6 and 0 from the fastest to the slowest."""
    measures = Measures([0.4, 0.1, 0.3, 0.2], [0] * 4)
    luck, times = seeded(4), 12_000
    orders = [
        draw_from("latency", [0] * 4, luck=luck.random, measures=measures) for _ in range(times)
    ]
    counts = Counter(order[0] for order in orders)
    for index, wanted in zip((1, 3, 2, 0), (3, 2, 1, 0), strict=True):
        assert abs(counts[index] / times - wanted / 6) < 0.02
    for first, *others in orders:
        assert others == [index for index in (1, 3, 2, 0) if index != first]


@pytest.mark.parametrize(
    ("latencies", "under_way", "expected"),
    [
        pytest.param([0.3, None], [0, 0], (1, 0), id="what is not known is tried"),
        pytest.param([0.3, None], [9, 1], (0, 1), id="but by one attempt at a time"),
        pytest.param([None, None], [2, 1], (1, 0), id="where nothing is known, by the idler"),
        pytest.param([0.3, 0.5], [1, 0], (1, 0), id="attempts under way make it dearer"),
        pytest.param([0.3, 0.5], [0, 0], (0, 1), id="the faster"),
    ],
)
def test_what_an_attempt_costs(
    latencies: list[float | None], under_way: list[int], expected: tuple[int, ...]
) -> None:
    measures = Measures(latencies, under_way)
    assert draw_from("latency", [0, 0], luck=lambda: 0.5, measures=measures) == expected


# The ramp.


@given(st.floats(0.0, 200.0), st.floats(0.0, 200.0), st.floats(0.001, 100.0))
def test_a_share_grows_from_a_tenth_to_all(first: float, second: float, ramp: float) -> None:
    """In a straight line, and without a ramp at once."""
    early, late = sorted((first, second))
    assert FIRST_SHARE <= share_of(early, ramp) <= share_of(late, ramp) <= 1.0
    assert share_of(0.0, ramp) == share_of(-1.0, ramp) == FIRST_SHARE
    assert share_of(ramp, ramp) == share_of(0.0, 0.0) == 1.0
    assert abs(share_of(ramp / 2, ramp) - (1 + FIRST_SHARE) / 2) < 1e-9


# The fleet: an order is drawn once for a request, and health has the last word.


def tiered_config(tiers: Sequence[int], **policy: object) -> Config:
    plain = plain_config(len(tiers), **policy).to_dict(reveal_secrets=True)
    plain["tier"] = tiers[0]
    for backup, tier in zip(plain["backups"], tiers[1:], strict=True):
        backup["tier"] = tier
    return Config.from_dict(plain, env={})


def fleet_of(tiers: Sequence[int], luck: Callable[[], float], **policy: object) -> Fleet:
    return Fleet(tiered_config(tiers, **policy), random=luck)


def fail(fleet: Fleet, index: int, now: float) -> None:
    fleet.note(index, fleet.again(index, now), Effect.FAILURE, now, reason="503")


def recover(fleet: Fleet, index: int, now: float) -> None:
    fleet.note(index, fleet.again(index, now), Effect.ALIVE, now)


def taken(fleet: Fleet, order: Order, now: float, course: Course = ANYWHERE) -> list[int]:
    """Ask for one endpoint after another, as a request with this order would."""
    tried, found = 0, list[int]()
    while (choice := fleet.choose(tried, now, course, order)) is not None:
        found.append(choice.index)
        tried |= 1 << choice.index
    return found


@settings(max_examples=examples(75))
@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=5),
    st.sampled_from(STRATEGIES),
    st.sets(st.integers(0, 4)),
    st.sets(st.integers(0, 4)),
    st.sampled_from((0.0, 50.0)),
    LUCK,
)
def test_all_open_endpoints_come_before_the_others_under_every_strategy(
    tiers: list[int],
    strategy: Strategy,
    failed: set[int],
    returned: set[int],
    ramp: float,
    luck: random.Random,
) -> None:
    """Promises 1 and 3: open ones of any tier, then the others; a ramp withholds none."""
    fleet = fleet_of(tiers, luck.random, strategy=strategy, failback_ramp=ramp, pause=100.0)
    failed = {index for index in failed if index < len(tiers)}
    returned &= failed
    for index in failed:
        fail(fleet, index, 0.0)
    for index in returned:
        recover(fleet, index, 200.0)
        failed -= {index}
    for index in failed:
        fail(fleet, index, 200.0)
    order = fleet.order(201.0)
    found = taken(fleet, order, 201.0)
    is_closed = [index in failed for index in found]
    assert sorted(found) == [*range(len(tiers))]
    assert is_closed == sorted(is_closed)
    for held in (False, True):
        for closed in (False, True):
            part = [
                index
                for index in found
                if (index in failed) == closed and bool(order.returning >> index & 1) == held
            ]
            assert part == [index for index in order.endpoints if index in part]
    assert all(order.returning >> index & 1 == 0 or index in returned for index in found)
    assert ramp or not order.returning


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_flight_keeps_the_order_that_it_drew(strategy: Strategy) -> None:
    """Failover order cannot change under a request, whatever others draw meanwhile."""
    fleet, twin = (fleet_of([0] * 4, seeded(9).random, strategy=strategy) for _ in range(2))
    wanted = twin.order(0.0).endpoints

    def script(index: int, _: int) -> Outcome:
        for _ in range(index + 1):
            other = fleet.order(0.0).endpoints[0]
            fleet.heard(other, fleet.again(other, 0.0), 0.0, 9.0 / (1 + other))
        return Trouble(Fault.CONNECT)

    assert tuple(fly(fleet, script).sent) == wanted


def test_requests_take_turns_and_a_preview_takes_none() -> None:
    """``explain()`` shows the order of the next request, and leaves it its turn."""
    fleet = fleet_of([0, 0, 0], lambda: 0.0, strategy="round_robin")
    firsts: list[int] = []
    for _ in range(6):
        shown = [fleet.preview(0.0, ANYWHERE)[0] for _ in range(3)]
        order = fleet.order(0.0)
        assert shown == [order.endpoints] * 3
        firsts.append(order.endpoints[0])
    assert firsts == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_request_that_may_not_move_takes_no_turn_and_no_chance(strategy: Strategy) -> None:
    """Promise 8: a pin has its endpoint; without a pin the first healthy one by tier is in use."""
    luck = seeded(1)
    fleet = fleet_of([2, 1, 1], luck.random, strategy=strategy, failback_ramp=100.0)
    before = luck.getstate()
    for course, expected in (
        (Course(Reach.PINNED, 2), [2]),
        (Course(Reach.CURRENT), [1]),
        (Course(Reach.CURRENT, closed={1: "no", 2: "no"}), [0]),
    ):
        assert taken(fleet, fleet.order(0.0, course), 0.0, course) == expected
    assert luck.getstate() == before
    assert fleet.status(0.0).current_index == 1
    fleet.reset()
    fail(fleet, 1, 0.0)
    assert fleet.status(0.0).current_index == 2
    recover(fleet, 1, 5.0)
    course = Course(Reach.PINNED, 1)
    assert taken(fleet, fleet.order(5.0, course), 5.0, course) == [1], "no ramp under a pin"


def test_the_status_tells_the_tier_and_the_share_of_what_returns() -> None:
    fleet = fleet_of([1, 0], lambda: 0.0, failback_ramp=90.0)
    assert [found.tier for found in fleet.status(0.0).endpoints] == [1, 0]
    fail(fleet, 1, 0.0)
    assert [found.share for found in fleet.status(0.0).endpoints] == [1.0, 1.0]
    recover(fleet, 1, 10.0)
    for now, share in ((10.0, 0.1), (55.0, 0.55), (100.0, 1.0), (1000.0, 1.0)):
        assert abs(fleet.status(now).endpoints[1].share - share) < 1e-9
    recover(fleet, 1, 1001.0)
    assert fleet.status(1001.0).endpoints[1].share == 1.0, "it had not failed"


def test_a_recovered_endpoint_takes_its_share_of_first_choices_and_no_more() -> None:
    """Over the ramp the share of requests that come back grows from a tenth to all."""
    luck = seeded(7)
    fleet = fleet_of([0, 1], luck.random, failback_ramp=100.0)
    fail(fleet, 0, 0.0)
    recover(fleet, 0, 10.0)
    for now, share in ((10.0, 0.1), (60.0, 0.55), (100.0, 0.91), (110.0, 1.0)):
        orders = [fleet.order(now) for _ in range(4000)]
        firsts = [fleet.choose(0, now, ANYWHERE, order) for order in orders]
        back = sum(choice is not None and choice.index == 0 for choice in firsts)
        assert abs(back / len(orders) - share) < 0.03


def test_a_returning_endpoint_is_passed_over_by_name_and_never_withheld() -> None:
    """Promises 3 and 10: it says why, and serves if no other open endpoint is left."""
    fleet = fleet_of([0, 0, 0], lambda: 0.99, failback_ramp=100.0)
    fail(fleet, 0, 0.0)
    recover(fleet, 0, 10.0)
    fail(fleet, 2, 10.0)
    order = fleet.order(10.0)
    choice = fleet.choose(0, 10.0, ANYWHERE, order)
    assert choice is not None
    assert (choice.index, [skip.index for skip in choice.skipped]) == (1, [0])
    assert choice.skipped[0].reason == "returning slowly after a failure"
    choice = fleet.choose(0b010, 10.0, ANYWHERE, order)
    assert choice is not None
    assert (choice.index, [skip.index for skip in choice.skipped]) == (0, [2])
    assert fleet.preview(10.0, ANYWHERE)[0] == (1, 0, 2)


def test_an_endpoint_that_fails_on_its_return_is_probed_as_any_other() -> None:
    """The ramp is for what serves: a probe that is due is not put off by it."""
    fleet = fleet_of([0, 0], lambda: 0.99, failback_ramp=100.0)
    fail(fleet, 0, 0.0)
    recover(fleet, 0, 10.0)
    fail(fleet, 0, 11.0)
    assert fleet.status(20.0).endpoints[0].share == 1.0
    choice = fleet.choose(0, 20.0, ANYWHERE, fleet.order(20.0))
    assert choice is not None
    assert (choice.index, choice.ticket.is_probe) == (0, True)


def test_a_lone_endpoint_returns_at_once() -> None:
    """Promise 3: there is nobody else to take its requests."""
    fleet = fleet_of([0], lambda: 0.99, failback_ramp=100.0)
    fail(fleet, 0, 0.0)
    recover(fleet, 0, 10.0)
    choice = fleet.choose(0, 10.0, ANYWHERE, fleet.order(10.0))
    assert choice is not None
    assert (choice.index, choice.skipped) == (0, ())


# The short way of the usual request.


@pytest.mark.parametrize(
    ("tiers", "policy", "expected"),
    [
        ([0, 0], {}, True),
        ([1, 1], {}, True),
        ([0, 1], {}, True),
        ([1, 0], {}, False),
        ([0, 0], {"strategy": "round_robin"}, False),
        ([0, 0], {"strategy": "weighted"}, False),
        ([0, 0], {"strategy": "latency"}, False),
    ],
)
def test_the_short_way_is_for_a_primary_that_is_always_first(
    tiers: list[int], policy: dict[str, object], *, expected: bool
) -> None:
    """Other orders are drawn by a flight."""
    fleet = fleet_of(tiers, lambda: 0.0, **policy)
    assert (fleet.first(0.0) is not None) == expected


def test_the_short_way_is_closed_while_the_primary_returns() -> None:
    fleet = fleet_of([0, 0], lambda: 0.0, failback_ramp=50.0)
    ticket = fleet.first(0.0)
    assert ticket is not None
    fleet.landed(ticket, 1.0)
    fail(fleet, 0, 100.0)
    assert fleet.first(101.0) is None
    recover(fleet, 0, 102.0)
    assert fleet.first(151.9) is None
    assert fleet.first(152.0) is not None
    fleet.reset()
    fail(fleet, 0, 200.0)
    recover(fleet, 0, 202.0)
    assert fleet.first(203.0) is None
    fleet.reset()
    assert fleet.first(203.0) is not None, "a reset forgets that it returns"


# Latency, as flights measure it.


def serve(seconds: Sequence[float], **answer: Any) -> Callable[[int, int], Outcome]:
    return lambda index, _: Answer(seconds=seconds[index], **answer)


@pytest.mark.parametrize("is_complete", [True, False])
def test_requests_move_to_the_faster_endpoint(*, is_complete: bool) -> None:
    """Each endpoint is tried, then the faster one is; the headers of a stream tell the time."""
    fleet, clock = WatchedFleet(2, strategy="latency"), Clock()
    sent: list[int] = []
    for _ in range(12):
        sent += fly(fleet, serve((0.9, 0.2), is_complete=is_complete), clock).sent
    assert sorted(sent[:2]) == [0, 1]
    assert sent[2:] == [1] * 10
    for _ in range(12):
        sent += fly(fleet, serve((0.2, 0.9), is_complete=is_complete), clock).sent
    assert sent[-1] == 0, "a peak counts at once, and the other is tried again in time"


@pytest.mark.parametrize("status", [429, 401])
def test_an_endpoint_that_refuses_quickly_does_not_draw_all_requests(status: int) -> None:
    """A throttled or misconfigured endpoint answers in no time, and is none the faster for it."""
    fleet, clock = WatchedFleet(2, strategy="latency"), Clock()
    sent: list[int] = []
    for _ in range(50):
        sent += fly(
            fleet,
            lambda index, _: Answer(seconds=0.4) if index else Answer(status, seconds=0.01),
            clock,
        ).sent
    assert 1 <= sent.count(0) <= 3


def test_a_request_that_was_wrong_says_nothing_of_the_speed() -> None:
    """A 400 is the caller's affair: the endpoint looks no faster and no slower."""
    fleet, clock = WatchedFleet(2, strategy="latency"), Clock()
    for _ in range(3):
        fly(fleet, serve((0.5, 0.9)), clock)
    before = fleet.preview(clock.now, ANYWHERE)
    fly(fleet, serve((0.0, 0.0), status=400), clock)
    assert fleet.preview(clock.now, ANYWHERE) == before


def test_requests_that_wait_count_as_cost_until_they_are_answered_or_cut_off() -> None:
    """Ten requests at once spread over both endpoints; nothing is left under way in the end."""
    fleet = WatchedFleet(2, strategy="latency")
    for index in (0, 1):
        fleet.heard(index, fleet.again(index, 0.0), 0.0, 1.0)
    waiting = [fleet.choose(0, 0.0, ANYWHERE, fleet.order(0.0)) for _ in range(10)]
    indices = [choice.index for choice in waiting if choice is not None]
    assert sorted(indices) == [0] * 5 + [1] * 5
    for choice in waiting[:9]:
        assert choice is not None
        fleet.note(choice.index, choice.ticket, Effect.NEUTRAL, 0.0)
    assert fleet.order(0.0).endpoints[0] == 1 - indices[9]
    fleet.reset()
    assert waiting[9] is not None
    fleet.heard(indices[9], waiting[9].ticket, 0.0, 1.0)
    assert fleet.order(0.0).endpoints[0] == 1 - indices[9], "what is not known is tried"
