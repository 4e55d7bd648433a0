"""Sets and drops several headers of a request or a response at once.

One by one each costs a pass over all headers. Both families keep them in a list of triples: the
name as it came, in lower case, and the value. Where that is so, one pass does for all; where it is
not, the public interface does the same, more slowly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

_Triple: TypeAlias = tuple[bytes, bytes, bytes]


class HeaderEdit:
    """What is to be set and dropped, prepared once and made often. Thread-safe."""

    __slots__ = ("_dropped", "_names", "_set", "_triples")

    def __init__(self, given: Mapping[str, str], dropped: Iterable[str] = ()) -> None:
        """Take header names, in any case, and their values, and names to drop."""
        self._set: Final = dict(given)
        self._dropped: Final = tuple(dropped)
        self._triples: Final[list[_Triple]] = [
            (name.encode(), name.lower().encode(), value.encode()) for name, value in given.items()
        ]
        self._names: Final = frozenset(name.lower().encode() for name in (*given, *self._dropped))

    def make(self, headers: MutableMapping[str, str]) -> None:
        """Edit the headers of one message, in place."""
        known = triples_of(headers)
        if known is None:
            for name in self._dropped:
                headers.pop(name, None)
            headers.update(self._set)
            return
        names = self._names
        known[:] = self._triples + [item for item in known if item[1] not in names]

    def make_unless(self, there: bytes, headers: MutableMapping[str, str]) -> bool:
        """Edit the headers of one message, unless one is there; tell whether that is so.

        Args:
            there: The name of that header, in lower case.
            headers: The message's.
        """
        known = triples_of(headers)
        names = [item[1] for item in known or ()]
        if there in names or (known is None and there.decode() in headers):
            return False
        if known is not None and self._names.isdisjoint(names):
            known += self._triples
        else:
            self.make(headers)
        return True


def triples_of(headers: Any) -> list[_Triple] | None:  # noqa: ANN401
    """Give the list in which a family's headers lie; None if they lie in some other way."""
    known: Any = getattr(headers, "_list", None)
    if known.__class__ is not list or (known and len(known[0]) != 3):  # noqa: PLR2004
        return None
    return known
