"""What a streamed answer is made of: its events, and the whole that they add up to. No I/O.

A chat stream is a sequence of chunks ("The chat completion chunk object" in OpenAI's reference).
:class:`Assembler` turns them into events, and at the end into the JSON that the same answer would
have been without ``stream``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, TypeVar, cast

import attrs

from azure_failover.chat import Usage, usage_in
from azure_failover.core.sse import ServerSentEvent


@attrs.frozen
class TextDelta:
    """More of a choice's text.

    Attributes:
        text: What came; never empty.
        index: Of which choice; 0 unless more than one was asked for with ``n``.
    """

    text: str
    index: int = 0


@attrs.frozen
class RefusalDelta:
    """More of the words in which the model refuses; fields as of :class:`TextDelta`."""

    text: str
    index: int = 0


@attrs.frozen(kw_only=True)
class ToolCallDelta:
    """More of one tool call.

    Attributes:
        index: Which call of its choice, from 0.
        id: The call's id, as far as it is known.
        name: The function's name, as far as it is known.
        arguments: What came of the arguments' JSON text; may be empty.
        choice: Of which choice; 0 unless more than one was asked for with ``n``.
    """

    index: int
    id: str
    name: str
    arguments: str
    choice: int = 0


@attrs.frozen(kw_only=True)
class Finished:
    """The answer is complete. The last event of every stream that is.

    Attributes:
        finish_reason: Why the first choice ended: ``stop``, ``length``, ``tool_calls``, …
        usage: The tokens that it cost, if Azure said so.
        finish_reasons: The same as ``finish_reason`` for each choice.
    """

    finish_reason: str | None
    usage: Usage | None
    finish_reasons: tuple[str | None, ...] = ()


@attrs.frozen(kw_only=True)
class StreamRestarted:
    """The stream broke off and begins again at another endpoint: forget what came before.

    Attributes:
        endpoint: The name of the endpoint that answers now, from the beginning.
        broken_endpoint: The name of the endpoint whose stream broke off.
        discarded_text: The text of the first choice that came from there, and is void; empty for
            :meth:`~azure_failover.Client.stream_request`, which does not know what is text.
        error: What broke.
    """

    endpoint: str
    broken_endpoint: str
    discarded_text: str = attrs.field(repr=False)
    error: Exception


ChatDelta: TypeAlias = TextDelta | RefusalDelta | ToolCallDelta | Finished
ChatEvent: TypeAlias = ChatDelta | StreamRestarted
"""What :meth:`~azure_failover.Client.stream` gives."""
RawEvent: TypeAlias = ServerSentEvent | StreamRestarted
"""What :meth:`~azure_failover.Client.stream_request` gives."""

Out = TypeVar("Out")
Out_co = TypeVar("Out_co", covariant=True)


class Reader(Protocol[Out_co]):
    """What makes of a stream's events what its caller gets."""

    def take(self, event: ServerSentEvent) -> Iterable[Out_co]:
        """Take the next event. A ValueError says that it cannot be read."""
        ...

    def end(self) -> Iterable[Out_co]:
        """Take in that the stream is complete. A ValueError says that it cannot be."""
        ...


class Verbatim:
    """Reads nothing: hands every event on."""

    def take(self, event: ServerSentEvent) -> Iterable[ServerSentEvent]:
        """Hand an event on."""
        return (event,)

    def end(self) -> Iterable[ServerSentEvent]:
        """Add nothing."""
        return ()


class Assembler:
    """Reads the chunks of one chat stream, and puts them together."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None
        self._choices: dict[int, _Choice] = {}

    def take(self, event: ServerSentEvent) -> Sequence[ChatDelta]:
        """Take the next event.

        Raises:
            ValueError: If it is no chunk of a chat.
        """
        if not event.data.strip():
            return ()
        try:
            chunk = _mapping(json.loads(event.data), "a chunk")
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError("a chunk is no JSON") from error
        for key, value in chunk.items():
            if value and not self._head.get(key):  # Azure opens with a chunk of empty ones
                self._head[key] = value
        if chunk.get("usage"):
            self._usage = _mapping(chunk["usage"], "usage")
        events: list[ChatDelta] = []
        for told in _list(chunk.get("choices"), "choices"):
            choice = _mapping(told, "a choice")
            index = _whole_number(choice.get("index"), "a choice's index")
            events += self._choices.setdefault(index, _Choice(index)).take(choice)
        return events

    def end(self) -> Sequence[ChatDelta]:
        """Take in that the stream is complete.

        Raises:
            ValueError: If no choice ever came, or the usage cannot be read.
        """
        if not self._choices:
            raise ValueError("it ended without choices")
        reasons = tuple(choice.finish_reason for choice in self._in_order())
        usage = None if self._usage is None else usage_in(self._usage)
        return (Finished(finish_reason=reasons[0], usage=usage, finish_reasons=reasons),)

    @property
    def completion(self) -> dict[str, Any]:
        """The JSON that the same answer would be without ``stream``, from what came so far."""
        whole = {key: self._head[key] for key in self._head if key not in _OF_CHUNKS}
        whole["object"] = "chat.completion"
        whole["choices"] = [choice.completion for choice in self._in_order()]
        if self._usage is not None:
            whole["usage"] = self._usage
        return whole

    def _in_order(self) -> list[_Choice]:
        return [self._choices[index] for index in sorted(self._choices)]


_OF_CHUNKS: Final = frozenset({"choices", "object", "usage", "obfuscation"})
"""What a chunk has and a completion has not, or has in another form."""
_IN_WORDS: Final = frozenset({"role", "content", "refusal", "tool_calls"})
_OF_CHOICES: Final = frozenset({"index", "delta", "finish_reason"})
_NAMING: Final = frozenset({"id", "type", "role"})
"""Fields that say what a thing is, and so do not grow when they come again."""


class Growing:
    """Text that comes in pieces, put together when somebody looks."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        """Take the next piece."""
        self._pieces.append(piece)

    @property
    def whole(self) -> str:
        """All that came."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""


