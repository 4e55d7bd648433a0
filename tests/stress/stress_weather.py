"""Which regions are well, which stayed well while a request was under way, and who breaks them.

Whether a request may be lost is thereby no guess: as long as one region was well from the
request's start to its end, it may not.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from random import Random
from threading import Lock
from typing import Final

import stress_regions
from stress_regions import Regions

from azure_failover.emulator import faults

FAULTS: Final[tuple[Callable[[Random], faults.Fault], ...]] = (
    lambda _: faults.Status(503),
    lambda luck: faults.Status(luck.choice((500, 502, 504))),
    lambda _: faults.Status(429, headers={"retry-after": "0", "retry-after-ms": "100"}),
    lambda _: faults.Refuse(),
    lambda _: faults.Refuse(),
    lambda _: faults.ResetBeforeHeaders(),
    lambda _: faults.CloseBeforeHeaders(),
    lambda luck: faults.ResetInBody(luck.randrange(800)),
    lambda luck: faults.Truncate(luck.randrange(800)),
    lambda luck: faults.HangInBody(luck.randrange(800)),
    lambda _: faults.Hang(),
    lambda _: faults.Hang(),
    lambda _: faults.Garbage(),
    lambda _: faults.StaleConnection(),
    lambda luck: faults.Delay(luck.uniform(0.0, 0.3)),
    lambda luck: faults.Drip(luck.uniform(0.0, 0.03)),
    lambda _: faults.Scripted(stress_regions.brown_out),
)
"""What befalls a region. An event stream that ends early as HTTP demands is not among them."""
CALM_PATIENCE: Final = 30.0
"""Seconds within which requests end, whatever befalls them."""


class Weather:
    """Which regions are well now, and for each request which were so all along. Thread-safe."""

    def __init__(self, names: Sequence[str]) -> None:
        self._lock = Lock()
        self._well = {*names}
        self._under_way: dict[int, set[str]] = {}
        self._is_calm = False
        self.most_under_way = 0

    def begin(self, number: int) -> bool:
        """Take note that a request starts; False if none may at the moment."""
        with self._lock:
            if self._is_calm:
                return False
            self._under_way[number] = self._well.copy()
            self.most_under_way = max(self.most_under_way, len(self._under_way))
            return True

    def end(self, number: int) -> frozenset[str]:
        """Take note that a request ended; give the regions that were well all along."""
        with self._lock:
            return frozenset(self._under_way.pop(number))

    @contextmanager
    def calm(self, patience: float) -> Generator[None]:
        """Let no request start in this block, which is entered when all have ended.

        Args:
            patience: Seconds after which it is entered in any case.
        """
        limit = time.monotonic() + patience
        with self._lock:
            self._is_calm = True
        while self.under_way and time.monotonic() < limit:
            time.sleep(0.01)
        try:
            yield
        finally:
            with self._lock:
                self._is_calm = False

    @property
    def under_way(self) -> tuple[int, ...]:
        """The numbers of the requests that have not ended."""
        with self._lock:
            return tuple(self._under_way)

    def is_well(self, name: str) -> bool:
        """Tell whether a region is well."""
        with self._lock:
            return name in self._well

    def breaks(self, name: str, *, at_any_cost: bool = False) -> bool:
        """Take note that a region is about to break; False if somebody still counts on it."""
        with self._lock:
            views = (self._well, *self._under_way.values())
            if not at_any_cost and any(view == {name} for view in views):
                return False
            for view in views:
                view.discard(name)
            return True

    def heals(self, name: str) -> None:
        """Take note that a region is well again, for requests that start from now on."""
        with self._lock:
            self._well.add(name)


class Director:
    """Flaps regions. One region at least stays well for every request, but for announced outages.

    Args:
        regions: The regions.
        names: Their names.
        weather: Told of every change, before a region breaks and after it healed.
        luck: Decides what happens when.
    """

    def __init__(
        self, regions: Regions, names: Sequence[str], weather: Weather, luck: Random
    ) -> None:
        self._regions = regions
        self._names = names
        self._weather = weather
        self._luck = luck
        self.acts: Counter[str] = Counter()

    def run(
        self, seconds: float, between: Callable[[], object], in_calm: Callable[[], object]
    ) -> None:
        """Flap regions for so many seconds, with a calm and an outage of all at each third.

        Args:
            seconds: How long.
            between: Called after each act.
            in_calm: Called when no request is under way, and none starts.
        """
        begin = time.monotonic()
        outages = [seconds / 3, seconds * 2 / 3]
        while (elapsed := time.monotonic() - begin) < seconds:
            if outages and elapsed >= outages[0]:
                del outages[0]
                with self._weather.calm(CALM_PATIENCE):
                    in_calm()
                self._outage(min(1.0, seconds / 8))
            self._act(self._luck.choice(self._names))
            between()
            time.sleep(self._luck.uniform(0.02, 0.25))

    def heal(self, names: Sequence[str] | None = None) -> None:
        """Make regions well, by default all."""
        for name in self._names if names is None else names:
            self._regions.strike(name, None)
            self._weather.heals(name)

    def shut(self, name: str) -> None:
        """Make a region refuse connections, whoever counts on it."""
        self._weather.breaks(name, at_any_cost=True)
        self._regions.strike(name, faults.Refuse())

    def _act(self, name: str) -> None:
        if not self._weather.is_well(name):
            if self._luck.random() < 0.5:
                self._heal_one(name)
            else:
                self._strike(name)
        elif self._luck.random() < 0.15:
            self.acts["idle connections closed"] += 1
            self._regions.close_idle(name)
        elif self._weather.breaks(name):
            self._strike(name)
        else:
            self.acts["spared, being the last that a request could count on"] += 1
            self._heal_one(self._luck.choice([it for it in self._names if it != name]))

    def _heal_one(self, name: str) -> None:
        self.acts["healed"] += 1
        self.heal([name])

    def _outage(self, seconds: float) -> None:
        """Break all regions at once, and heal them one by one."""
        self.acts["outage of all"] += 1
        for name in self._names:
            self._weather.breaks(name, at_any_cost=True)
            self._strike(name)
        time.sleep(seconds)
        for name in self._luck.sample(self._names, len(self._names)):
            self.heal([name])
            time.sleep(self._luck.uniform(0.0, 0.1))

    def _strike(self, name: str) -> None:
        fault = self._luck.choice(FAULTS)(self._luck)
        self.acts[type(fault).__name__] += 1
        self._regions.strike(name, fault)
