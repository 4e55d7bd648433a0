"""What an endpoint says in an event stream, in the words of the format: as bytes, and back again.

Each event that is no comment and no ``[DONE]`` says who told it, and by which word.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final

from vector_format import Deed, Step, Word
from vector_stage import Gate, Stage

STREAMS: Final[Mapping[Deed, tuple[Step, ...]]] = {
    "streams": (Step(say="content"), Step(say="done")),
    "resets_in_stream": (Step(say="content"), Step(say="resets")),
}
"""The streams that have a word of their own."""

_CHUNKS: Final[Mapping[Word, Mapping[str, Any]]] = {
    "preamble": {"choices": [], "prompt_filter_results": []},
    "role": {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
    "content": {"choices": [{"delta": {"content": "Hello"}}]},
}
_TYPES: Final[Mapping[Word, str]] = {
    "preamble": "response.created",
    "role": "response.in_progress",
    "content": "response.output_text.delta",
    "done": "response.completed",
}
_ENDS: Final[Mapping[Word, str]] = {"resets": "ReadError", "closes": "RemoteProtocolError"}
_COMMENT: Final = b": keep-alive\n\n"
_DONE: Final = b"data: [DONE]\n\n"


async def told(
    family: Any,
    stage: Stage,
    steps: Iterable[Step],
    who: str,
    *,
    in_responses: bool,
    read: float,
) -> AsyncIterator[bytes]:
    """Tell a stream, a piece for each event.

    Args:
        family: The HTTP family whose errors break it off.
        stage: Where time passes.
        steps: What is told.
        who: The endpoint that tells.
        in_responses: Whether the events are those of the responses API, not chunks of a chat.
        read: Seconds without a piece after which the transport's timeout breaks it off.
    """
    for step in steps:
        if step.alive is not None:
            while True:
                await stage.hold(step.alive, Gate())
                yield _COMMENT
        pause = read if step.say == "hangs" else step.pause
        if pause:
            await stage.hold(min(pause, read), Gate())
            if pause >= read:
                raise family.ReadTimeout("scripted")
        if step.say == "ends":
            return
        if step.say is not None and step.say in _ENDS:
            raise getattr(family, _ENDS[step.say])("scripted")
        if step.say is not None or step.error is not None:
            yield _event(step, who, in_responses=in_responses)


def _event(step: Step, who: str, *, in_responses: bool) -> bytes:
    mark = {"word": "error" if step.error else step.say, "who": who}
    kind: str | None = None
    payload: Mapping[str, Any] = {}
    if step.error is not None:
        kind, payload = "error", {"error": {"code": step.error, "type": "", "message": who}}
    elif step.say == "comment":
        return _COMMENT
    elif step.say is not None and in_responses:
        kind = _TYPES[step.say]
    elif step.say == "done":
        return _DONE
    elif step.say is not None:
        payload = _CHUNKS[step.say]
    named = f"event: {kind}\n" if kind and in_responses else ""
    typed = {"type": kind} if kind and in_responses else {}
    return f"{named}data: {json.dumps({**typed, **payload, 'vector': mark})}\n\n".encode()


def words_in(pieces: Sequence[bytes]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Say what a caller got, and from whom; nothing of what is no event stream."""
    words: list[str] = []
    tellers: set[str] = set()
    for event in b"".join(pieces).decode().split("\n\n")[:-1]:
        _, _, data = event.rpartition("data: ")
        if event.startswith(":"):
            words.append("comment")
        elif data == "[DONE]":
            words.append("done")
        else:
            mark = json.loads(data)["vector"]
            words.append(mark["word"])
            tellers.add(mark["who"])
    return tuple(words), frozenset(tellers)
