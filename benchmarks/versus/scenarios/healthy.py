"""All endpoints are well: what a call costs. CPU in memory, CPU and wall time over sockets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from versus.stage import Stage, Targets
from versus.team import COLOURS, Sizes, Team


def _open_all(team: Team, colour: str, targets: Targets, **rest: Any) -> None:
    """Open a client each, and call a few times: the first calls connect and import."""
    for name in team.alive():
        with team.trial(name):
            team.open(name, colour, targets, **rest)
            team.healthy_calls(name, colour, 10)


def _close_all(team: Team, colour: str) -> None:
    for name in team.alive():
        with team.trial(name):
            team.ask(name, "close", colour=colour)


def in_memory(team: Team, stage: Stage, sizes: Sizes) -> None:
    """CPU µs a call, over a transport that answers from memory."""
    names = [name for name in team.alive() if team.cards[name].family]
    targets = stage.healthy()
    for colour in COLOURS:
        for name in names:
            with team.trial(name):
                team.open(name, colour, targets, memory=True)
                team.healthy_calls(name, colour, sizes.calls)
        for name in team.turns(sizes.slices, names):
            with team.trial(name):
                made = team.healthy_calls(name, colour, sizes.calls)
                team.add(name, f"{colour} cpu", made["cpu"] / made["made"] * 1e6)
        for name in names:
            with team.trial(name):
                team.ask(name, "close", colour=colour)


def _sliced(
    team: Team, colours: Iterable[str], targets: Targets, sizes: Sizes, **rest: Any
) -> None:
    for colour in colours:
        _open_all(team, colour, targets, **rest)
        for name in team.turns(sizes.loopback):
            with team.trial(name):
                made = team.healthy_calls(name, colour, sizes.calls)
                team.add(name, f"{colour} cpu", made["cpu"] / made["made"] * 1e6)
                team.add(name, f"{colour} wall", made["wall"] / made["made"] * 1e6)
        _close_all(team, colour)


def loopback(team: Team, stage: Stage, sizes: Sizes) -> None:
    """CPU and wall µs a call over a kept connection, one call at a time."""
    _sliced(team, COLOURS, stage.healthy(), sizes)


def tls(team: Team, stage: Stage, sizes: Sizes) -> None:
    """The same over TLS."""
    targets = stage.healthy(secure=True)
    _sliced(team, COLOURS, targets, sizes, certificates=str(stage.certificates))


def concurrency(team: Team, stage: Stage, sizes: Sizes) -> None:
    """Calls a second of tasks, so many at a time."""
    _open_all(team, "async", stage.healthy())
    for at_once, count in sizes.concurrencies.items():
        for name in team.alive():
            with team.trial(name):
                team.healthy_calls(name, "async", count, at_once=at_once)
        for name in team.turns(sizes.throughput):
            with team.trial(name):
                made = team.healthy_calls(name, "async", count, at_once=at_once)
                team.add(name, f"{at_once} at once", made["made"] / made["wall"])
    _close_all(team, "async")
