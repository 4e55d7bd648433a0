"""The primary is dead: lost calls, hits on the dead endpoint, and time against who knew it."""

from __future__ import annotations

import time
from typing import Any, Final

import attrs

from versus.stage import Stage
from versus.team import Sizes, Team

DEATHS: Final = {"503": "503", "refused": "refused", "black hole": "hole", "no accept": "clogged"}
"""How an endpoint dies, and the mode of :mod:`versus.upstream` by which it does."""
WAITING: Final = ("black hole", "no accept")
"""Deaths in which an attempt waits for its timeout."""
AT_ONCE: Final = 64
WARM: Final = 5
"""Calls before the primary dies."""


@attrs.frozen
class Shape:
    """How calls come: one after the other from a thread, or many at a time from tasks."""

    name: str
    colour: str
    at_once: int


SEQUENTIAL: Final = Shape("sequential", "sync", 1)
SIDE_BY_SIDE: Final = Shape("side by side", "async", AT_ONCE)
SHAPES: Final = (SEQUENTIAL, SIDE_BY_SIDE)


def key(death: str, shape: Shape, figure: str) -> str:
    """Name a figure."""
    return f"{death}, {shape.name}: {figure}"


def dead(team: Team, stage: Stage, sizes: Sizes) -> None:
    """Kill the primary under each subject in turn, with a client that has used it before.

    What others build on is given the backup alone, as if it knew beforehand: it is the oracle. Who
    cannot but lose is asked once.
    """
    hopeless = {name for name, card in team.cards.items() if card.loses}
    for shape in SHAPES:
        for death in DEATHS:
            rounds = sizes.holes if death in WAITING else sizes.outages
            names = [name for name in team.alive() if name not in hopeless]
            for name in (*team.turns(rounds, names), *team.turns(1, hopeless)):
                with team.trial(name):
                    _outage(team, stage, sizes, name, death, shape)


def _outage(team: Team, stage: Stage, sizes: Sizes, name: str, death: str, shape: Shape) -> None:
    count = sizes.sequential if shape is SEQUENTIAL else sizes.side_by_side
    targets = stage.failing()
    if team.cards[name].is_base:
        targets = targets[1:]
    stage.primary.set()
    team.open(name, shape.colour, targets, connect=sizes.timeout, read=sizes.timeout)
    try:
        team.healthy_calls(name, shape.colour, WARM)
        team.ask(name, "connects")
        stage.primary.set(DEATHS[death])
        begin = time.monotonic()
        made = team.calls(name, shape.colour, count, at_once=shape.at_once, patience=sizes.patience)
        outage = time.monotonic() - begin
        connects = team.ask(name, "connects").get(str(stage.primary.port), 0)
    finally:
        requests = stage.primary.set()
    team.ask(name, "close", colour=shape.colour)
    made |= {"asked for": count, "hits": max(requests, connects), "outage": outage}
    _keep(team, name, f"{death}, {shape.name}: ", made)


def _keep(team: Team, name: str, prefix: str, made: Any) -> None:
    lost = sum(made["lost"].values())
    team.add(name, prefix + "ms a call", made["wall"] / made["made"] * 1e3)
    team.add(name, prefix + "slowest ms", made["slowest"] * 1e3)
    team.add(name, prefix + "made", made["made"])
    team.add(name, prefix + "asked for", made["asked for"])
    team.add(name, prefix + "lost", lost)
    team.add(name, prefix + "hits", made["hits"])
    team.add(name, prefix + "hits a second", made["hits"] / max(1.0, made["outage"]))
    if lost:
        team.note(name, prefix + "lost", ", ".join(sorted(made["lost"])))
