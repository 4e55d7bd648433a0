"""The real core in virtual time: the same calls that the transport's driver makes, in its order.

Read beside ``azure_failover/transport/_driver.py``: :meth:`Ours.arrived` is the head of ``send``,
:meth:`Ours.ended` its middle, :meth:`Ours._follow` is ``_fly``. Only the network is not real.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final, assert_never, cast

import attrs

from azure_failover.core.config import Config, Policy
from azure_failover.core.events import EndpointFailed
from azure_failover.core.fleet import Fleet
from azure_failover.core.flight import Flight
from azure_failover.core.ledger import Phase
from azure_failover.core.steps import (
    Answered,
    Attempt,
    Await,
    Command,
    Deliver,
    Discard,
    Failed,
    GiveUp,
    Overdue,
    Report,
    Send,
    Wait,
    Woke,
)
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import Fault
from simulation.traffic import Call
from simulation.world import MakeRule, World

TIMED_OUT: Final = TimeoutError("no answer")


def fleet(count: int, policy: Policy, random: Random) -> Fleet:
    """Make a fleet of so many endpoints."""
    config = Config.from_dict(
        {
            "api_key": "simulated",
            "endpoint": "https://r0.example",
            "deployment_name": "model",
            "backups": [{"endpoint": f"https://r{place}.example"} for place in range(1, count)],
        }
    )
    return Fleet(Config(endpoints=config.endpoints, policy=policy), random=random.random)


@attrs.define(eq=False)
class Look:
    """A timer that a flight asked for; a later one takes its place."""

    call: Call


class Ours:
    """Drives the real fleet and its flights, as tasks do."""

    def __init__(self, world: World, random: Random, policy: Policy) -> None:
        self._world = world
        count = len(world.endpoints)
        self._fleet = fleet(count, policy, random)
        self._is_plain = policy.hedge_after is None
        self._looks: dict[Call, Look] = {}
        self._crowd: list[dict[Ticket | Attempt, Call]] = [{} for _ in range(count)]
        self._cut: set[Ticket | Attempt] = set()

    def arrived(self, call: Call, now: float) -> None:
        """Start at the primary if all is well there, as the driver does; else fly."""
        ticket = self._fleet.first(now, call.kind) if self._is_plain else None
        if ticket is not None:
            if ticket.is_crowded:
                self._crowd[0][ticket] = call
            self._world.send(call, 0, ticket, now)
            return
        flight: Flight[int] = Flight(self._fleet, now, kind=call.kind)
        call.held = flight
        self._follow(call, flight, flight.begin(now), now)

    def ended(
        self, call: Call, attempt: Ticket | Attempt | Woke | Look, status: int, now: float
    ) -> None:
        """Tell the fleet or the flight, and do what it says."""
        if isinstance(attempt, Look):
            if self._looks.get(call) is attempt:
                self._tell(call, Overdue(), now)
        elif isinstance(attempt, Woke):
            self._tell(call, attempt, now)
        elif attempt in self._cut:
            self._cut.discard(attempt)
        else:
            index = attempt.index if isinstance(attempt, Attempt) else 0
            self._crowd[index].pop(attempt, None)
            if isinstance(attempt, Ticket) and status == 200:
                self._fleet.landed(attempt, now, now - call.arrived)
                self._world.over(call, 0, status, now)
            elif status:
                attempt = self._aboard(call, attempt)
                self._tell(call, Answered(attempt, status, status, is_complete=True), now)
            else:
                self._fail(call, attempt, Fault.READ_TIMEOUT, now)

    def _aboard(self, call: Call, attempt: Ticket | Attempt) -> Attempt:
        """Let a flight take over an attempt that was made without one."""
        if isinstance(attempt, Attempt):
            return attempt
        call.held = flight = Flight[int](self._fleet, call.arrived, kind=call.kind)
        return flight.take_off(attempt)

    def _fail(self, call: Call, attempt: Ticket | Attempt, fault: Fault, now: float) -> None:
        attempt = self._aboard(call, attempt)
        self._tell(call, Failed(attempt, TIMED_OUT, fault, Phase.WAIT), now)

    def _tell(self, call: Call, report: Report[int], now: float) -> None:
        self._looks.pop(call, None)
        flight = cast("Flight[int]", call.held)
        self._follow(call, flight, flight.tell(report, now), now)

    def _ring(self, flight: Flight[int], now: float) -> None:
        """Cut short who waits at an endpoint that has fallen silent."""
        for event in flight.take_events():
            if isinstance(event, EndpointFailed) and event.by_silence:
                self._world.tally.silences += 1
                crowd = self._crowd[int(event.endpoint.removeprefix("r"))]
                waiting = list(crowd.items())
                crowd.clear()
                for attempt, call in waiting:
                    if not call.is_over:
                        self._cut.add(attempt)
                        self._fail(call, attempt, Fault.SILENT, now)

    def _follow(self, call: Call, flight: Flight[int], command: Command[int], now: float) -> None:
        """Do what a flight commands, until it has to be told something, or is over."""
        while True:
            match command:
                case Send() | Await():
                    if command.patience is not None:
                        look = self._looks[call] = Look(call)
                        self._world.wake(call, look, now + command.patience)
                    if isinstance(command, Send):
                        attempt = command.attempt
                        if attempt.ticket.is_crowded:
                            self._crowd[attempt.index][attempt] = call
                        self._world.send(call, attempt.index, attempt, now)
                    break
                case Deliver():
                    self._world.over(call, command.attempt.index, command.response, now)
                    break
                case Discard():
                    command = flight.proceed(now)
                case Wait():
                    self._world.wake(call, Woke(), now + command.seconds)
                    break
                case GiveUp():
                    self._world.over(call, -1, 0, now)
                    break
                case _:
                    assert_never(command)
        self._ring(flight, now)


def ours(**settings: Any) -> MakeRule:
    """Give what makes our rule; ``settings`` of the policy differ from the defaults."""
    policy = attrs.evolve(Policy(), **settings)
    return lambda world, random: Ours(world, random, policy)
