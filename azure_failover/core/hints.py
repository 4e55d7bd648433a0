"""When Azure says to come again, read from the headers of an answer.

Knows texts, not what follows from them: reads no clock, and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import inf
from typing import Final

_UNITS: Final = {
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
}
_PART: Final = r"([0-9]+(?:\.[0-9]*)?)(h|ms|m|s|us|µs|ns)"
_DURATION: Final = re.compile(f"(?:{_PART})+")
_PARTS: Final = re.compile(_PART)
_LIMITS: Final = ("requests", "tokens")


def hint_in(headers: Mapping[str, str], *, wall: float, is_throttled: bool) -> float | None:
    """Find an answer's hint when to come again.

    Args:
        headers: The answer's headers, looked up in lower case.
        wall: The time of day, in seconds since the epoch, against which a date is read.
        is_throttled: Whether the answer throttles the request. Only then a rate limit's reset is
            a hint: Azure sends it with good answers too.

    Returns:
        Seconds from now, never negative; None if there is no hint that can be read.
    """
    hint = retry_after(headers.get("retry-after-ms"), headers.get("retry-after"), wall=wall)
    return reset_in(headers) if hint is None and is_throttled else hint


def retry_after(milliseconds: str | None, value: str | None, *, wall: float) -> float | None:
    """Read the hint that is made for this.

    Args:
        milliseconds: The header ``retry-after-ms``, which Azure sends with provisioned throughput.
        value: The header ``Retry-After``: seconds or an HTTP date (RFC 9110, section 10.2.3).
        wall: The time of day, in seconds since the epoch, against which a date is read.

    Returns:
        Seconds from now, never negative; None if there is no hint that can be read.
    """
    for text, scale in ((milliseconds, 1000.0), (value, 1.0)):
        seconds = _number(text)
        if seconds is not None:
            return seconds / scale
    if value is None:
        return None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - wall)


def reset_in(headers: Mapping[str, str]) -> float | None:
    """Say when the rate limit is reset that an answer ran into.

    That is the one of which nothing remains; if the answer does not say which, the later one.
    A reset at once names no limit: Azure sends 0, with -1 remaining, for what it does not count.
    Answers with the other spelling of the header's name have been seen.
    """
    resets: list[tuple[bool, float]] = []
    for limit in _LIMITS:
        text = headers.get(f"x-ratelimit-reset-{limit}", headers.get(f"x-rate-limit-reset-{limit}"))
        seconds = duration(text)
        if seconds:
            is_spent = _number(headers.get(f"x-ratelimit-remaining-{limit}")) == 0
            resets.append((is_spent, seconds))
    return max(resets)[1] if resets else None


def duration(text: str | None) -> float | None:
    """Read a number of seconds, as Azure writes it, or ``6m0s`` and ``250ms``, as OpenAI does.

    Returns:
        Seconds, never negative; None if it is neither.
    """
    seconds = _number(text)
    if seconds is None and text is not None and _DURATION.fullmatch(text.strip()):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PARTS.findall(text))
    return None if seconds == inf else seconds


def _number(text: str | None) -> float | None:
    """Read a number that is neither negative nor endless."""
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < inf else None
