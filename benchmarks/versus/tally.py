"""Counts what calls and streams came to, in the worker. Standard library only."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Any, Self

from versus.answers import TOKEN


class Tally:
    """What calls came to: who answered, what was raised, and how long the slowest took."""

    def __init__(self) -> None:
        self.made = 0
        self.slowest = 0.0
        self.answers: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()

    def told(self) -> dict[str, Any]:
        """Give all that is known."""
        return {
            "made": self.made,
            "slowest": self.slowest,
            "answers": dict(self.answers),
            "lost": dict(self.lost),
        }


class Call:
    """One call; its error is noted, and goes no further."""

    def __init__(self, tally: Tally) -> None:
        self.text = ""
        self._tally = tally
        self._begin = 0.0

    def __enter__(self) -> Self:
        self._begin = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> bool:
        tally = self._tally
        tally.made += 1
        tally.slowest = max(tally.slowest, time.perf_counter() - self._begin)
        if kind is None:
            tally.answers[self.text] += 1
            return False
        if not issubclass(kind, Exception):
            return False
        tally.lost[kind.__name__] += 1
        return True


class Stream:
    """One stream, as its caller sees it; its error is noted, and goes no further."""

    def __init__(self) -> None:
        self._begin = 0.0
        self._first = 0.0
        self._cpu = 0.0
        self._pieces: list[str] = []
        self._raised: str | None = None

    def __enter__(self) -> Self:
        self._begin = time.perf_counter()
        return self

    def take(self, piece: str) -> None:
        """Take a piece of text; the first that is not empty is the first content."""
        if piece:
            if not self._first:
                self._first, self._cpu = time.perf_counter(), time.process_time()
            self._pieces.append(piece)

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> bool:
        self._cpu = time.process_time() - self._cpu
        if kind is None or not issubclass(kind, Exception):
            return False
        self._raised = kind.__name__
        return True

    def told(self) -> dict[str, Any]:
        """Give seconds to the first content, CPU seconds behind it, tokens, what was raised."""
        tokens = "".join(self._pieces).count(TOKEN)
        first = self._first - self._begin
        return {"first": first, "cpu": self._cpu, "tokens": tokens, "raised": self._raised}
