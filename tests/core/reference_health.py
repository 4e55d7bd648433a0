"""The rules of health in the plainest way: what the real fleet is held against.

Written from the design and from what ``core/health.py`` promises in words, not from its code. It
remembers every attempt and every move, and works everything out anew at each question: no counts
that are kept up, no heaps, no buckets, no short cuts, no lock. Slow on purpose. Decides nothing
that a user meets.
"""

from __future__ import annotations

from math import inf
from typing import Literal, TypeAlias

import attrs

from azure_failover.core.config import Config, Policy
from azure_failover.core.course import ANYWHERE, Course, Reach
from azure_failover.core.events import (
    EndpointFailed,
    EndpointMisconfigured,
    EndpointRecovered,
    Event,
)
from azure_failover.core.verdict import Effect

Belief: TypeAlias = Literal["healthy", "failed", "probing"]
Why: TypeAlias = Literal[
    "tripped", "asked after the pause", "probe failed", "probe released", "succeeded", "reset"
]
SAYS_NOTHING = (Effect.NEUTRAL, Effect.THROTTLED)


@attrs.define(eq=False)
class Try:
    """An attempt: the how-manieth at its endpoint, and what came of it if that is known."""

    number: int
    started: float
    generation: int
    is_probe: bool
    effect: Effect | None = None


@attrs.frozen
class Move:
    """A change of state; ``until`` is when the pause or the lease ends."""

    at: float
    to: Belief
    why: Why
    until: float = -inf


@attrs.define(eq=False)
class ReferenceEndpoint:
    """One endpoint: everything that ever happened there."""

    policy: Policy
    tries: list[Try] = attrs.field(factory=list[Try])
    moves: list[Move] = attrs.field(factory=list[Move])
    throttles: list[float] = attrs.field(factory=list[float])
    """Until when each 429 asked us to stay away."""
    misconfigured: str | None = None
    last_error: str | None = None

    # What it is.

    @property
    def generation(self) -> int:
        """Each move begins a new one."""
        return len(self.moves)

    @property
    def state(self) -> Belief:
        return self.moves[-1].to if self.moves else "healthy"

    @property
    def until(self) -> float:
        """When the pause or the lease ends."""
        return self.moves[-1].until if self.moves else -inf

    @property
    def throttled_until(self) -> float:
        return max(self.throttles, default=-inf)

    def is_open(self, now: float) -> bool:
        return self.state == "healthy" or now >= self.until

    def is_gated(self, now: float) -> bool:
        return self.policy.on_throttle == "failover" and now < self.throttled_until

    def retry_in(self, now: float) -> float:
        return max(0.0, self.until - now) if self.state == "failed" else 0.0

    def forgiven_at(self) -> float:
        """When a trip will begin with a short pause again."""
        is_back = self.state == "healthy" and bool(self.moves)
        return self.moves[-1].at + 5.0 * self.last_pause() if is_back else -inf

    # What it has seen since its last move.

    def good(self) -> int:
        """Give the latest start that succeeded."""
        mine = (one for one in self.tries if one.generation == self.generation)
        return max((one.number for one in mine if one.effect is Effect.ALIVE), default=0)

    def counting(self) -> list[Try]:
        """Give the attempts that may say something: all but those that ended saying nothing."""
        return [
            one
            for one in self.tries
            if one.generation == self.generation and one.effect not in SAYS_NOTHING
        ]

    def failures_since_good(self) -> list[Try]:
        good = self.good()
        return [one for one in self.counting() if one.number > good and one.effect is FAILURE]

    def is_outweighed(self, latest: Try, now: float) -> bool:
        """Tell whether the failures outweigh all else, now that ``latest`` has failed."""
        good = self.good()
        since = [one for one in self.counting() if one.number > good]
        failed = [one for one in since if one.effect is FAILURE]
        able = [one for one in since if one.effect is None and is_recent(one, now)]
        if latest in since:
            if not able:
                return True
            if len(failed) >= 5 and 5 * len(failed) >= len(since):
                return True
        recent = [one for one in self.counting() if is_recent(one, now)]
        failed = [one for one in recent if one.effect is FAILURE]
        return len(recent) >= 10 and 2 * len(failed) >= len(recent)

    def last_pause(self, *latest: Move) -> float:
        """Give the last pause without jitter and hints, going over all that ever were."""
        doublings, last, recovered = 0, 0.0, -inf
        for move in (*self.moves, *latest):
            match move.why:
                case "reset":
                    doublings, last, recovered = 0, 0.0, -inf
                case "succeeded":
                    recovered = move.at
                case "tripped":
                    is_forgiven = move.at - recovered >= 5.0 * last
                    doublings = 0 if is_forgiven else doublings + 1
                case "probe failed":
                    doublings += 1
                case "asked after the pause" | "probe released":
                    continue
            if move.to == "failed":
                last = min(self.policy.max_pause, self.policy.pause * 2.0 ** min(doublings, 900))
        return last

    # What happens to it.

    def start(self, now: float) -> Try:
        is_probe = self.state != "healthy" and self.is_open(now)
        if is_probe:
            lease = now + self.policy.probe_lease
            self.moves.append(Move(now, "probing", "asked after the pause", lease))
        started = Try(len(self.tries) + 1, now, self.generation, is_probe)
        self.tries.append(started)
        return started

    def finish(
        self, ended: Try, effect: Effect, now: float, retry_after: float | None, luck: float
    ) -> Why | None:
        """Take an outcome in; tell what moved the endpoint, if it did."""
        if ended.generation != self.generation:
            return None
        ended.effect = effect
        hint = 0.0 if retry_after is None else min(retry_after, 120.0)
        if effect is Effect.THROTTLED and retry_after is not None:
            self.throttles.append(now + hint)
        if self.state == "healthy":
            is_tripped = effect is FAILURE and self.is_outweighed(ended, now)
            return self._fail("tripped", now, hint, luck) if is_tripped else None
        if effect is Effect.ALIVE:
            return self._move(Move(now, "healthy", "succeeded"))
        if not ended.is_probe:
            return None
        if effect is FAILURE:
            return self._fail("probe failed", now, hint, luck)
        return self._move(Move(now, "failed", "probe released", self.throttled_until))

    def reset(self, now: float) -> None:
        self._move(Move(now, "healthy", "reset"))
        self.throttles.clear()
        self.misconfigured = self.last_error = None

    def _fail(self, why: Why, now: float, hint: float, luck: float) -> Why:
        pause = self.last_pause(Move(now, "failed", why)) * (1.0 + 0.2 * luck)
        until = inf if self.policy.failback == "never" else now + max(pause, hint)
        return self._move(Move(now, "failed", why, until))

    def _move(self, move: Move) -> Why:
        self.moves.append(move)
        return move.why


