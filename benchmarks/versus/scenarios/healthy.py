"""All endpoints are well: what a call costs. CPU in memory, CPU and wall time over sockets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from versus.layers import BARE
from versus.record import quotients
from versus.roster import OURS, UNDER_SDK
from versus.stage import Stage, Targets
from versus.team import COLOURS, Sizes, Team

WARM: Final = 2
"""Calls before each slice: others have run since the last one, and emptied the caches."""
BY_CPU: Final = ", by CPU"
"""What ends the names of the figures that are calls a second of CPU time: one event loop makes no
more calls than its CPU time allows, and wall time is noise on a machine that others use."""
TIMES: Final = ", times"
"""What ends the names of the figures that say how many times those of a call without they are."""


def _open_all(
    team: Team, colour: str, targets: Targets, names: Iterable[str], sizes: Sizes, **rest: Any
) -> dict[str, int]:
    """Open a client each, and warm it up; give how many calls make a slice of each.

    The slices of all take about the same time: what one of them meets, the next one does.
    """
    counts: dict[str, int] = {}
    for name in names:
        with team.trial(name):
            team.open(name, colour, targets, **rest)
            team.healthy_calls(name, colour, sizes.calls)
            made = team.healthy_calls(name, colour, sizes.calls)
            counts[name] = min(sizes.calls, _fitting(made, sizes.brief))
    return counts


def _fitting(made: Any, seconds: float) -> int:
    """Tell how many calls fit into so many seconds."""
    count: float = seconds * made["made"] / made["wall"]
    return max(1, round(count))


def _close_all(team: Team, colour: str, names: Iterable[str]) -> None:
    for name in names:
        with team.trial(name):
            team.ask(name, "close", colour=colour)


def _sliced(
    team: Team,
    targets: Targets,
    sizes: Sizes,
    rounds: int,
    names: Iterable[str],
    clocks: Iterable[str],
    **rest: Any,
) -> None:
    """Measure calls one at a time, µs each by each of the clocks."""
    for colour in COLOURS:
        counts = _open_all(team, colour, targets, names, sizes, **rest)
        for name in team.turns(rounds, counts):
            with team.trial(name):
                team.healthy_calls(name, colour, WARM)
                made = team.healthy_calls(name, colour, counts[name])
                for clock in clocks:
                    team.add_turn(name, f"{colour} {clock}", made[clock] / made["made"] * 1e6)
        _close_all(team, colour, counts)


def in_memory(team: Team, stage: Stage, sizes: Sizes) -> None:
    """CPU µs a call, over a transport that answers from memory."""
    targets, rounds = stage.healthy(), sizes.slices // sizes.crews
    for crew in range(sizes.crews):
        if crew:
            team.renew()
        names = [name for name in team.alive() if team.cards[name].family]
        _sliced(team, targets, sizes, rounds, names, ["cpu"], memory=True)


def layers(team: Team, stage: Stage, sizes: Sizes) -> None:
    """CPU µs a call with more and more of ours, and how many times that of a call without."""
    _layered(team, stage, sizes, "layers", (*OURS.values(), UNDER_SDK))


def crowd(team: Team, stage: Stage, sizes: Sizes) -> None:
    """The same for tasks, many at a time, through a whole pool; httpx's takes too long for that."""
    _layered(team, stage, sizes, "crowd", [OURS["httpx2"]])


def _layered(team: Team, stage: Stage, sizes: Sizes, order: str, names: Iterable[str]) -> None:
    targets, seconds = stage.healthy(), sizes.layered
    for name in names:
        if name not in team.alive():
            continue
        with team.trial(name):
            found = team.ask(name, order, targets=targets, seconds=seconds, patience=seconds)
            for layer, samples in found.items():
                team.add(name, layer, *samples)
                team.add(name, f"{layer}{TIMES}", *quotients(samples, found[BARE]))


def loopback(team: Team, stage: Stage, sizes: Sizes) -> None:
    """CPU and wall µs a call over a kept connection, one call at a time."""
    _sliced(team, stage.healthy(), sizes, sizes.loopback, team.alive(), ["cpu", "wall"])


def tls(team: Team, stage: Stage, sizes: Sizes) -> None:
    """The same over TLS."""
    targets, trusted = stage.healthy(secure=True), str(stage.certificates)
    clocks = ["cpu", "wall"]
    _sliced(team, targets, sizes, sizes.loopback, team.alive(), clocks, certificates=trusted)


def concurrency(team: Team, stage: Stage, sizes: Sizes) -> None:
    """Calls a second of tasks, so many at a time, over connections that are open."""
    for shift in range(sizes.shifts):
        if shift:
            team.renew()
        names = [*_open_all(team, "async", stage.healthy(), team.alive(), sizes)]
        for at_once, (turns, least) in sizes.throughput.items():
            _at_once(team, sizes, names, at_once, turns // sizes.shifts, least)
        _close_all(team, "async", names)


def _at_once(
    team: Team, sizes: Sizes, names: Iterable[str], at_once: int, turns: int, least: int
) -> None:
    """Measure so many calls at a time, in so many turns of ``least`` calls at least."""
    counts: dict[str, int] = {}
    for name in names:
        with team.trial(name):
            team.calls(name, "async", least, at_once=at_once)  # connecting may take too long
            made = team.healthy_calls(name, "async", least, at_once=at_once)
            counts[name] = max(least, _fitting(made, sizes.long))
    for name in team.turns(turns, counts):
        with team.trial(name):
            team.calls(name, "async", at_once, at_once=at_once)
            made = team.healthy_calls(name, "async", counts[name], at_once=at_once)
            team.add_turn(name, f"{at_once} at once", made["made"] / made["wall"])
            team.add_turn(name, f"{at_once} at once{BY_CPU}", made["made"] / made["cpu"])
