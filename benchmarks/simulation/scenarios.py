"""What endpoints do when: hang, fail, slow down, flap, come back weak. Knows no rules.

An endpoint is told of a call and of the time, and says how many seconds its answer takes and which
status it has; 0 stands for a timeout.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

import attrs

from simulation.traffic import (
    ALIKE,
    ENDPOINTS,
    MIXED,
    Answers,
    Call,
    Traffic,
    batches,
    bursts,
    calls,
    two_kinds,
)

BACKGROUND: Final = 0.03
"""The share of calls that a healthy endpoint answers with a quick 500."""
QUICK: Final = 0.1
"""An error takes this share of the time that an answer would have taken."""
PARTIAL: Final = 0.4
"""The share of calls that fail in partial trouble."""
SLOWDOWN: Final = 8.0
"""In a brown-out answers take so many times as long."""
FLAP, FLAP_DOWN = 60.0, 20.0
"""A flapping endpoint fails for the first 20 of every 60 seconds."""
RAMP: Final = 60.0
"""Seconds that an endpoint takes to regain its strength after an outage, in a recovery flood."""
WEAK: Final = 0.1
"""The share of the usual traffic that it stands at first."""


class Endpoint:
    """An endpoint in good health, but for background errors."""

    def __init__(self, index: int, begin: float, end: float, rate: float) -> None:
        """Remember when trouble begins and ends, in seconds, and the calls a second."""
        self.index, self.begin, self.end, self.rate = index, begin, end, rate

    def is_troubled(self, _now: float) -> bool:
        """Tell whether one who knows would avoid it."""
        return False

    def answer(self, call: Call, _now: float) -> tuple[float, int]:
        """Give seconds and status of the answer to a call that is sent now."""
        seconds = call.seconds
        if call.luck[self.index] < BACKGROUND:
            return seconds * QUICK, 500
        return (seconds, 200) if seconds < call.timeout else (call.timeout, 0)


class Troubled(Endpoint):
    """In trouble for a time."""

    def is_troubled(self, now: float) -> bool:
        """Tell whether it is in trouble now."""
        return self.begin <= now < self.end


class Hanging(Troubled):
    """Falls silent: what is under way then gets no answer either."""

    def answer(self, call: Call, now: float) -> tuple[float, int]:
        """A timeout for what overlaps the trouble."""
        seconds, status = super().answer(call, now)
        if now < self.end and now + seconds > self.begin:
            return call.timeout, 0
        return seconds, status


class Failing(Troubled):
    """Answers everything with a quick 503."""

    def answer(self, call: Call, now: float) -> tuple[float, int]:
        """A quick 503 during the trouble."""
        if self.is_troubled(now):
            return call.seconds * QUICK, 503
        return super().answer(call, now)


class Partial(Troubled):
    """Answers a part of the calls with a quick 500."""

    def answer(self, call: Call, now: float) -> tuple[float, int]:
        """A quick 500 for some during the trouble."""
        if self.is_troubled(now) and call.luck[self.index] < PARTIAL:
            return call.seconds * QUICK, 500
        return super().answer(call, now)


class Slow(Troubled):
    """Answers, but slowly; the longest answers run into the timeout."""

    def answer(self, call: Call, now: float) -> tuple[float, int]:
        """A slow answer during the trouble."""
        seconds, status = super().answer(call, now)
        if self.is_troubled(now) and status == 200:
            seconds *= SLOWDOWN
            if seconds >= call.timeout:
                return call.timeout, 0
        return seconds, status


class Flapping(Failing):
    """Fails again and again, for a part of each minute."""

    def is_troubled(self, now: float) -> bool:
        """Tell whether it is in trouble now."""
        return self.begin <= now < self.end and (now - self.begin) % FLAP < FLAP_DOWN


class Flooded(Failing):
    """Comes back weak: more calls in a second than it stands are answered with 503."""

    def __init__(self, index: int, begin: float, end: float, rate: float) -> None:
        super().__init__(index, begin, end, rate)
        self._second, self._count = -1, 0

    def answer(self, call: Call, now: float) -> tuple[float, int]:
        """A quick 503 for what is too much after the trouble."""
        if now >= self.end:
            if self._second != int(now):
                self._second, self._count = int(now), 0
            self._count += 1
            strength = min(1.0, WEAK + (1.0 - WEAK) * (now - self.end) / RAMP)
            if strength < 1.0 and self._count > max(1.0, strength * self.rate):
                return call.seconds * QUICK, 503
        return super().answer(call, now)


@attrs.frozen(kw_only=True)
class Scenario:
    """A kind of trouble, and whom it befalls.

    Attributes:
        name: Its name.
        trouble: What the troubled endpoints are.
        befalls_all: Whether it befalls every endpoint, rather than the primary alone.
        answers: How long answers take.
        traffic: Who calls when.
        backups: How many endpoints there are beside the primary.
        tail: Seconds to watch at least after the trouble's end.
    """

    name: str
    trouble: Callable[[int, float, float, float], Endpoint] = Endpoint
    befalls_all: bool = False
    answers: Answers = ALIKE
    traffic: Traffic = calls
    backups: int = ENDPOINTS - 1
    tail: float = 0.0

    @property
    def is_healthy(self) -> bool:
        """Whether there is no trouble at all."""
        return self.trouble is Endpoint

    def endpoints(self, begin: float, length: float, rate: float) -> list[Endpoint]:
        """Make the endpoints, in order; the trouble begins at ``begin`` and lasts ``length``."""
        if self.is_healthy:
            begin = inf
        return [
            (self.trouble if index == 0 or self.befalls_all else Endpoint)(
                index, begin, begin + length, rate
            )
            for index in range(1 + self.backups)
        ]


HEALTHY: Final = Scenario(name="healthy")
HEALTHY_MIXED: Final = Scenario(name="healthy, mixed answers", answers=MIXED)
COLD: Final = Scenario(name="cold start")
HANG: Final = Scenario(name="hang", trouble=Hanging)
HANG_MIXED: Final = Scenario(name="hang, mixed answers", trouble=Hanging, answers=MIXED)
FAST_5XX: Final = Scenario(name="fast 5xx", trouble=Failing)
PARTIAL_ERRORS: Final = Scenario(name="partial errors", trouble=Partial)
BROWN_OUT: Final = Scenario(name="brown-out", trouble=Slow)
FLAPS: Final = Scenario(name="flapping", trouble=Flapping)
FLOOD: Final = Scenario(name="recovery flood", trouble=Flooded, tail=2 * RAMP)
ALL_DOWN: Final = Scenario(name="all down", trouble=Failing, befalls_all=True)

BURSTS: Final = Scenario(name="healthy, in bursts", traffic=bursts)
BATCHES: Final = Scenario(name="healthy, batch jobs", traffic=batches)
KINDS: Final = Scenario(name="healthy, two models", traffic=two_kinds)
HANG_KINDS: Final = Scenario(name="hang, two models", trouble=Hanging, traffic=two_kinds)
HANG_PAIR: Final = Scenario(name="hang, one backup", trouble=Hanging, backups=1)
FAST_5XX_PAIR: Final = Scenario(name="fast 5xx, one backup", trouble=Failing, backups=1)
HEALTHY_PAIR: Final = Scenario(name="healthy, one backup", backups=1)

SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        HANG,
        FAST_5XX,
        PARTIAL_ERRORS,
        BROWN_OUT,
        FLAPS,
        FLOOD,
        ALL_DOWN,
        COLD,
        HEALTHY,
        HANG_MIXED,
        HEALTHY_MIXED,
    )
}
