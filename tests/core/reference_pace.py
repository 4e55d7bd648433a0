"""Who waits at one endpoint for one kind of request, in the plainest way.

Written from what ``core/pace.py`` promises in words. It remembers everybody who waited and every
time that something was heard; who owes an answer is worked out anew at each question.
"""

from __future__ import annotations

from math import inf

import attrs

from azure_failover.core.pace import Pace

CROWD = 8
CALM = 64


@attrs.define(eq=False)
class Wait:
    """An attempt that waits for its first byte, or did."""

    generation: int
    is_sentry: bool
    is_crowded: bool
    is_over: bool = False


@attrs.frozen(eq=False)
class Hearing:
    """Something was heard: when, and who went on waiting."""

    at: float
    generation: int
    waiting: tuple[Wait, ...]


@attrs.define(eq=False)
class ReferencePace:
    """All waits at one endpoint for one kind of request."""

    listens: bool
    waits: list[Wait] = attrs.field(factory=list[Wait])
    hearings: list[Hearing] = attrs.field(factory=list[Hearing])
    answers: list[float] = attrs.field(factory=list[float])
    crowds: list[int] = attrs.field(factory=list[int])
    real: Pace | None = None
    """Says what is usual; :meth:`judge` tells whether that can be."""

    @property
    def usual(self) -> float | None:
        return None if self.real is None else self.real.usual

    @property
    def span(self) -> float:
        """Seconds of silence that say something; inf as long as nothing is known."""
        return inf if self.real is None else self.real.span

    def waiting(self, generation: int) -> list[Wait]:
        return [one for one in self.waits if one.generation == generation and not one.is_over]

    def wants_a_sentry(self, generation: int) -> bool:
        """So many wait that their silence would say something, and nobody keeps an eye."""
        waiting = self.waiting(generation)
        is_kept = any(one.is_sentry for one in waiting)
        return self.span < inf and len(waiting) >= CROWD and not is_kept

    def silent_at(self, generation: int) -> float:
        """Say when enough of those who waited when it was last heard have waited for too long."""
        heard = [one for one in self.hearings if one.generation == generation]
        if not heard:
            return inf
        owed = [one for one in heard[-1].waiting if not one.is_over]
        return heard[-1].at + self.span if len(owed) >= CROWD else inf

    def next_look(self, generation: int, present: int, now: float) -> float:
        """Who waits since before the ``present`` generation only looks now and then."""
        silent_at = self.silent_at(generation) if generation == present else inf
        return now + self.span if silent_at == inf else silent_at

    def start(self, generation: int) -> Wait:
        self.crowds.append(len(self.waiting(generation)))
        is_crowded = self.listens and max(self.crowds[-CALM:]) >= CROWD
        started = Wait(generation, self.wants_a_sentry(generation), is_crowded)
        self.waits.append(started)
        return started

    def hear(self, wait: Wait, generation: int, now: float, elapsed: float | None) -> None:
        """Take in that something was heard.

        It counts the first time, and if the endpoint has not changed its state since.
        """
        if not wait.is_over and wait.generation == generation:
            wait.is_over = True
            self.answers += [] if elapsed is None else [elapsed]
            self.hearings.append(Hearing(now, generation, tuple(self.waiting(generation))))
        wait.is_over = True

    def judge(self) -> None:
        """What is usual, and how long a silence says something, are within a cell of the quantiles.

        They are looked up after each 64 answers. After 1024 the older answers begin to fade: what
        is usual then is not checked here.
        """
        known = len(self.answers) // 64 * 64
        if not known:
            assert self.usual is None
            assert self.span == inf
        elif known < 1024:
            assert self.usual is not None
            assert is_near(self.usual, self.quantile(known, 0.05))
            if self.listens:
                assert self.span == 1.0 or is_near(self.span / 1.4, self.quantile(known, 0.01))
            else:
                assert self.span == inf

    def quantile(self, known: int, above: float) -> float:
        """Give the time above which this share of the first answers took."""
        return sorted(self.answers[:known])[known - 1 - int(known * above + 1e-9)]


def is_near(found: float, quantile: float) -> bool:
    """Tell whether an estimate is in the cell of the histogram that a quantile lies in."""
    lowest = max(quantile, 1e-4) * 0.999
    return lowest <= found <= lowest * 1.1 or quantile > 1000.0
