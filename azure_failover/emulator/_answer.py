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
class Event:
    """A server-sent event: JSON, or the text that is no JSON and ends a chat stream.

    Attributes:
        name: Its type; events of chat streams have none.
        is_content: Whether it bears a piece of what is generated.
    """

    data: Mapping[str, object] | str
    name: str | None = None
    is_content: bool = False


DONE = Event("[DONE]")
"""What ends the streams of chat and text completions."""


@frozen
class Part:
    """A piece of a body, and the seconds to pause before it."""

    data: bytes
    pause: float = 0


@frozen
class Answer:
    """A response before it is put on the wire.

    Attributes:
        headers: Names in lower case; framing and connection headers are not among them.
        parts: The body; a stream sends each part as one chunk.
        is_stream: Whether the body goes out chunked rather than with a content-length.
        events: What an event stream consists of; its parts are written from them.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...] = ()
    is_stream: bool = False
    events: tuple[Event, ...] = ()

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
    return Answer(status, (("content-type", content_type),), (Part(body),))


def chunked_answer(content_type: str, parts: Iterable[bytes]) -> Answer:
    """Answer with bytes whose length nobody knows beforehand, one chunk for each part."""
    return Answer(200, (("content-type", content_type),), tuple(map(Part, parts)), is_stream=True)


def event_stream(events: Iterable[Event]) -> Answer:
    """Answer with server-sent events."""
    return Answer(200, (("content-type", _EVENTS),), is_stream=True, events=(*events,))
