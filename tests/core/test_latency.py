"""How long an endpoint takes to answer, as its answers tell."""

from __future__ import annotations

from math import e

import pytest
from hypothesis import given, strategies as st

from azure_failover.core.latency import DECAY, FORGET, TROUBLE_LEAST, TROUBLE_MOST, Latency
from azure_failover.core.ticket import Ticket

SECONDS = st.floats(0.001, 100.0)


def near(seconds: float) -> object:
    return pytest.approx(seconds)  # pyright: ignore[reportUnknownMemberType]


def test_nothing_is_known_before_the_first_answer() -> None:
    latency = Latency()
    assert latency.expected(5.0) is None
    latency.answered(0.7, 5.0)
    assert latency.expected(5.0) == 0.7


@given(SECONDS, SECONDS, st.floats(0.0, 1000.0))
def test_a_peak_counts_at_once_and_a_faster_answer_bit_by_bit(
    first: float, second: float, pause: float
) -> None:
    """The estimate is never below the newest answer, and never above what was known and came."""
    latency = Latency()
    latency.answered(first, 0.0)
    latency.answered(second, pause)
    expected = latency.expected(pause)
    assert expected is not None
    assert second <= expected * (1 + 1e-9)
    assert expected <= max(first, second) * (1 + 1e-9)
    if second >= first:
        assert expected == second


def test_after_the_decay_a_faster_answer_counts_for_the_most_part() -> None:
    """Finagle's rule: the old estimate keeps 1/e of its weight after the decay time."""
    latency = Latency()
    latency.answered(5.0, 0.0)
    latency.answered(1.0, DECAY)
    assert latency.expected(DECAY) == near(1.0 + 4.0 / e)


@given(SECONDS, st.floats(0.0, 1000.0), st.floats(0.0, 1000.0))
def test_what_is_not_used_is_forgotten_bit_by_bit(
    seconds: float, first: float, second: float
) -> None:
    """An endpoint that was slow once gets another try; looking changes nothing."""
    latency = Latency()
    latency.answered(seconds, 10.0)
    early, late = sorted((first, second))
    soon, later = latency.expected(10.0 + early), latency.expected(10.0 + late)
    assert soon is not None
    assert later is not None
    assert later <= soon <= seconds
    assert latency.expected(10.0 + FORGET) == near(seconds / e)


def test_a_clock_that_steps_back_changes_no_estimate() -> None:
    latency = Latency()
    latency.answered(2.0, 10.0)
    assert latency.expected(9.0) == 2.0
    latency.answered(1.0, 9.0)
    assert latency.expected(9.0) == 2.0


def test_an_answer_that_is_no_good_never_makes_an_endpoint_look_fast() -> None:
    """Refusals come quickly; each doubles what is expected, within bounds, and forgets nothing."""
    latency, now, expected = Latency(), 0.0, list[float | None]()
    for _ in range(8):
        latency.failed(now)
        expected.append(latency.expected(now))
        now += 1000.0
    assert expected == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, TROUBLE_MOST, TROUBLE_MOST]
    assert expected[0] == TROUBLE_LEAST
    latency.answered(0.5, now)
    assert latency.expected(now) == near(0.5)
    latency.answered(90.0, now)
    latency.failed(now)
    assert latency.expected(now) == 90.0


def test_an_attempt_is_under_way_until_it_ends_however_often_that_is_told() -> None:
    """A ticket that is given back late, or of a former life, takes no other's place."""
    latency = Latency()
    one, other, unknown = (Ticket(0, number, is_probe=False) for number in range(3))
    latency.began(one)
    latency.began(other)
    assert latency.under_way == 2
    for ticket in (one, one, unknown):
        latency.ended(ticket)
    assert latency.under_way == 1
