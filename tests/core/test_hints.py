"""When Azure says to come again, in all the forms in which it does."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from examples import examples
from hypothesis import example, given, settings, strategies as st

from azure_failover.core.hints import duration, hint_in, reset_in, retry_after

WALL = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("milliseconds", "value", "expected"),
    [
        (None, None, None),
        (None, "7", 7.0),
        (None, " 7 ", 7.0),
        (None, "0", 0.0),
        (None, "1.5", 1.5),
        ("43", None, 0.043),
        ("43", "1", 0.043),
        ("soon", "2", 2.0),
        ("-1", "2", 2.0),
        ("nan", "2", 2.0),
        ("inf", None, None),
        (None, "86400", 86400.0),
        (None, "-5", None),
        (None, "inf", None),
        (None, "nan", None),
        (None, "", None),
        (None, "soon", None),
        (None, "Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        (None, "Mon, 23 Nov 2026 12:00:30 -0000", 30.0),
        (None, "Mon, 23 Nov 2026 13:00:30 +0100", 30.0),
        (None, "Mon, 23 Nov 2026 11:59:00 GMT", 0.0),
        ("x", "Mon, 23 Nov 2026 12:00:01 GMT", 1.0),
        (None, "Mon, 99 Nov 2026 12:00:30 GMT", None),
        (None, "Mon, 23 Nov 99999999999 12:00:30 GMT", None),
        (None, "Mon, 23 Nov 2026 12:00:30 +9999", None),
    ],
)
def test_a_hint_is_read_in_any_form(
    milliseconds: str | None, value: str | None, expected: float | None
) -> None:
    """``retry-after-ms`` before ``Retry-After``, seconds or a date (RFC 9110, section 10.2.3)."""
    assert retry_after(milliseconds, value, wall=WALL) == expected


@given(
    st.none() | st.text(max_size=20) | st.floats().map(str),
    st.none() | st.text(max_size=30) | st.from_regex(r"[A-Z][a-z]{2}, \d+ Jan -?\d+ [\d:+ -]*"),
)
@settings(max_examples=examples(100), deadline=None)
def test_a_hint_is_never_negative_and_never_endless(
    milliseconds: str | None, value: str | None
) -> None:
    """Whatever a header says, the hint is a usable number of seconds or none."""
    hint = retry_after(milliseconds, value, wall=WALL)
    assert hint is None or 0 <= hint < float("inf")


@given(st.integers(-100_000, 10_000_000))
def test_a_date_is_read_against_the_wall_clock(seconds: int) -> None:
    """A date in the past means at once."""
    date = format_datetime(datetime.fromtimestamp(WALL + seconds, tz=UTC), usegmt=True)
    assert retry_after(None, date, wall=WALL) == max(0.0, float(seconds))


# Rate limits.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("55", 55.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("250ms", 0.25),
        ("1h2m3.5s", 3723.5),
        ("2m59.56s", 179.56),
        ("800µs", 0.0008),
        ("800us", 0.0008),
        ("5ns", 5e-9),
        (" 1s ", 1.0),
        ("7.s", 7.0),
        ("-1", None),
        ("-1s", None),
        ("1s later", None),
        ("1 s", None),
        ("s", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1d", None),
        ("2026-11-23T12:00:30Z", None),
        (f"{'9' * 400}s", None),
    ],
)
def test_a_duration_is_seconds_or_go_s_notation(text: str | None, expected: float | None) -> None:
    """Azure writes plain seconds, OpenAI ``6m0s``; what is neither is no hint."""
    read = duration(text)
    assert read == (None if expected is None else pytest.approx(expected))


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(("h", "m", "s", "ms"))), min_size=1)
)
def test_a_duration_is_the_sum_of_its_parts(parts: list[tuple[int, str]]) -> None:
    """``m`` is a minute and ``ms`` a thousandth of a second, wherever they stand."""
    seconds = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert duration(text) == pytest.approx(sum(number * seconds[unit] for number, unit in parts))


RESETS = {"x-ratelimit-reset-requests": "3", "x-ratelimit-reset-tokens": "1m"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        (RESETS, 60.0),
        (RESETS | {"x-ratelimit-remaining-requests": "0"}, 3.0),
        (RESETS | {"x-ratelimit-remaining-tokens": "0"}, 60.0),
        (
            RESETS | {"x-ratelimit-remaining-requests": "0", "x-ratelimit-remaining-tokens": "0"},
            60.0,
        ),
        (
            RESETS | {"x-ratelimit-remaining-requests": "7", "x-ratelimit-remaining-tokens": "-1"},
            60.0,
        ),
        ({"x-ratelimit-reset-tokens": "0", "x-ratelimit-remaining-tokens": "-1"}, None),
        ({"x-ratelimit-reset-tokens": "0", "x-ratelimit-reset-requests": "4"}, 4.0),
        ({"x-ratelimit-reset-tokens": "soon", "x-ratelimit-reset-requests": "4"}, 4.0),
        ({"x-rate-limit-reset-tokens": "55", "x-ratelimit-remaining-requests": "4"}, 55.0),
    ],
)
def test_the_limit_that_is_spent_says_when_to_come_again(
    headers: dict[str, str], expected: float | None
) -> None:
    """Of several resets that of the limit of which nothing remains counts, else the latest."""
    assert reset_in(headers) == expected


def test_a_reset_is_a_hint_only_where_nothing_better_is_said() -> None:
    """Resets come with good answers too; and what was meant as a hint goes before."""
    assert hint_in(RESETS, wall=WALL, is_throttled=False) is None
    assert hint_in(RESETS, wall=WALL, is_throttled=True) == 60.0
    assert hint_in(RESETS | {"retry-after": "2"}, wall=WALL, is_throttled=True) == 2.0
    assert hint_in(RESETS | {"retry-after": "0"}, wall=WALL, is_throttled=True) == 0.0
    assert hint_in(RESETS | {"retry-after": "soon"}, wall=WALL, is_throttled=True) == 60.0
    assert hint_in({"retry-after-ms": "43"}, wall=WALL, is_throttled=False) == 0.043


@given(
    headers=st.dictionaries(
        st.sampled_from((*RESETS, "retry-after", "x-ratelimit-remaining-tokens")),
        st.text(max_size=12) | st.floats().map(str) | st.from_regex(r"(\d+(\.\d*)?(h|ms|m|s))+"),
    ),
    is_throttled=st.booleans(),
)
@example(headers={"x-ratelimit-reset-tokens": f"{'9' * 308}h"}, is_throttled=True)
def test_whatever_headers_say_a_hint_is_usable(
    *, headers: dict[str, str], is_throttled: bool
) -> None:
    """A hint is a number of seconds that is neither negative nor endless, or none."""
    hint = hint_in(headers, wall=WALL, is_throttled=is_throttled)
    assert hint is None or 0 <= hint < float("inf")
