"""The real fleet, held against the reference at every call, and the clock of state machines."""

from __future__ import annotations

from collections import Counter
from math import inf, nextafter
from typing import ClassVar

import attrs
from core_strategies import plain_config
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from reference_health import ReferenceFleet, Try

from azure_failover.core.choice import Choice, Skip
from azure_failover.core.config import Config
from azure_failover.core.course import ANYWHERE, Course, Reach
from azure_failover.core.events import Event
from azure_failover.core.fleet import Fleet
from azure_failover.core.ticket import NO_TICKET, Ticket
from azure_failover.core.verdict import Effect

MOST = 4
"""Endpoints of the largest fleet."""
LUCK = st.just(0.0) | st.floats(0.0, 1.0, exclude_max=True)
HINTS = st.none() | st.sampled_from((0.0, 1.0, 60.0, 120.0, 86400.0)) | st.floats(0.0, 300.0)
ORIGINS = st.sampled_from((0.0, 0.1, 1e5, 1e9))
"""What the clock says at first: monotonic clocks count from boot, or from anywhere."""
STEPS = st.sampled_from(
    [
        *((0.0, 0.0), (0.0, 0.001), (0.0, 1.0), (0.0, 4.0)),
        *((3.0, 3.0), (30.0, 30.0), (4.0, 40.0), (40.0, 1e7)),
    ]
).flatmap(lambda span: st.floats(*span))
"""Seconds that pass: none, hardly any, some, those on which windows turn, a laptop's sleep."""
SIZES = st.sampled_from((1, 1, 2, 2, 3, MOST))
"""How many endpoints a fleet has: on few, more happens to each."""
POLICIES = st.fixed_dictionaries(
    {"on_throttle": st.sampled_from(("failover", "return", "wait"))},
    optional={
        "failback": st.sampled_from(("auto", "auto", "auto", "never")),
        "on_misconfigured": st.sampled_from(("failover", "return")),
        "pause": st.sampled_from((0.001, 0.5, 1.0, 5.0)) | st.floats(0.001, 20.0),
        "max_pause": st.sampled_from((20.0, 300.0)) | st.floats(20.0, 1000.0),
        "probe_lease": st.sampled_from((0.5, 30.0)) | st.floats(0.001, 100.0),
    },
)


@attrs.frozen
class Note:
    """What the fleet told a request: an endpoint to try, or without a ticket one that it skips."""

    index: int
    ticket: Ticket | None


