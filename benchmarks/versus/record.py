"""What was measured, as it is kept: medians and their spread, merged from run to run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

import attrs
import cattrs

from versus.roster import Card, in_order

BLOCKS: Final = 8
"""Into so many parts a run is cut to tell how far a figure spreads."""


@attrs.frozen
class Series:
    """A figure: the median of its samples, and of each part of the run.

    Attributes:
        median: Of all samples.
        blocks: Of each part, in order of time.
        count: How many samples there were.
        mean: Of all samples.
    """

    median: float
    blocks: tuple[float, ...]
    count: int
    mean: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Series:
        """Sum samples up; there must be one at least."""
        return cls(
            _rounded(median(samples)),
            tuple(_rounded(median(part)) for part in parts(samples)),
            len(samples),
            _rounded(fmean(samples)),
        )

    @property
    def least(self) -> float:
        """The least median of a part."""
        return min(self.blocks)

    @property
    def most(self) -> float:
        """The greatest median of a part."""
        return max(self.blocks)


def parts(samples: Sequence[float]) -> Iterator[Sequence[float]]:
    """Cut samples into parts of about the same size, none of them empty."""
    count = min(BLOCKS, len(samples))
    for number in range(count):
        yield samples[number * len(samples) // count : (number + 1) * len(samples) // count]


def _rounded(value: float) -> float:
    """Keep five digits: what lies behind them is noise, and fills the file."""
    return float(f"{value:.5g}")


@attrs.frozen
class Ratio:
    """How two figures of one run compare: in all, and in each part of the run."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, times: Series) -> Ratio:
        """Sum up quotients."""
        return cls(times.median, times.least, times.most)


def ratio(upper: Series, lower: Series) -> Ratio:
    """Compare two figures of one run."""
    blocks = [a / b for a, b in zip(upper.blocks, lower.blocks, strict=False) if b]
    middle = upper.median / lower.median
    return Ratio(middle, min(blocks, default=middle), max(blocks, default=middle))


def added_ratio(ours: Series, floor: Series) -> Ratio | None:
    """Compare what two figures add to a third, given how many times that one they are.

    None where the floor adds nothing.
    """
    if floor.median <= 1:
        return None
    blocks = [(a - 1) / (b - 1) for a, b in zip(ours.blocks, floor.blocks, strict=False) if b > 1]
    middle = (ours.median - 1) / (floor.median - 1)
    return Ratio(middle, min(blocks, default=middle), max(blocks, default=middle))


def quotients(upper: Sequence[float], lower: Sequence[float]) -> list[float]:
    """Compare samples turn by turn: what the machine does to both of a turn cancels out."""
    return [a / b for a, b in zip(upper, lower, strict=False) if b]


@attrs.frozen(kw_only=True)
class Measured:
    """What one subject did in one scenario.

    Attributes:
        run: Which run it is from; figures of different runs do not compare.
        figures: By name.
        times: How many times that of what it builds on a figure is, by name: the quotients of
            samples of the same turn.
        notes: Words: what was not finished, what a caller sees.
    """

    run: str
    figures: Mapping[str, Series]
    times: Mapping[str, Series] = attrs.field(factory=dict[str, Series])
    notes: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(kw_only=True)
class Run:
    """When and where figures were measured, and by what settings."""

    date: str
    machine: Mapping[str, str]
    settings: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Record:
    """All that was measured.

    Attributes:
        runs: By name.
        subjects: By name.
        scenarios: By name, then by subject.
    """

    runs: Mapping[str, Run] = attrs.field(factory=dict[str, Run])
    subjects: Mapping[str, Card] = attrs.field(factory=dict[str, Card])
    scenarios: Mapping[str, Mapping[str, Measured]] = attrs.field(
        factory=dict[str, Mapping[str, Measured]]
    )

    def figure(self, scenario: str, subject: str, name: str) -> Series | None:
        """Find a figure."""
        measured = self.scenarios.get(scenario, {}).get(subject)
        return None if measured is None else measured.figures.get(name)

    def note(self, scenario: str, subject: str, name: str) -> str:
        """Find a note; empty where there is none."""
        measured = self.scenarios.get(scenario, {}).get(subject)
        return "" if measured is None else measured.notes.get(name, "")

    def times(self, scenario: str, subject: str, name: str) -> Series | None:
        """Find how many times that of what it builds on a subject's figure is."""
        measured = self.scenarios.get(scenario, {}).get(subject)
        return None if measured is None else measured.times.get(name)

    def pair(
        self, scenario: str, subject: str, other: str | None, name: str
    ) -> tuple[Series, Series] | None:
        """Find the same figure of two subjects, if both are from one run."""
        seen = self.scenarios.get(scenario, {})
        if other is None or subject not in seen or other not in seen:
            return None
        first, second = seen[subject], seen[other]
        if first.run != second.run or name not in first.figures or name not in second.figures:
            return None
        return first.figures[name], second.figures[name]


def merged(old: Record, new: Record) -> Record:
    """Put new figures over old ones; runs of which nothing is left are forgotten."""
    scenarios = {
        name: {**old.scenarios.get(name, {}), **new.scenarios.get(name, {})}
        for name in dict.fromkeys([*old.scenarios, *new.scenarios])
    }
    used = {measured.run for each in scenarios.values() for measured in each.values()}
    runs = {name: run for name, run in {**old.runs, **new.runs}.items() if name in used}
    subjects = in_order({**old.subjects, **new.subjects}.values())
    return Record(runs=runs, subjects=subjects, scenarios=scenarios)


_CONVERTER: Final = cattrs.Converter(forbid_extra_keys=True)


def load(path: Path) -> Record:
    """Read a record; an empty one where there is no file."""
    if not path.exists():
        return Record()
    return _CONVERTER.structure(json.loads(path.read_text(encoding="utf-8")), Record)


def save(record: Record, path: Path) -> None:
    """Write a record; series stand on a line each, so that changes can be read."""
    text = json.dumps(_CONVERTER.unstructure(record), indent=1, ensure_ascii=False)
    path.write_text(_compact(text) + "\n", encoding="utf-8")


def _compact(text: str) -> str:
    """Put lists of numbers on a line each."""
    return re.sub(r"\[[\s\d.,e+-]+\]", lambda found: "[" + _joined(found.group()) + "]", text)


def _joined(numbers: str) -> str:
    return ", ".join(each.strip() for each in numbers.strip("[]").split(","))
