"""A request on its way to a route, and the table that finds the route. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import TypeAlias, cast
from urllib.parse import unquote

from attrs import field, frozen

from azure_failover.emulator._answer import Answer
from azure_failover.emulator._store import Store
from azure_failover.emulator.recorded import Recorded
from azure_failover.emulator.spec import Identity

Body: TypeAlias = dict[str, object]

CREATED = 1_750_000_000
"""When everything here was made, so that equal requests get equal answers."""


@frozen(kw_only=True)
class Call:
    """A request that passed every check.

    Attributes:
        deployment: The deployment it runs on; empty on routes that need none.
        ids: What stands in the route's placeholders, decoded.
        body: The JSON object or the form's text fields; empty where there is neither.
        pieces: How many events a text is streamed in; None for one for each word.
    """

    request: Recorded
    region: Identity
    store: Store
    deployment: str
    ids: tuple[str, ...]
    body: Body = field(repr=False)
    pieces: int | None


Serve: TypeAlias = Callable[[Call], Answer]
"""What answers a call."""


class Needs(Enum):
    """Where a route takes its deployment from."""

    NOTHING = "nothing"
    MODEL = "the body's model"
    DEPLOYMENT = "the path on dated URLs, the body's model on v1"


class Takes(Enum):
    """What a route expects as its body."""

    ANYTHING = "anything"
    OBJECT = "a JSON object"
    FORM = "multipart/form-data"


@frozen
class Route:
    """One route: `{}` in its pattern stands for any one segment."""

    method: str
    pattern: str
    serve: Serve
    needs: Needs = Needs.NOTHING
    takes: Takes = Takes.ANYTHING


class Table:
    """Routes by method and shape; of two that match, the one that came first counts."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: dict[tuple[str, int], list[tuple[list[str], Route]]] = {}
        for route in routes:
            pattern = route.pattern.split("/")
            self._routes.setdefault((route.method, len(pattern)), []).append((pattern, route))

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
        """Return a route and its ids; None where nothing answers that method on that path.

        The path is as it was sent: an id may hold a percent-encoded slash.
        """
        segments = path.split("/")
        for pattern, route in self._routes.get((method, len(segments)), ()):
            pairs = list(zip(pattern, segments, strict=True))
            if all(sent and own in {"{}", sent} for own, sent in pairs):
                return route, tuple(unquote(sent) for own, sent in pairs if own == "{}")
        return None


def as_body(value: object) -> Body:
    """Take a JSON value as an object; what is none counts as empty."""
    return cast("Body", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """Take a JSON value as a list; what is none counts as empty."""
    return cast("list[object]", value) if isinstance(value, list) else []
