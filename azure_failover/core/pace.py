"""How long one endpoint takes to its first byte, for one kind of request; and is it silent?

Keeps counts only: reads no clock, takes no lock (the fleet holds it), decides nothing.

A hang costs a whole timeout before anybody sees it, unless many attempts hang side by side. So
whoever waits is counted. If enough attempts were under way when the endpoint was last heard, and
none has been answered for much longer than almost all usually take, it has fallen silent. That
needs no guess about how busy the traffic is: attempts that began later do not count, so a burst
is not taken for silence, nor is a pause between two requests.

What is usual is learned per kind (operation and deployment), since a reasoning model takes a
hundred times as long as an embedding; as long as too little is known, nothing is silent.
"""

from __future__ import annotations

from math import exp, inf, log
from typing import Final, TypeAlias

from azure_failover.core.ticket import Ticket

Kind: TypeAlias = tuple[str, str]
"""A kind of request: its operation, and the deployment that it names."""

ANY_KIND: Final[Kind] = ("", "")

KINDS_KEPT: Final = 256
"""So many kinds are measured by themselves, the rest together."""
CROWD: Final = 8
"""So many attempts have to wait before their common silence says something."""
KNOWN: Final = 20
"""So many answers have to have come before anything counts as usual."""
SILENCE_SHARE: Final = 2.0
"""An endpoint is silent after so many times what 95 % of its answers take …"""
SILENCE_LEAST: Final = 1.0
"""… but not before so many seconds."""
_QUANTILE: Final = 0.95
_PER_E: Final = 12.0
"""Cells of the histogram for each factor of e: a cell is 9 % wide."""
_SHORTEST: Final = 1e-4
_CELLS: Final = 200
_MEMORY: Final = 1024
"""After so many answers, all that came before count half."""
_REVIEW: Final = 64
"""The quantile is looked up again after so many answers."""


class Pace:
    """The time to first byte of one endpoint for one kind of request. Not thread-safe."""

    __slots__ = (
        "_counts",
        "_latest",
        "_listens",
        "_owed",
        "_owing",
        "_review",
        "_span",
        "_total",
        "generation",
        "sentry_from",
        "silent_at",
        "under_way",
        "usual",
    )

    def __init__(self, *, listens: bool) -> None:
        """Begin to measure.

        Args:
            listens: Whether silence is to be noticed at all.
        """
        self._listens = listens
        self._counts = [0] * _CELLS
        self._total = 0
        self._review = KNOWN
        self._span = inf
        self.usual: float | None = None
        """Seconds within which 95 % of the answers began; None as long as too little is known."""
        self.restart(0)

    def restart(self, generation: int) -> None:
        """Forget who waits, since the endpoint changed its state; what is usual is kept.

        What began under another generation of the endpoint's health does not count.
        """
        self.generation = generation
        self.under_way = 0
        """Attempts that wait for their first byte."""
        self._latest = 0
        self._owing = 0
        """The latest start before something was heard; those that began later owe nothing."""
        self._owed = 0
        self.silent_at = inf
        """When the endpoint will have fallen silent if nothing is heard before; never is inf."""
        self.sentry_from = inf if self._span == inf else float(CROWD)
        """With so many under way, the next should be the sentry: the one that keeps an eye."""

    @property
    def is_crowded(self) -> bool:
        """Whether so many wait that their silence would say something."""
        return self.under_way >= CROWD and self._span < inf

    def began(self, ticket: Ticket) -> None:
        """Take in that an attempt starts to wait."""
        ticket.pace = self
        ticket.is_crowded = self.is_crowded
        self._latest = ticket.sequence
        self.under_way += 1

    def post_sentry(self) -> None:
        """Take note that an attempt keeps an eye; one is enough."""
        self.sentry_from = inf

    def next_look(self, now: float) -> float:
        """Say when the sentry should look again."""
        return now + self._span if self.silent_at == inf else self.silent_at

    def heard(self, now: float, elapsed: float | None, *, was_sentry: bool = False) -> None:
        """Take in that an attempt's first byte came.

        Args:
            now: The time, in seconds.
            elapsed: Seconds since that attempt began; None if it does not tell what is usual.
            was_sentry: Whether it kept an eye.
        """
        self.under_way -= 1
        if elapsed is not None:
            cell = int(log(elapsed / _SHORTEST) * _PER_E) if elapsed > _SHORTEST else 0
            self._counts[min(cell, _CELLS - 1)] += 1
            self._total += 1
            if self._total >= self._review:
                self._reckon()
        if was_sentry:
            self._relieve()
        owed = self._owed = self.under_way
        self._owing = self._latest
        self.silent_at = now + self._span if owed >= CROWD else inf

    def ended(self, sequence: int, *, was_sentry: bool = False) -> None:
        """Take in that the attempt with this place in the order ended without any answer."""
        self.under_way -= 1
        self._owed -= sequence <= self._owing
        if self._owed < CROWD:
            self.silent_at = inf
        if was_sentry:
            self._relieve()

    def _relieve(self) -> None:
        self.sentry_from = inf if self._span == inf else float(CROWD)

    def _reckon(self) -> None:
        """Look up what is usual."""
        counts = self._counts
        above = self._total * (1.0 - _QUANTILE)
        cell = _CELLS - 1
        while cell and above >= counts[cell]:
            above -= counts[cell]
            cell -= 1
        was_unknown = self.usual is None
        usual = self.usual = _SHORTEST * exp((cell + 1) / _PER_E)
        if self._listens:
            self._span = max(SILENCE_LEAST, SILENCE_SHARE * usual)
            if was_unknown:
                self._relieve()
        if self._total >= _MEMORY:
            self._counts = [count // 2 for count in counts]
            self._total = sum(self._counts)
        self._review = self._total + _REVIEW


class Paces:
    """The pace of every endpoint for each kind of request. Not thread-safe."""

    def __init__(self, count: int, *, listens: bool) -> None:
        """Begin to measure ``count`` endpoints; ``listens`` as for :class:`Pace`."""
        self._count = count
        self._listens = listens
        self._by_kind: dict[Kind, tuple[Pace, ...]] = {}

    def of(self, kind: Kind) -> tuple[Pace, ...]:
        """Give the paces for a kind, one for each endpoint."""
        found = self._by_kind.get(kind)
        if found is None:
            if len(self._by_kind) >= KINDS_KEPT and kind != ANY_KIND:
                return self.of(ANY_KIND)
            found = tuple(Pace(listens=self._listens) for _ in range(self._count))
            self._by_kind[kind] = found
        return found

    def began(self, ticket: Ticket, index: int, kind: Kind) -> None:
        """Take in that an attempt starts to wait."""
        pace = self.of(kind)[index]
        if pace.generation != ticket.generation:
            pace.restart(ticket.generation)
        if pace.under_way >= pace.sentry_from:
            ticket.is_sentry = True
            pace.post_sentry()
        pace.began(ticket)


def heard(ticket: Ticket, generation: int, now: float, elapsed: float | None) -> None:
    """Take in that an attempt's first byte came; ``elapsed`` as for :meth:`Pace.heard`.

    What began under another than the present ``generation`` comes too late to count.
    """
    pace, ticket.pace = ticket.pace, None
    if pace is not None and pace.generation == ticket.generation == generation:
        pace.heard(now, elapsed, was_sentry=ticket.is_sentry)


def ended(ticket: Ticket) -> None:
    """Take in that an attempt is over; if its first byte came, that is no news."""
    pace, ticket.pace = ticket.pace, None
    if pace is not None and pace.generation == ticket.generation:
        pace.ended(ticket.sequence, was_sentry=ticket.is_sentry)
