"""Headers of a request or a response, quickly: sets and drops several at once, or looks at one.

Through the public interface each costs a pass over all headers, and several calls. Both families
keep them in a list of triples: the name as it came, in lower case, and the value. Where that is so,
one pass does for all; where it is not, the public interface does the same, more slowly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

_Triple: TypeAlias = tuple[bytes, bytes, bytes]
_PARTS: Final = 3


def value_of(name: bytes, headers: Mapping[str, str]) -> bytes:
    """Give the first header of this name (in lower case); nothing if there is none."""
    known: Any = getattr(headers, "_list", None)
    if known.__class__ is not list or (known and len(known[0]) != _PARTS):
        return headers.get(name.decode(), "").encode()
    for _, lower, value in known:
        if lower == name:
            found: bytes = value
            return found
    return b""


class HeaderEdit:
    """What is to be set and dropped, prepared once and made often. Thread-safe."""

    __slots__ = ("_dropped", "_names", "_set", "_triples", "_unless")

    def __init__(
        self, given: Mapping[str, str], dropped: Iterable[str] = (), *, unless: str | None = None
    ) -> None:
        """Prepare an edit; names may be in any case.

        Args:
            given: Headers to set.
            dropped: Names of headers to drop.
            unless: The name of a header; messages that have it are left as they are.
        """
        self._set: Final = dict(given)
        self._dropped: Final = tuple(dropped)
        self._unless: Final = unless and unless.lower().encode()
        self._triples: Final[list[_Triple]] = [
            (name.encode(), name.lower().encode(), value.encode()) for name, value in given.items()
        ]
        names = (*given, *self._dropped, *filter(None, [unless]))
        self._names: Final = frozenset(name.lower().encode() for name in names)

    def make(self, headers: MutableMapping[str, str]) -> bool:
        """Edit the headers of one message, in place; tell whether that was done."""
        known: Any = getattr(headers, "_list", None)
        if known.__class__ is not list or (known and len(known[0]) != _PARTS):
            return self._make_one_by_one(headers)
        names = self._names
        kept = [item for item in known if item[1] not in names]
        unless = self._unless
        if unless and len(kept) < len(known) and any(item[1] == unless for item in known):
            return False
        known[:] = self._triples + kept
        return True

    def _make_one_by_one(self, headers: MutableMapping[str, str]) -> bool:
        if self._unless and self._unless.decode() in headers:
            return False
        for name in self._dropped:
            headers.pop(name, None)
        headers.update(self._set)
        return True
