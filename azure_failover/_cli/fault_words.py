"""Faults as words: what is typed for ``--fault``, in a TOML file, or as a key. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Final

from azure_failover.emulator import faults

_WITHOUT_NUMBER: Final[Mapping[str, Callable[[int | None], faults.Fault | None]]] = {
    "up": lambda _: None,
    "refuse": lambda _: faults.Refuse(),
    "hang": lambda times: faults.Hang(times=times),
    "reset": lambda times: faults.ResetBeforeHeaders(times=times),
    "close": lambda times: faults.CloseBeforeHeaders(times=times),
    "truncate": lambda times: faults.Truncate(40, times=times),
    "garbage": lambda times: faults.Garbage(times=times),
    "bad-json": lambda times: faults.BadJson(times=times),
    "stale": lambda times: faults.StaleConnection(times=times),
    "break": lambda times: faults.BreakStream(3, times=times),
    "end": lambda times: faults.BreakStream(3, "end", times=times),
    "tls-alert": lambda times: faults.TlsBroken("alert", times=times),
    "tls-close": lambda times: faults.TlsBroken("close", times=times),
    "tls-reset": lambda times: faults.TlsBroken("reset", times=times),
}
_WITH_NUMBER: Final[Mapping[str, Callable[[float, int | None], faults.Fault]]] = {
    "delay": lambda seconds, times: faults.Delay(seconds, times=times),
    "drip": lambda seconds, times: faults.Drip(seconds, times=times),
    "throttled-stream": lambda seconds, times: faults.ThrottledStream(int(seconds), times=times),
}
_PATTERN: Final = re.compile(r"([a-z-]+|[2-9]\d\d)(?::(\d+(?:\.\d+)?))?(?:\*([1-9]\d*))?")

WORDS: Final = (*_WITHOUT_NUMBER, *_WITH_NUMBER)
"""Every word; a status code stands for itself."""

EXAMPLES: Final = "503, 429:7 (with retry-after), hang, refuse, delay:2, reset, break, up; 503*3"
"""Some faults, for help texts and remedies; the last is over after 3 requests."""

KEYS: Final[Mapping[str, str]] = {
    "u": "up",
    "d": "refuse",
    "s": "503",
    "t": "429:5",
    "a": "401",
    "m": "404",
    "h": "hang",
    "l": "delay:2",
    "r": "reset",
    "g": "garbage",
    "b": "break",
}
"""The keys that switch a fault."""


class UnknownFaultError(ValueError):
    """A word that is no fault; the message says what would be one."""


def fault_of(text: str) -> faults.Fault | None:
    """Read a fault: a word or a status code, ``:`` and a number, ``*`` and how many requests.

    Raises:
        UnknownFaultError: It is none.
    """
    match = _PATTERN.fullmatch(text.strip().lower())
    if match is None:
        raise _unknown(text)
    word, number, count = match.groups()
    times = None if count is None else int(count)
    if word.isdigit():
        headers = None if number is None else {"retry-after": f"{float(number):g}"}
        return faults.Status(int(word), headers, times=times)
    if word in _WITH_NUMBER:
        return _WITH_NUMBER[word](1.0 if number is None else float(number), times)
    if word not in _WITHOUT_NUMBER or number is not None:
        raise _unknown(text)
    return _WITHOUT_NUMBER[word](times)


def _unknown(text: str) -> UnknownFaultError:
    close = get_close_matches(text.lower(), WORDS, n=1)
    advice = f"did you mean {close[0]}?" if close else f"write one such as {EXAMPLES}"
    return UnknownFaultError(f"{text!r} is no fault; {advice}")
