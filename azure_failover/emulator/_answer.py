"""An answer before it is put on the wire: JSON, bytes, or a stream of events. Values, no I/O."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_JSON = "application/json; charset=utf-8"
_EVENTS = "text/event-stream; charset=utf-8"


@frozen
class Answer:
    """A response before it is put on the wire.

    Attributes:
        headers: Names in lower case; framing and connection headers are not among them.
        parts: The body; a stream sends each part as one chunk.
        is_stream: Whether the body goes out chunked rather than with a content-length.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    parts: tuple[bytes, ...]
    is_stream: bool = False

    def with_headers(self, extra: Mapping[str, str]) -> Answer:
        """Add headers, replacing those of the same name."""
        added = {name.lower(): value for name, value in extra.items()}
        kept = tuple((name, value) for name, value in self.headers if name not in added)
        return evolve(self, headers=(*kept, *added.items()))


def json_answer(status: int, body: Mapping[str, object]) -> Answer:
    """Answer with a JSON document."""
    return raw_answer(status, _JSON, json.dumps(body).encode())


def raw_answer(status: int, content_type: str, body: bytes) -> Answer:
    """Answer with bytes as they are."""
    return Answer(status, (("content-type", content_type),), (body,))


def event_stream(events: Iterable[bytes]) -> Answer:
    """Answer with server-sent events, one chunk each."""
    return Answer(200, (("content-type", _EVENTS),), (*events,), is_stream=True)


def event(data: Mapping[str, object], name: str | None = None) -> bytes:
    """Write one event, with a name or, as chat streams do, without."""
    text = json.dumps(data, separators=(",", ":"))
    return (f"data: {text}\n\n" if name is None else f"event: {name}\ndata: {text}\n\n").encode()
