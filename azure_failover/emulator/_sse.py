"""How events become bytes, and bytes chunks, under a region's shape. Pure: no socket."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

from attrs import evolve

from azure_failover.emulator._answer import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from azure_failover.emulator._answer import Answer, Event
    from azure_failover.emulator.shape import StreamShape

_COMMENT = ": keep-alive"
_BOM = "\ufeff".encode()


def written(answer: Answer, shape: StreamShape) -> Answer:
    """Write the events of a stream, each as one part; any other answer stays as it is."""
    if not answer.events:
        return answer
    first, *others = (_event(event, shape) for event in answer.events)
    texts = [_BOM + first if shape.bom else first, *others]
    return evolve(answer, parts=tuple(map(Part, texts, _pauses(answer.events, shape))))


def chunked(answer: Answer, shape: StreamShape) -> Answer:
    """Rearrange the parts of a stream into those that are to be chunks."""
    if not answer.is_stream:
        return answer
    return evolve(answer, parts=tuple(_split(_joined(answer.parts, shape.join), shape.split)))


def comment(pause: float, shape: StreamShape) -> tuple[Part, ...]:
    """Write what says nothing and keeps a connection alive, after a pause, as chunks."""
    text = f"{_COMMENT}{shape.newline * 2}".encode()
    return tuple(_split([Part(text, pause)], shape.split))


def _pauses(events: Iterable[Event], shape: StreamShape) -> Iterator[float]:
    """Give the seconds before each event."""
    pause, before_content = shape.preamble_delay, shape.first_token_delay
    for event in events:
        if event.is_content:
            pause += before_content
            before_content = shape.pace
        yield pause
        pause = 0


def _event(event: Event, shape: StreamShape) -> bytes:
    """Write one event, with the comments before it."""
    colon = ": " if shape.space else ":"
    before = [_COMMENT, ""] * shape.comments
    lines = [*before[:-1], *([] if event.name is None else [f"event{colon}{event.name}"])]
    data = event.data if isinstance(event.data, str) else _json(event.data, shape)
    lines += [f"data{colon}{line}" for line in data.split("\n")]
    return shape.newline.join([*lines, "", ""]).encode()


def _json(data: object, shape: StreamShape) -> str:
    """Write JSON, as lines where that is the shape."""
    indent = 0 if shape.multi_line else None
    text = json.dumps(data, separators=(",", ":"), indent=indent, ensure_ascii=not shape.utf8)
    if text.isascii() or _is_encodable(text):
        return text
    return json.dumps(data, separators=(",", ":"), indent=indent)


def _is_encodable(text: str) -> bool:
    """Say whether UTF-8 can tell it; half a surrogate pair, which JSON allows, it cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _joined(parts: Iterable[Part], most: int | None) -> Iterator[Part]:
    """Join parts up to a number of them; one that is paused for starts anew."""
    group: list[Part] = []
    for part in parts:
        if group and (part.pause or len(group) == most):
            yield _merged(group)
            group = []
        group.append(part)
    if group:
        yield _merged(group)


def _merged(group: list[Part]) -> Part:
    return Part(b"".join(part.data for part in group), group[0].pause)


def _split(parts: Iterable[Part], sizes: tuple[int, ...] | None) -> Iterator[Part]:
    """Cut parts to sizes in turn; only the first piece of a part is paused for."""
    for part in parts:
        if sizes is None:
            yield part
            continue
        turns = itertools.cycle(sizes)
        start, pause = 0, part.pause
        while start < len(part.data):
            end = start + next(turns)
            yield Part(part.data[start:end], pause)
            start, pause = end, 0
