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

from bisect import bisect_right
from collections import Counter
from functools import partial
from itertools import accumulate
from math import exp, inf
from typing import Final, TypeAlias

from azure_failover.core.ticket import Ticket

Kind: TypeAlias = tuple[str, str]
"""A kind of request: its operation, and the deployment that it names."""

ANY_KIND: Final[Kind] = ("", "")

KINDS_KEPT: Final = 256
"""So many kinds are measured by themselves, the rest together."""
CROWD: Final = 8
"""So many attempts have to wait before their common silence says something."""
CALM: Final = 64
"""After so many attempts that started with fewer under way, a crowd has dispersed."""
SILENCE_SHARE: Final = 1.4
"""An endpoint is silent after so many times what 99 % of its answers take …"""
SILENCE_LEAST: Final = 1.0
"""… but not before so many seconds."""
_USUAL: Final = 0.95
_ALMOST_ALL: Final = 0.99
"""The few long answers at a burst's end come one by one: that is no silence."""
_EDGES: Final = tuple(1e-4 * exp(cell / 12.0) for cell in range(1, 201))
"""Where the cells of the histogram end, in seconds: each is 9 % wide."""
_MEMORY: Final = 1024
"""After so many answers, all that came before count half."""
KNOWN: Final = 64
"""After so many answers what is usual is reckoned again; before the first time nothing counts as
usual, since short answers come first."""

_cell_of: Final = partial(bisect_right, _EDGES[:-1])


class Pace:
    """The time to first byte of one endpoint for one kind of request. Not thread-safe."""

    __slots__ = (
        "_counts",
        "_listens",
        "_owed",
        "_owing",
        "_took",
        "calm",
        "crowd_from",
        "generation",
        "latest",
        "sentry_from",
        "silent_at",
        "span",
        "under_way",
        "usual",
    )

    def __init__(self, *, listens: bool) -> None:
        """Begin to measure.

        Args:
            listens: Whether silence is to be noticed at all.
        """
        self._listens = listens
        self.crowd_from = float(CROWD) if listens else inf
        """With so many under way, the next is one of a crowd."""
        self._counts = Counter[int]()
        """How many answers took what belongs into a cell."""
        self._took: list[float] = []
        """What the answers took that are not yet reckoned with, in seconds."""
        self.calm = CALM
        """So many attempts have started since a crowd was last seen."""
        self.span = inf
        """Seconds of silence that say something; inf as long as too little is known."""
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
        self.latest = 0
        """The latest start."""
        self._owing = 0
        """The latest start before something was heard; those that began later owe nothing."""
        self._owed = 0
        self.silent_at = inf
        """When the endpoint will have fallen silent if nothing is heard before; never is inf."""
        self.sentry_from = inf if self.span == inf else float(CROWD)
        """With so many under way, the next should be the sentry: the one that keeps an eye."""

    def began(self, ticket: Ticket) -> None:
        """Take in that an attempt starts to wait.

        One of a crowd, or after a crowd of late, may have to be cut.
        """
        self.calm = 0 if self.under_way >= self.crowd_from else self.calm + 1
        self.under_way += 1
        self.latest = ticket.sequence
        ticket.is_crowded = self.calm < CALM
        ticket.pace = self

    def post_sentry(self) -> None:
        """Take note that an attempt keeps an eye; one is enough."""
        self.sentry_from = inf

    def heard(self, now: float, elapsed: float | None, was_sentry: bool = False) -> None:
        """Take in that an attempt's first byte came.

        Args:
            now: The time, in seconds.
            elapsed: Seconds since that attempt began; None if it does not tell what is usual.
            was_sentry: Whether it kept an eye.
        """
        owed = self._owed = self.under_way = self.under_way - 1
        if elapsed is not None:
            self._took.append(elapsed)
            if len(self._took) >= KNOWN:
                self._reckon()
        if was_sentry:
            self._relieve()
        self._owing = self.latest
        self.silent_at = now + self.span if owed >= CROWD else inf

    def ended(self, sequence: int, *, was_sentry: bool = False) -> None:
        """Take in that the attempt with this place in the order ended without any answer."""
        self.under_way -= 1
        self._owed -= sequence <= self._owing
        if self._owed < CROWD:
            self.silent_at = inf
        if was_sentry:
            self._relieve()

    def _relieve(self) -> None:
        self.sentry_from = inf if self.span == inf else float(CROWD)

    def _reckon(self) -> None:
        """Sort in what the latest answers took, and look up what is usual."""
        was_unknown = self.usual is None
        self._counts.update(map(_cell_of, self._took))
        self._took.clear()
        self.usual = self._quantile(_USUAL)
        if self._listens:
            self.span = max(SILENCE_LEAST, SILENCE_SHARE * self._quantile(_ALMOST_ALL))
            if was_unknown:
                self._relieve()
        if self._counts.total() >= _MEMORY:
            self._counts = Counter({cell: n // 2 for cell, n in self._counts.items() if n > 1})

    def _quantile(self, share: float) -> float:
        """Give the seconds within which this share of the answers began, a little rounded up."""
        counts = self._counts
        above = counts.total() * (1.0 - share)
        cells = sorted(counts, reverse=True)
        longer = accumulate(map(counts.__getitem__, cells))
        return next(_EDGES[cell] for cell, n in zip(cells, longer, strict=True) if n > above)


class Paces:
    """The pace of every endpoint for each kind of request. Not thread-safe."""

    def __init__(self, count: int, *, listens: bool) -> None:
        """Begin to measure ``count`` endpoints; ``listens`` as for :class:`Pace`."""
        self._count = count
        self._listens = listens
        self.by_kind: dict[Kind, tuple[Pace, ...]] = {}

    def of(self, kind: Kind) -> tuple[Pace, ...]:
        """Give the paces for a kind, one for each endpoint."""
        found = self.by_kind.get(kind)
        if found is None:
            if len(self.by_kind) >= KINDS_KEPT and kind != ANY_KIND:
                return self.of(ANY_KIND)
            found = tuple(Pace(listens=self._listens) for _ in range(self._count))
            self.by_kind[kind] = found
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


def next_look(ticket: Ticket, generation: int, now: float) -> float:
    """Say when a sentry should look whether its endpoint is silent; inf if it waits no more.

    Who began under another than the present ``generation`` cannot tell, but may hear of it.
    """
    pace = ticket.pace
    if pace is None:
        return inf
    is_current = ticket.generation == generation and pace.silent_at < inf
    return pace.silent_at if is_current else now + pace.span
