"""Watches what cannot be seen from outside: whether a connection was reused, how a body ended.

Passes everything on untouched; only takes notes.
"""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import suppress
from typing import Any, Protocol, cast

import anyio

from azure_failover.core.ledger import Phase
from azure_failover.core.sse import StreamError
from azure_failover.transport._event_stream import EventStream


class Wire:
    """A ``trace`` extension for one attempt that sees whether the pool opened a connection.

    httpx hands it to httpcore, which calls it with the name of each step ("Request extensions"
    in httpcore's documentation). A trace that the caller had set is called as well; without one, it
    takes itself out of the request when it has seen enough, since each further step would cost.
    """

    # Defaults of the class instead of a constructor: one call less for each attempt.
    caller: Callable[[str, Any], Any] | None = None
    """The trace that the caller had set."""
    phase = Phase.WAIT
    """How far the driver has come: CONNECT before it sends, BODY when it reads on."""
    connected = False
    sent = False

    @property
    def is_reused(self) -> bool:
        """Whether the request went out over a connection that had been there before."""
        return self.sent and not self.connected

    def __call__(self, name: str, info: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Note a step, for a thread."""
        if not self.sent:
            self._note(name, info)
        return None if self.caller is None else self.caller(name, info)

    async def asynchronous(self, name: str, info: Mapping[str, Any]) -> None:
        """Note a step, for a task."""
        if not self.sent:  # what follows makes no difference
            self._note(name, info)
        if self.caller is not None:
            result = self.caller(name, info)
            if inspect.isawaitable(result):
                await result

    def _note(self, name: str, info: Mapping[str, Any]) -> None:
        if name.endswith("send_request_headers.started"):
            self.sent = True
            if self.caller is None and "request" in info:
                info["request"].extensions.pop("trace", None)
        elif ".connect_" in name:
            self.connected = True


def was_answered(error: BaseException) -> bool:
    """Tell whether bytes of an answer had come when a connection broke.

    What came then was not HTTP: httpcore raises such an error from its parser's, h11's.
    """
    cause = error.__cause__
    while cause is not None:
        if type(cause).__module__.partition(".")[0] == "h11":
            return True
        cause = cause.__cause__
    return False


class BodyNotes(Protocol):
    """Who is told how a delivered body fares."""

    def saw(self, chunk: bytes) -> None:
        """A piece came."""

    def came(self) -> None:
        """The first piece came, or the end of an empty body."""

    def told(self, error: StreamError) -> None:
        """An event stream brought an error."""

    def broke(self, error: Exception) -> None:
        """The body broke off."""

    def abandoned(self) -> None:
        """The caller closed it before anything came."""


class Watched:
    """A body stream that tells its notes of the first piece, a break, and an early end.

    Each family mixes it with its own stream base classes, which its clients insist on.
    """

    def __init__(
        self,
        stream: Any,  # noqa: ANN401  (one of the family's)
        chunks: Any = None,  # noqa: ANN401
        held: Sequence[bytes] = (),
        events: EventStream | None = None,
    ) -> None:
        """Take a body over.

        Args:
            stream: The body, to be closed.
            chunks: Its iterator for a thread or for a task, if it has been begun.
            held: The pieces that came already.
            events: Who goes with it, if it is an event stream.
        """
        self._stream = stream
        self._chunks = chunks
        self._held = held
        self._events = events
        self._is_known = chunks is not None
        self._is_over = False
        self.notes: BodyNotes | None = None
        """Who is told; set before the body is read, if anybody is."""
        self.is_curious = False
        """Whether the notes are shown each piece."""

    @property
    def error(self) -> StreamError | None:
        """What an event stream said in place of content, if that was an error."""
        return None if self._events is None else self._events.error

    def __iter__(self) -> Iterator[bytes]:
        saw, events = self._saw(), self._events
        wanted = events.wanted if events is not None and events.cuts else None
        is_late = False
        try:
            held, self._held = self._held, ()
            yield from held
            if wanted is not None:
                wanted()
            for chunk in self._stream if self._chunks is None else self._chunks:
                if events is None:
                    self._came()
                elif wanted is not None:
                    events.saw(chunk)
                elif not (is_event := events.passed(chunk)) or is_late:
                    is_late = events.noted(is_event=is_event)
                if saw is not None:
                    saw(chunk)
                yield chunk
                if wanted is not None:
                    wanted()
        except Exception as error:  # noqa: BLE001  (raised again, or replaced)
            self._ended(error)
        else:
            self._ended(None)

    def close(self) -> None:
        """Close the stream."""
        self._leave()
        self._stream.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        saw, events = self._saw(), self._events
        is_late = False
        chunks: AsyncIterator[bytes] = self._chunks or aiter(self._stream)
        in_time = chunks if events is None else events.in_time(chunks)
        try:
            held, self._held = self._held, ()
            for chunk in held:
                yield chunk
            async for chunk in in_time:
                if events is None:
                    self._came()
                elif not (is_event := events.passed(chunk)) or is_late:
                    is_late = events.noted(is_event=is_event)
                if saw is not None:
                    saw(chunk)
                yield chunk
        except Exception as error:  # noqa: BLE001  (raised again, or replaced)
            self._ended(error)
        else:
            self._ended(None)
        finally:
            for generator in (in_time, chunks):
                await ended(generator)

    async def aclose(self) -> None:
        """Close the stream, even under cancellation."""
        self._leave()
        with anyio.CancelScope(shield=True):
            with suppress(RuntimeError):  # another task is reading: the stream's end ends that
                await ended(self._chunks)
            await self._stream.aclose()

    def _saw(self) -> Callable[[bytes], None] | None:
        """Give what is to be shown each piece, if anything is; it has seen what came already."""
        if self.notes is None or not self.is_curious:
            return None
        for chunk in self._held:
            self.notes.saw(chunk)
        return self.notes.saw

    def _came(self) -> None:
        if not self._is_known:
            self._is_known = True
            if self.notes is not None:
                self.notes.came()

    def _ended(self, error: Exception | None) -> None:
        """Tell the end to the notes; raise what the caller has to know of it."""
        self._finish()
        if self._events is not None:
            error = self._events.settled(error)
        if error is None:
            self._came()
            return
        self._is_known = True
        if self.notes is not None:
            self.notes.broke(error)
        raise error

    def _leave(self) -> None:
        """Take in that the caller reads no further."""
        self._finish()
        if not self._is_known:
            self._is_known = True
            if self.notes is not None:
                self.notes.abandoned()

    def _finish(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._events is not None:
            told = self._events.finish()
            if told is not None and self.notes is not None:
                self.notes.told(told)


async def ended(chunks: object) -> None:
    """End a generator; its collection would have to await."""
    if isinstance(chunks, AsyncGenerator):
        await cast("AsyncGenerator[bytes]", chunks).aclose()


async def shielded(closing: Awaitable[None]) -> None:
    """Await a closing to its end, even if the task is being cancelled."""
    with anyio.CancelScope(shield=True):
        await closing
