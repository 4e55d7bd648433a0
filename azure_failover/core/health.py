"""The health of one endpoint, as a state machine.

Rule 1: everything that moves an endpoint from one state to another lives in this file, and the
moves themselves in :data:`TRANSITIONS`.

Rule 2: nothing here reads a clock, draws a random number, takes a lock or knows about HTTP. Time
is seconds on any monotonic clock, passed in; :mod:`azure_failover.core.fleet` holds the lock.

How it works
============
Each attempt takes a :class:`Ticket` when it starts and gives it back with its :class:`Effect`.
A ticket knows the state machine's generation, which moves on every transition: an outcome that
arrives under an old generation changes nothing, so a burst of stragglers cannot lengthen a pause
or undo a recovery. The same holds for a stream that breaks after its content proved the endpoint
alive: under the same generation that is one more failure, later it is nothing.

While HEALTHY, outcomes are weighed by the order in which attempts *started*, since failures are
fast and successes slow. ``good`` is the latest start that is known to have succeeded; everything
that started before it is vouched for. A failure trips the endpoint if

- nothing else that started since ``good``, and no longer than 30 s ago, can still succeed (at low
  traffic: at once; what takes longer, or was never given back, hides no outage); a single failure
  must also be the news: if a success came back within the last 3 s, and 5 or more started within
  30 s, it takes a second one, or
- at least 5 failed since ``good``, and of what started since, up to the latest that failed, they
  are a fifth or more, or
- of 10 or more that started within 30 s, half failed.

Thirty seconds are counted in tenths: what started in the oldest one may be a little younger.

Many that wait side by side and are not answered fail it as well: :mod:`azure_failover.core.pace`.

FAILED ends lazily: the first request that asks after the pause becomes the probe, and the state
PROBING keeps others away until the probe is back or its lease is over. A pause is a third of the
time for which the endpoint has been failing, so that it comes back at most that much too late. The
figures were chosen with the simulator (``benchmarks/simulate.py``).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping
from enum import Enum
from math import inf
from typing import Final, NamedTuple, assert_never

from azure_failover.core.ticket import NO_TICKET, Ticket
from azure_failover.core.verdict import RETRY_AFTER_CAP, Effect
from azure_failover.core.window import Window

BURST: Final = 5
"""Failures since the last success that trip an endpoint with other attempts under way …"""
BURST_SHARE: Final = 0.2
"""… if they are this share of what started since, up to the latest failure."""
FRESH: Final = 3.0
"""A success that came back within so many seconds outweighs a single failure …"""
FRESH_LEAST: Final = 5
"""… where this many attempts, the failed one included, started in the window."""
WINDOW_LEAST: Final = 10
"""Attempts in the window below which the share says nothing."""
WINDOW_SHARE: Final = 0.5
JITTER: Final = 0.2
"""A pause is lengthened by a random part of up to this share."""
PAUSE_SHARE: Final = 1 / 3
"""A pause is this share of the time for which the endpoint has been failing."""
HEALTHY_STRETCH: Final = 5.0
"""After so many times the last pause in good health, a failure begins a new time of failing."""


class State(Enum):
    """What we believe about an endpoint."""

    HEALTHY = "healthy"
    FAILED = "failed"
    PROBING = "probing"


class Cue(Enum):
    """What moves an endpoint from state to state."""

    TRIPPED = "failures outweigh successes"
    FELL_SILENT = "many wait, and none is answered"
    PAUSE_OVER = "asked after the pause"
    ALIVE = "an attempt succeeded"
    PROBE_FAILED = "the probe failed"
    PROBE_RELEASED = "the probe ended without a verdict"
    LEASE_OVER = "asked after the lease"
    RESET = "reset by the user"


TRANSITIONS: Final[Mapping[State, Mapping[Cue, State]]] = {
    State.HEALTHY: {
        Cue.TRIPPED: State.FAILED,
        Cue.FELL_SILENT: State.FAILED,
        Cue.RESET: State.HEALTHY,
    },
    State.FAILED: {
        Cue.PAUSE_OVER: State.PROBING,
        Cue.ALIVE: State.HEALTHY,
        Cue.RESET: State.HEALTHY,
    },
    State.PROBING: {
        Cue.ALIVE: State.HEALTHY,
        Cue.PROBE_FAILED: State.FAILED,
        Cue.PROBE_RELEASED: State.FAILED,
        Cue.LEASE_OVER: State.PROBING,
        Cue.RESET: State.HEALTHY,
    },
}


class Pacing(NamedTuple):
    """How long an endpoint is passed over; see :class:`~azure_failover.core.config.Policy`."""

    pause: float
    max_pause: float
    probe_lease: float
    may_return: bool


class Health:
    """One endpoint's state. Not thread-safe: the fleet holds the lock."""

    __slots__ = (
        "_failed",
        "_failing_since",
        "_good",
        "_lease_until",
        "_pacing",
        "_pause",
        "_seen_good",
        "_void",
        "failed_until",
        "generation",
        "healthy_since",
        "silenced",
        "started",
        "state",
        "throttled_until",
        "window",
    )

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        self.state = State.HEALTHY
        self.generation = 0
        self.started = 0
        """How many attempts have started here."""
        self.window: Window
        """Those of late; :meth:`.Fleet.first` adds to both, for what a healthy endpoint gets."""
        self._good = 0
        self._lease_until = -inf
        self._forget()

    def reset(self) -> None:
        """Forget everything; the outcomes of attempts that are under way will change nothing."""
        self._move(Cue.RESET)
        self._forget()

    def _forget(self) -> None:
        self.failed_until = -inf
        self.throttled_until = -inf
        self._pause = 0.0
        self.healthy_since = -inf
        self.silenced = -1
        """The generation in which it was last failed for its silence."""
        self._failing_since = -inf
        self._seen_good = -inf
        self._forget_evidence()

    def is_open(self, now: float) -> bool:
        """Tell whether a request may come here on its first pass over the fleet."""
        match self.state:
            case State.HEALTHY:
                return True
            case State.FAILED:
                return now >= self.failed_until
            case State.PROBING:
                return now >= self._lease_until
            case _:
                assert_never(self.state)

    def obstacle(self, now: float) -> str:
        """Say why a request does not come here on its first pass over the fleet."""
        if self.is_open(now):
            return f"throttled for {self.throttled_until - now:.1f} s more"
        if self.state is State.FAILED:
            left = self.failed_until - now
            return "failed" if left == inf else f"failed, to be probed in {left:.1f} s"
        return "another request is probing it"

    def start(self, now: float) -> Ticket:
        """Begin an attempt; the first after a pause, or after a lost probe, is the probe.

        An attempt may also start while the endpoint is not open, when no other is left to try.
        """
        is_probe = False
        if self.state is not State.HEALTHY and self.is_open(now):
            self._move(Cue.PAUSE_OVER if self.state is State.FAILED else Cue.LEASE_OVER)
            self._lease_until = now + self._pacing.probe_lease
            is_probe = True
        if now >= self.window.end:
            self.window.turn(now, self.started)
        self.started += 1
        return Ticket(self.generation, self.started, is_probe)

    def resume(self, ticket: Ticket, now: float) -> Ticket:
        """Give a ticket for bad news of an attempt that had proved the endpoint alive.

        It counts as an attempt that starts now; and not at all if the state has changed since.
        """
        return self.start(now) if ticket.generation == self.generation else NO_TICKET

    def vouch(self, ticket: Ticket, now: float) -> bool:
        """Take a success into account if the endpoint is healthy; tell whether it is.

        The latest start that succeeded vouches for all that started before.
        """
        if ticket.generation != self.generation or self.state is not State.HEALTHY:
            return False
        self._seen_good = now
        if ticket.sequence > self._good:
            self._good = ticket.sequence
            if self._failed or self._void:
                self._forgive()
        return True

    def finish(
        self,
        ticket: Ticket,
        effect: Effect,
        now: float,
        *,
        retry_after: float | None = None,
        luck: float = 0.0,
    ) -> Cue | None:
        """Take an attempt's outcome into account.

        Args:
            ticket: What :meth:`start` gave; give each back once.
            effect: What the outcome says.
            now: The time, in seconds.
            retry_after: The endpoint's own hint when to come again, in seconds.
            luck: A random number from 0 up to 1, for the jitter.

        Returns:
            What moved the endpoint to another state, or None if it stayed.
        """
        if ticket.generation != self.generation:
            return None
        if effect is Effect.ALIVE and self.vouch(ticket, now):
            return None
        if effect is Effect.THROTTLED and retry_after is not None:
            hint = now + min(retry_after, RETRY_AFTER_CAP)
            self.throttled_until = max(self.throttled_until, hint)
        if self.state is State.HEALTHY:
            return self._weigh(ticket, effect, now, retry_after, luck)
        if effect is Effect.ALIVE:
            self._recover(now)
            ticket.generation = self.generation  # the new one begins with this success
            return Cue.ALIVE
        if not ticket.is_probe:
            return None
        if effect is Effect.FAILURE:
            self._fail(Cue.PROBE_FAILED, now, retry_after, luck)
            return Cue.PROBE_FAILED
        self._move(Cue.PROBE_RELEASED)
        self.failed_until = max(self.failed_until, self.throttled_until)
        return Cue.PROBE_RELEASED

    def fall_silent(self, now: float, luck: float) -> None:
        """Fail a healthy endpoint from which nothing is heard (:mod:`.pace` tells when)."""
        self._relapse(Cue.FELL_SILENT, now, None, luck)
        self.silenced = self.generation

    def _weigh(
        self,
        ticket: Ticket,
        effect: Effect,
        now: float,
        retry_after: float | None,
        luck: float,
    ) -> Cue | None:
        """Weigh an outcome that is no success, while HEALTHY."""
        self.window.turn(now, self.started)
        part = self.window.part_of(ticket.sequence)
        if effect is not Effect.FAILURE:
            if part is not None:
                part.void += 1
            if ticket.sequence > self._good:
                insort(self._void, ticket.sequence)
            return None
        if part is not None:
            part.failed += 1
        if ticket.sequence > self._good:
            insort(self._failed, ticket.sequence)
        if not self._is_outweighed(ticket, now):
            return None
        self._relapse(Cue.TRIPPED, now, retry_after, luck)
        return Cue.TRIPPED

    def _relapse(self, cue: Cue, now: float, retry_after: float | None, luck: float) -> None:
        """Fail while HEALTHY: for a short time, unless it has just come back."""
        if now - self.healthy_since >= HEALTHY_STRETCH * self._pause:
            self._failing_since = now
        self._fail(cue, now, retry_after, luck)

    def _is_outweighed(self, ticket: Ticket, now: float) -> bool:
        """Tell whether failures outweigh what can still be said for the endpoint."""
        started = self.window.started(self.started)
        if ticket.sequence > self._good:
            failed, latest = len(self._failed), self._failed[-1]
            if not self._count_able():
                is_news = now - self._seen_good > FRESH or started < FRESH_LEAST
                if failed > 1 or is_news:
                    return True
            since = latest - self._good - bisect_right(self._void, latest)
            if failed >= BURST and failed >= BURST_SHARE * since:
                return True
        failed = self.window.failed()
        return started >= WINDOW_LEAST and failed >= WINDOW_SHARE * started

    def _count_able(self) -> int:
        """Count what started since the latest success, and within the window, and has not ended."""
        edge = max(self._good, self.window.before)
        ended = _above(self._failed, edge) + _above(self._void, edge)
        return self.started - edge - ended

    def _fail(self, cue: Cue, now: float, retry_after: float | None, luck: float) -> None:
        self._move(cue)
        pacing = self._pacing
        share = PAUSE_SHARE * (now - self._failing_since)
        self._pause = max(pacing.pause, min(share, pacing.max_pause / (1.0 + JITTER)))
        pause = self._pause * (1.0 + JITTER * luck)
        if retry_after is not None:
            pause = max(pause, min(retry_after, RETRY_AFTER_CAP))
        until = now + pause if pacing.may_return else inf
        self.failed_until = max(self.failed_until, until)

    def _recover(self, now: float) -> None:
        self._move(Cue.ALIVE)
        self.healthy_since = now
        self.failed_until = -inf
        self._forget_evidence()

    def _move(self, cue: Cue) -> None:
        self.state = TRANSITIONS[self.state][cue]
        self.generation += 1

    def _forget_evidence(self) -> None:
        self._good = self.started
        self._failed: list[int] = []
        self._void: list[int] = []
        self.window = Window(self.started)

    def _forgive(self) -> None:
        """Forget what started before the latest success."""
        for sequences in (self._failed, self._void):
            del sequences[: bisect_right(sequences, self._good)]


def _above(sequences: list[int], edge: int) -> int:
    return len(sequences) - bisect_right(sequences, edge)
