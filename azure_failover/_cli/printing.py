"""How the commands print: at the width that is there, in colour where wanted, never a key."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import click
from rich.console import Console
from rich.text import Text

_NARROW: Final = 80
"""Columns where there is no terminal to ask."""


def console_of() -> Console:
    """Make the console for standard output: no escape code into a pipe, or with NO_COLOR."""
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="replace")  # an old code page lacks the ellipsis
    is_terminal = sys.stdout.isatty()
    is_plain = not is_terminal or bool(os.environ.get("NO_COLOR"))
    columns = os.environ.get("COLUMNS", "")
    piped = int(columns) if columns.isdigit() and int(columns) else _NARROW
    return Console(
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=is_terminal,
        color_system=None if is_plain else "auto",
        width=None if is_terminal else piped,
    )


class Printer:
    """Prints lines and JSON, with every key masked."""

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self.redact: Final = redact
        self.console: Final = console_of()
        self.is_utf = self.console.encoding.lower().startswith("utf")

    @property
    def is_live(self) -> bool:
        """Whether a picture can be drawn over and over."""
        return self.console.is_terminal and not self.console.is_dumb_terminal

    def line(self, *parts: str | tuple[str, str]) -> None:
        """Print a line as it is: texts, and texts with a style."""
        self.console.print(self.text(*parts), soft_wrap=True)

    def text(self, *parts: str | tuple[str, str]) -> Text:
        """Put a line together: texts, and texts with a style."""
        pairs = [(part, "") if isinstance(part, str) else part for part in parts]
        return Text.assemble(*[(self.redact(text), style) for text, style in pairs])

    def paragraph(
        self, text: str, *, indent: str, first: str | None = None, style: str = ""
    ) -> None:
        """Print a text folded to the width, every line indented; ``first`` begins the first."""
        for line in self.folded(text, indent=indent, first=first):
            self.console.print(Text(line, style=style), soft_wrap=True)

    def folded(self, text: str, *, indent: str, first: str | None = None) -> list[str]:
        """Fold a text to the width; long words such as addresses stay whole."""
        return textwrap.wrap(
            self.redact(text),
            width=max(40, self.console.width),
            initial_indent=indent if first is None else first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def json(self, value: object) -> None:
        """Print a value as JSON."""
        click.echo(json.dumps(self._redacted(value), indent=2, ensure_ascii=not self.is_utf))

    def _redacted(self, value: object) -> object:
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            pairs = cast("Mapping[str, Any]", value).items()
            return {self.redact(key): self._redacted(item) for key, item in pairs}
        if isinstance(value, list | tuple):
            return [self._redacted(item) for item in cast("list[Any]", value)]
        return value


def name_in(name: str, width: int) -> str:
    """Fit a name into a column. Names of endpoints often begin alike, so both ends are kept."""
    if len(name) <= width:
        return name
    end = (width - 2) // 2
    return f"{name[: width - 3 - end]}...{name[-end:]}"


def shortened(text: str, width: int) -> str:
    """Cut a text to a column's width."""
    return text if len(text) <= width else text[: width - 3] + "..."
