"""The page about health shows the table that the code goes by."""

from __future__ import annotations

import importlib.util
import re
import sys
from html import escape
from pathlib import Path
from types import ModuleType

import attrs
import pytest

from azure_failover.core.health import TRANSITIONS, Cue, State

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def diagram() -> ModuleType:
    spec = importlib.util.spec_from_file_location("diagram", DOCS / "make_state_diagram.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_picture_and_the_page_are_what_the_table_gives(diagram: ModuleType) -> None:
    """Whoever changes the table runs ``docs/make_state_diagram.py``."""
    picture = (DOCS / "health-states.svg").read_text(encoding="utf-8")
    page = (DOCS / "health.md").read_text(encoding="utf-8")
    assert picture == diagram.picture()
    assert page == diagram.page(page)


@pytest.mark.parametrize("page", ["health.md", "failover.md"])
def test_the_pages_about_health_show_the_picture(page: str) -> None:
    """And none of them draws another by hand."""
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text.count("](health-states.svg)") == 1
    assert "-->" not in re.sub("<!--.*?-->", "", text)


def test_the_short_page_links_to_the_long_one_for_its_rules() -> None:
    """A link to a section that is gone is a dead one."""
    short = (DOCS / "failover.md").read_text(encoding="utf-8")
    long = (DOCS / "health.md").read_text(encoding="utf-8")
    anchors = {title.lower().replace(" ", "-") for title in re.findall("(?m)^#+ (.*)$", long)}
    links = re.findall(r"\]\(health\.md#?([^)]*)\)", short)
    assert "" in links
    assert {*links} - {""} <= anchors


def test_the_picture_shows_every_state_and_every_cue() -> None:
    """Each state once, and each cue once for each arrow that it stands at."""
    picture = (DOCS / "health-states.svg").read_text(encoding="utf-8")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
    assert [texts.count(state.name) for state in State] == [1] * len(State)
    for cue in Cue:
        uses = sum(cue in row for row in TRANSITIONS.values())
        assert texts.count(escape(cue.value)) == uses > 0
    pairs = {(state, to) for state, row in TRANSITIONS.items() for to in row.values()}
    assert picture.count('<path class="arrow"') == len(pairs)


def test_the_page_shows_every_transition() -> None:
    page = (DOCS / "health.md").read_text(encoding="utf-8")
    for state, row in TRANSITIONS.items():
        for cue, to in row.items():
            assert page.count(f"| {state.name} | {cue.value} | {to.name} |") == 1


def test_what_is_new_in_the_table_must_be_drawn(
    diagram: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An arrow that the layout does not know is an error, and so is one that is gone."""
    arrows = dict(diagram.ARROWS)
    arrows[State.HEALTHY, State.PROBING] = attrs.evolve(arrows[State.HEALTHY, State.FAILED])
    monkeypatch.setattr(diagram, "ARROWS", arrows)
    with pytest.raises(ValueError, match="does not fit the table"):
        diagram.picture()
