"""What is usual, who waits, and when silence says something."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, strategies as st

from azure_failover.core.pace import (
    ANY_KIND,
    CALM,
    CROWD,
    KINDS_KEPT,
    KNOWN,
    SILENCE_LEAST,
    SILENCE_SHARE,
    Pace,
    Paces,
    next_look,
)
from azure_failover.core.ticket import Ticket

SECONDS = st.floats(1e-3, 600.0)


def known_pace(seconds: float = 1.0, count: int = KNOWN) -> Pace:
    """Give a pace whose answers took so long so far."""
    pace = Pace(listens=True)
    for _ in range(count):
        begin(pace, 1)
        pace.heard(0.0, seconds)
    return pace


def enters(pace: Pace) -> bool:
    """Let an attempt start; tell whether it is one of a crowd."""
    ticket = Ticket(0, 1, is_probe=False)
    pace.began(ticket)
    return ticket.is_crowded


def begin(pace: Pace, count: int) -> None:
    """Let attempts start."""
    for sequence in range(1, count + 1):
        pace.began(Ticket(0, sequence, is_probe=False))


@given(st.lists(SECONDS, min_size=KNOWN, max_size=3 * KNOWN))
def test_what_is_usual_is_the_95th_percentile_to_a_tenth(times: list[float]) -> None:
    """The estimate is between the 95 % quantile and one cell, 9 %, above it."""
    pace = Pace(listens=True)
    for number, seconds in enumerate(times, 1):
        begin(pace, 1)
        pace.heard(0.0, seconds)
        if number == KNOWN:
            known, usual = sorted(times[:KNOWN]), pace.usual
            assert usual is not None
            assert known[KNOWN - 1 - KNOWN // 20] * 0.999 <= usual <= known[-1] * 1.09


def test_nothing_is_usual_before_enough_is_known() -> None:
    """A few answers say nothing."""
    assert known_pace(count=KNOWN - 1).usual is None
    assert known_pace(count=KNOWN).usual is not None


def test_what_is_usual_follows_a_change() -> None:
    """What came long ago counts less and less."""
    pace = known_pace(0.1, 3000)
    for _ in range(4000):
        begin(pace, 1)
        pace.heard(0.0, 10.0)
    assert pace.usual == pytest.approx(10.0, rel=0.1)


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e9])
def test_times_beyond_all_measure_are_taken_in(seconds: float) -> None:
    """The histogram's ends take what lies beyond them."""
    assert known_pace(seconds).usual is not None


@given(waiting=st.integers(0, 40), later=st.integers(0, 40))
def test_only_those_who_waited_when_it_was_heard_make_silence(waiting: int, later: int) -> None:
    """A burst that begins after the last answer is not taken for silence."""
    pace = known_pace(1.0)
    begin(pace, waiting + 1)
    pace.heard(100.0, 1.0)
    begin(pace, later)
    assert (pace.silent_at < inf) == (waiting >= CROWD)


def test_silence_comes_after_a_multiple_of_what_is_usual() -> None:
    """A multiple of what 99 % take, and at least a second."""
    slow, quick = known_pace(10.0), known_pace(0.01)
    for pace in (slow, quick):
        begin(pace, CROWD + 1)
        pace.heard(100.0, None)
    assert slow.usual is not None
    assert slow.silent_at == 100.0 + SILENCE_SHARE * slow.usual
    assert quick.silent_at == 100.0 + SILENCE_LEAST


def test_an_answer_breaks_the_silence() -> None:
    """Whatever is heard moves the time of silence on."""
    pace = known_pace()
    begin(pace, CROWD + 2)
    pace.heard(100.0, None)
    before = pace.silent_at
    pace.heard(101.0, None)
    assert pace.silent_at == before + 1.0


def test_attempts_that_end_without_an_answer_wait_no_more() -> None:
    """When too few are left that wait, their silence says nothing."""
    pace = known_pace()
    begin(pace, CROWD + 1)
    pace.heard(100.0, None)
    assert pace.silent_at < inf
    pace.ended(1)
    assert pace.silent_at == inf


