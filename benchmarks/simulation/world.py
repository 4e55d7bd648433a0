"""Virtual time: calls come, attempts end, nothing sleeps. Knows no rule.

A *rule* is told of each call that comes and of each attempt that ends, and sends attempts through
the world; any number of attempts of one call may be under way at once. What ends after its call is
over was cancelled, and is not told.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random
from typing import Any, Final, Protocol

from simulation.scenarios import Endpoint, Scenario
from simulation.tally import Tally, oracle_latency
from simulation.traffic import Call

WARM_UP: Final = 60.0
"""Seconds of good health before trouble begins …"""
WARM_UP_CALLS: Final = 20
"""… or this many calls, if that is longer."""
PATIENCE: Final = 400.0
"""Seconds after the trouble's end for which a failback is waited for …"""
PATIENCE_CALLS: Final = 40
"""… or this many calls, if that is longer."""


class Rule(Protocol):
    """What decides where calls go."""

    def arrived(self, call: Call, now: float) -> None:
        """Start a call's journey."""
        ...

    def ended(self, call: Call, attempt: Any, status: int, now: float) -> None:
        """Take in how an attempt ended: an HTTP status, or 0 for a timeout.

        ``attempt`` is what the rule gave to :meth:`World.send` or to :meth:`World.wake`.
        """
        ...


MakeRule = Callable[["World", Random], Rule]


class World:
    """One run of one rule through one scenario."""

    def __init__(self, endpoints: list[Endpoint], random: Random, make_rule: MakeRule) -> None:
        """Begin at time 0, with nothing known.

        Args:
            endpoints: The endpoints, in order.
            random: The rule's own source, for jitter.
            make_rule: Makes the rule.
        """
        self.endpoints = endpoints
        self.tally = Tally()
        self._events: list[tuple[float, int, Call, Any, int]] = []
        self._number = count()
        self._failback = inf
        primary = endpoints[0]
        self._begin, self._end = primary.begin, primary.end
        self._rule = make_rule(self, random)

    def send(self, call: Call, index: int, attempt: object, now: float) -> None:
        """Send a call to an endpoint; the rule will be told how ``attempt`` ended."""
        endpoint = self.endpoints[index]
        if not index and not call.hit_dead and endpoint.is_troubled(now):
            call.hit_dead, call.is_last_resort = True, call.attempts > 0
        if not call.attempts:
            call.first = index
        call.attempts += 1
        seconds, status = endpoint.answer(call, now)
        heappush(self._events, (now + seconds, next(self._number), call, attempt, status))

    def wake(self, call: Call, reason: object, at: float) -> None:
        """Tell the rule at a time that it has come; ``reason`` stands in an attempt's place."""
        heappush(self._events, (at, next(self._number), call, reason, 0))

    def over(self, call: Call, index: int, status: int, now: float) -> None:
        """Take in a call's end: who answered it, and with what; 0 for an error."""
        call.is_over, call.ended = True, now
        is_good = status == 200
        if call.arrived >= self._end:
            if is_good and not index and not call.first:
                self._failback = min(self._failback, now - self._end)
        elif call.arrived >= self._begin or self._begin == inf:
            oracle = oracle_latency(call, self.endpoints)
            self.tally.count(call, now, is_good=is_good, oracle=oracle)

    def run(self, scenario: Scenario, rate: float, random: Random, until: float) -> Tally:
        """Let calls come until a time, and until the primary is back or patience ends.

        Args:
            scenario: Says how long answers take, and how long to watch.
            rate: Calls a second.
            random: The traffic's source.
            until: Seconds.
        """
        events, rule = self._events, self._rule
        last = until if scenario.is_healthy else until + max(PATIENCE, PATIENCE_CALLS / rate)
        least = until + scenario.tail
        for call in scenario.traffic(rate, scenario.answers, random):
            now = call.arrived
            while events and events[0][0] <= now:
                self._next_event()
            if now > last or (now > least and self._failback < inf):
                break
            self.tally.simulated += 1
            rule.arrived(call, now)
        while events:
            self._next_event()
        if not scenario.is_healthy:
            self.tally.failbacks.append(self._failback)
        return self.tally

    def _next_event(self) -> None:
        now, _, call, attempt, status = heappop(self._events)
        if not call.is_over:
            self._rule.ended(call, attempt, status, now)


def simulate(
    scenario: Scenario, rate: float, length: float, make_rule: MakeRule, seed: int
) -> Tally:
    """Run one rule through one scenario.

    Args:
        scenario: The trouble.
        rate: Calls a second.
        length: Seconds that the trouble lasts; of a healthy run, its whole length.
        make_rule: Makes the rule.
        seed: The seed of traffic and jitter; the same calls come for every rule.
    """
    begin = 0.0 if scenario.is_healthy else max(WARM_UP, WARM_UP_CALLS / rate)
    traffic = Random(f"traffic {scenario.name} {rate} {seed}")
    jitter = Random(f"jitter {scenario.name} {rate} {seed}")
    world = World(scenario.endpoints(begin, length, rate), jitter, make_rule)
    return world.run(scenario, rate, traffic, begin + length)
