"""Server-sent events: where one ends, which bear content, and which is the last. No I/O.

Three machines take the bytes of a stream, however they are split: :class:`Decoder` gives the
events (`WHATWG HTML, "Server-sent events" <https://html.spec.whatwg.org/multipage/#server-sent-events>`_);
:class:`Opening` says when the first one with content is there, and so the stream is committed to;
:class:`Follower` goes with the stream from there on, at next to no cost, and says at its end
whether that was its end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, cast

import attrs

PREAMBLE_LIMIT: Final = 1024 * 1024
"""Bytes of a stream's preamble that are held back at most; a longer one is handed on."""

_HEAD: Final = 4096
"""Bytes of an unfinished event that are kept to tell what it is, once content has come."""

_LEAST: Final = 24
"""Bytes that any event has which is not the marker ``[DONE]``, more or less."""

_E, _D, _COLON = b"ed:"
"""How an event's name begins, and how its data: no other field of four letters begins so."""

_TYPE: Final = re.compile(r'\s*\{\s*"type"\s*:\s*"([\w.]+)"')
_BOM: Final = b"\xef\xbb\xbf"
_BLANK_LINES: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")


@attrs.frozen
class ServerSentEvent:
    """One event: its name (empty if it has none), its data, and the id that was last given."""

    event: str = ""
    data: str = ""
    id: str = ""


class Decoder:
    """Turns bytes into events. Lines may end in LF, CR LF or CR; comments are passed over."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._is_first = True
        self._after_cr = False
        self._event = ""
        self._data: list[str] = []
        self._id = ""

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take the next bytes; give the events that they complete, in order."""
        if not chunk:
            return []
        if self._after_cr:  # the line has ended already
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        found: list[ServerSentEvent] = []
        for line in chunk.splitlines(keepends=True):  # bytes: at LF, CR LF and CR only
            if line[-1] not in b"\r\n":
                self._line.append(line)
                continue
            if self._line:
                self._line.append(line)
                line = b"".join(self._line)  # noqa: PLW2901
                self._line.clear()
            if self._is_first:
                self._is_first, line = False, line.removeprefix(_BOM)  # noqa: PLW2901
            event = self._take(line.rstrip(b"\r\n"))
            if event is not None:
                found.append(event)
        return found

    def _take(self, line: bytes) -> ServerSentEvent | None:
        if not line:
            if not self._data:
                self._event = ""
                return None
            event = ServerSentEvent(self._event, "\n".join(self._data), self._id)
            self._event, self._data = "", []
            return event
        name, _, rest = line.partition(b":")
        value = rest.removeprefix(b" ").decode(errors="replace")
        match name:
            case b"data":
                self._data.append(value)
            case b"event":
                self._event = value
            case b"id" if "\0" not in value:
                self._id = value
            case _:
                pass
        return None


class Sort(Enum):
    """What an event is to the one who waits for an answer."""

    PREAMBLE = "preamble"
    """Says that there will be an answer; bears nothing of it."""
    CONTENT = "content"
    END = "end"
    """The last one of a complete stream."""
    ERROR = "error"
    """The stream has failed, and says so itself."""


@attrs.frozen
class Dialect:
    """How the streams of an operation begin and end.

    Attributes:
        preamble: The types of the events that come before content.
        ends: The types of the events that end a complete stream; ``[DONE]`` ends any.
        failures: The types of the events that end a failed one, besides ``error``.
        marker: How the end is called when it is missing; empty if a stream may end anywhere.
    """

    preamble: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()
    failures: frozenset[str] = frozenset()
    marker: str = ""

    def sort(self, event: ServerSentEvent) -> Sort:
        """Say what an event is."""
        if _is_done(event):
            return Sort.END
        payload = _mapping(_parsed(event.data))
        told = payload.get("type")
        kind = told if isinstance(told, str) else event.event or _begun_type(event.data)
        if "error" in (kind, event.event) or kind in self.failures:
            return Sort.ERROR
        if told is None and payload.get("error"):
            return Sort.ERROR
        if kind in self.ends:
            return Sort.END
        if kind in self.preamble or _is_empty_chunk(payload):
            return Sort.PREAMBLE
        return Sort.CONTENT


