"""Compares what happened in a phase with its outcome, in the words of the format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isclose
from operator import contains
from typing import Any, Final

import attrs
from vector_format import Condition, Landing, Line, Outcome
from vector_streams import words_in

from azure_failover import EndpointStatus, Entry, Ledger, Status, ledger_of

TOLERANCE: Final = 0.01
"""Seconds."""


@attrs.define(eq=False)
class Flown:
    """A request, and what became of it so far."""

    started: float
    ended: float | None = None
    response: Any = None
    error: Exception | None = None
    is_cancelled: bool = False
    pieces: list[bytes] = attrs.field(factory=list[bytes])

    @property
    def is_over(self) -> bool:
        """Whether its caller has got something, or has given up."""
        return self.ended is not None

    @property
    def got(self) -> tuple[tuple[str, ...], frozenset[str]]:
        """The words of the event stream that its caller got, and who told them."""
        return words_in(self.pieces)

    @property
    def ledger(self) -> Ledger | None:
        """What it tried, as its caller is told; a caller who gave up is told nothing."""
        return ledger_of(self.response if self.error is None else self.error)


@attrs.frozen
class Scene:
    """What can be seen at the end of a phase."""

    ended: Mapping[str, Flown]
    under_way: Sequence[str]
    reached: Sequence[str]
    status: Status
    warnings: Sequence[str]


def check(outcome: Outcome, scene: Scene, where: str) -> None:
    """Compare everything that an outcome names.

    Raises:
        AssertionError: Lists all that differs.
    """
    problems = [
        *_scene_problems(outcome, scene),
        *(
            f"{name}: {problem}"
            for name, flown in scene.ended.items()
            for problem in _landing_problems(_landing_of(name, outcome), flown)
        ),
    ]
    if _names_a_landing(outcome) and not scene.ended:
        problems.append("no request ended in this phase")
    missing = [name for name in outcome.requests if not _of(name, scene.ended)]
    problems += [f"{name} did not end in this phase" for name in missing]
    assert not problems, "\n  ".join([where, *problems])


def _names_a_landing(outcome: Outcome) -> bool:
    return any(getattr(outcome, field.name) is not None for field in attrs.fields(Landing))


def _of(name: str, ended: Mapping[str, Flown]) -> list[str]:
    return [each for each in ended if each == name or each.startswith(f"{name}-")]


def _landing_of(name: str, outcome: Outcome) -> Landing:
    """Find what is said of a request: by its name, by its group's, or of all that ended."""
    for key, landing in outcome.requests.items():
        if name == key or name.startswith(f"{key}-"):
            return landing
    return outcome


def _scene_problems(outcome: Outcome, scene: Scene) -> list[str]:
    names = [each.name for each in scene.status.endpoints]
    seen = {name: scene.reached.count(name) for name in names}
    wanted = None if outcome.seen is None else dict.fromkeys(names, 0) | dict(outcome.seen)
    return [
        *_unlike("seen", wanted, seen),
        *_unlike("reached", outcome.reached, tuple(scene.reached)),
        *_unlike("under_way", outcome.under_way, tuple(scene.under_way)),
        *_unlike("in_use", outcome.in_use, scene.status.current.name),
        *_unlike_texts("warnings", outcome.warnings, scene.warnings),
        *_status_problems(outcome.status, scene.status),
    ]


def _status_problems(wanted: Mapping[str, Condition], status: Status) -> list[str]:
    found = {each.name: each for each in status.endpoints}
    unknown = [f"status: there is no endpoint {name}" for name in wanted if name not in found]
    return unknown + [
        problem
        for name, condition in wanted.items()
        if name in found
        for problem in _condition_problems(f"status of {name}: ", condition, found[name])
    ]


def _condition_problems(where: str, wanted: Condition, found: EndpointStatus) -> list[str]:
    retry_in = inf if wanted.retry_in == "never" else wanted.retry_in
    return [
        *_unlike(f"{where}state", wanted.state, found.state),
        *_unlike(f"{where}retry_in", retry_in, found.retry_in),
        *_unlike(f"{where}throttled_for", wanted.throttled_for, found.throttled_for),
        *_unlike_text(f"{where}misconfigured", wanted.misconfigured, found.misconfigured),
        *_unlike_text(f"{where}last_error", wanted.last_error, found.last_error),
    ]


def _landing_problems(wanted: Landing, flown: Flown) -> list[str]:
    ledger, has_answer = flown.ledger, flown.error is None and not flown.is_cancelled
    error = "cancelled" if flown.is_cancelled else flown.error and type(flown.error).__name__
    found: dict[str, Any] = {
        "answer": flown.response.status_code if has_answer else f"none but {flown.error!r}",
        "error": error or "none",
        "by": (ledger and ledger.endpoint) or "none",
        "exhausted": ledger and ledger.is_exhausted,
        "should_retry": has_answer and flown.response.headers.get("x-should-retry") != "false",
        "took": None if flown.ended is None else flown.ended - flown.started,
        "got": flown.got[0],
    }
    problems = [
        problem
        for fact, value in found.items()
        for problem in _unlike(fact, getattr(wanted, fact), value)
    ]
    if wanted.ledger is None:
        return problems
    return problems + _ledger_problems(wanted.ledger, () if ledger is None else ledger.entries)


def _ledger_problems(wanted: Sequence[Line], entries: Sequence[Entry]) -> list[str]:
    found = [(entry.endpoint, _what(entry)) for entry in entries]
    problems = _unlike("ledger", [(line.endpoint, line.what) for line in wanted], found)
    if problems:
        return problems
    return [
        problem
        for number, (line, entry) in enumerate(zip(wanted, entries, strict=True), 1)
        for problem in _line_problems(f"ledger, line {number}: ", line, entry)
    ]


def _line_problems(where: str, wanted: Line, found: Entry) -> list[str]:
    return [
        *_unlike_text(f"{where}note", wanted.note, found.error),
        *_unlike(f"{where}phase", wanted.phase, found.phase and found.phase.value),
        *_unlike(f"{where}started", wanted.started, found.started),
        *_unlike(f"{where}elapsed", wanted.elapsed, found.elapsed),
    ]


def _what(entry: Entry) -> int | str:
    """Give an entry as a line says it: a status, an error's kind, or the outcome."""
    if entry.outcome == "answered":
        return entry.status or 0
    if entry.outcome == "failed":
        return (entry.error or "").partition(":")[0]
    return entry.outcome


def _unlike(fact: str, wanted: object, found: object) -> list[str]:
    if wanted is None:
        return []
    if isinstance(wanted, float | int) and isinstance(found, float):
        is_same = wanted == found or isclose(wanted, found, rel_tol=0.0, abs_tol=TOLERANCE)
    else:
        is_same = wanted == found
    return [] if is_same else [f"{fact} is {found!r}, and should be {wanted!r}"]


def _unlike_text(fact: str, wanted: str | None, found: str | None) -> list[str]:
    """Look for a part of a text; ``none`` stands for no text at all."""
    if wanted is None or (wanted == "none" if found is None else wanted in found):
        return []
    return [f"{fact} is {found!r}, and should be {wanted!r}"]


def _unlike_texts(fact: str, wanted: Sequence[str] | None, found: Sequence[str]) -> list[str]:
    if wanted is None or len(wanted) == len(found) == sum(map(contains, found, wanted)):
        return []
    return [f"{fact} are {list(found)!r}, and should be {list(wanted)!r}"]
