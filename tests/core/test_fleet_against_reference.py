"""The real fleet and the reference, side by side under many requests at once.

Attempts start and end in any order, are cancelled, get lost or come late, while the clock stands
still, creeps or leaps. Each rule does one thing to both, and each invariant is one law. What is
new about a fleet gets a rule here and plain words in ``reference_health``.
"""

from __future__ import annotations

from copy import deepcopy
from math import inf, nextafter

from clockwork import (
    HINTS,
    KINDS,
    LUCK,
    MOST,
    ORIGINS,
    POLICIES,
    SIZES,
    TIERS,
    Clockwork,
    courses,
    within,
)
from examples import examples
from hypothesis import settings, strategies as st
from hypothesis.stateful import initialize, precondition, rule
from reference_health import SAYS_NOTHING

from azure_failover.core.course import ANYWHERE, Course, Reach
from azure_failover.core.pace import Kind
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import Effect


class FleetMachine(Clockwork):
    """Starts and ends attempts as any number of threads and tasks might."""

    @initialize(endpoints=SIZES, tiers=TIERS, policy=POLICIES, origin=ORIGINS)
    def begin(
        self, endpoints: int, tiers: tuple[int, ...], policy: dict[str, object], origin: float
    ) -> None:
        self.build(tiers[:endpoints], policy, origin)
        self.under_way: list[tuple[int, Ticket]] = []
        self.heard: list[tuple[int, Ticket]] = []
        """What was noted as alive, and may still break."""

    # Starts.

    @rule(tried=st.just(0) | st.integers(0, 2**MOST - 1), course=courses(), kind=KINDS, luck=LUCK)
    def ask(self, tried: int, course: Course, kind: Kind, luck: float) -> None:
        """Promise 3: never withheld; and what is closed is tried only if nothing open is left."""
        self.fleet.luck = luck
        course = within(course, len(self.fleet))
        order = self.fleet.order(self.now, course)
        choice = self.fleet.choose(tried, self.now, course, order, kind)
        left = self.fleet.reference.candidates(tried, self.now, course, order)
        assert (choice is None) == (not left)
        if choice is not None:
            assert choice.index in left
            if any(skip.index == choice.index for skip in choice.skipped):
                assert course.reach is Reach.FLEET
                assert [skip.index for skip in choice.skipped] == left
            self.under_way.append((choice.index, choice.ticket))

    @rule(kind=KINDS, watches=st.booleans())
    def ask_the_quick_way(self, kind: Kind, *, watches: bool) -> None:
        ticket = self.fleet.first(self.now, kind, watches=watches)
        if ticket is not None:
            self.under_way.append((0, ticket))

    @rule(index=st.integers(0, MOST - 1), times=st.just(1) | st.integers(2, 12), kind=KINDS)
    def ask_again(self, index: int, times: int, kind: Kind) -> None:
        index %= len(self.fleet)
        for _ in range(times):
            self.under_way.append((index, self.fleet.again(index, self.now, kind)))

    @rule(index=st.integers(0, MOST - 1), times=st.sampled_from((1, 2, 12)), is_hedge=st.booleans())
    def ask_for_extra_attempts(self, index: int, times: int, *, is_hedge: bool) -> None:
        """Over any window they stay within their budget, which the checked fleet looks at."""
        for _ in range(times):
            if is_hedge:
                self.fleet.take_hedge(self.now)
            else:
                self.fleet.refuse_retry(index % len(self.fleet), self.now)

    @rule(tried=st.integers(0, 2**MOST - 1), course=courses(), open_only=st.booleans())
    def ask_what_is_left(self, tried: int, course: Course, *, open_only: bool) -> None:
        course = within(course, len(self.fleet))
        self.fleet.prospects(tried, self.now, course, open_only=open_only)

    @rule(course=courses())
    def look_ahead(self, course: Course) -> None:
        """What is foreseen is what would come, and looking changes nothing."""
        self.fleet.foresees(self.now, within(course, len(self.fleet)))

    # First bytes, and silence.

    @precondition(lambda self: bool(self.under_way))
    @rule(which=st.integers(0, 1000), is_usual=st.booleans())
    def hear(self, which: int, *, is_usual: bool) -> None:
        index, ticket = self.under_way[which % len(self.under_way)]
        elapsed = self.now - self.fleet.known[ticket].attempt.started if is_usual else None
        self.fleet.heard(index, ticket, self.now, elapsed)

    @precondition(lambda self: bool(self.under_way))
    @rule(which=st.integers(0, 1000), luck=LUCK)
    def listen(self, which: int, luck: float) -> None:
        """Whoever waits may listen; a sentry is only asked to."""
        self.fleet.luck = luck
        index, ticket = self.under_way[which % len(self.under_way)]
        self.fleet.next_look(index, ticket, self.now)
        self.fleet.listen(index, ticket, self.now)
        self.fleet.is_silenced(index, ticket)

    @rule(
        index=st.integers(0, MOST - 1),
        usual=st.sampled_from((0.0, 0.01, 0.5, 3.0)) | st.floats(0.0, 100.0),
        times=st.sampled_from((1, 19, 20, 70)),
        kind=KINDS,
    )
    def become_known(self, index: int, usual: float, times: int, kind: Kind) -> None:
        """Many are answered, and so it is known what is usual."""
        index %= len(self.fleet)
        for _ in range(times):
            ticket = self.fleet.again(index, self.now, kind)
            self.fleet.heard(index, ticket, self.now, usual)
            self.note(index, ticket, Effect.ALIVE, None, None)

    @rule(
        index=st.integers(0, MOST - 1),
        waiting=st.integers(6, 10),
        later=st.integers(0, 10),
        gone=st.integers(0, 3),
        kind=KINDS,
        then=st.sampled_from(("nothing", "too early", "a sentry looks", "another asks")),
    )
    def hush(self, index: int, waiting: int, later: int, gone: int, kind: Kind, then: str) -> None:
        """A crowd waits, one of them is answered, others come and some go, and then nothing."""
        index %= len(self.fleet)
        if self.fleet.reference.pace(index, kind).usual is None:
            self.become_known(index, 0.5, 20, kind)
        answered, *crowd = [self.fleet.again(index, self.now, kind) for _ in range(waiting + 1)]
        self.fleet.heard(index, answered, self.now, None)
        crowd += [self.fleet.again(index, self.now, kind) for _ in range(later)]
        for ticket in (answered, *crowd[len(crowd) - gone :]):
            self.note(index, ticket, Effect.NEUTRAL, None, None)
        self.under_way += [(index, ticket) for ticket in crowd[: len(crowd) - gone]]
        if then != "nothing":
            silence = max((time for time in self.silences() if time < inf), default=-inf)
            silence = nextafter(silence, -inf) if then == "too early" else silence
            self.now = max(self.now, silence)
        if then == "a sentry looks":
            self.fleet.listen(index, crowd[0], self.now)
        elif then != "nothing":
            self.ask(0, ANYWHERE, kind, 0.0)

    # Ends.

    def note(
        self, index: int, ticket: Ticket, effect: Effect, hint: float | None, flag: str | None
    ) -> None:
        flag = flag if effect is Effect.ALIVE else None
        self.fleet.note(
            index, ticket, effect, self.now, reason="x", retry_after=hint, misconfigured=flag
        )
        if effect is Effect.ALIVE:
            self.heard.append((index, ticket))

    @precondition(lambda self: bool(self.under_way))
    @rule(
        which=st.integers(0, 1000),
        effect=st.sampled_from(Effect),
        hint=HINTS,
        flag=st.sampled_from((None, None, None, "401", "403")),
        luck=LUCK,
    )
    def end(
        self, which: int, effect: Effect, hint: float | None, flag: str | None, luck: float
    ) -> None:
        self.fleet.luck = luck
        index, ticket = self.under_way.pop(which % len(self.under_way))
        self.note(index, ticket, effect, hint, flag)

    @precondition(lambda self: bool(self.under_way))
    @rule(
        first=st.integers(0, 1000),
        times=st.integers(2, 12),
        effect=st.sampled_from(Effect),
        hint=HINTS,
    )
    def end_many(self, first: int, times: int, effect: Effect, hint: float | None) -> None:
        """A region goes down or comes back: what is under way ends alike."""
        first %= len(self.under_way)
        ending = self.under_way[first : first + times]
        del self.under_way[first : first + times]
        for index, ticket in ending:
            self.note(index, ticket, effect, hint, None)

    @precondition(lambda self: any(index == 0 for index, _ in self.under_way))
    @rule(which=st.integers(0, 1000))
    def land(self, which: int) -> None:
        """The usual case: the primary answered, quickly told."""
        primary = [place for place, (index, _) in enumerate(self.under_way) if index == 0]
        _, ticket = self.under_way.pop(primary[which % len(primary)])
        self.fleet.landed(ticket, self.now, self.now - self.fleet.known[ticket].attempt.started)
        self.heard.append((0, ticket))

    @precondition(lambda self: bool(self.under_way))
    @rule(which=st.integers(0, 1000))
    def lose(self, which: int) -> None:
        """A caller drops a response: its ticket is never given back."""
        self.under_way.pop(which % len(self.under_way))

    @precondition(lambda self: bool(self.heard))
    @rule(which=st.integers(0, 1000))
    def break_after_content(self, which: int) -> None:
        """A stream that had shown its endpoint alive breaks off."""
        index, ticket = self.heard.pop(which % len(self.heard))
        resumed = self.fleet.resume(index, ticket, self.now)
        self.fleet.note(index, resumed, Effect.FAILURE, self.now, reason="cut")

    # Stories.

    @rule(
        index=st.integers(0, MOST - 1),
        total=st.sampled_from((9, 10, 11, 20, 25, 30)),
        failures=st.integers(0, 12),
        successes=st.integers(0, 3),
        mute=st.integers(0, 2),
        is_vouched=st.booleans(),
    )
    def serve_many(
        self,
        index: int,
        total: int,
        failures: int,
        successes: int,
        mute: int,
        *,
        is_vouched: bool,
    ) -> None:
        """Much traffic at once, where successes that started later come first or last."""
        index, total = index % len(self.fleet), max(0, total - failures - successes)
        bad = [self.fleet.again(index, self.now) for _ in range(failures)]
        void = [self.fleet.again(index, self.now) for _ in range(mute)]
        good = [self.fleet.again(index, self.now) for _ in range(successes)]
        self.under_way += [(index, self.fleet.again(index, self.now)) for _ in range(total)]
        ended = [(ticket, Effect.NEUTRAL) for ticket in void]
        ended += [(ticket, Effect.FAILURE) for ticket in bad]
        landed = [(ticket, Effect.ALIVE) for ticket in good]
        for ticket, effect in (*landed, *ended) if is_vouched else (*ended, *landed):
            self.note(index, ticket, effect, None, None)
            self.fleet.agrees(self.now)

    @rule(
        index=st.integers(0, MOST - 1),
        successes=st.integers(2, 6),
        gap=st.sampled_from((0.0, 2.5, 3.0, 3.5, 24.0, 27.0, 30.0)),
        failures=st.integers(1, 2),
    )
    def fail_amid_traffic(self, index: int, successes: int, gap: float, failures: int) -> None:
        """Some succeed, one after the other; a little later one fails, or a second one too."""
        index %= len(self.fleet)
        for effect in (*[Effect.ALIVE] * successes, *[Effect.FAILURE] * failures):
            self.now += gap if effect is Effect.FAILURE else 0.0
            self.note(index, self.fleet.again(index, self.now), effect, None, None)

    @rule(index=st.integers(0, MOST - 1), effect=st.sampled_from(Effect), hint=HINTS)
    def probe(self, index: int, effect: Effect, hint: float | None) -> None:
        """The pause or the lease ends, one request probes, and others come meanwhile."""
        index %= len(self.fleet)
        endpoint = self.fleet.reference.endpoints[index]
        if endpoint.state == "healthy" or endpoint.until == inf:
            return
        self.now = max(self.now, endpoint.until)
        probe, other = (self.fleet.again(index, self.now) for _ in range(2))
        assert (probe.is_probe, other.is_probe) == (True, False)
        self.under_way.append((index, other))
        self.note(index, probe, effect, hint, None)

    @rule(index=st.integers(0, MOST - 1), effect=st.sampled_from(Effect), is_early=st.booleans())
    def relapse(self, index: int, effect: Effect, *, is_early: bool) -> None:
        """What has come back fails again, just when that is forgiven or just before."""
        index %= len(self.fleet)
        self.probe(index, Effect.ALIVE, None)
        forgiven_at = self.fleet.reference.endpoints[index].forgiven_at()
        if self.now < forgiven_at < inf:
            self.now = nextafter(forgiven_at, -inf) if is_early else forgiven_at
            for _ in range(2):
                self.note(index, self.fleet.again(index, self.now), Effect.FAILURE, None, None)
            self.probe(index, effect, None)

    # Laws of their own.

    def is_late(self, index: int, ticket: Ticket) -> bool:
        return ticket.generation != self.fleet.reference.endpoints[index].generation

    @precondition(lambda self: any(self.is_late(*one) for one in self.under_way))
    @rule(effect=st.sampled_from(Effect), hint=HINTS, flag=st.sampled_from((None, "401")))
    def late_results_change_nothing(
        self, effect: Effect, hint: float | None, flag: str | None
    ) -> None:
        late = next(one for one in self.under_way if self.is_late(*one))
        self.under_way.remove(late)
        generations = [one.generation for one in self.fleet.reference.endpoints]
        before = self.fleet.facts(self.now)
        self.note(*late, effect, hint, flag)
        assert self.fleet.facts(self.now) == before
        assert [one.generation for one in self.fleet.reference.endpoints] == generations
        resumed = self.fleet.resume(*late, self.now)
        assert self.fleet.note(late[0], resumed, Effect.FAILURE, self.now) is None
        assert self.fleet.facts(self.now) == before

    @precondition(lambda self: bool(self.under_way))
    @rule(which=st.integers(0, 1000), effect=st.sampled_from(SAYS_NOTHING))
    def neutral_outcomes_change_nothing_but_release_a_probe(
        self, which: int, effect: Effect
    ) -> None:
        index, ticket = self.under_way.pop(which % len(self.under_way))
        before = self.fleet.facts(self.now)
        is_probing = ticket.is_probe and before[index][0] == "probing"
        is_released = is_probing and not self.is_late(index, ticket)
        self.note(index, ticket, effect, None, None)
        after = self.fleet.facts(self.now)
        if is_released:
            assert after.pop(index)[0] == "failed"
            before.pop(index)
        assert after == before

    @precondition(lambda self: bool(self.under_way))
    @rule(which=st.integers(0, 1000))
    def an_older_success_clears_no_newer_failure(self, which: int) -> None:
        """What would have tripped without it trips with it: the next failure tells."""
        index, ticket = self.under_way[which % len(self.under_way)]
        endpoint = self.fleet.reference.endpoints[index]
        failed = endpoint.failures_since_good()
        number = self.fleet.known[ticket].attempt.number
        is_older = bool(failed) and number < min(one.number for one in failed)
        if endpoint.state != "healthy" or not is_older:
            return
        self.under_way.remove((index, ticket))
        without = deepcopy(endpoint)
        without.finish(without.start(self.now), Effect.FAILURE, self.now, None, 0.0)
        self.note(index, ticket, Effect.ALIVE, None, None)
        latest = self.fleet.again(index, self.now)
        self.note(index, latest, Effect.FAILURE, None, None)
        if without.state == "failed":
            assert self.fleet.status(self.now).endpoints[index].state == "failed"

    @rule(is_meant=st.sampled_from((True, False, False, False)))
    def reset(self, *, is_meant: bool) -> None:
        """Everything is forgotten; what is under way will come late."""
        if not is_meant:
            return
        self.fleet.reset()
        assert all(one.state == "healthy" for one in self.fleet.status(self.now).endpoints)
        assert all(self.is_late(*one) for one in self.under_way)


TestFleetMachine = FleetMachine.TestCase
TestFleetMachine.settings = settings(
    max_examples=examples(60), stateful_step_count=50, deadline=None
)
