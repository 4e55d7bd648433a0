"""All endpoints in the plainest way: which of them a request gets, and what is told of them.

Written from the design; like ``reference_health``, it works everything out anew at each question.
"""

from __future__ import annotations

from math import inf

from reference_budget import ReferenceBudget
from reference_health import FAILURE, ReferenceEndpoint, Try
from reference_pace import ReferencePace

from azure_failover.core.config import Config
from azure_failover.core.course import ANYWHERE, Course, Reach
from azure_failover.core.events import (
    EndpointFailed,
    EndpointMisconfigured,
    EndpointRecovered,
    Event,
)
from azure_failover.core.pace import Kind
from azure_failover.core.strategy import Order
from azure_failover.core.verdict import Effect

SILENCE = "fell silent: many requests wait, none is answered"


class ReferenceFleet:
    """The endpoints, who waits at each of them, the budgets, and the turns that were taken."""

    def __init__(self, config: Config) -> None:
        self.config = config
        policy = config.policy
        self.endpoints = [ReferenceEndpoint(policy) for _ in config.endpoints]
        self.retries = ReferenceBudget(policy.retry_budget, rate=0.5, capacity=10.0)
        self.hedges = ReferenceBudget(0.05, rate=0.0, capacity=3.0)
        self.paces: dict[tuple[int, Kind], ReferencePace] = {}
        self.turns = 0

    @property
    def requests(self) -> int:
        """How many requests have started."""
        return sum(not one.is_further for endpoint in self.endpoints for one in endpoint.tries)

    # In which order.

    def steady(self) -> list[int]:
        """Lower tiers first, each as configured."""
        endpoints = self.config.endpoints
        return sorted(range(len(endpoints)), key=lambda index: endpoints[index].tier)

    def is_steady(self) -> bool:
        policy = self.config.policy
        return policy.strategy == "priority" and not policy.failback_ramp

    def take_turn(self, order: Order, course: Course, now: float, luck: float) -> None:
        """Judge an order: it names each endpoint once, tier by tier, and holds back who returns."""
        steady = self.steady()
        if self.is_steady() or course.reach is not Reach.FLEET:
            assert order == (tuple(steady), 0)
            return
        tiers = [self.config.endpoints[index].tier for index in order.endpoints]
        assert sorted(order.endpoints) == sorted(steady)
        assert tiers == sorted(tiers)
        for tier in {*tiers}:
            members = [index for index in steady if self.config.endpoints[index].tier == tier]
            leader = next(index for index in order.endpoints if index in members)
            match self.config.policy.strategy:
                case "priority":
                    assert leader == members[0]
                case "round_robin":
                    assert leader == members[self.turns % len(members)]
                case "weighted" | "latency":
                    pass
        shares = [endpoint.share(now) for endpoint in self.endpoints]
        held_back = [i for i, share in enumerate(shares) if share < 1.0 and luck >= share]
        assert order.returning == sum(1 << index for index in held_back)
        self.turns += 1

    # Which is next.

    def is_fit(self, index: int, now: float) -> bool:
        """Tell whether a request may come on its first pass."""
        endpoint = self.endpoints[index]
        return endpoint.is_open(now) and not endpoint.is_gated(now)

    def candidates(
        self, tried: int, now: float, course: Course = ANYWHERE, order: Order | None = None
    ) -> list[int]:
        """Name the endpoints that a request may still go to, in its order."""
        match course.reach:
            case Reach.FLEET:
                wanted = self.steady() if order is None else [*order.endpoints]
            case Reach.PINNED:
                assert course.pin is not None
                wanted = [] if tried else [course.pin]
            case Reach.CURRENT:
                wanted = [] if tried else [self.in_use(now, course)]
        return [one for one in wanted if one not in course.closed and not tried >> one & 1]

    def next(
        self, tried: int, now: float, course: Course = ANYWHERE, order: Order | None = None
    ) -> tuple[int | None, list[tuple[int, str]]]:
        """Name the endpoint that is next, and those passed over on the way, with the reason.

        First those that are fit, then those of them that return slowly, then the others.
        """
        found = self.candidates(tried, now, course, order)
        if course.reach is not Reach.FLEET:
            return (found[0] if found else None), []
        returning = 0 if order is None else order.returning
        fit = [index for index in found if self.is_fit(index, now)]
        back = [index for index in fit if not returning >> index & 1]
        chosen = next(iter((*back, *fit, *found)), None)
        before = found[: found.index(back[0])] if back else found
        passed_over = [index for index in before if index != chosen or not fit]
        return chosen, [(index, self.why_not(index, now)) for index in passed_over]

    def why_not(self, index: int, now: float) -> str:
        endpoint = self.endpoints[index]
        if self.is_fit(index, now):
            return "returning slowly after a failure"
        if endpoint.is_open(now):
            return f"throttled for {endpoint.throttled_until - now:.1f} s more"
        if endpoint.state == "probing":
            return "another request is probing it"
        if endpoint.until == inf:
            return "failed"
        return f"failed, to be probed in {endpoint.until - now:.1f} s"

    def in_use(self, now: float, course: Course = ANYWHERE) -> int:
        """Name the first endpoint that is healthy; the first of all if none is."""
        usable = [index for index in self.steady() if index not in course.closed]
        healthy = [
            index
            for index in usable
            if self.endpoints[index].state == "healthy" and not self.endpoints[index].is_gated(now)
        ]
        return next(iter((*healthy, *usable)), 0)

    def is_plain(self, now: float, kind: Kind, *, watches: bool) -> bool:
        """Tell whether nothing at all stands against the primary: the usual case."""
        primary, pace = self.endpoints[0], self.pace(0, kind)
        return (
            self.config.policy.strategy == "priority"
            and self.steady()[0] == 0
            and primary.state == "healthy"
            and not primary.is_gated(now)
            and primary.share(now) == 1.0
            and now < pace.silent_at(primary.generation)
            and (watches or not pace.wants_a_sentry(primary.generation))
        )

    def prospects(self, tried: int, now: float, course: Course, *, open_only: bool) -> int:
        """Count the endpoints that a request that may move could go to next."""
        if course.reach is not Reach.FLEET:
            return 0
        found = self.candidates(tried, now, course)
        return sum(not open_only or self.is_fit(index, now) for index in found)

    # What happens.

    def pace(self, index: int, kind: Kind) -> ReferencePace:
        listens = self.config.policy.detect_silence
        return self.paces.setdefault((index, kind), ReferencePace(listens))

    def fall_silent(self, index: int, kind: Kind, now: float, luck: float) -> Event | None:
        """Fail an endpoint from which nothing is heard; tell if so."""
        endpoint = self.endpoints[index]
        silent_at = self.pace(index, kind).silent_at(endpoint.generation)
        if endpoint.state != "healthy" or now < silent_at:
            return None
        endpoint.fail("fell silent", now, 0.0, luck)
        endpoint.last_error = SILENCE
        name = self.config.endpoints[index].name
        return EndpointFailed(name, SILENCE, endpoint.until - now, by_silence=True)

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
            by_probe = why == "probe failed"
            return EndpointFailed(name, reason, endpoint.until - now, by_probe=by_probe)
        if why == "succeeded" and misconfigured is None:
            return EndpointRecovered(name)
        if effect is Effect.ALIVE and misconfigured is not None and was_misconfigured is None:
            return EndpointMisconfigured(name, misconfigured)
        return None

    def reset(self) -> None:
        for endpoint in self.endpoints:
            endpoint.reset()

    def facts(self, now: float) -> list[Facts]:
        """Give what the status must say."""
        return [
            (
                one.state,
                one.retry_in(now),
                max(0.0, one.throttled_until - now),
                one.misconfigured,
                one.last_error,
                one.share(now),
            )
            for one in self.endpoints
        ]


Facts = tuple[str, float, float, str | None, str | None, float]
"""State, pause, throttle, flag, last error and share of an endpoint."""
