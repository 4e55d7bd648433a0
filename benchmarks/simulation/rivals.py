"""Models of published rules, to compare with. They model health only.

Each endpoint has a *gate* that a call passes or not. Around the gates all rules get the same
driver, ours in short: endpoints in order, first those whose gate lets the call pass; when none of
these is left, the others, past their gates; each at most once. So nothing but the rule differs.

The sources, for each rule in its docstring, are the documentation of the defaults and, where that
leaves a choice open, the behaviour of the published code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import ceil, floor, inf
from random import Random
from typing import Final, Protocol

import attrs

from simulation.traffic import Call
from simulation.world import MakeRule, World


class Gate(Protocol):
    """One endpoint's health, by somebody's rule."""

    def lets_pass(self, now: float) -> bool:
        """Tell whether a call may pass; it then passes."""
        ...

    def tell(self, now: float, *, is_good: bool) -> None:
        """Take in how a call that passed ended."""
        ...


class Envoy:
    """Envoy's outlier detection, consecutive 5xx.

    Five errors in a row eject a host for 30 s times the number of its ejections in a row, at most
    300 s; hosts come back, and the number goes down by one for each good interval, when a sweep
    finds it so, every 10 s. A timeout counts as a 5xx. A host that is back gets all its traffic.
    Ejection by success rate needs 5 hosts (``success_rate_minimum_hosts``) and so never happens in
    a fleet of three. ``max_ejection_percent`` (10 % by default) must be raised for so few hosts;
    this model ejects as many as it finds bad.

    https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/outlier_detection.proto
    https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
    """

    ERRORS: Final = 5
    INTERVAL: Final = 10.0
    BASE: Final = 30.0
    LONGEST: Final = 300.0

    def __init__(self) -> None:
        self._errors = 0
        self._ejections = 0
        self._back_at = -inf

    def lets_pass(self, now: float) -> bool:
        """Pass unless ejected."""
        return now >= self._back_at

    def tell(self, now: float, *, is_good: bool) -> None:
        """Count errors in a row."""
        if now < self._back_at:
            return
        self._errors = 0 if is_good else self._errors + 1
        if self._errors < self.ERRORS:
            return
        self._errors = 0
        if self._ejections:
            good_sweeps = floor((now - self._back_at) / self.INTERVAL)
            self._ejections = max(0, self._ejections - good_sweeps)
        if self._ejections * self.BASE < self.LONGEST + self.BASE:
            self._ejections += 1
        until = now + min(self._ejections * self.BASE, self.LONGEST)
        self._back_at = ceil(until / self.INTERVAL) * self.INTERVAL


class Polly:
    """Polly's circuit breaker, version 8.

    Of at least 100 calls within 30 s a tenth failed: open for 5 s; then one call is let through,
    which closes the circuit or opens it for another 5 s.

    https://www.pollydocs.org/strategies/circuit-breaker#defaults
    https://www.pollydocs.org/api/Polly.CircuitBreaker.CircuitBreakerStrategyOptions-1.html
    """

    RATIO: Final = 0.1
    LEAST: Final = 100
    SAMPLING: Final = 30.0
    SLICE: Final = SAMPLING / 10
    BREAK: Final = 5.0

    def __init__(self) -> None:
        self._open_until = -inf
        self._state = "closed"
        self._slices: deque[list[float]] = deque()

    def lets_pass(self, now: float) -> bool:
        """Pass if closed; after the break one call passes."""
        if self._state == "open" and now >= self._open_until:
            self._state = "half open"
            return True
        return self._state == "closed"

    def tell(self, now: float, *, is_good: bool) -> None:
        """Count within the sampling window, in slices; judge at failures."""
        if self._state == "half open":
            if is_good:
                self._state = "closed"
                self._slices.clear()
            else:
                self._state, self._open_until = "open", now + self.BREAK
            return
        slices = self._slices
        if not slices or now - slices[-1][0] >= self.SLICE:
            slices.append([now, 0, 0])
        while now - slices[0][0] >= self.SAMPLING:
            slices.popleft()
        slices[-1][1] += 1
        if is_good:
            return
        slices[-1][2] += 1
        if self._state == "closed":
            total = sum(each[1] for each in slices)
            if total >= self.LEAST and sum(each[2] for each in slices) >= self.RATIO * total:
                self._state, self._open_until = "open", now + self.BREAK


class Resilience4j:
    """resilience4j's circuit breaker.

    Of the last 100 calls, once there were 100, half failed: open for 60 s; then 10 calls are let
    through, and when all of them are back, half of them decide. Calls that fail slowly count only
    when they end.

    https://resilience4j.readme.io/docs/circuitbreaker#create-and-configure-a-circuitbreaker
    https://camel.apache.org/components/4.22.x/eips/resilience4jConfiguration-eip.html
    """

    WINDOW: Final = 100
    RATE: Final = 0.5
    WAIT: Final = 60.0
    PERMITS: Final = 10

    def __init__(self) -> None:
        self._state = "closed"
        self._open_until = -inf
        self._permits = 0
        self._failures = 0
        self._outcomes: deque[bool] = deque()

    def lets_pass(self, now: float) -> bool:
        """Pass if closed; after the wait ten calls pass."""
        if self._state == "open" and now >= self._open_until:
            self._turn("half open")
            self._permits = self.PERMITS
        if self._state == "half open" and self._permits:
            self._permits -= 1
            return True
        return self._state == "closed"

    def tell(self, now: float, *, is_good: bool) -> None:
        """Count over the last calls; judge at each, once there are enough."""
        if self._state == "open":
            return
        size = self.WINDOW if self._state == "closed" else self.PERMITS
        self._outcomes.append(is_good)
        self._failures += not is_good
        if len(self._outcomes) > size:
            self._failures -= not self._outcomes.popleft()
        if len(self._outcomes) < size:
            return
        if self._failures >= self.RATE * size:
            self._turn("open")
            self._open_until = now + self.WAIT
        elif self._state == "half open":
            self._turn("closed")

    def _turn(self, state: str) -> None:
        self._state = state
        self._failures = 0
        self._outcomes.clear()


class ThreeStrikes:
    """What many write by hand: three failures in a row, and the endpoint is left alone for 60 s."""

    STRIKES: Final = 3
    PAUSE: Final = 60.0

    def __init__(self) -> None:
        self._strikes = 0
        self._out_until = -inf

    def lets_pass(self, now: float) -> bool:
        """Pass unless out."""
        return now >= self._out_until

    def tell(self, now: float, *, is_good: bool) -> None:
        """Count failures in a row."""
        self._strikes = 0 if is_good else self._strikes + 1
        if self._strikes >= self.STRIKES:
            self._strikes, self._out_until = 0, now + self.PAUSE


@attrs.define(eq=False)
class Try:
    """An attempt by one of these rules; ``has_passed`` is False if it went past a gate."""

    index: int
    tried: int
    has_passed: bool


class Gated:
    """Endpoints in order, behind gates."""

    def __init__(self, world: World, make_gate: Callable[[], Gate]) -> None:
        self._world = world
        self._gates = [make_gate() for _ in world.endpoints]

    def arrived(self, call: Call, now: float) -> None:
        """Send to the first whose gate lets it pass."""
        self._send(call, 0, now)

    def ended(self, call: Call, attempt: Try, status: int, now: float) -> None:
        """Tell the gate, and go on to the next endpoint after a failure."""
        is_good = status == 200
        if attempt.has_passed:
            self._gates[attempt.index].tell(now, is_good=is_good)
        if is_good or attempt.tried.bit_count() == len(self._gates):
            self._world.over(call, attempt.index, status, now)
        else:
            self._send(call, attempt.tried, now)

    def _send(self, call: Call, tried: int, now: float) -> None:
        left = [index for index in range(len(self._gates)) if not tried >> index & 1]
        index = next((index for index in left if self._gates[index].lets_pass(now)), None)
        chosen = left[0] if index is None else index
        attempt = Try(chosen, tried | 1 << chosen, index is not None)
        self._world.send(call, chosen, attempt, now)


class Sticky:
    """One place that all calls share: it moves on at each failure, and never back by itself.

    As the system that this project replaces; after the last endpoint comes the first.
    """

    def __init__(self, world: World, _random: Random) -> None:
        self._world = world
        self._current = 0

    def arrived(self, call: Call, now: float) -> None:
        """Send to the endpoint in use."""
        self._send(call, self._current, 0, now)

    def ended(self, call: Call, attempt: Try, status: int, now: float) -> None:
        """Move the shared place on after a failure."""
        count = len(self._world.endpoints)
        if status == 200 or attempt.tried.bit_count() == count:
            self._world.over(call, attempt.index, status, now)
            return
        following = (attempt.index + 1) % count
        if self._current == attempt.index:
            self._current = following
        self._send(call, following, attempt.tried, now)

    def _send(self, call: Call, index: int, tried: int, now: float) -> None:
        self._world.send(call, index, Try(index, tried | 1 << index, has_passed=True), now)


class Oracle:
    """Knows every trouble: what no rule can beat, and a check of the simulator itself."""

    def __init__(self, world: World, _random: Random) -> None:
        self._world = world

    def arrived(self, call: Call, now: float) -> None:
        """Send to the first endpoint that is in no trouble."""
        self._send(call, 0, now)

    def ended(self, call: Call, attempt: Try, status: int, now: float) -> None:
        """Go on after a background error."""
        if status == 200 or attempt.tried.bit_count() == len(self._world.endpoints):
            self._world.over(call, attempt.index, status, now)
        else:
            self._send(call, attempt.tried, now)

    def _send(self, call: Call, tried: int, now: float) -> None:
        endpoints = self._world.endpoints
        left = [each for each in endpoints if not tried >> each.index & 1]
        well = [each for each in left if not each.is_troubled(now)]
        index = (well or left)[0].index
        self._world.send(call, index, Try(index, tried | 1 << index, has_passed=True), now)


def gated(make_gate: Callable[[], Gate]) -> MakeRule:
    """Give what makes a rule of gates."""
    return lambda world, _: Gated(world, make_gate)


RIVALS: Final[dict[str, MakeRule]] = {
    "Envoy": gated(Envoy),
    "Polly": gated(Polly),
    "resilience4j": gated(Resilience4j),
    "three strikes": gated(ThreeStrikes),
    "sticky": Sticky,
}
