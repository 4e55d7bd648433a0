"""The real core in virtual time: the same calls that the transport's driver makes, in its order.

Read beside ``azure_failover/transport/_driver.py``: :meth:`Ours.arrived` is the head of ``send``,
:meth:`Ours.ended` its middle, :meth:`Ours._follow` is ``_fly``. Only the network is not real.
"""

from __future__ import annotations

from random import Random
from typing import Final, assert_never, cast

import attrs

from azure_failover.core.config import Config, Policy
from azure_failover.core.fleet import Fleet
from azure_failover.core.flight import (
    Answered,
    Attempt,
    Command,
    Deliver,
    Discard,
    Failed,
    Flight,
    GiveUp,
    Report,
    Send,
    Wait,
    Woke,
)
from azure_failover.core.health import Ticket
from azure_failover.core.ledger import Phase
from azure_failover.core.verdict import Fault
from simulation.traffic import ENDPOINTS, Call
from simulation.world import MakeRule, World

TIMED_OUT: Final = TimeoutError("no answer")


def fleet(policy: Policy, random: Random) -> Fleet:
    """Make a fleet with a primary and backups."""
    config = Config.from_dict(
        {
            "api_key": "simulated",
            "endpoint": "https://r0.example",
            "deployment_name": "model",
            "backups": [{"endpoint": f"https://r{place}.example"} for place in range(1, ENDPOINTS)],
        }
    )
    return Fleet(Config(endpoints=config.endpoints, policy=policy), random=random.random)


class Ours:
    """Drives the real fleet and its flights."""

    def __init__(self, world: World, random: Random, policy: Policy) -> None:
        self._world = world
        self._fleet = fleet(policy, random)

    def arrived(self, call: Call, now: float) -> None:
        """Start at the primary if all is well there, as the driver does; else fly."""
        ticket = self._fleet.first(now)
        if ticket is not None:
            self._world.send(call, 0, ticket, now)
            return
        flight: Flight[int] = Flight(self._fleet, now)
        call.held = flight
        self._follow(call, flight, flight.begin(now), now)

    def ended(self, call: Call, attempt: Ticket | Attempt | Woke, status: int, now: float) -> None:
        """Tell the fleet or the flight, and do what it says."""
        if isinstance(attempt, Ticket):
            if status == 200:
                self._fleet.landed(attempt, now)
                self._world.over(call, 0, status, now)
                return
            flight: Flight[int] = Flight(self._fleet, call.arrived)
            call.held, attempt = flight, flight.take_off(attempt)
        flight = cast("Flight[int]", call.held)
        self._follow(call, flight, flight.tell(_report(attempt, status), now), now)

    def _follow(self, call: Call, flight: Flight[int], command: Command[int], now: float) -> None:
        """Do what a flight commands, until it has to be told something, or is over."""
        while True:
            match command:
                case Send():
                    self._world.send(call, command.attempt.index, command.attempt, now)
                    return
                case Deliver():
                    self._world.over(call, command.attempt.index, command.response, now)
                    return
                case Discard():
                    command = flight.proceed(now)
                case Wait():
                    self._world.wake(call, Woke(), now + command.seconds)
                    return
                case GiveUp():
                    self._world.over(call, -1, 0, now)
                    return
                case _:
                    assert_never(command)


def _report(attempt: Attempt | Woke, status: int) -> Report[int]:
    """Say what happened; what the world was asked to wake us with is a report itself."""
    if not isinstance(attempt, Attempt):
        return attempt
    if status:
        return Answered(attempt, status, status, is_complete=True)
    return Failed(attempt, TIMED_OUT, Fault.READ_TIMEOUT, Phase.WAIT)


def ours(**settings: float) -> MakeRule:
    """Give what makes our rule; ``settings`` of the policy differ from the defaults."""
    policy = attrs.evolve(Policy(), **settings)  # type: ignore[arg-type]
    return lambda world, random: Ours(world, random, policy)
