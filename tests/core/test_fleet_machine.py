"""The fleet under attempts that start and finish in any order while time passes."""

from __future__ import annotations

from core_strategies import plain_config
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from azure_failover.core.fleet import Fleet
from azure_failover.core.status import Status
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import Effect

COUNT = 3


class FleetMachine(RuleBasedStateMachine):
    """Starts and finishes attempts at random; the rules are those of many requests at once."""

    def __init__(self) -> None:
        super().__init__()
        self.fleet = Fleet(plain_config(COUNT, on_throttle="failover"), random=lambda: 0.5)
        self.now = 0.0
        self.under_way: list[tuple[int, Ticket]] = []
        self.probes: set[tuple[int, int]] = set()
        self.leases: dict[int, float] = {}
        self.before = self.fleet.status(0.0)
        self.may_shorten: set[int] = set()

    def status(self) -> Status:
        return self.fleet.status(self.now)

    @rule(tried=st.integers(0, 2**COUNT - 1))
    def ask(self, tried: int) -> None:
        """Promise 3: whatever is believed, an endpoint that was not tried is given."""
        before = self.status()
        choice = self.fleet.choose(tried, self.now)
        if tried == 2**COUNT - 1:
            assert choice is None
            return
        assert choice is not None
        assert not tried >> choice.index & 1
        assert all(not tried >> skip.index & 1 for skip in choice.skipped)
        self._started(choice.index, choice.ticket)
        if before.endpoints[choice.index].state != "healthy" and not choice.ticket.is_probe:
            untried = {index for index in range(COUNT) if not tried >> index & 1}
            assert {skip.index for skip in choice.skipped} == untried, "forced while one was open"

    @rule(index=st.integers(0, COUNT - 1))
    def ask_again(self, index: int) -> None:
        self._started(index, self.fleet.again(index, self.now))

    def _started(self, index: int, ticket: Ticket) -> None:
        if ticket.is_probe:
            assert (index, ticket.generation) not in self.probes, "two probes in one generation"
            self.probes.add((index, ticket.generation))
            assert self.now >= self.leases.get(index, 0.0), "a second probe before the lease ended"
            self.leases[index] = self.now + 30.0
        self.under_way.append((index, ticket))

    @precondition(lambda self: bool(self.under_way))
    @rule(
        which=st.integers(0, 1000),
        effect=st.sampled_from(Effect),
        retry_after=st.none() | st.floats(0.0, 300.0),
    )
    def finish(self, which: int, effect: Effect, retry_after: float | None) -> None:
        index, ticket = self.under_way.pop(which % len(self.under_way))
        before = self.status().endpoints[index]
        self.fleet.note(index, ticket, effect, self.now, reason="x", retry_after=retry_after)
        after = self.status().endpoints[index]
        if after.state != "probing":
            self.leases.pop(index, None)
        if effect is Effect.ALIVE and before.state != "healthy" and after.state == "healthy":
            self.may_shorten.add(index)

    @rule(seconds=st.floats(0.0, 40.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def reset(self) -> None:
        self.fleet.reset()
        self.leases.clear()
        self.may_shorten = {*range(COUNT)}
        assert all(found.state == "healthy" for found in self.status().endpoints)

    @invariant()
    def a_pause_is_never_shortened_but_by_a_success_or_a_reset(self) -> None:
        status = self.status()
        if hasattr(self, "paused_until"):
            for index, until in self.paused_until.items():
                found = status.endpoints[index]
                if until > self.now and index not in self.may_shorten:
                    assert found.state != "healthy"
                    assert self.now + found.retry_in >= until - 1e-6
        self.paused_until: dict[int, float] = {
            index: self.now + found.retry_in
            for index, found in enumerate(status.endpoints)
            if found.retry_in > 0
        }
        self.may_shorten = set()

    @invariant()
    def the_endpoint_in_use_is_the_first_that_is_open(self) -> None:
        status = self.status()
        usable = [
            found.index
            for found in status.endpoints
            if found.state == "healthy" and found.throttled_for == 0
        ]
        assert status.current_index == (usable[0] if usable else 0)


TestFleetMachine = FleetMachine.TestCase
TestFleetMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
