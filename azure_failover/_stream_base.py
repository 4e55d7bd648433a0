"""What all streams of the clients have in common: everything that does not wait.

Takes in what came, decides what a break means, and keeps the ledger; never reads, sends or closes.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, NoReturn

import attrs
import httpx

from azure_failover._client_base import Calls, Messages, listed
from azure_failover.chat import ChatCompletion, chat_completion
from azure_failover.core.allowance import LEAST_USEFUL
from azure_failover.core.errors import (
    InvalidResponseError,
    RequestError,
    StreamBrokenError,
)
from azure_failover.core.events import StreamMoved
from azure_failover.core.ledger import Entry, Ledger, Phase, in_words
from azure_failover.core.sse import Decoder, ServerSentEvent, Sort, dialect_of, error_in
from azure_failover.core.verdict import Effect, hidden_status, judge_answer
from azure_failover.streams import (
    Assembler,
    ChatDelta,
    Growing,
    Out,
    Reader,
    StreamRestarted,
    TextDelta,
)
from azure_failover.transport._labels import forget_frames, ledger_of
from azure_failover.transport._options import FailoverOptions, options_of

BREAKS: Final = (httpx.TransportError, httpx.DecodingError)
"""What httpx raises when a body breaks off."""


@attrs.frozen
class StreamCall:
    """The arguments of one streamed call, as the client was given them."""

    operation: str
    payload: dict[str, Any] = attrs.field(repr=False)
    deployment: str | None
    options: FailoverOptions


def chat_call(
    messages: Messages,
    params: Mapping[str, Any],
    deployment: str | None,
    options: FailoverOptions,
) -> StreamCall:
    """Prepare a chat that is streamed, with its usage at the end.

    Raises:
        ValueError: If there are no messages, or no stream is asked for.
    """
    if not params.get("stream", True):
        raise ValueError("stream() gives a stream: leave out stream=False, or call chat()")
    payload = {"stream_options": {"include_usage": True}, **params, "stream": True}
    if payload["stream_options"] is None:
        del payload["stream_options"]
    payload["messages"] = listed(messages)
    return StreamCall("chat/completions", payload, deployment, options)


def stream_call(
    operation: str,
    payload: Mapping[str, Any],
    deployment: str | None,
    options: FailoverOptions,
) -> StreamCall:
    """Prepare a call of any operation that streams; speech has its own word for it."""
    asked = {} if "stream_format" in payload else {"stream": True}
    return StreamCall(operation, {**asked, **payload}, deployment, options)


@attrs.frozen
class _Break:
    """A stream that broke off: whose, what broke, and what the caller had of it."""

    endpoint: str
    error: Exception
    text: str
    has_come: bool


class StreamBase(Generic[Out]):
    """One streamed call: what came of it, and what is to be done next."""

    def __init__(self, calls: Calls, call: StreamCall, reader: Callable[[], Reader[Out]]) -> None:
        self._calls = calls
        self._call = call
        self._new_reader = reader
        self._dialect = dialect_of(call.operation.strip("/"))
        self._options = call.options
        self._started = 0.0
        self._keeps_text = False
        self._offset = 0.0
        self._past: Ledger | None = None
        self._ledger: Ledger | None = None
        self._is_begun = False
        self._is_complete = False
        self._is_closed = False
        self._raised: Exception | None = None
        self._text = Growing()
        self._restarts: list[StreamRestarted] = []
        self._broken: _Break | None = None
        self._forget()

    def _forget(self) -> None:
        """Begin at the beginning of an answer."""
        self._reader = self._new_reader()
        self._decoder = Decoder()
        self._events: deque[ServerSentEvent] = deque()
        self._held: list[Out] = []
        self._ready: deque[Out | StreamRestarted] = deque()
        self._has_come = False

    @property
    def ledger(self) -> Ledger:
        """What was tried, in order, over all restarts.

        Raises:
            RuntimeError: If the block was not entered yet.
        """
        if self._ledger is None:
            raise RuntimeError(_NOT_ENTERED)
        return self._ledger

    @property
    def endpoint(self) -> str:
        """The name of the endpoint that answers; another one after a restart."""
        return self.ledger.endpoint or ""

    @property
    def restarts(self) -> tuple[StreamRestarted, ...]:
        """How often the answer began again, and why; empty for nearly all streams."""
        return tuple(self._restarts)

    def __repr__(self) -> str:
        if self._is_complete:
            state = "complete"
        elif self._is_closed:
            state = "closed"
        else:
            state = "open" if self._is_begun else "not entered"
        return f"<{type(self).__name__} {self._call.operation}, {state}>"

    # Beginning.

    def _begin(self) -> dict[str, Any]:
        """Give the arguments of the request that is sent first."""
        if self._is_begun:
            raise RuntimeError("a stream can be entered once: make another by another call")
        self._is_begun = True
        self._options = options_of(self._call.options)
        self._started = self._calls.clock()
        return self._request(self._options)

    def _request(self, options: FailoverOptions) -> dict[str, Any]:
        call = self._call
        return self._calls.prepare(call.operation, call.payload, call.deployment, options)

    def _opened(self, response: httpx.Response) -> None:
        """Take in that an event stream begins; after a break, that it begins again."""
        self._forget()
        self._headers = response.headers
        self._extend(ledger_of(response) or Ledger(()))

    def _extend(self, ledger: Ledger) -> None:
        """Add the ledger of the latest request to those before it."""
        if self._past is not None:
            ledger = self._past.followed_by(ledger, self._offset)
        self._ledger = ledger

    # Reading.

    def _check(self) -> None:
        """Raise if nothing can come any more, and that is not because all came."""
        if self._raised is not None:
            raise self._raised
        if self._ledger is None:
            raise RuntimeError(_NOT_ENTERED)
        if self._is_closed and not self._is_complete:
            raise RuntimeError("the stream was closed before its end")

    def _closed(self) -> None:
        """Take in that the caller closes the stream."""
        self._is_closed = True
        self._ready.clear()

    def _fail(self, error: BaseException) -> None:
        """Take in what is raised: by the stream, or by who waited for it and was cancelled."""
        self._closed()
        self._raised = error if isinstance(error, Exception) else None

    def _came(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._events.extend(self._decoder.feed(chunk))

    def _ended(self) -> Exception | None:
        """Take in the end of the body; give what broke if it was not the end of the answer."""
        if self._dialect.marker:
            return httpx.RemoteProtocolError(f"the stream ended without {self._dialect.marker}")
        self._complete()
        return None

    def _digest(self) -> Exception | None:
        """Take the next event that came; give what broke if it says that the endpoint failed.

        Raises:
            StatusError: If it says that the request failed.
            InvalidResponseError: If it cannot be read.
        """
        event = self._events.popleft()
        sort = self._dialect.sort(event)
        if sort is Sort.ERROR:
            return self._failure_in(event)
        if event.data.strip() != _DONE:
            self._held.extend(self._read(self._reader.take, event))
        if sort is Sort.END:
            self._complete()
        elif sort is Sort.CONTENT:
            self._come()
        return None

    def _complete(self) -> None:
        """Take in that the answer is complete; what comes after it is not looked at."""
        self._events.clear()
        self._held.extend(self._read(self._reader.end))
        self._is_complete = True
        self._come()

    def _give(self) -> Out | StreamRestarted:
        """Give the next of what is ready."""
        out = self._ready.popleft()
        if isinstance(out, StreamRestarted):
            self._text = Growing()
        elif isinstance(out, TextDelta) and out.index == 0:
            self._text.add(out.text)
        return out

    def _come(self) -> None:
        """Give what was held back while there was no content; say first what it replaces."""
        self._has_come = True
        broken, self._broken = self._broken, None
        if broken is not None and broken.has_come:
            restarted = StreamRestarted(
                endpoint=self.endpoint,
                broken_endpoint=broken.endpoint,
                discarded_text=broken.text,
                error=broken.error,
            )
            self._restarts.append(restarted)
            moved = StreamMoved(
                endpoint=self.endpoint, origin=broken.endpoint, reason=in_words(broken.error)
            )
            self._calls.herald.tell((moved,))
            self._ready.append(restarted)
        self._ready.extend(self._held)
        self._held.clear()

    def _read(self, what: Callable[..., Any], *event: ServerSentEvent) -> Any:  # noqa: ANN401
        try:
            return what(*event)
        except ValueError as error:
            raise InvalidResponseError(
                f"the stream of {self.endpoint} cannot be read: {error}", ledger=self.ledger
            ) from error

    def _failure_in(self, event: ServerSentEvent) -> Exception:
        told = error_in(event)
        status = hidden_status(told)
        error = self._calls.status_error(
            status, told.body, self._headers, self.ledger, what="failed in its stream with"
        )
        error.body = json.loads(told.body)
        if judge_answer(status, error=told.body).effect is Effect.FAILURE:
            return error
        if not self._has_come:
            if self._broken is not None and self._broken.has_come:
                self._give_up(str(error))
            self._calls.raise_error(error, self.ledger)
        raise error

    # Breaking off.

    def _broke(self, error: Exception) -> dict[str, Any]:
        """Take in a break; give the arguments of the request that begins the answer again.

        Raises:
            StreamBrokenError: If it cannot, or may not, begin again.
        """
        forget_frames(error)
        if self._broken is None:  # else what began again broke off before it brought anything
            self._broken = _Break(self.endpoint, error, self._text.whole, self._has_come)
        if (ledger := ledger_of(error)) is not None and isinstance(error, BREAKS):
            self._extend(ledger)
        self._past = Ledger(
            _with_break(self.ledger, self._calls.config.redact(in_words(error))),
            endpoint=self.endpoint,
            is_exhausted=self.ledger.is_exhausted,
        )
        self._ledger = self._past
        self._offset = self._calls.clock() - self._started
        policy, options = self._calls.config.policy, self._options
        deadline = policy.deadline if options.deadline is None else options.deadline
        left = None if deadline is None else deadline - self._offset
        tried = {entry.endpoint for entry in self._past.attempts} | {*options.avoid}
        if self._keeps_text and self._broken.text:
            self._give_up("text that was given alone cannot be taken back")
        if (options.on_stream_break or policy.on_stream_break) == "raise":
            self._give_up('on_stream_break is "raise"')
        if not options.auto_failover:
            self._give_up("auto_failover is off")
        if left is not None and deadline is not None and left < min(LEAST_USEFUL, deadline / 20):
            self._give_up(f"the deadline of {deadline:g} s leaves no time")
        if all(endpoint.name in tried for endpoint in self._calls.config.endpoints):
            self._give_up("no endpoint is left")
        return self._request(attrs.evolve(options, deadline=left, avoid=frozenset(tried)))

    def _failed_again(self, error: RequestError) -> NoReturn:
        """Take in that the answer could not begin again."""
        self._extend(error.ledger or Ledger(()))
        self._give_up(str(error).splitlines()[0].rstrip(":"))

    def _give_up(self, why: str) -> NoReturn:
        broken = self._broken
        assert broken is not None
        if not broken.has_come:
            self._calls.raise_error(broken.error, self.ledger)
        lines = "".join(f"\n  {line}" for line in str(self.ledger).splitlines())
        raise StreamBrokenError(
            self._calls.config.redact(
                f"the stream of {broken.endpoint} broke off ({in_words(broken.error)}) and did not "
                f"begin again: {why}. What came is no whole answer: ask again. Tried:{lines}"
            ),
            text=broken.text,
            ledger=self.ledger,
        ) from broken.error


class ChatStreamBase(StreamBase[ChatDelta]):
    """One streamed chat: what came of it."""

    _reader: Assembler

    def __init__(self, calls: Calls, call: StreamCall) -> None:
        super().__init__(calls, call, Assembler)

    @property
    def text(self) -> str:
        """The text of the first choice so far; after a restart, of the new answer."""
        return self._text.whole

    def _assembled(self) -> ChatCompletion:
        raw = self._reader.completion
        return chat_completion(raw, endpoint=self.endpoint, ledger=self.ledger)


_DONE: Final = "[DONE]"
_OK: Final = 200
_NOT_ENTERED: Final = "the stream is not open: write `with client.stream(…) as stream:`"


def _with_break(ledger: Ledger, error: str) -> tuple[Entry, ...]:
    """Give a ledger's entries, that of the stream with what broke it, if that is not there."""

    def is_whole(entry: Entry) -> bool:
        return entry.endpoint == ledger.endpoint and entry.status == _OK and entry.error is None

    return tuple(
        attrs.evolve(entry, phase=Phase.BODY, error=error) if is_whole(entry) else entry
        for entry in ledger.entries
    )
