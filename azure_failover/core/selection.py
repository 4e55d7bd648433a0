"""Which endpoint a request tries first, of those that are well: the strategy, and its memory.

Holds what a strategy remembers from request to request; how an order is drawn from it stands in
:mod:`azure_failover.core.strategy`. Takes no lock and reads no clock: the fleet does both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from azure_failover.core.config import Config
from azure_failover.core.health import Health, State
from azure_failover.core.latency import Latency
from azure_failover.core.strategy import Measures, Order, drawn, share_of, tiers_of
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import Effect

_TROUBLE: Final = (Effect.FAILURE, Effect.THROTTLED)


class Selection:
    """Draws the order of endpoints for each request. Not thread-safe."""

    def __init__(self, config: Config, random: Callable[[], float]) -> None:
        policy = config.policy
        self._random = random
        self._strategy: Final = policy.strategy
        self._ramp: Final = policy.failback_ramp
        self._tiers: Final = tiers_of([endpoint.tier for endpoint in config.endpoints])
        self._weights: Final = [endpoint.weight for endpoint in config.endpoints]
        self._turn = 0
        self.steady: Final = Order(tuple(index for tier in self._tiers for index in tier))
        """Tiers as configured, and everything in its place."""
        self.is_steady: Final = self._strategy == "priority" and not self._ramp
        """Whether every request gets the steady order."""
        self.is_led_by_primary: Final = (
            self._strategy == "priority" and self.steady.endpoints[0] == 0
        )
        self.reset()

    def reset(self) -> None:
        """Forget what was measured."""
        count = len(self._weights) if self._strategy == "latency" else 0
        self._latencies = [Latency() for _ in range(count)]

    def order(self, health: Sequence[Health], now: float) -> Order:
        """Draw the order for the next request, which takes a turn."""
        order = self.preview(health, now)
        self._turn += 1
        return order

    def preview(self, health: Sequence[Health], now: float) -> Order:
        """Draw an order as the next request would, and leave it its turn."""
        latencies = self._latencies
        measures = Measures(
            [latency.expected(now) for latency in latencies],
            [latency.under_way for latency in latencies],
        )
        endpoints = drawn(
            self._strategy,
            self._tiers,
            weights=self._weights,
            measures=measures,
            turn=self._turn,
            random=self._random,
        )
        return Order(endpoints, self._returning(health, now) if self._ramp else 0)

    def _returning(self, health: Sequence[Health], now: float) -> int:
        """Draw which of the endpoints that recovered of late let a request pass, as a bit set."""
        found = 0
        for index, each in enumerate(health):
            share = self.share(each, now)
            if share < 1.0 and self._random() >= share:
                found |= 1 << index
        return found

    def share(self, health: Health, now: float) -> float:
        """Give the share of its first choices that an endpoint takes, of late or for good."""
        if not self._ramp or health.state is not State.HEALTHY:
            return 1.0
        return share_of(now - health.healthy_since, self._ramp)

    # What it measures, if it goes by latency.

    def began(self, index: int, ticket: Ticket) -> None:
        """Take in that an attempt started."""
        if self._latencies:
            self._latencies[index].began(ticket)

    def answered(self, index: int, ticket: Ticket, elapsed: float, now: float) -> None:
        """Take in that a good answer began so many seconds after its attempt."""
        if self._latencies:
            self._latencies[index].ended(ticket)
            self._latencies[index].answered(elapsed, now)

    def ended(self, index: int, ticket: Ticket) -> None:
        """Take in that an attempt is over."""
        if self._latencies:
            self._latencies[index].ended(ticket)

    def noted(self, index: int, effect: Effect, now: float, *, is_misconfigured: bool) -> None:
        """Take in an outcome: trouble comes quickly at times, and must not look fast."""
        if self._latencies and (is_misconfigured or effect in _TROUBLE):
            self._latencies[index].failed(now)
