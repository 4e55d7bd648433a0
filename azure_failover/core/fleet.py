"""All endpoints in order, with their health: which one is next, and how do they do?

The one place that locks. The lock is held for a few additions and comparisons, never across I/O,
and nothing is called back under it. Reads no clock: the time is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final

from azure_failover.core.budget import Budgets
from azure_failover.core.choice import Choice, Skip
from azure_failover.core.config import Config
from azure_failover.core.course import ANYWHERE, Course, Reach
from azure_failover.core.events import (
    EndpointFailed,
    EndpointMisconfigured,
    EndpointRecovered,
    Event,
    RetryRefused,
)
from azure_failover.core.health import Cue, Health, Pacing, State
from azure_failover.core.homes import Homes
from azure_failover.core.pace import ANY_KIND, CALM, Kind, Pace, Paces, ended, heard, next_look
from azure_failover.core.selection import Selection
from azure_failover.core.status import EndpointStatus, Status, status_of
from azure_failover.core.strategy import Order
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import Effect


class Fleet:
    """The endpoints of a configuration and what is known of them. Thread-safe."""

    def __init__(self, config: Config, *, random: Callable[[], float]) -> None:
        """Begin with every endpoint healthy; ``random`` gives numbers from 0 up to 1."""
        self.config: Final = config
        self._random = random
        self._lock = Lock()
        policy = config.policy
        may_return = policy.failback == "auto"
        self._pacing = Pacing(policy.pause, policy.max_pause, policy.probe_lease, may_return)
        self._gates_throttled = policy.on_throttle == "failover"
        self._selection = Selection(config, random)
        self._looks_closer = not self._selection.is_steady or not self._selection.is_led_by_primary
        self._looks_closer |= self._gates_throttled
        self._homes = Homes()
        self._budgets = Budgets(policy.retry_budget)
        self._paces = Paces(len(config.endpoints), listens=policy.detect_silence)
        self.has_moved_state = False
        """Whether an endpoint other than the primary may hold state that a request names."""
        self._health = tuple(Health(self._pacing) for _ in config.endpoints)
        self._primary = self._health[0]
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
            self._selection.reset()
            self._forget_words()

    def first(self, now: float, kind: Kind = ANY_KIND, *, watches: bool = False) -> Ticket | None:
        """Start an attempt at the primary if nothing stands against it: the usual case, quickly.

        Gives None if :meth:`choose` has to look closer; a sentry is only who ``watches``. Does what
        :meth:`.Health.start` and :meth:`.Pace.began` do, but their calls would cost more than that.
        """
        with self._lock:
            health = self._primary
            is_doubtful = self._looks_closer and not self._is_first(health, now)
            if health.state is not State.HEALTHY or is_doubtful:
                return None
            pace = (self._paces.by_kind.get(kind) or self._paces.of(kind))[0]
            generation = health.generation
            if pace.generation != generation:
                pace.restart(generation)
            under_way = pace.under_way
            is_sentry = under_way >= pace.sentry_from
            if now >= pace.silent_at or (is_sentry and not watches):
                return None
            if is_sentry:
                pace.post_sentry()
            if now >= health.window.end:
                health.window.turn(now, health.started)
            health.started = pace.latest = sequence = health.started + 1
            pace.under_way = under_way + 1
            pace.calm = calm = 0 if under_way >= pace.crowd_from else pace.calm + 1
            return Ticket(generation, sequence, False, pace, is_sentry, calm < CALM)  # noqa: FBT003

    def _is_first(self, health: Health, now: float) -> bool:
        """Tell whether the primary, if it is healthy, is surely the first choice."""
        is_barred = not self._selection.is_led_by_primary or self._is_gated(health, now)
        return not is_barred and self._selection.share(health, now) == 1.0

    def landed(self, ticket: Ticket, now: float, elapsed: float | None = None) -> Event | None:
        """Note that an attempt at the primary succeeded: the usual case, quickly."""
        with self._lock:
            health, pace = self._primary, ticket.pace
            generation = health.generation
            if pace is not None and pace.generation == ticket.generation == generation:
                ticket.pace = None
                pace.heard(now, elapsed, ticket.is_sentry)
            if self._misconfigured[0] is None and health.vouch(ticket, now):
                return None
        return self.note(0, ticket, Effect.ALIVE, now)

    def order(self, now: float, course: Course = ANYWHERE) -> Order:
        """Draw the order in which one request tries the endpoints; it is to keep it."""
        if self._selection.is_steady or course.reach is not Reach.FLEET:
            return self._selection.steady
        with self._lock:
            return self._selection.order(self._health, now)

    def choose(
        self,
        tried: int,
        now: float,
        course: Course = ANYWHERE,
        order: Order | None = None,
        kind: Kind = ANY_KIND,
    ) -> Choice | None:
        """Pick the next endpoint for a request, and start an attempt there.

        First come the endpoints that are open, in order; when none of these is left, the others,
        in order: a guess about health never withholds an endpoint that might work.

        Args:
            tried: The endpoints that this request tried already, as a bit set.
            now: The time, in seconds.
            course: Where the request may go; one that may not move is only tried once.
            order: What :meth:`order` gave the request; None for tiers as configured.
            kind: What kind of request it is: each has its own usual time to first byte.

        Returns:
            None if there is nothing left to try.
        """
        with self._lock:
            events = tuple(
                self._fell_silent(index, now)
                for index, pace in enumerate(self._paces.of(kind))
                if now >= pace.silent_at and self._is_current(index, pace)
            )
            index, skipped = self._next(tried, now, course, order or self._selection.steady)
            if index is None:
                return None
            self._budgets.further += tried != 0
            return Choice(index, self._start(index, now, kind), skipped, events)

    def again(self, index: int, now: float, kind: Kind = ANY_KIND) -> Ticket:
        """Start one more attempt at an endpoint that the request has tried already."""
        with self._lock:
            self._budgets.further += 1
            return self._start(index, now, kind)

    def _start(self, index: int, now: float, kind: Kind) -> Ticket:
        ticket = self._health[index].start(now)
        self._paces.began(ticket, index, kind)
        self._selection.began(index, ticket)
        return ticket

    def heard(self, index: int, ticket: Ticket, now: float, elapsed: float | None) -> None:
        """Note that an attempt's first byte came.

        Args:
            index: The endpoint.
            ticket: The attempt's ticket.
            now: The time, in seconds.
            elapsed: Seconds since it began; None if it does not tell what is usual.
        """
        with self._lock:
            heard(ticket, self._health[index].generation, now, elapsed)
            if elapsed is not None:
                self._selection.answered(index, ticket, elapsed, now)

    def next_look(self, index: int, ticket: Ticket, now: float) -> float:
        """Say when a sentry should look whether its endpoint is silent; inf if it need not."""
        with self._lock:
            return next_look(ticket, self._health[index].generation, now)

    def take_hedge(self, now: float) -> bool:
        """Take one hedge out of its budget, if that is not spent."""
        with self._lock:
            return self._budgets.take_hedge(self._health, now)

    def usual(self, ticket: Ticket) -> float | None:
        """Give the seconds within which 95 % of such requests are answered there, if known."""
        return None if ticket.pace is None else ticket.pace.usual

    def listen(self, index: int, ticket: Ticket, now: float) -> Event | None:
        """Look whether an endpoint has fallen silent, and fail it if so."""
        with self._lock:
            pace = ticket.pace
            if pace is None or now < pace.silent_at or not self._is_current(index, pace):
                return None
            return self._fell_silent(index, now)

    def is_silenced(self, index: int, ticket: Ticket) -> bool:
        """Tell whether an endpoint was failed, since this attempt began, for its silence."""
        with self._lock:
            return self._health[index].silenced > ticket.generation

    def _is_current(self, index: int, pace: Pace) -> bool:
        """Tell whether a pace is about the present healthy time of its endpoint."""
        health = self._health[index]
        return health.state is State.HEALTHY and pace.generation == health.generation

    def _fell_silent(self, index: int, now: float) -> Event:
        health = self._health[index]
        health.fall_silent(now, self._random())
        self._last_error[index] = reason = "fell silent: many requests wait, none is answered"
        pause = health.failed_until - now
        return EndpointFailed(self.config.endpoints[index].name, reason, pause, by_silence=True)

    def prospects(self, tried: int, now: float, course: Course, *, open_only: bool) -> int:
        """Count the endpoints that a request could still try; only the open ones, if so wanted."""
        if course.reach is not Reach.FLEET:
            return 0
        with self._lock:
            return sum(
                not open_only or self._is_open(health, now)
                for index, health in enumerate(self._health)
                if not tried >> index & 1 and index not in course.closed
            )

    def preview(self, now: float, course: Course) -> tuple[tuple[int, ...], tuple[Skip, ...]]:
        """Tell in which order a request would try endpoints if all failed, and start nothing.

        Where the strategy draws lots, this draws its own; the next turn is left to a request.

        Returns:
            The endpoints in order, and those that would be passed over at first.
        """
        with self._lock:
            order = self._selection.preview(self._health, now)
            found: list[int] = []
            passed_over: dict[int, Skip] = {}
            tried = 0
            while True:
                index, skipped = self._next(tried, now, course, order)
                for skip in skipped:
                    passed_over.setdefault(skip.index, skip)
                if index is None:
                    return tuple(found), tuple(passed_over.values())
                found.append(index)
                tried |= 1 << index

    def _next(
        self, tried: int, now: float, course: Course, order: Order
    ) -> tuple[int | None, tuple[Skip, ...]]:
        """Find the next endpoint, and those that are passed over on the way to it."""
        closed = course.closed
        if course.reach is not Reach.FLEET:
            index = self._current(now, course) if course.pin is None else course.pin
            return (None if tried or index in closed else index), ()
        skipped: dict[int, Skip] = {}
        untried = [i for i in order.endpoints if not tried >> i & 1 and i not in closed]
        returning: list[int] = []
        for index in untried:
            health = self._health[index]
            if not self._is_open(health, now):
                skipped[index] = Skip(index, health.obstacle(now))
            elif order.returning >> index & 1:
                returning.append(index)
                skipped[index] = Skip(index, "returning slowly after a failure")
            else:
                return index, tuple(skipped.values())
        if returning:
            del skipped[returning[0]]
        return next(iter(returning or untried), None), tuple(skipped.values())

    def learn(self, ids: Iterable[str], index: int) -> None:
        """Remember at which endpoint these ids of state were made."""
        with self._lock:
            self.has_moved_state |= index > 0
            self._homes.learn(ids, index)

    def home_of(self, ids: Iterable[str]) -> int | None:
        """Tell at which endpoint the first of these ids that is known was made."""
        with self._lock:
            return self._homes.of(ids)

    def refuse_retry(self, index: int, now: float) -> RetryRefused | None:
        """Take one more attempt after a wait from the retry budget, or tell that it is spent."""
        with self._lock:
            if self._budgets.take_retry(self._health, now):
                return None
            name = self.config.endpoints[index].name
            return RetryRefused(name, self._budgets.retries.is_news)

    def resume(self, index: int, ticket: Ticket, now: float) -> Ticket:
        """Give a ticket for bad news of an attempt that was noted as alive.

        Like any late outcome, the news changes nothing if the endpoint has changed its state since.
        """
        with self._lock:
            self._budgets.further += ticket.generation == self._health[index].generation
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
            ended(ticket)
            self._selection.ended(index, ticket)
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
            self._selection.noted(index, effect, now, is_misconfigured=bool(misconfigured))
            pause = health.failed_until - now
        name = self.config.endpoints[index].name
        if cue is Cue.TRIPPED or cue is Cue.PROBE_FAILED:
            return EndpointFailed(name, reason, pause, by_probe=cue is Cue.PROBE_FAILED)
        if cue is Cue.ALIVE and misconfigured is None:
            return EndpointRecovered(name)
        if misconfigured is not None and was_misconfigured is None:
            return EndpointMisconfigured(name, misconfigured)
        return None

    def status(self, now: float) -> Status:
        """Tell which endpoint is in use and how all of them do."""
        with self._lock:
            endpoints = tuple(self._status(index, now) for index in range(len(self)))
            return Status(endpoints=endpoints, current_index=self._current(now))

    def _status(self, index: int, now: float) -> EndpointStatus:
        health = self._health[index]
        return status_of(
            self.config.endpoints[index],
            health,
            index,
            now,
            misconfigured=self._misconfigured[index],
            last_error=self._last_error[index],
            share=self._selection.share(health, now),
        )

    def _current(self, now: float, course: Course = ANYWHERE) -> int:
        """Find the endpoint in use: the first healthy one by tiers, or the first if none is."""
        usable = [index for index in self._selection.steady.endpoints if index not in course.closed]
        for index in usable:
            health = self._health[index]
            if health.state is State.HEALTHY and not self._is_gated(health, now):
                return index
        return usable[0] if usable else 0

    def _is_open(self, health: Health, now: float) -> bool:
        return health.is_open(now) and not self._is_gated(health, now)

    def _is_gated(self, health: Health, now: float) -> bool:
        return self._gates_throttled and now < health.throttled_until
