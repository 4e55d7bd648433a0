"""Draws the states of an endpoint from the table in the code, and writes the table of the page.

Run it after a change of ``azure_failover.core.health.TRANSITIONS``; a test tells if that was
forgotten. Only the layout stands here: where a state is, and which way an arrow goes. A state or
an arrow that the layout does not know is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final, Literal

import attrs

from azure_failover.core.health import TRANSITIONS, Cue, State

DOCS: Final = Path(__file__).parent
PICTURE: Final = DOCS / "health-states.svg"
PAGE: Final = DOCS / "health.md"
BEGIN: Final = "<!-- transitions: written by make_state_diagram.py -->\n"
END: Final = "<!-- end of transitions -->\n"

LEFT: Final = -110
WIDTH: Final = 1070
HEIGHT: Final = 500
BOX: Final = (180, 66)
"""Width and height of a state."""
LINE: Final = 20
"""From one line of text to the next."""


@attrs.frozen
class Place:
    """Where a state stands, and how it looks."""

    x: int
    y: int
    fill: str
    stroke: str
    meaning: str


@attrs.frozen
class Arrow:
    """Which way an arrow goes, and where its first line of text stands."""

    path: str
    x: int
    y: int
    anchor: Literal["start", "middle", "end"]


PLACES: Final = {
    State.HEALTHY: Place(460, 125, "#e3f4e6", "#2b7a3b", "takes requests"),
    State.FAILED: Place(160, 375, "#fbe5e3", "#b3382c", "is passed over"),
    State.PROBING: Place(760, 375, "#fdf1d6", "#a06a00", "one request tries it"),
}
ARROWS: Final = {
    (State.HEALTHY, State.HEALTHY): Arrow("M 430 92 C 405 30, 515 30, 490 92", 460, 32, "middle"),
    (State.HEALTHY, State.FAILED): Arrow("M 370 115 C 230 130, 145 220, 140 342", 176, 172, "end"),
    (State.FAILED, State.HEALTHY): Arrow(
        "M 190 342 C 215 260, 290 190, 405 158", 290, 248, "start"
    ),
    (State.FAILED, State.PROBING): Arrow("M 250 360 L 670 360", 460, 348, "middle"),
    (State.PROBING, State.HEALTHY): Arrow(
        "M 760 342 C 750 220, 670 145, 550 125", 728, 185, "start"
    ),
    (State.PROBING, State.FAILED): Arrow("M 670 392 L 250 392", 460, 416, "middle"),
    (State.PROBING, State.PROBING): Arrow(
        "M 725 408 C 710 468, 810 468, 795 408", 760, 474, "middle"
    ),
}


def cues() -> dict[tuple[State, State], list[Cue]]:
    """Give the cues of the table by arrow."""
    found: dict[tuple[State, State], list[Cue]] = {}
    for state, row in TRANSITIONS.items():
        for cue, to in row.items():
            found.setdefault((state, to), []).append(cue)
    return found


def picture() -> str:
    """Draw the table.

    Raises:
        ValueError: If the layout lacks a state or an arrow, or has one too many.
    """
    arrows = cues()
    if PLACES.keys() != TRANSITIONS.keys() or ARROWS.keys() != arrows.keys():
        raise ValueError("the layout does not fit the table: add what is new, drop what is gone")
    lines = [_opening()]
    for pair, arrow in ARROWS.items():
        lines.append(f'<path class="arrow" d="{arrow.path}"/>')
        lines += _text(arrow, [cue.value for cue in arrows[pair]])
    for state, place in PLACES.items():
        lines += _box(state, place)
    return "\n".join((*lines, "</svg>", ""))


def _opening() -> str:
    names = ", ".join(state.name for state in State)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="{LEFT} 0 {WIDTH} {HEIGHT}" \
width="{WIDTH}" height="{HEIGHT}" role="img">
<title>The states of an endpoint: {names}</title>
<style>
text {{ font-family: Helvetica, Arial, sans-serif; font-size: 15px; fill: #24292f; }}
.name {{ font-size: 19px; font-weight: bold; text-anchor: middle; }}
.meaning {{ font-size: 14px; fill: #57606a; text-anchor: middle; }}
.arrow {{ fill: none; stroke: #57606a; stroke-width: 1.8; marker-end: url(#head); }}
</style>
<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" \
markerUnits="userSpaceOnUse" orient="auto"><path d="M 0 0 L 10 5 L 0 10 z" fill="#57606a"/>\
</marker></defs>
<rect x="{LEFT}" width="{WIDTH}" height="{HEIGHT}" rx="12" fill="#ffffff"/>"""


def _text(arrow: Arrow, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        y = arrow.y + number * LINE
        yield f'<text x="{arrow.x}" y="{y}" text-anchor="{arrow.anchor}">{escape(line)}</text>'


def _box(state: State, place: Place) -> Iterator[str]:
    width, height = BOX
    left, top = place.x - width // 2, place.y - height // 2
    colours = f'fill="{place.fill}" stroke="{place.stroke}" stroke-width="2"'
    yield f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="12" {colours}/>'
    yield f'<text class="name" x="{place.x}" y="{place.y - 2}">{state.name}</text>'
    yield f'<text class="meaning" x="{place.x}" y="{place.y + 20}">{place.meaning}</text>'


def table() -> str:
    """Write the table in Markdown."""
    rows = [
        f"| {state.name} | {cue.value} | {to.name} |"
        for state, row in TRANSITIONS.items()
        for cue, to in row.items()
    ]
    return "\n".join(("| from | when | to |", "|---|---|---|", *rows, ""))


def page(text: str) -> str:
    """Give the page with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
