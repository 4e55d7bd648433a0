"""Many requests, one in twenty of which fails over: memory, and sockets left over."""

from __future__ import annotations

from typing import Final

from versus.stage import Stage
from versus.team import COLOURS, Sizes, Team

EVERY: Final = 20
"""Of so many requests to the primary one is answered with 503."""
MB: Final = 1e6


def endurance(team: Team, stage: Stage, sizes: Sizes) -> None:
    """Resident MB after each block, and sockets of TCP that are left when the client is closed."""
    for colour in COLOURS:
        cards = team.cards
        names = [name for name in team.alive() if not cards[name].loses]
        spent = dict.fromkeys(names, 0.0)
        before: dict[str, float] = {}
        for name in names:
            with team.trial(name):
                before[name] = team.ask(name, "usage")["sockets"]
                targets = stage.failing()
                stage.primary.set()
                team.open(name, colour, targets[1:] if cards[name].is_base else targets)
        stage.primary.set("flaky", every=EVERY)
        for name in team.turns(sizes.requests // sizes.block, names):
            left = sizes.spell - spent[name]
            if left <= 0:
                continue
            with team.trial(name):
                made = team.calls(name, colour, sizes.block, patience=left)
                spent[name] += made["wall"]
                team.add(name, f"{colour} MB", team.ask(name, "usage")["rss"] / MB)
                team.add(name, f"{colour} made", made["made"])
                team.add(name, f"{colour} lost", sum(made["lost"].values()))
                team.add(name, f"{colour} failovers", made["answers"].get("backup", 0))
        stage.primary.set()
        for name in names:
            with team.trial(name):
                team.ask(name, "close", colour=colour)
                left = team.ask(name, "usage")["sockets"] - before[name]
                team.add(name, f"{colour} sockets left", left)