FAILURE = Effect.FAILURE


def is_recent(one: Try, now: float) -> bool:
    """Tell whether an attempt started in one of the ten tenths of the window of 30 s."""
    return one.started - one.started % 3.0 > now - 30.0


class ReferenceFleet:
    """All endpoints, and which of them a request gets."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.endpoints = [ReferenceEndpoint(config.policy) for _ in config.endpoints]

    def is_fit(self, index: int, now: float) -> bool:
        """Tell whether a request may come on its first pass."""
        endpoint = self.endpoints[index]
        return endpoint.is_open(now) and not endpoint.is_gated(now)

    def candidates(self, tried: int, now: float, course: Course = ANYWHERE) -> list[int]:
        """Name the endpoints that a request may still go to, in the configured order."""
        match course.reach:
            case Reach.FLEET:
                wanted = [*range(len(self.endpoints))]
            case Reach.PINNED:
                assert course.pin is not None
                wanted = [] if tried else [course.pin]
            case Reach.CURRENT:
                wanted = [] if tried else [self.in_use(now, course)]
        return [one for one in wanted if one not in course.closed and not tried >> one & 1]

    def next(
        self, tried: int, now: float, course: Course = ANYWHERE
    ) -> tuple[int | None, list[tuple[int, str]]]:
        """Name the endpoint that is next, and those passed over on the way, with the reason."""
        found = self.candidates(tried, now, course)
        if course.reach is not Reach.FLEET:
            return (found[0] if found else None), []
        fit = [index for index in found if self.is_fit(index, now)]
        passed_over = [index for index in found if not fit or index < fit[0]]
        skips = [(index, self.why_not(index, now)) for index in passed_over]
        return next(iter(fit or found), None), skips

    def why_not(self, index: int, now: float) -> str:
        endpoint = self.endpoints[index]
        if endpoint.state == "healthy" or endpoint.is_open(now):
            return f"throttled for {endpoint.throttled_until - now:.1f} s more"
        if endpoint.state == "probing":
            return "another request is probing it"
        if endpoint.until == inf:
            return "failed"
        return f"failed, to be probed in {endpoint.until - now:.1f} s"

    def in_use(self, now: float, course: Course = ANYWHERE) -> int:
        """Name the first endpoint that is healthy; the first of all if none is."""
        usable = [index for index in range(len(self.endpoints)) if index not in course.closed]
        healthy = [
            index
            for index in usable
            if self.endpoints[index].state == "healthy" and not self.endpoints[index].is_gated(now)
        ]
        return next(iter((*healthy, *usable)), 0)

    def note(
        self,
        index: int,
        ended: Try,
        effect: Effect,
        now: float,
        *,
        reason: str = "",
        retry_after: float | None = None,
        misconfigured: str | None = None,
        luck: float = 0.0,
    ) -> Event | None:
        """Take an outcome in, and tell what a person would want to know."""
        endpoint, name = self.endpoints[index], self.config.endpoints[index].name
        if ended.generation != endpoint.generation:
            return None
        why = endpoint.finish(ended, effect, now, retry_after, luck)
        was_misconfigured = endpoint.misconfigured
        if effect is FAILURE:
            endpoint.last_error = reason
        if effect is Effect.ALIVE:
            endpoint.misconfigured = misconfigured
        if why in ("tripped", "probe failed"):
            return EndpointFailed(name, reason, endpoint.until - now, why == "probe failed")
        if why == "succeeded" and misconfigured is None:
            return EndpointRecovered(name)
        if effect is Effect.ALIVE and misconfigured is not None and was_misconfigured is None:
            return EndpointMisconfigured(name, misconfigured)
        return None

    def reset(self, now: float) -> None:
        for endpoint in self.endpoints:
            endpoint.reset(now)

    def facts(self, now: float) -> list[tuple[str, float, float, str | None, str | None]]:
        """Give what the status must say: state, pause, throttle, flag and last error."""
        return [
            (
                one.state,
                one.retry_in(now),
                max(0.0, one.throttled_until - now),
                one.misconfigured,
                one.last_error,
            )
            for one in self.endpoints
        ]