def _begun_type(data: str) -> str:
    """Read the type of an event of which only the beginning was kept."""
    found = _TYPE.match(data)
    return found[1] if found else ""


def _is_empty_chunk(payload: Mapping[str, Any]) -> bool:
    """Tell whether this is a chunk of a chat without content: no choices, or nothing but a role.

    Azure sends the verdict on the prompt first (``prompt_filter_results``), then the role.
    """
    choices = payload.get("choices")
    if not isinstance(choices, list) or payload.get("usage"):
        return False
    for choice in map(_mapping, cast("list[object]", choices)):
        delta = _mapping(choice.get("delta"))
        if choice.get("finish_reason") or choice.get("text"):
            return False
        if any(value for key, value in delta.items() if key != "role"):
            return False
    return True


_CHUNKS: Final = Dialect(marker="data: [DONE]")
_ANY: Final = Dialect()
DIALECTS: Final[Mapping[str, Dialect]] = {
    "chat/completions": _CHUNKS,
    "completions": _CHUNKS,
    "responses": Dialect(
        preamble=frozenset({"response.created", "response.in_progress", "response.queued"}),
        ends=frozenset({"response.completed", "response.incomplete", "response.cancelled"}),
        failures=frozenset({"response.failed"}),
        marker="response.completed, response.incomplete or response.failed",
    ),
    "audio/speech": Dialect(ends=frozenset({"speech.audio.done"}), marker="speech.audio.done"),
    "audio/transcriptions": Dialect(
        ends=frozenset({"transcript.text.done"}), marker="transcript.text.done"
    ),
}
"""Operation -> how its streams begin and end ("Streaming events" in OpenAI's API reference).

The streams of operations that are not listed begin with their first event, and may end anywhere.
"""


def dialect_of(operation: str) -> Dialect:
    """Look up how the streams of an operation begin and end."""
    return DIALECTS.get(operation, _ANY)


@attrs.frozen
class StreamError:
    """What an error event says.

    Attributes:
        body: The same as the JSON of an error answer, ``{"error": {…}}``.
        code: Azure's code; empty if there is none.
        kind: Azure's type; empty if there is none.
    """

    body: bytes = attrs.field(repr=False)
    code: str
    kind: str


def error_in(event: ServerSentEvent) -> StreamError:
    """Read an error event in any of its forms.

    ``{"error": {"code", "type", "message"}}`` (chat), ``{"type": "error", "error": {…}}`` (Azure's
    responses), ``{"type": "error", "code", "message"}`` (OpenAI's reference) and
    ``{"type": "response.failed", "response": {"error": {"code", "message"}}}``.
    """
    payload = _mapping(_parsed(event.data))
    told: object = payload.get("error") or _mapping(payload.get("response")).get("error")
    if isinstance(told, str):
        told = {"message": told}
    facts = _mapping(told) or {key: value for key, value in payload.items() if key != "type"}
    if not payload:
        facts = {"message": event.data}
    return StreamError(
        json.dumps({"error": facts}).encode(),
        _text(facts.get("code")),
        _text(facts.get("type")),
    )


