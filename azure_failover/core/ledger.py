"""The ledger: what one request tried and passed over, in order, for people and for programs.

Values only. Decides nothing; holds no headers, no bodies and no credentials.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, Literal, assert_never, final

import attrs


class Phase(Enum):
    """How far an attempt had come when it ended."""

    CONNECT = "connect"
    """Name look-up, TCP, TLS, or waiting for a free connection: nothing was sent."""
    SEND = "send"
    """Writing the request."""
    WAIT = "wait"
    """Waiting for the answer's headers."""
    BODY = "body"
    """Reading the answer's body."""


Outcome = Literal["answered", "failed", "skipped", "cancelled", "pending"]


@attrs.frozen(kw_only=True)
class Entry:
    """One line of the ledger: an endpoint that was tried, or passed over.

    Attributes:
        endpoint: The endpoint's name.
        index: Its place in the configuration; 0 is the primary.
        outcome: ``answered`` (an HTTP status came, whatever it says), ``failed``, ``skipped``,
            ``cancelled`` (by the caller, or because an attempt beside it was answered first) or
            ``pending`` (not yet known).
        phase: How far the attempt came; None for a skip.
        status: The HTTP status, if one came.
        error: What went wrong, or for a skip why; None for a usable answer.
        started: Seconds from the start of the request to the start of this attempt.
        elapsed: Seconds that the attempt took; None while it is pending and for a skip.
    """

    endpoint: str
    index: int
    outcome: Outcome
    phase: Phase | None = None
    status: int | None = None
    error: str | None = None
    started: float = 0.0
    elapsed: float | None = None

    def __str__(self) -> str:
        match self.outcome:
            case "skipped":
                return f"{self.endpoint}: skipped, {self.error}"
            case "answered":
                what = f"{self.status}" + (f" {self.error}" if self.error else "")
            case "failed":
                where = f" ({self.phase.value})" if self.phase else ""
                what = f"{self.error}{where}"
            case "cancelled" | "pending":
                what = self.outcome + (f" ({self.error})" if self.error else "")
            case _:
                assert_never(self.outcome)
        return f"{self.endpoint}: {what}" + (
            "" if self.elapsed is None else f" after {self.elapsed:.2f} s"
        )


@final
class Ledger:
    """Everything that one request tried or passed over, in order. Immutable.

    Written out when it is first looked at: most are never read, and each request has one.
    """

    __slots__ = ("_entries", "endpoint", "is_exhausted")

    endpoint: Final[str | None]
    """The name of the endpoint that gave the final answer; None when there was none."""
    is_exhausted: Final[bool]
    """Whether every endpoint that the request might go to was tried and failed."""

    def __init__(
        self,
        entries: tuple[Entry, ...] | Callable[[], tuple[Entry, ...]] | float,
        endpoint: str | None = None,
        *,
        is_exhausted: bool = False,
    ) -> None:
        """Take the entries, or what writes them: a function, or the seconds of the usual one.

        The usual entry, of nearly all requests, says that the primary answered, and that was all.
        """
        self._entries = entries
        self.endpoint = endpoint
        self.is_exhausted = is_exhausted

    @property
    def entries(self) -> tuple[Entry, ...]:
        """One for each attempt and each skip."""
        entries = self._entries
        if callable(entries):
            entries = self._entries = entries()
        elif isinstance(entries, (int, float)):
            entries = self._entries = one_answer(self.endpoint or "", entries)
        return entries

    @property
    def attempts(self) -> tuple[Entry, ...]:
        """The entries that were really sent, without the skips."""
        return tuple(entry for entry in self.entries if entry.outcome != "skipped")

    def followed_by(self, later: Ledger, after: float) -> Ledger:
        """Give the ledger of a call that began again: these entries, then the later ones.

        Args:
            later: The ledger of the request that came later; it says who answered in the end.
            after: Seconds from the start of this request to the start of that one.
        """

        def entries() -> tuple[Entry, ...]:
            return self.entries + tuple(
                attrs.evolve(entry, started=entry.started + after) for entry in later.entries
            )

        return Ledger(entries, endpoint=later.endpoint, is_exhausted=later.is_exhausted)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ledger):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, self._parts()

    def __repr__(self) -> str:
        entries, endpoint, is_exhausted = self._parts()
        return f"Ledger({entries!r}, {endpoint=}, {is_exhausted=})"

    def _parts(self) -> tuple[tuple[Entry, ...], str | None, bool]:
        return self.entries, self.endpoint, self.is_exhausted

    def __str__(self) -> str:
        return "\n".join(f"{number}. {entry}" for number, entry in enumerate(self.entries, 1))


def _rebuilt(entries: tuple[Entry, ...], endpoint: str | None, is_exhausted: bool) -> Ledger:
    return Ledger(entries, endpoint=endpoint, is_exhausted=is_exhausted)


def one_answer(endpoint: str, elapsed: float) -> tuple[Entry, ...]:
    """Write the usual ledger: the primary answered, and that was all."""
    return (Entry(endpoint=endpoint, index=0, outcome="answered", status=200, elapsed=elapsed),)


def in_words(error: BaseException) -> str:
    """Name an exception, with the first text that it or one that led to it has."""
    link: BaseException | None = error
    while link is not None and not str(link):
        link = link.__cause__ or link.__context__
    name = type(error).__name__
    return name if link is None else f"{name}: {link}"
