"""The long run: what makes it worth its time is that it counts, goes on, and can be repeated."""

from __future__ import annotations

import pytest
from clockwork import Clockwork
from hypothesis import Phase, settings
from soak import soak
from test_flights_against_reference import FlightMachine

SHORT = settings(max_examples=3, stateful_step_count=6, deadline=None, database=None)


def test_a_long_run_ends_when_its_steps_are_taken_and_is_repeated_by_its_seed() -> None:
    runs: list[list[str]] = []
    for _ in range(2):
        lines: list[str] = []
        before = Clockwork.taken
        assert soak(20, 7, lines.append, SHORT) == Clockwork.taken - before >= 20
        runs.append(lines)
    assert runs[0] == runs[1]
    assert runs[0][0].startswith("seed 7: FlightMachine took ")
    assert runs[0][1].startswith("seed 8: FleetMachine took ")


def test_a_long_run_that_finds_something_tells_its_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def found(_: FlightMachine) -> None:
        raise AssertionError("found")

    monkeypatch.setattr(FlightMachine, "teardown", found)
    lines: list[str] = []
    with pytest.raises(AssertionError, match="found"):
        soak(20, 1, lines.append, settings(SHORT, phases=[Phase.generate]))
    assert lines == ["seed 1: FlightMachine stopped"]
