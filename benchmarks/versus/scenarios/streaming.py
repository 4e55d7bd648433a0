"""Streams: the time to their first content, the cost of an event, what a caller sees of cuts."""

from __future__ import annotations

from typing import Any, Final

from versus.child import ChildFailedError
from versus.stage import Stage
from versus.team import COLOURS, Sizes, Team

PAUSE: Final = 0.05
"""Seconds before the first content, as models take them."""
PACE: Final = 0.005
"""Seconds between events of a stream that is cut: the caller has seen some before it breaks."""
WHOLE: Final = 10
"""Events with content of a stream that is cut, if it were not."""
CUTS: Final = {
    "connection breaks before content": ("reset", 0),
    "ends before content": ("end", 0),
    "connection breaks amid content": ("reset", 5),
    "ends amid content": ("end", 5),
}
"""How and after how many events."""


def streams(team: Team, stage: Stage, sizes: Sizes) -> None:
    """Milliseconds to the first content, and CPU µs for each event behind it."""
    for colour in COLOURS:
        stage.primary.set()
        for name in team.alive():
            with team.trial(name):
                team.open(name, colour, stage.streaming())
                _whole(team, name, colour)
        stage.primary.set(pause=PAUSE)
        for name in team.turns(sizes.streams):
            with team.trial(name):
                seen = _whole(team, name, colour)
                team.add_turn(name, f"{colour} first ms", seen["first"] * 1e3)
        stage.primary.set(tokens=sizes.tokens)
        for name in team.turns(sizes.streams):
            with team.trial(name):
                seen = _whole(team, name, colour)
                team.add_turn(name, f"{colour} cpu", seen["cpu"] / seen["tokens"] * 1e6)
        for name in team.alive():
            with team.trial(name):
                team.ask(name, "close", colour=colour)


def _whole(team: Team, name: str, colour: str) -> Any:
    """Read a stream that has no reason to break."""
    (seen,) = team.ask(name, "streams", colour=colour, count=1)
    if seen["raised"] or not seen["tokens"]:
        raise ChildFailedError(f"a healthy stream raised {seen['raised']}: {seen['tokens']} pieces")
    return seen


def cuts(team: Team, stage: Stage, sizes: Sizes) -> None:
    """What a caller sees of a stream that the primary cuts, while the backup is well."""
    del sizes
    stage.backup.set(tokens=WHOLE)
    for cut, (how, after) in CUTS.items():
        for name in team.alive():
            with team.trial(name):
                stage.primary.set(tokens=WHOLE, cut=how, cut_after=after, pace=PACE)
                team.open(name, "sync", stage.streaming())
                (seen,) = team.ask(name, "streams", colour="sync", count=1, patience=30.0)
                team.note(name, cut, verdict(seen["tokens"], seen["raised"]))
                team.ask(name, "close", colour="sync")


def verdict(tokens: int, raised: str | None) -> str:
    """Say what a caller sees."""
    if raised is not None:
        return f"error ({raised})"
    if tokens < WHOLE:
        return "silently short"
    return "whole" if tokens == WHOLE else "said twice"
