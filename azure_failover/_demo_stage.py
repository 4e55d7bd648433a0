"""How the demo looks: a live picture on a terminal, plain lines elsewhere. Decides nothing."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from azure_failover._demo import Picture

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_STATES: Final = {"healthy": "green", "failed": "red", "probing": "yellow"}
_EVENTS: Final = 4


class PlainStage:
    """Lines with the time since the start; one a second while the load runs."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._drawn = self._begin
        self._caption = ""

    def title(self, text: str) -> None:
        """Begin an act."""
        click.echo()
        self.line(f"== {text}")

    def line(self, text: str) -> None:
        """Say something."""
        click.echo(f"{time.monotonic() - self._begin:5.1f} s  {text}")

    def event(self, text: str) -> None:
        """Show what the library logged."""
        self.line(f"log: {text}")

    def draw(self, picture: Picture) -> None:
        """Show the load, once a second and whenever the caption changes."""
        now = time.monotonic()
        if picture.caption != self._caption:
            self._caption = picture.caption
            self.line(f"-- {picture.caption}")
        elif now - self._drawn < 1:
            return
        self._drawn = now
        served = "  ".join(f"{name} {count}" for name, count in picture.served.items())
        self.line(f"{served}  | moved {picture.moved}, lost {picture.lost}")

    def rest(self) -> None:
        """Leave the picture; lines follow."""


class LiveStage:
    """A picture that is drawn anew ten times a second, between lines that stay."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._last: Picture | None = None
        self._events: deque[str] = deque(maxlen=_EVENTS)

    def title(self, text: str) -> None:
        """Begin an act."""
        self._console.print()
        self._console.print(f"[bold cyan]{escape(text)}[/]")

    def line(self, text: str) -> None:
        """Say something."""
        style = "dim" if text.startswith("  ->") else ""
        for line in self._fold(text, style):
            self._console.print(line)

    def event(self, text: str) -> None:
        """Show what the library logged, below the picture."""
        self._events.append(text)

    def draw(self, picture: Picture) -> None:
        """Show the load at this moment."""
        self._last = picture
        view = self._view(picture, _EVENTS)
        if self._live is None:
            self._live = Live(view, console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(view, refresh=True)

    def rest(self) -> None:
        """Leave the picture standing; lines follow."""
        if self._live is not None:
            if self._last is not None:
                self._live.update(self._view(self._last, 0), refresh=True)
            self._live.stop()
            self._live = None

    def _view(self, picture: Picture, height: int) -> RenderableType:
        """Lay the picture out over a log that takes at least so many lines, lest it jump."""
        totals = Text.assemble(
            f"  sent {picture.sent}   answered {picture.answered}   moved on {picture.moved}   ",
            (f"lost {picture.lost}", "bold red" if picture.lost else "bold green"),
        )
        log = [line for event in list(self._events) for line in self._fold(event, "yellow")]
        log = log[-_EVENTS:]
        if height:
            log += [Text()] * (height + 1 - len(log))
        caption = Text(f"  {picture.caption}", style="bold", no_wrap=True, overflow="ellipsis")
        return Group(caption, Text(), _table(picture), Text(), totals, Text(), *log)

    def _fold(self, text: str, style: str) -> list[Text]:
        """Break a text into lines that fit, each indented."""
        folded = Text(text, style=style).wrap(self._console, self._console.width - 2)
        return [Text.assemble("  ", line) for line in folded]


def _table(picture: Picture) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=True)
    for heading in ("region", "is", "we hold it for", "served", "the last 4 s"):
        width = len("answers 503") if heading == "is" else None  # lest the columns jump
        table.add_column(
            heading, justify="right" if heading == "served" else "left", min_width=width
        )
    peak = max(1, *(count for bars in picture.bars.values() for count in bars))
    for status in picture.status.endpoints:
        name = status.name
        fault = picture.faults[name]
        bars = "".join(_BLOCKS[-(-count * 8 // peak)] for count in picture.bars[name])
        used = "●" if status.index == picture.status.current_index else " "
        table.add_row(
            f"[bold]{used} {name}[/]",
            Text(fault, style="green" if fault == "up" else "red"),
            Text(status.state, style=_STATES[status.state]),
            str(picture.served[name]),
            Text(bars, style="cyan"),
        )
    return table
