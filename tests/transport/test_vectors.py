"""Behaviour as data: each vector of ``tests/vectors`` holds in every world."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import attrs
import pytest
from vector_format import (
    Behaviour,
    Condition,
    Deed,
    Event,
    Given,
    Landing,
    Line,
    Outcome,
    Step,
    Vector,
    Word,
)
from vector_play import play
from vector_reader import VectorError, read_vectors
from worlds import World

VECTORS = Path(__file__).parent.parent / "vectors"
ALL = [
    pytest.param(vector, id=f"{path.stem}: {vector.description}")
    for path in sorted(VECTORS.glob("*.yaml"))
    for vector in read_vectors(path)
]


def written(events: str, outcome: str = "{}") -> str:
    """Write a file with one vector."""
    phases = f"[{{events: [{events}], outcome: {outcome}}}]"
    return f"- {{description: one, given: {{endpoints: [east, west]}}, phases: {phases}}}"


# trio warns of the HTTP libraries' own generators when a stream is closed early.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("vector", ALL)
def test_a_vector_holds(vector: Vector, world: World) -> None:
    """Promise 11: threads and tasks, httpx and httpx2 give the outcome that is written down."""
    if vector.pending:
        pytest.skip("pending: what this vector is about is still to be built")
    play(vector, world)


def test_there_are_vectors_enough() -> None:
    assert len(ALL) >= 60


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a", "is not a list of vectors"),
        ("- {description: a, description: b}", "line 1: description stands twice"),
        ("- description: [", "while parsing"),
        ("- {given: {}, phases: []}", "a vector without a description"),
        (written("{reqest: chat}"), "has not one verb of"),
        (written("{elapse: 1, request: chat}"), "has not one verb of"),
        (written("{request: chat, cnt: 2}"), "cnt @ $.phases[0].events[0]"),
        (written("{elapse: soon}"), "'soon' is no float"),
        (written("{endpoints: {a: explodes}}"), "explodes not in literal"),
        (written("{endpoints: {a: {stream: [explodes]}}}"), "explodes not in literal"),
        (written("{endpoints: {a: {stream: [{paus: 1}]}}}"), "paus @ $.phases[0].events[0]"),
        (written("{endpoints: {a: [200, {stat: 1}]}}"), "stat @ $.phases[0].events[0]"),
        (written("{finish: a, as: 503}"), "'with' is missing"),
        (written("reset", "{anser: 200}"), "anser @ $.phases[0].outcome"),
        (written("reset", "{answer: '200'}"), "'200' is no int @ $.phases[0].outcome.answer"),
        (written("reset", "{ledger: a}"), "'a' is no list"),
        (written("reset", "{ledger: [{a: 1, b: 2}]}"), "is not about one endpoint"),
        (written("reset", "{status: {a: {retry_in: x}}}"), "'x' is none of what may stand here"),
    ],
)
def test_what_is_not_part_of_the_format_is_an_error_that_says_where(
    text: str, problem: str, tmp_path: Path
) -> None:
    """Vectors are read strictly: a misspelt expectation must not pass for one that is met."""
    path = tmp_path / "some.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(VectorError, match=re.escape(problem)) as caught:
        read_vectors(path)
    assert str(caught.value).startswith("some.yaml: ")


@pytest.mark.parametrize(
    ("event", "outcome", "problem"),
    [
        ("{request: chat}", "{answer: 503}", "chat 1: answer is 200, and should be 503"),
        ("{request: chat}", "{by: west}", "by is 'east', and should be 'west'"),
        ("{request: chat}", "{error: ReadError}", "error is 'none'"),
        ("{request: chat}", "{got: [done]}", "got is (), and should be ('done',)"),
        ("{request: chat}", "{took: 3}", "took is 0.0, and should be 3"),
        ("{request: chat}", "{ledger: []}", "ledger is [('east', 200)], and should be []"),
        ("{request: chat}", "{ledger: [{east: 200, note: x}]}", "line 1: note is None"),
        ("{request: chat}", "{seen: {west: 1}}", "{'east': 1, 'west': 0}"),
        ("{request: chat}", "{reached: [west]}", "reached is ('east',)"),
        ("{request: chat}", "{warnings: [failed]}", "warnings are []"),
        ("{request: chat}", "{in_use: west}", "in_use is 'east'"),
        ("{request: chat}", "{status: {east: failed}}", "state is 'healthy'"),
        ("{request: chat}", "{status: {north: failed}}", "there is no endpoint north"),
        ("{request: chat}", "{requests: {a: {answer: 200}}}", "a did not end in this phase"),
        ("reset", "{answer: 200}", "no request ended in this phase"),
        ("{start: a}", "{}", "['a'] are still under way"),
        ("{finish: a, with: 200}", "{}", "a waits for no endpoint"),
        ("{endpoints: {north: 200}}", "{}", "there is no endpoint north"),
    ],
)
def test_what_differs_from_an_outcome_is_told(
    world: World, event: str, outcome: str, problem: str, tmp_path: Path
) -> None:
    """A runner that never fails would prove nothing."""
    path = tmp_path / "some.yaml"
    hangs = "{endpoints: {east: hangs}}, " if event == "{start: a}" else ""
    path.write_text(written(hangs + event, outcome), "utf-8")
    (vector,) = read_vectors(path)
    with pytest.raises(AssertionError, match=re.escape(problem)):
        play(vector, world)


def test_the_page_for_newcomers_names_every_word_of_the_format() -> None:
    """What a vector may say is said in one place, and nothing is missing there."""
    page = (VECTORS / "README.md").read_text("utf-8")
    kinds = (Given, Behaviour, Step, *get_args(Event), Line, Landing, Condition, Outcome)
    fields = {field.name for kind in kinds for field in attrs.fields(kind)}
    words = {*fields, *get_args(Deed), *get_args(Word), "reset", "with"}
    words -= {"endpoint", "what", "say"}
    assert sorted(word for word in words if not re.search(rf"\b{word}\b", page)) == []
