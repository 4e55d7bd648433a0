"""How events become bytes, and bytes chunks. Pure: no socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import evolve

from azure_failover.emulator._answer import Part

if TYPE_CHECKING:
    from azure_failover.emulator._answer import Answer, Event


def written(answer: Answer) -> Answer:
    """Write the events of a stream, each as one part; any other answer stays as it is."""
    if not answer.events:
        return answer
    return evolve(answer, parts=tuple(Part(_event(event)) for event in answer.events))


def comment() -> Part:
    """Write what keeps a connection alive and says nothing."""
    return Part(b": keep-alive\n\n")


def _event(event: Event) -> bytes:
    data = event.data
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    lines = [] if event.name is None else [f"event: {event.name}"]
    return "\n".join([*lines, f"data: {text}", "", ""]).encode()
