"""Lists as attributes that users read and change in place, and that show no key. Hold nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableSequence
from typing import Any, TypeVar, cast, overload

from azure_failover.core.credentials import Secret

Item = TypeVar("Item")


def without_plain_key(backup: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give a backup's dict with its key as a secret, or whatever it is as it is."""
    given: Any = backup
    if isinstance(backup, Mapping) and isinstance(given.get("api_key"), str):
        given = {**given, "api_key": Secret(given["api_key"])}
    return cast("dict[str, Any]", given)  # what is no mapping is refused where it is read


class LiveList(MutableSequence[Item]):
    """A list that is read anew each time, and that takes its changes to where it comes from."""

    def __init__(
        self,
        read: Callable[[], list[Item]],
        write: Callable[[list[Item]], None],
        clean: Callable[[Any], Item],
    ) -> None:
        """Take where it comes from.

        Args:
            read: Gives the items as they are now.
            write: Takes the items that there are to be.
            clean: Gives an item in a form that tracebacks may show.
        """
        self._read = read
        self._write = write
        self._clean = clean

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        return self._read()[index]

    def __setitem__(self, index: Any, value: Any) -> None:  # noqa: ANN401  (an item, or several)
        value = [*map(self._clean, value)] if isinstance(index, slice) else self._clean(value)
        items = self._read()
        items[index] = value
        self._write(items)

    def __delitem__(self, index: int | slice) -> None:
        items = self._read()
        del items[index]
        self._write(items)

    def __len__(self) -> int:
        return len(self._read())

    def insert(self, index: int, value: Item) -> None:
        """Insert an item."""
        value = self._clean(value)
        items = self._read()
        items.insert(index, value)
        self._write(items)

    def append(self, value: Item) -> None:
        """Add an item."""
        value = self._clean(value)
        self.insert(len(self), value)

    def clear(self) -> None:
        """Remove all items at once."""
        self._write([])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LiveList):
            other = cast("LiveList[object]", other)._read()
        return self._read() == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._read())
