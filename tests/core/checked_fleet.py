"""The real fleet, held against the reference at every call, and the laws that hold at any time."""

from __future__ import annotations

from collections import Counter
from math import inf

import attrs
from reference_fleet import Facts, ReferenceFleet
from reference_health import Try
from reference_pace import ReferencePace, Wait

from azure_failover.core.choice import Choice, Skip
from azure_failover.core.config import Config
from azure_failover.core.course import ANYWHERE, Course
from azure_failover.core.events import Event, RetryRefused
from azure_failover.core.fleet import Fleet
from azure_failover.core.pace import ANY_KIND, Kind
from azure_failover.core.strategy import Order
from azure_failover.core.ticket import NO_TICKET, Ticket
from azure_failover.core.verdict import Effect


@attrs.frozen
class Note:
    """What the fleet told a request: an endpoint to try, or without a ticket one that it skips."""

    index: int
    ticket: Ticket | None


@attrs.frozen(eq=False)
class Known:
    """What a ticket is to the reference."""

    index: int
    kind: Kind
    attempt: Try
    wait: Wait


class CheckedFleet(Fleet):
    """Answers as a fleet does, after comparing with the reference and with the laws."""

    def __init__(self, config: Config) -> None:
        self.luck = 0.0
        """The next random number."""
        super().__init__(config, random=lambda: self.luck)
        self.reference = ReferenceFleet(config)
        self.known: dict[Ticket, Known] = {}
        self.returned: set[Ticket] = set()
        self.settled: dict[Ticket, int] = {}
        """The generation that each ticket's success left behind."""
        self.probes: Counter[tuple[int, int]] = Counter()
        """Probes by endpoint and generation."""
        self.sentries: list[Ticket] = []
        """Who keeps an eye, and waits."""
        self.paused_until: dict[int, float] = {}
        """Where pauses run, and until when at least."""
        self.journal: list[Note] = []
        """What was skipped and started, in order, since somebody emptied it."""
        self.hedged = 0
        """How many hedges were granted."""

    # Starts.

    def first(self, now: float, kind: Kind = ANY_KIND, *, watches: bool = False) -> Ticket | None:
        ticket = super().first(now, kind, watches=watches)
        assert (ticket is not None) == self.reference.is_plain(now, kind, watches=watches)
        return None if ticket is None else self._started(0, ticket, now, kind)

    def order(self, now: float, course: Course = ANYWHERE) -> Order:
        order = super().order(now, course)
        self.reference.take_turn(order, course, now, self.luck)
        return order

    def choose(
        self,
        tried: int,
        now: float,
        course: Course = ANYWHERE,
        order: Order | None = None,
        kind: Kind = ANY_KIND,
    ) -> Choice | None:
        choice = super().choose(tried, now, course, order, kind)
        silent = [
            self.reference.fall_silent(index, kind, now, self.luck) for index in range(len(self))
        ]
        index, skips = self.reference.next(tried, now, course, order)
        assert (choice is None) == (index is None), "withheld, or made up"
        if choice is None:
            return None
        assert choice.index == index
        assert pairs(choice.skipped) == skips
        assert [*choice.events] == [event for event in silent if event is not None]
        self.journal += [Note(skip.index, None) for skip in choice.skipped]
        self._started(choice.index, choice.ticket, now, kind, is_further=tried != 0)
        return choice

    def again(self, index: int, now: float, kind: Kind = ANY_KIND) -> Ticket:
        ticket = super().again(index, now, kind)
        return self._started(index, ticket, now, kind, is_further=True)

    def resume(self, index: int, ticket: Ticket, now: float) -> Ticket:
        resumed = super().resume(index, ticket, now)
        endpoint = self.reference.endpoints[index]
        is_current = self.settled.get(ticket) == endpoint.generation
        assert (resumed is not NO_TICKET) == is_current, "late news counts, or fresh news does not"
        if is_current:
            attempt = endpoint.start(now, is_further=True)
            wait = Wait(attempt.generation, is_sentry=False, is_crowded=False, is_over=True)
            self.known[resumed] = Known(index, ANY_KIND, attempt, wait)
        return resumed

    def _started(
        self, index: int, ticket: Ticket, now: float, kind: Kind, *, is_further: bool = False
    ) -> Ticket:
        started = self.reference.endpoints[index].start(now, is_further=is_further)
        pace = self.reference.pace(index, kind)
        pace.real = ticket.pace
        wait = pace.start(started.generation)
        assert (ticket.generation, ticket.is_probe) == (started.generation, started.is_probe)
        assert (ticket.is_sentry, ticket.is_crowded) == (wait.is_sentry, wait.is_crowded)
        if ticket.is_probe:
            self.probes[index, ticket.generation] += 1
        if ticket.is_sentry:
            self.sentries.append(ticket)
        self.known[ticket] = Known(index, kind, started, wait)
        self.journal.append(Note(index, ticket))
        return ticket

    # While they wait.

    def heard(self, index: int, ticket: Ticket, now: float, elapsed: float | None) -> None:
        self._hear(ticket, now, elapsed)
        super().heard(index, ticket, now, elapsed)
        self.pace_of(self.known[ticket]).judge()

    def _hear(self, ticket: Ticket, now: float, elapsed: float | None) -> None:
        known = self.known[ticket]
        generation = self.reference.endpoints[known.index].generation
        self.pace_of(known).hear(known.wait, generation, now, elapsed)

    def pace_of(self, known: Known) -> ReferencePace:
        return self.reference.pace(known.index, known.kind)

    def next_look(self, index: int, ticket: Ticket, now: float) -> float:
        look = super().next_look(index, ticket, now)
        assert look == (inf if self.known[ticket].wait.is_over else self.due(ticket, now))
        return look

    def due(self, ticket: Ticket, now: float) -> float:
        """Say when who waits should look."""
        known = self.known[ticket]
        present = self.reference.endpoints[known.index].generation
        return self.pace_of(known).next_look(known.attempt.generation, present, now)

    def listen(self, index: int, ticket: Ticket, now: float) -> Event | None:
        event, known = super().listen(index, ticket, now), self.known[ticket]
        is_waiting = not known.wait.is_over
        wanted = is_waiting and self.reference.fall_silent(index, known.kind, now, self.luck)
        assert event == (wanted or None)
        return event

    def is_silenced(self, index: int, ticket: Ticket) -> bool:
        silenced = super().is_silenced(index, ticket)
        endpoint = self.reference.endpoints[index]
        assert silenced == endpoint.fell_silent_since(self.known[ticket].attempt.generation)
        return silenced

    def prospects(self, tried: int, now: float, course: Course, *, open_only: bool) -> int:
        found = super().prospects(tried, now, course, open_only=open_only)
        assert found == self.reference.prospects(tried, now, course, open_only=open_only)
        return found

    # What is rationed.

    def refuse_retry(self, index: int, now: float) -> RetryRefused | None:
        refused = super().refuse_retry(index, now)
        requests = self.reference.requests
        self.reference.retries.judge(requests, now, is_granted=refused is None)
        return refused

    def take_hedge(self, now: float) -> bool:
        is_granted = super().take_hedge(now)
        self.reference.hedges.judge(self.reference.requests, now, is_granted=is_granted)
        self.hedged += is_granted
        return is_granted

    # Ends.

    def landed(self, ticket: Ticket, now: float, elapsed: float | None = None) -> Event | None:
        before = self.reference.endpoints[0].generation
        self._hear(ticket, now, elapsed)
        event = super().landed(ticket, now, elapsed)
        self.pace_of(self.known[ticket]).judge()
        if ticket not in self.returned:  # else ``note`` was asked, and has compared
            wanted = self.reference.note(0, self._give_back(ticket), Effect.ALIVE, now)
            assert event == wanted
            self._settle(0, ticket, before)
        return event

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
        if ticket is NO_TICKET:
            return super().note(index, ticket, effect, now, reason=reason)
        endpoint = self.reference.endpoints[index]
        is_late = self.known[ticket].attempt.generation != endpoint.generation
        before, generation = self.facts(now), endpoint.generation
        event = super().note(
            index,
            ticket,
            effect,
            now,
            reason=reason,
            retry_after=retry_after,
            misconfigured=misconfigured,
        )
        wanted = self.reference.note(
            index,
            self._give_back(ticket),
            effect,
            now,
            reason=reason,
            retry_after=retry_after,
            misconfigured=misconfigured,
            luck=self.luck,
        )
        assert event == wanted
        if is_late:
            assert (event, self.facts(now)) == (None, before), "a late result changed something"
        if effect is Effect.ALIVE:
            self._settle(index, ticket, generation)
        return event

    def _give_back(self, ticket: Ticket) -> Try:
        assert ticket not in self.returned, "given back twice"
        self.returned.add(ticket)
        self.known[ticket].wait.is_over = True
        return self.known[ticket].attempt

    def _settle(self, index: int, ticket: Ticket, generation: int) -> None:
        """Remember in which generation a success counted; what it won back is not shortened."""
        if self.known[ticket].attempt.generation == generation:
            self.settled[ticket] = self.reference.endpoints[index].generation
            self.paused_until.pop(index, None)

    def reset(self) -> None:
        super().reset()
        self.reference.reset()
        self.paused_until.clear()

    # Laws that hold at any time.

    def facts(self, now: float) -> list[Facts]:
        return [
            (
                one.state,
                one.retry_in,
                one.throttled_for,
                one.misconfigured,
                one.last_error,
                one.share,
            )
            for one in self.status(now).endpoints
        ]

    def agrees(self, now: float) -> None:
        """Everything that the status tells, and which is in use: as the reference says."""
        assert self.facts(now) == self.reference.facts(now)
        status = self.status(now)
        assert status.current_index == self.reference.in_use(now)
        assert [one.state != "healthy" for one in self.reference.endpoints] == [
            one.endpoint in status.failed_endpoints for one in status.endpoints
        ]

    def foresees(self, now: float, course: Course = ANYWHERE) -> None:
        """A preview is what would come if nothing moved, and it starts nothing."""
        found, passed_over = self.preview(now, course)
        order = self.order(now, course)
        tried, wanted, skips = 0, list[int](), dict[int, str]()
        while (step := self.reference.next(tried, now, course, order))[0] is not None:
            wanted.append(step[0])
            skips = {**dict(step[1]), **skips}
            tried |= 1 << step[0]
        assert [*found] == wanted
        assert dict(pairs(passed_over)) == skips

    def probes_alone(self) -> None:
        """At most one probe per endpoint and generation."""
        assert max(self.probes.values(), default=0) <= 1

    def posts_one_sentry(self) -> None:
        """At most one keeps an eye per endpoint, kind and generation; it is relieved at its end."""
        known = [self.known[ticket] for ticket in self.sentries]
        self.sentries = [
            ticket for ticket, one in zip(self.sentries, known, strict=True) if not one.wait.is_over
        ]
        posts = Counter(
            (one.index, one.kind, one.attempt.generation) for one in known if not one.wait.is_over
        )
        assert max(posts.values(), default=0) <= 1

    def keeps_ejections(self, now: float) -> None:
        """Only a success or a reset ends a pause early."""
        status = self.status(now)
        for index, until in self.paused_until.items():
            if now < until:
                found = status.endpoints[index]
                assert found.state == "failed"
                assert found.retry_in >= until - now - 1e-9 * (1.0 + abs(now))
        self.paused_until = {
            one.index: now + one.retry_in for one in status.endpoints if one.retry_in > 0
        }


def pairs(skips: tuple[Skip, ...]) -> list[tuple[int, str]]:
    return [(skip.index, skip.reason) for skip in skips]