def test_those_who_began_later_do_not_break_the_silence_when_they_end() -> None:
    """They owe nothing, whether they wait or are gone."""
    pace = known_pace()
    begin(pace, CROWD + 1)
    pace.heard(100.0, None)
    silent_at = pace.silent_at
    late = Ticket(0, CROWD + 2, is_probe=False)
    pace.began(late)
    pace.ended(late.sequence)
    assert pace.silent_at == silent_at < inf


def test_nothing_is_silent_as_long_as_nothing_is_known() -> None:
    """A cold start fails nobody, and posts no sentry."""
    pace = Pace(listens=True)
    begin(pace, 100)
    pace.heard(100.0, 1.0)
    assert pace.silent_at == inf
    assert pace.sentry_from == inf


def test_silence_is_not_listened_for_if_it_is_not_wanted() -> None:
    """What is usual is still measured."""
    pace = Pace(listens=False)
    begin(pace, 100)
    for _ in range(2 * KNOWN):
        pace.heard(0.0, 1.0)
    assert pace.usual is not None
    assert pace.silent_at == pace.sentry_from == inf


@pytest.mark.parametrize("is_answered", [True, False])
def test_one_sentry_is_posted_and_relieved(is_answered: bool) -> None:
    """One attempt keeps an eye; when it ends, the next may."""
    pace = known_pace()
    assert pace.sentry_from == CROWD
    pace.post_sentry()
    assert pace.sentry_from == inf
    begin(pace, 1)
    if is_answered:
        pace.heard(1.0, None, was_sentry=True)
    else:
        pace.ended(1, was_sentry=True)
    assert pace.sentry_from == CROWD


def test_a_sentry_looks_when_it_would_be_silent() -> None:
    """As long as there is no such time, or it is none of its own, it looks now and then."""
    pace = known_pace(10.0)
    assert pace.usual is not None
    now_and_then = SILENCE_SHARE * pace.usual
    ticket = Ticket(0, 1, is_probe=False, pace=pace)
    assert next_look(ticket, 0, 50.0) == 50.0 + now_and_then
    begin(pace, CROWD + 1)
    pace.heard(100.0, None)
    assert next_look(ticket, 0, 101.0) == pace.silent_at < inf
    assert next_look(ticket, 1, 500.0) == 500.0 + now_and_then
    assert next_look(Ticket(0, 1, is_probe=False), 0, 0.0) == inf


def test_who_does_not_listen_sees_no_crowd() -> None:
    """So no attempt has to be ready to be cut."""
    for listens in (True, False):
        pace = Pace(listens=listens)
        begin(pace, CROWD + 1)
        assert enters(pace) == listens


def test_a_new_generation_forgets_who_waits_and_keeps_what_is_usual() -> None:
    """Stragglers of an outage are not waited for after it."""
    pace = known_pace()
    begin(pace, CROWD + 1)
    pace.heard(100.0, None)
    usual = pace.usual
    pace.restart(7)
    assert (pace.under_way, pace.silent_at, pace.usual) == (0, inf, usual)
    assert pace.generation == 7


def test_more_kinds_than_can_be_kept_share_one_pace() -> None:
    """Memory is bounded, whatever names callers use."""
    paces = Paces(2, listens=True)
    found = {id(paces.of(("chat/completions", str(number)))) for number in range(1000)}
    assert len(found) == KINDS_KEPT + 1
    assert paces.of(("", "999")) is paces.of(ANY_KIND)
    assert paces.of(("chat/completions", "0")) is not paces.of(ANY_KIND)


def test_a_crowd_is_remembered_until_it_has_dispersed() -> None:
    """The first of the next batch can be cut as well; one request after the other never is."""
    pace = known_pace()
    assert not any(enters(pace) for _ in range(CROWD)), "too few to make a crowd"
    assert enters(pace)
    for _ in range(CROWD + 1):
        pace.heard(1.0, None)
    found: list[bool] = []
    for _ in range(2 * CALM):
        found.append(enters(pace))
        pace.heard(1.0, None)
    assert found == [True] * (CALM - 1) + [False] * (CALM + 1)
