"""The events in which the Responses API streams a response. Pure and deterministic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure_failover.emulator._answer import Event
from azure_failover.emulator._call import Body, as_body, as_list
from azure_failover.emulator._said import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def events(response: Body, count: int | None) -> Iterator[Event]:
    """Give the events of a finished response, from its creation to its completion.

    Its texts are spread over a count of events, or over one for each word.
    """
    opening: Body = {**response, "status": "in_progress", "output": [], "usage": None}
    yield from numbered(
        (
            {"type": "response.created", "response": opening},
            {"type": "response.in_progress", "response": opening},
            *_items(response, count),
            {"type": "response.completed", "response": response},
        )
    )


def numbered(happened: Iterable[Body], first: int = 0) -> Iterator[Event]:
    """Put events under their types, with their numbers in the stream."""
    for number, data in enumerate(happened, first):
        kind = str(data["type"])
        yield Event({**data, "sequence_number": number}, kind, is_content=kind.endswith(".delta"))


def _items(response: Body, count: int | None) -> Iterator[Body]:
    for index, item in enumerate(map(as_body, as_list(response["output"]))):
        place: Body = {"output_index": index}
        begun: Body = item
        if item["type"] == "message":
            begun = {**item, "status": "in_progress", "content": []}
        elif item["type"] == "function_call":
            begun = {**item, "status": "in_progress", "arguments": ""}
        yield {"type": "response.output_item.added", **place, "item": begun}
        for number, part in enumerate(map(as_body, as_list(item.get("content")))):
            part_place = {"item_id": item["id"], **place, "content_index": number}
            yield from _part(part_place, part, pieces(str(part["text"]), count))
        if item["type"] == "function_call":
            yield from _arguments({"item_id": item["id"], **place}, item, count)
        yield {"type": "response.output_item.done", **place, "item": item}


def _arguments(place: Body, item: Body, count: int | None) -> Iterator[Body]:
    whole = {"name": item["name"], "arguments": item["arguments"]}
    for delta in pieces(str(item["arguments"]), count):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": delta}
    yield {"type": "response.function_call_arguments.done", **place, **whole}


def _part(place: Body, part: Body, deltas: list[str]) -> Iterator[Body]:
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
    for delta in deltas:
        yield {"type": "response.output_text.delta", **place, "delta": delta, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": part}