class _Call:
    """One tool call of a message."""

    def __init__(self) -> None:
        self.id = ""
        self.kind = "function"
        self.name = ""
        self.arguments = Growing()

    def take(self, told: Mapping[str, Any]) -> str:
        """Take what came of the call; give what came of its arguments."""
        self.id = _text(told.get("id"), "a tool call's id") or self.id
        kind = "custom" if told.get("custom") else "function"
        body = _mapping(told.get(kind) or {}, "a tool call")
        if body:
            self.kind = kind
        name = _text(body.get("name"), "a tool's name")
        if name != self.name:  # some gateways repeat it with each piece
            self.name += name
        more = _text(body.get(_ARGUMENTS[kind]), "a tool call's arguments")
        self.arguments.add(more)
        return more

    @property
    def completion(self) -> dict[str, Any]:
        body = {"name": self.name, _ARGUMENTS[self.kind]: self.arguments.whole}
        return {"id": self.id, "type": self.kind, self.kind: body}


_ARGUMENTS: Final = {"function": "arguments", "custom": "input"}
"""Type of a tool -> what its arguments are called."""


class _Choice:
    """One of the alternatives, as far as it came."""

    def __init__(self, index: int) -> None:
        self.index = index
        self._text = Growing()
        self.finish_reason: str | None = None
        self._refusal = Growing()
        self._role = "assistant"
        self._has_content = False
        self._calls: dict[int, _Call] = {}
        self._message: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}

    def take(self, choice: Mapping[str, Any]) -> Sequence[ChatDelta]:
        """Take what came of the choice."""
        events: list[ChatDelta] = []
        delta = _mapping(choice.get("delta") or {}, "a delta")
        self._role = _text(delta.get("role"), "a role") or self._role
        self._has_content |= delta.get("content") is not None
        if text := _text(delta.get("content"), "content"):
            self._text.add(text)
            events.append(TextDelta(text, self.index))
        if text := _text(delta.get("refusal"), "a refusal"):
            self._refusal.add(text)
            events.append(RefusalDelta(text, self.index))
        entries = _list(delta.get("tool_calls"), "tool_calls")
        events += (self._take_call(_mapping(entry, "a tool call")) for entry in entries)
        self.finish_reason = (
            _text(choice.get("finish_reason"), "a finish_reason") or self.finish_reason
        )
        self._message = _merged(self._message, _without(delta, _IN_WORDS), grows=True)
        self._facts = _merged(self._facts, _without(choice, _OF_CHOICES), grows=False)
        return events

    def _take_call(self, told: Mapping[str, Any]) -> ToolCallDelta:
        index = _whole_number(told.get("index"), "a tool call's index")
        call = self._calls.setdefault(index, _Call())
        more = call.take(told)
        return ToolCallDelta(
            index=index, id=call.id, name=call.name, arguments=more, choice=self.index
        )

    @property
    def completion(self) -> dict[str, Any]:
        text, refusal = self._text.whole, self._refusal.whole or None
        is_text = text or (self._has_content and not self._calls and refusal is None)
        message: dict[str, Any] = {
            "role": self._role,
            "content": text if is_text else None,
            "refusal": refusal,
        }
        if self._calls:
            message["tool_calls"] = [self._calls[index].completion for index in sorted(self._calls)]
        return {
            "index": self.index,
            "message": message | self._message,
            "finish_reason": self.finish_reason,
            **self._facts,
        }


def _without(told: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key not in keys}


def _merged(old: dict[str, Any], new: dict[str, Any], *, grows: bool) -> dict[str, Any]:
    """Add what came later: lists and, if text grows, text go on; else the later counts."""
    for key, value in new.items():
        known: Any = old.get(key)
        if value is None:
            old.setdefault(key, None)
        elif isinstance(known, dict) and isinstance(value, dict):
            _merged(cast("dict[str, Any]", known), cast("dict[str, Any]", value), grows=grows)
        elif (isinstance(known, list) and isinstance(value, list)) or (
            grows and key not in _NAMING and isinstance(known, str) and isinstance(value, str)
        ):
            old[key] += value
        else:
            old[key] = value
    return old


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no JSON object")  # noqa: TRY004  (what a Reader raises)
    return cast("dict[str, Any]", value)


def _list(value: object, what: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{what} is no list")  # noqa: TRY004
    return cast("list[object]", value)


def _text(value: object, what: str) -> str:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{what} is no text")
    return value or ""


def _whole_number(value: object, what: str) -> int:
    if value is None:
        return 0
    if not isinstance(value, int):
        raise ValueError(f"{what} is no number")  # noqa: TRY004
    return value
