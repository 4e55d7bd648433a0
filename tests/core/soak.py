"""Runs the state machines for a long time: ``nox -s soak -- --steps 1000000 --seed 0``.

Runs are cut into stints, each with a seed of its own, and print what they have done; a run that
was stopped goes on with ``--seed``, and a stint that finds something is repeated by it.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, cast

from clockwork import Clockwork
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from test_fleet_against_reference import FleetMachine
from test_flights_against_reference import FlightMachine

MACHINES: Final[tuple[type[Clockwork], ...]] = (FleetMachine, FlightMachine)
STINT: Final = settings(
    max_examples=200,
    stateful_step_count=100,
    deadline=None,
    database=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)


def soak(steps: int, first: int, say: Callable[[str], object], stint: settings = STINT) -> int:
    """Run stints in turn until so many steps were taken; give how many it were.

    Raises:
        AssertionError: If a machine found something; ``say`` has told under which seed.
    """
    before, last = Clockwork.taken, Clockwork.taken
    for number in count(first):
        machine = MACHINES[number % len(MACHINES)]
        own = cast("type[Clockwork]", type(machine.__name__, (machine,), {}))
        seed(number)(own)  # marks the class; the suite's own must stay unmarked
        try:
            run_state_machine_as_test(own, settings=stint)
        except BaseException:
            say(f"seed {number}: {machine.__name__} stopped")
            raise
        taken, last = Clockwork.taken - last, Clockwork.taken
        say(f"seed {number}: {machine.__name__} took {taken} steps, {last - before} in all")
        if last - before >= steps:
            return last - before
    raise AssertionError


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and run."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000, help="how many, at least")
    parser.add_argument("--seed", type=int, default=0, help="of the first stint")
    given = parser.parse_args(arguments)
    steps = soak(given.steps, given.seed, lambda line: print(line, flush=True))  # noqa: T201
    print(f"{steps} steps, and nothing was found")  # noqa: T201


if __name__ == "__main__":
    main()
