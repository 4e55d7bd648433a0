"""The attempts of one flight that are under way, and when another may start beside them.

Says when, not where: the flight finds the endpoint. Reads no clock, sends nothing.
"""

from __future__ import annotations

from math import inf
from typing import Final

from azure_failover.core.events import Event
from azure_failover.core.fleet import Fleet
from azure_failover.core.steps import Attempt

_SHORTEST_LOOK: Final = 0.001
"""A driver is left in peace for so many seconds at least."""


class UnderWay:
    """The attempts that wait for an answer, in the order in which they started."""

    def __init__(self, fleet: Fleet, *, may_hedge: bool) -> None:
        """Begin without any.

        Args:
            fleet: The endpoints.
            may_hedge: Whether a second attempt may be made while the first is under way.
        """
        self._fleet = fleet
        self._policy = fleet.config.policy
        self._may_hedge = may_hedge
        self._has_hedged = False
        self.attempts: list[Attempt] = []

    def add(self, attempt: Attempt, now: float) -> None:
        """Add an attempt that starts."""
        self.attempts.append(attempt)
        if self._may_hedge:
            delay = self._delay(attempt)
            attempt.hedge_at = inf if delay is None else now + delay

    def _delay(self, attempt: Attempt) -> float | None:
        """Say after how many seconds another attempt may start beside this one."""
        policy, ticket = self._policy, attempt.ticket
        if ticket.is_probe:
            attempt.is_hedge_free = True
            return policy.hedge_probes_after
        if self._has_hedged:
            return None
        return self._fleet.usual(ticket) if policy.hedge_after == "p95" else policy.hedge_after

    def patience(self, now: float) -> float | None:
        """Say for how many seconds all may be left alone; None for as long as they take."""
        if not self._may_hedge:
            return None
        look = inf
        for attempt in self.attempts:
            look = min(look, attempt.hedge_at)
            if attempt.ticket.is_sentry:
                look = min(look, self._fleet.next_look(attempt.index, attempt.ticket, now))
        return None if look == inf else max(look - now, _SHORTEST_LOOK)

    def listen(self, now: float) -> tuple[Event, ...]:
        """Let a sentry look whether its endpoint is silent; if it is, another attempt is due."""
        events: list[Event] = []
        for attempt in self.attempts:
            if attempt.ticket.is_sentry:
                event = self._fleet.listen(attempt.index, attempt.ticket, now)
                if event is not None:
                    events.append(event)
                if self._fleet.is_silenced(attempt.index, attempt.ticket):
                    attempt.ticket.is_sentry = False
                    attempt.hedge_at, attempt.is_hedge_free = now, True
        return tuple(events)

    def is_hedge_due(self, now: float) -> bool:
        """Tell once for each attempt whether another may start beside it."""
        for attempt in self.attempts:
            if now >= attempt.hedge_at:
                attempt.hedge_at = inf
                if attempt.is_hedge_free:
                    return True
                self._has_hedged = True
                if self._fleet.take_hedge(now):
                    return True
        return False
