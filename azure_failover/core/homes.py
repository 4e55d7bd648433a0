"""At which endpoint state was made, by the ids that answers brought. Bounded; takes no lock."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

HOMES_KEPT: Final = 16384
"""So many ids of state are remembered, those that were used last."""


class Homes:
    """Knows which endpoint holds which id. Not thread-safe."""

    def __init__(self) -> None:
        self._homes: OrderedDict[str, int] = OrderedDict()

    def learn(self, ids: Iterable[str], index: int) -> None:
        """Remember at which endpoint these ids were made."""
        homes = self._homes
        for name in ids:
            homes[name] = index
            homes.move_to_end(name)
        while len(homes) > HOMES_KEPT:
            homes.popitem(last=False)

    def of(self, ids: Iterable[str]) -> int | None:
        """Tell at which endpoint the first of these ids that is known was made."""
        for name in ids:
            if name in self._homes:
                self._homes.move_to_end(name)
                return self._homes[name]
        return None
