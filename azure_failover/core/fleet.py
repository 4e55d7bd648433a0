"""All endpoints in order, with their health: which one is next, and how do they do?

The one place that locks. The lock is held for a few additions and comparisons, never across I/O,
and nothing is called back under it. Reads no clock: the time is passed in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from math import inf
from threading import Lock
from typing import Final, Literal

import attrs

from azure_failover.core.config import Config
from azure_failover.core.course import ANYWHERE, Course, Reach
from azure_failover.core.events import (
    EndpointFailed,
    EndpointMisconfigured,
    EndpointRecovered,
    Event,
)
from azure_failover.core.health import Cue, Health, Pacing, State, Ticket
from azure_failover.core.verdict import Effect

HOMES_KEPT: Final = 16384
"""So many ids of state are remembered, those that were used last."""


@attrs.define(eq=False)
class Skip:
    """An endpoint that was passed over, and why."""

    index: int
    reason: str


@attrs.define(eq=False)
class Choice:
    """An endpoint to try, and those that were passed over on the way to it."""

    index: int
    ticket: Ticket
    skipped: tuple[Skip, ...]


@attrs.frozen(kw_only=True)
class EndpointStatus:
    """How one endpoint does.

    Attributes:
        name: Its name.
        endpoint: Its address.
        deployment_name: Its deployment.
        type: ``primary`` or ``backup``.
        index: Its place in the configuration; 0 is the primary.
        state: ``healthy``, ``failed`` or ``probing``.
        retry_in: Seconds until it may be probed; 0 when it is healthy or may be probed at once,
            ``inf`` if it is not won back (``failback="never"``).
        throttled_for: Seconds that are left of the last ``Retry-After`` of a 429.
        misconfigured: Why it refuses us (key, firewall, deployment); None if it does not.
        last_error: What its last failure was; None if there was none since :meth:`reset`.
    """

    name: str
    endpoint: str
    deployment_name: str
    type: Literal["primary", "backup"]
    index: int
    state: Literal["healthy", "failed", "probing"]
    retry_in: float
    throttled_for: float
    misconfigured: str | None
    last_error: str | None


@attrs.frozen(kw_only=True)
class Status:
    """Which endpoint is in use, and which failed.

    Attributes:
        endpoints: Every endpoint's status, in the configured order.
        current_index: The place of the endpoint that is in use; 0 is the primary.
    """

    endpoints: tuple[EndpointStatus, ...]
    current_index: int

    @property
    def total_endpoints(self) -> int:
        """How many endpoints are configured, the primary included."""
        return len(self.endpoints)

    @property
    def current(self) -> EndpointStatus:
        """The endpoint that is in use."""
        return self.endpoints[self.current_index]

    @property
    def current_endpoint(self) -> str:
        """The address of the endpoint that is in use."""
        return self.current.endpoint

    @property
    def current_type(self) -> Literal["primary", "backup"]:
        """Whether the endpoint that is in use is the primary or a backup."""
        return self.current.type

    @property
    def failed_endpoints(self) -> tuple[str, ...]:
        """The addresses of the endpoints that are marked failed, in the configured order."""
        return tuple(status.endpoint for status in self.endpoints if status.state != "healthy")

    @property
    def available_backups(self) -> int:
        """How many backups are configured."""
        return len(self.endpoints) - 1

    @property
    def has_backups(self) -> bool:
        """Whether any backup is configured."""
        return self.available_backups > 0


class Fleet:
    """The endpoints of a configuration and what is known of them. Thread-safe."""

    def __init__(self, config: Config, *, random: Callable[[], float]) -> None:
        """Begin with every endpoint healthy.

        Args:
            config: The endpoints and the policy.
            random: Gives random numbers from 0 up to 1, for the jitter.
        """
        self.config: Final = config
        self._random = random
        self._lock = Lock()
        policy = config.policy
        self._pacing = Pacing(
            policy.pause, policy.max_pause, policy.probe_lease, policy.failback == "auto"
        )
        self._gates_throttled = policy.on_throttle == "failover"
        self._homes: OrderedDict[str, int] = OrderedDict()
        self.has_moved_state = False
        """Whether an endpoint other than the primary may hold state that a request names."""
        self._health = tuple(Health(self._pacing) for _ in config.endpoints)
        self._forget_words()

    def _forget_words(self) -> None:
        self._misconfigured: list[str | None] = [None] * len(self)
        self._last_error: list[str | None] = [None] * len(self)

    def __len__(self) -> int:
        return len(self.config.endpoints)

    def reset(self) -> None:
        """Forget everything that was learned: every endpoint is healthy again.

        The outcomes of attempts that are under way will change nothing.
        """
        with self._lock:
            for health in self._health:
                health.reset()
            self._forget_words()

    def first(self, now: float) -> Ticket | None:
        """Start an attempt at the primary if nothing stands against it: the usual case, quickly.

        Returns:
            None if :meth:`choose` has to look closer.
        """
        with self._lock:
            health = self._health[0]
            if self._gates_throttled and now < health.throttled_until:
                return None
            return health.start_if_healthy(now)

    def landed(self, ticket: Ticket, now: float) -> Event | None:
        """Note that an attempt at the primary succeeded: the usual case, quickly."""
        with self._lock:
            if self._misconfigured[0] is None and self._health[0].vouch(ticket):
                return None
        return self.note(0, ticket, Effect.ALIVE, now)

    def choose(self, tried: int, now: float, course: Course = ANYWHERE) -> Choice | None:
        """Pick the next endpoint for a request, and start an attempt there.

        First come the endpoints that are open, in order; when none of these is left, the others,
        in order: a guess about health never withholds an endpoint that might work.

        Args:
            tried: The endpoints that this request tried already, as a bit set.
            now: The time, in seconds.
            course: Where the request may go; one that may not move is only tried once.

        Returns:
            None if there is nothing left to try.
        """
        with self._lock:
            index, skipped = self._next(tried, now, course)
            if index is None:
                return None
            return Choice(index, self._health[index].start(now), skipped)

    def preview(self, now: float, course: Course) -> tuple[tuple[int, ...], tuple[Skip, ...]]:
        """Tell in which order a request would try endpoints if all failed, and start nothing.

        Returns:
            The endpoints in order, and those that would be passed over at first.
        """
        with self._lock:
            order: list[int] = []
            passed_over: dict[int, Skip] = {}
            tried = 0
            while True:
                index, skipped = self._next(tried, now, course)
                for skip in skipped:
                    passed_over.setdefault(skip.index, skip)
                if index is None:
                    return tuple(order), tuple(passed_over.values())
                order.append(index)
                tried |= 1 << index

    def _next(self, tried: int, now: float, course: Course) -> tuple[int | None, tuple[Skip, ...]]:
        """Find the next endpoint, and those that are passed over on the way to it."""
        health, closed = self._health, course.closed
        if course.reach is not Reach.FLEET:
            index = self._current(now, course) if course.pin is None else course.pin
            return (None if tried or index in closed else index), ()
        skipped: list[Skip] = []
        untried = [index for index in self._untried(tried) if index not in closed]
        for index in untried:
            if health[index].is_open(now) and not self._is_gated(health[index], now):
                return index, tuple(skipped)
            skipped.append(Skip(index, self._why_closed(health[index], now)))
        return (untried[0] if untried else None), tuple(skipped)

    def learn(self, ids: Iterable[str], index: int) -> None:
        """Remember at which endpoint these ids of state were made."""
        with self._lock:
            homes = self._homes
            self.has_moved_state |= index > 0
            for name in ids:
                homes[name] = index
                homes.move_to_end(name)
            while len(homes) > HOMES_KEPT:
                homes.popitem(last=False)

    def home_of(self, ids: Iterable[str]) -> int | None:
        """Tell at which endpoint the first of these ids that is known was made."""
        with self._lock:
            for name in ids:
                if name in self._homes:
                    self._homes.move_to_end(name)
                    return self._homes[name]
            return None

    def again(self, index: int, now: float) -> Ticket:
        """Start one more attempt at an endpoint that the request has tried already."""
        with self._lock:
            return self._health[index].start(now)

    def resume(self, index: int, ticket: Ticket, now: float) -> Ticket:
        """Give a ticket for bad news of an attempt that was noted as alive.

        Like any late outcome, the news changes nothing if the endpoint has changed its state since.
        """
        with self._lock:
            return self._health[index].resume(ticket, now)

    def note(
        self,
        index: int,
        ticket: Ticket,
        effect: Effect,
        now: float,
        *,
        reason: str = "",
        retry_after: float | None = None,
        misconfigured: str | None = None,
    ) -> Event | None:
        """Note how an attempt ended; give each ticket back once.

        An outcome that comes after the endpoint has changed its state changes nothing.

        Args:
            index: The endpoint.
            ticket: The attempt's ticket.
            effect: What the outcome says of the endpoint.
            now: The time, in seconds.
            reason: The outcome in words, for a failure.
            retry_after: The endpoint's hint when to come again, in seconds from now.
            misconfigured: Why the endpoint refuses us, if it does.

        Returns:
            What this changed, if anything that a person would want to know.
        """
        with self._lock:
            health = self._health[index]
            if ticket.generation != health.generation:
                return None
            was_misconfigured = self._misconfigured[index]
            if effect is Effect.ALIVE:
                cue = health.finish(ticket, effect, now)
                if cue is None and misconfigured is was_misconfigured:
                    return None
                self._misconfigured[index] = misconfigured
            else:
                luck = self._random() if effect is Effect.FAILURE else 0.0
                cue = health.finish(ticket, effect, now, retry_after=retry_after, luck=luck)
                if effect is Effect.FAILURE:
                    self._last_error[index] = reason
            pause = health.failed_until - now
        name = self.config.endpoints[index].name
        match cue:
            case Cue.TRIPPED | Cue.PROBE_FAILED:
                return EndpointFailed(name, reason, pause, cue is Cue.PROBE_FAILED)
            case Cue.ALIVE if misconfigured is None:
                return EndpointRecovered(name)
            case _ if misconfigured is not None and was_misconfigured is None:
                return EndpointMisconfigured(name, misconfigured)
            case _:
                return None

    def status(self, now: float) -> Status:
        """Tell which endpoint is in use and how all of them do."""
        with self._lock:
            return Status(
                endpoints=tuple(self._status(index, now) for index in range(len(self))),
                current_index=self._current(now),
            )

    def _status(self, index: int, now: float) -> EndpointStatus:
        endpoint, health = self.config.endpoints[index], self._health[index]
        is_healthy = health.state is State.HEALTHY
        return EndpointStatus(
            name=endpoint.name,
            endpoint=endpoint.endpoint,
            deployment_name=endpoint.deployment_name,
            type="backup" if index else "primary",
            index=index,
            state=health.state.value,
            retry_in=0.0 if is_healthy else max(0.0, health.failed_until - now),
            throttled_for=max(0.0, health.throttled_until - now),
            misconfigured=self._misconfigured[index],
            last_error=self._last_error[index],
        )

    def _current(self, now: float, course: Course = ANYWHERE) -> int:
        """Find the endpoint in use: the first that is healthy; the first of all if none is."""
        usable = [index for index in range(len(self)) if index not in course.closed]
        for index in usable:
            health = self._health[index]
            if health.state is State.HEALTHY and not self._is_gated(health, now):
                return index
        return usable[0] if usable else 0

    def _untried(self, tried: int) -> Iterator[int]:
        return (index for index in range(len(self._health)) if not tried >> index & 1)

    def _is_gated(self, health: Health, now: float) -> bool:
        return self._gates_throttled and now < health.throttled_until

    def _why_closed(self, health: Health, now: float) -> str:
        if health.is_open(now):
            return f"throttled for {health.throttled_until - now:.1f} s more"
        if health.state is State.FAILED:
            left = health.failed_until - now
            return "failed" if left == inf else f"failed, to be probed in {left:.1f} s"
        return "another request is probing it"
