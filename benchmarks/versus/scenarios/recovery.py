"""The primary comes back after an outage: how long until it is used again."""

from __future__ import annotations

import time
from typing import Final

from versus.answers import PRIMARY
from versus.stage import Stage
from versus.team import Sizes, Team

DEATHS: Final = ("503", "refused")
BEFORE: Final = 0.5
"""Seconds of calls before the primary dies."""
PAUSE: Final = 0.05
"""Seconds between calls."""


def recovery(team: Team, stage: Stage, sizes: Sizes) -> None:
    """Let all subjects call now and again, at the same time: their processes idle mostly."""
    names = [name for name in team.alive() if team.cards[name].fails_over]
    for death in DEATHS:
        for _ in range(sizes.recoveries):
            stage.primary.set()
            for name in names:
                with team.trial(name):
                    team.open(
                        name, "sync", stage.failing(), connect=sizes.timeout, read=sizes.timeout
                    )
                    team.healthy_calls(name, "sync", 5)
            _recover(team, stage, sizes, death, [name for name in names if name in team.alive()])


def _recover(team: Team, stage: Stage, sizes: Sizes, death: str, names: list[str]) -> None:
    begin = time.monotonic()
    dies, back = begin + BEFORE, begin + BEFORE + sizes.outage
    until = back + sizes.watched
    order = {"until": until, "back": back, "pause": PAUSE}
    for name in names:
        with team.trial(name):
            team.order(name, "poll", **order)
    time.sleep(max(0.0, dies - time.monotonic()))
    stage.primary.set(death)
    time.sleep(max(0.0, back - time.monotonic()))
    stage.primary.set()
    back = time.monotonic()
    for name in names:
        with team.trial(name):
            seen = team.answer(name, until - time.monotonic())
            team.ask(name, "close", colour="sync")
            when, answered = seen[-1]
            is_back = answered == PRIMARY
            team.add(name, f"{death}: s", max(0.0, when - back) if is_back else sizes.watched)
            team.add(name, f"{death}: lost", sum(not answered for _, answered in seen))
            if not is_back:
                team.note(name, f"{death}: s", f"not within {sizes.watched:g} s")