class Opening:
    """Holds a stream's first bytes back until an event bears content, or says that it failed."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._decoder = Decoder()
        self._size = 0
        self.held: list[bytes] = []
        """The chunks that came so far."""
        self.error: StreamError | None = None
        """The error, if the first event that was no preamble is one."""

    def is_over(self, chunk: bytes) -> bool:
        """Take the next bytes; tell whether there is nothing more to wait for."""
        self.held.append(chunk)
        self._size += len(chunk)
        for event in self._decoder.feed(chunk):
            sort = self.dialect.sort(event)
            if sort is Sort.PREAMBLE:
                continue
            if sort is Sort.ERROR:
                self.error = error_in(event)
            return True
        return self._size > PREAMBLE_LIMIT

    @property
    def may_end(self) -> bool:
        """Whether a stream that ends here, without content, is complete."""
        return not self.dialect.marker


class Follower:
    """Goes with a stream once its first content is there, and knows at its end whether it is.

    Looks for the ends of events only, and at the last ones when it matters.
    """

    __slots__ = (
        "_blank",
        "_byte",
        "_edge",
        "_head",
        "_is_done",
        "_last",
        "_newline",
        "_separator",
        "_width",
        "dialect",
    )

    def __init__(self, dialect: Dialect, opening: bytes) -> None:
        """Begin behind the bytes of the opening."""
        self.dialect = dialect
        self._last = self._head = self._edge = b""
        self._is_done = False
        self._separate_as(opening)
        self.passed(opening.removeprefix(_BOM))

    def passed(self, chunk: bytes) -> bool:
        """Take the next bytes; tell whether they complete an event, not only comments."""
        if not self._head and chunk and chunk[-1] == self._byte:
            begin, end = 0, len(chunk) - self._blank
            if chunk[0] == _E:  # its name comes first
                begin = chunk.find(self._newline) + 1
            if (
                chunk.find(self._newline, begin) == end >= _LEAST
                and chunk[begin] == _D
                and chunk[begin + 4] == _COLON
                and not self._is_done
            ):  # one event, whole, on one line: the usual case
                self._last = chunk
                return True
        edge, width = self._edge, self._width
        data = edge + chunk
        cut = data.rfind(self._separator) if chunk.rfind(self._newline) >= 0 else -1
        if cut < 0:
            self._grow(chunk, data)
            return False
        cut += width
        whole = self._head[: len(self._head) - len(edge)] + data[:cut]
        self._head = self._edge = b""
        if cut < len(data):
            rest = data[cut:]
            self._grow(rest, rest)
        if not _has_data(whole):
            return False
        if not self._is_done:
            if whole.rfind(b"[DONE]") >= 0:
                self._is_done = any(map(_is_done, Decoder().feed(whole)))
            self._last = self._last + whole if self._is_done else whole
        return True

    def _separate_as(self, text: bytes) -> None:
        """Look for events that end as the last one in a text does."""
        self._separator = max(_BLANK_LINES, key=text.rfind)
        self._width = len(self._separator)
        self._newline = self._separator[-1:]
        self._byte = self._newline[0]
        self._blank = 2 if self._width == 2 else -1  # noqa: PLR2004  (CR LF is looked at closely)

    def _grow(self, more: bytes, data: bytes) -> None:
        """Keep the beginning of an unfinished event, and the bytes that may begin its end."""
        if len(self._head) < _HEAD:
            self._head += more[: _HEAD - len(self._head)]
            if len(self._head) == _HEAD and any(mark in self._head for mark in _BLANK_LINES):
                self._separate_as(self._head)
        self._edge = data[1 - self._width :]

    def end(self) -> tuple[Sort, StreamError | None]:
        """Say what a stream that ends here has come to.

        Returns:
            END if it is complete, ERROR if it ended with an error, CONTENT if it was cut; and the
            error, if its last event, or the last before ``[DONE]``, is one.
        """
        if self._edge == b"\r\n\r":  # a blank line that only lacks its LF
            self.passed(b"\n")
        events = Decoder().feed(self._last)
        if not self._is_done:
            rest = Decoder()
            events += rest.feed(self._head)
            events += filter(_is_done, rest.feed(b"\n\n"))  # even if no blank line ends it
        is_done, last = False, None
        for event in events:
            if is_done := _is_done(event):
                break
            last = event
        sort = Sort.CONTENT if last is None else self.dialect.sort(last)
        error = error_in(last) if last is not None and sort is Sort.ERROR else None
        if is_done:
            return Sort.END, error
        return (Sort.CONTENT if sort is Sort.PREAMBLE else sort), error


def _is_done(event: ServerSentEvent) -> bool:
    return event.data.strip() == "[DONE]"


def _has_data(block: bytes) -> bool:
    return block.startswith(b"data") or block.find(b"\ndata") >= 0 or block.find(b"\rdata") >= 0


def _parsed(text: str) -> object:
    try:
        return cast("object", json.loads(text))
    except (ValueError, RecursionError):
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
