"""The events in which the Responses API streams a response. Pure and deterministic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure_failover.emulator._answer import Event
from azure_failover.emulator._call import Body, as_body, as_list
from azure_failover.emulator._said import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def events(response: Body) -> Iterator[Event]:
    """Give the events of a finished response, from its creation to its completion."""
    opening: Body = {**response, "status": "in_progress", "output": [], "usage": None}
    yield from numbered(
        (
            {"type": "response.created", "response": opening},
            {"type": "response.in_progress", "response": opening},
            *_items(response),
            {"type": "response.completed", "response": response},
        )
    )


def numbered(happened: Iterable[Body], first: int = 0) -> Iterator[Event]:
    """Put events under their types, with their numbers in the stream."""
    for number, data in enumerate(happened, first):
        kind = str(data["type"])
        yield Event({**data, "sequence_number": number}, kind, is_content=kind.endswith(".delta"))


def _items(response: Body) -> Iterator[Body]:
    for index, item in enumerate(map(as_body, as_list(response["output"]))):
        place: Body = {"output_index": index}
        begun: Body = item
        if item["type"] == "message":
            begun = {**item, "status": "in_progress", "content": []}
        yield {"type": "response.output_item.added", **place, "item": begun}
        for number, part in enumerate(map(as_body, as_list(item.get("content")))):
            yield from _part(
                {"item_id": item["id"], **place, "content_index": number}, part, str(part["text"])
            )
        yield {"type": "response.output_item.done", **place, "item": item}


def _part(place: Body, part: Body, text: str) -> Iterator[Body]:
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
    for word in words(text):
        yield {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": text, "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": part}