class CheckedFleet(Fleet):
    """Answers as a fleet does, after comparing with the reference and with the laws."""

    def __init__(self, config: Config) -> None:
        self.luck = 0.0
        """The next random number."""
        super().__init__(config, random=lambda: self.luck)
        self.reference = ReferenceFleet(config)
        self.tries: dict[Ticket, Try] = {}
        """What each ticket that was given is to the reference."""
        self.returned: set[Ticket] = set()
        self.settled: dict[Ticket, int] = {}
        """The generation that each ticket's success left behind."""
        self.probes: Counter[tuple[int, int]] = Counter()
        """Probes by endpoint and generation."""
        self.paused_until: dict[int, float] = {}
        """Where pauses run, and until when at least."""
        self.journal: list[Note] = []
        """What was skipped and started, in order, since somebody emptied it."""

    # Starts.

    def first(self, now: float) -> Ticket | None:
        ticket = super().first(now)
        primary = self.reference.endpoints[0]
        assert (ticket is not None) == (primary.state == "healthy" and not primary.is_gated(now))
        return None if ticket is None else self._started(0, ticket, now)

    def choose(self, tried: int, now: float, course: Course = ANYWHERE) -> Choice | None:
        choice = super().choose(tried, now, course)
        index, skips = self.reference.next(tried, now, course)
        assert (choice is None) == (index is None), "withheld, or made up"
        if choice is None:
            return None
        assert choice.index == index
        assert pairs(choice.skipped) == skips
        self.journal += [Note(skip.index, None) for skip in choice.skipped]
        self._started(choice.index, choice.ticket, now)
        return choice

    def again(self, index: int, now: float) -> Ticket:
        return self._started(index, super().again(index, now), now)

    def resume(self, index: int, ticket: Ticket, now: float) -> Ticket:
        resumed = super().resume(index, ticket, now)
        is_current = self.settled.get(ticket) == self.reference.endpoints[index].generation
        assert (resumed is not NO_TICKET) == is_current, "late news counts, or fresh news does not"
        if is_current:
            self._started(index, resumed, now)
            self.journal.pop()
        return resumed

    def _started(self, index: int, ticket: Ticket, now: float) -> Ticket:
        started = self.reference.endpoints[index].start(now)
        assert (ticket.generation, ticket.is_probe) == (started.generation, started.is_probe)
        if ticket.is_probe:
            self.probes[index, ticket.generation] += 1
        self.tries[ticket] = started
        self.journal.append(Note(index, ticket))
        return ticket

    # Ends.

    def landed(self, ticket: Ticket, now: float) -> Event | None:
        before = self.reference.endpoints[0].generation
        event = super().landed(ticket, now)
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
        is_late = self.tries[ticket].generation != endpoint.generation
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
        return self.tries[ticket]

    def _settle(self, index: int, ticket: Ticket, generation: int) -> None:
        """Remember in which generation a success counted; what it won back is not shortened."""
        if self.tries[ticket].generation == generation:
            self.settled[ticket] = self.reference.endpoints[index].generation
            self.paused_until.pop(index, None)

    def reset(self) -> None:
        super().reset()
        self.reference.reset(-inf)
        self.paused_until.clear()

    # Laws that hold at any time.

    def facts(self, now: float) -> list[tuple[str, float, float, str | None, str | None]]:
        return [
            (one.state, one.retry_in, one.throttled_for, one.misconfigured, one.last_error)
            for one in self.status(now).endpoints
        ]

    def agrees(self, now: float) -> None:
        """State, pause, throttle, flag, last error, and which is in use: as the reference says."""
        assert self.facts(now) == self.reference.facts(now)
        status = self.status(now)
        assert status.current_index == self.reference.in_use(now)
        assert [one.state != "healthy" for one in self.reference.endpoints] == [
            one.endpoint in status.failed_endpoints for one in status.endpoints
        ]

    def foresees(self, now: float, course: Course = ANYWHERE) -> None:
        """A preview is what would come if nothing moved, and it starts nothing."""
        order, passed_over = self.preview(now, course)
        tried, wanted, skips = 0, list[int](), dict[int, str]()
        while (found := self.reference.next(tried, now, course))[0] is not None:
            wanted.append(found[0])
            skips = {**dict(found[1]), **skips}
            tried |= 1 << found[0]
        assert [*order] == wanted
        assert dict(pairs(passed_over)) == skips

    def probes_alone(self) -> None:
        """At most one probe per endpoint and generation."""
        assert max(self.probes.values(), default=0) <= 1

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


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """Draw where a request may go: mostly anywhere."""
    closed = draw(st.just(frozenset[int]()) | st.frozensets(st.integers(0, MOST - 1), max_size=2))
    reach = draw(st.sampled_from((Reach.FLEET, Reach.FLEET, Reach.FLEET, *Reach)))
    pin = draw(st.integers(0, MOST - 1)) if reach is Reach.PINNED else None
    return Course(reach, pin, dict.fromkeys(closed, "cannot take it"))


def within(course: Course, endpoints: int) -> Course:
    """Give the same course for a fleet that may be smaller than the largest."""
    pin = None if course.pin is None else course.pin % endpoints
    closed = {index: why for index, why in course.closed.items() if index < endpoints}
    return Course(course.reach, pin, closed)


class Clockwork(RuleBasedStateMachine):
    """A checked fleet, and time that passes: what all machines have in common."""

    taken: ClassVar[int] = 0
    """How many steps all machines of this process have taken."""
    fleet: CheckedFleet
    now: float

    def build(self, endpoints: int, policy: dict[str, object], origin: float) -> None:
        self.fleet = CheckedFleet(plain_config(endpoints, **policy))
        self.now = origin

    def dues(self) -> list[float]:
        """Give the times at which something ends: a pause, a lease, a throttle, a probation."""
        return [
            time
            for one in self.fleet.reference.endpoints
            for time in (one.until, one.throttled_until, one.forgiven_at())
        ]

    @rule(seconds=STEPS)
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds

    @rule(which=st.integers(0, 11), is_early=st.booleans())
    def let_time_pass_until_something_is_due(self, which: int, *, is_early: bool) -> None:
        """Go to the very end of it, or to the instant before."""
        due = sorted(time for time in self.dues() if self.now < time < inf)
        if due:
            time = due[which % len(due)]
            self.now = max(self.now, nextafter(time, -inf)) if is_early else time

    @invariant()
    def state_pause_and_flags_are_those_of_the_reference(self) -> None:
        Clockwork.taken += 1
        self.fleet.agrees(self.now)

    @invariant()
    def at_most_one_probe_is_made_per_endpoint_and_generation(self) -> None:
        self.fleet.probes_alone()

    @invariant()
    def an_ejection_is_never_shortened(self) -> None:
        self.fleet.keeps_ejections(self.now)
