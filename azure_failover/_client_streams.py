"""The streams of both clients: reading, sending again, closing.

What a stream means is decided in :mod:`azure_failover._stream_base` and
:mod:`azure_failover.streams`. The sync and the async classes stand side by side and differ in
``await``. They are iterators, not generators: one that is left needs no finalizer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

import httpx

from azure_failover._client_base import Calls
from azure_failover._stream_base import BREAKS, ChatStreamBase, StreamBase, StreamCall
from azure_failover.chat import ChatCompletion
from azure_failover.core.errors import RequestError
from azure_failover.core.sse import ServerSentEvent
from azure_failover.streams import ChatDelta, Out, StreamRestarted, TextDelta, Verbatim
from azure_failover.transport._watch import shielded

Open: TypeAlias = Callable[[dict[str, Any]], httpx.Response]
"""Sends a request, and gives its answer if that is an event stream."""
AsyncOpen: TypeAlias = Callable[[dict[str, Any]], Awaitable[httpx.Response]]


class Stream(StreamBase[Out]):
    """A streamed call of :class:`~azure_failover.Client`. Not thread-safe."""

    _open: Open
    _response: httpx.Response | None = None
    _chunks: Iterator[bytes]

    def __enter__(self) -> Self:
        call = self._begin()
        try:
            self._connect(call)
            while not self._has_come:
                self._step()
        except BaseException as error:
            self._fail(error)
            self._disconnect()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Out | StreamRestarted:
        if not self._ready and not self._advance():
            raise StopIteration
        return self._give()

    def close(self) -> None:
        """Close the connection, if the stream is not over; nothing more is read."""
        self._closed()
        self._disconnect()

    def _advance(self) -> bool:
        """Read until there is something to give; tell whether there is."""
        self._check()
        try:
            while not self._ready:
                if self._is_complete:
                    self._disconnect(is_over=True)
                    return False
                self._step()
        except BaseException as error:
            self._fail(error)
            self._disconnect()
            raise
        return True

    def _step(self) -> None:
        """Take the next event, or read on; begin again if something broke."""
        broke = self._digest() if self._events else self._receive()
        if broke is not None:
            self._begin_again(broke)

    def _receive(self) -> Exception | None:
        """Read on; give what broke."""
        try:
            chunk = next(self._chunks, None)
        except BREAKS as error:
            return error
        if chunk is None:
            return self._ended()
        self._came(chunk)
        return None

    def _begin_again(self, broke: Exception) -> None:
        self._disconnect()
        call = self._broke(broke)
        try:
            self._connect(call)
        except RequestError as error:
            self._failed_again(error)

    def _connect(self, call: dict[str, Any]) -> None:
        response = self._open(call)
        self._response, self._chunks = response, response.iter_bytes()
        self._opened(response)

    def _disconnect(self, *, is_over: bool = False) -> None:
        """Close the response; one that is over is read to its end, to keep its connection."""
        response, self._response = self._response, None
        if response is None:
            return
        if is_over:
            with suppress(*BREAKS):
                next(self._chunks, None)
        with suppress(Exception):  # what cannot be closed is gone
            response.close()


class AsyncStream(StreamBase[Out]):
    """A streamed call of :class:`~azure_failover.AsyncClient`, for one task at a time."""

    _open: AsyncOpen
    _response: httpx.Response | None = None
    _chunks: AsyncGenerator[bytes]

    async def __aenter__(self) -> Self:
        call = self._begin()
        try:
            await self._connect(call)
            while not self._has_come:
                await self._step()
        except BaseException as error:
            self._fail(error)
            await self._disconnect()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Out | StreamRestarted:
        if not self._ready and not await self._advance():
            raise StopAsyncIteration
        return self._give()

    async def aclose(self) -> None:
        """Close the connection, if the stream is not over; nothing more is read."""
        self._closed()
        await self._disconnect()

    async def _advance(self) -> bool:
        """Read until there is something to give; tell whether there is."""
        self._check()
        try:
            while not self._ready:
                if self._is_complete:
                    await self._disconnect(is_over=True)
                    return False
                await self._step()
        except BaseException as error:
            self._fail(error)
            await self._disconnect()
            raise
        return True

    async def _step(self) -> None:
        """Take the next event, or read on; begin again if something broke."""
        broke = self._digest() if self._events else await self._receive()
        if broke is not None:
            await self._begin_again(broke)

    async def _receive(self) -> Exception | None:
        """Read on; give what broke."""
        try:
            chunk = await anext(self._chunks, None)
        except BREAKS as error:
            return error
        if chunk is None:
            return self._ended()
        self._came(chunk)
        return None

    async def _begin_again(self, broke: Exception) -> None:
        await self._disconnect()
        call = self._broke(broke)
        try:
            await self._connect(call)
        except RequestError as error:
            self._failed_again(error)

    async def _connect(self, call: dict[str, Any]) -> None:
        response = await self._open(call)
        self._response = response
        self._chunks = cast("AsyncGenerator[bytes]", response.aiter_bytes())
        self._opened(response)

    async def _disconnect(self, *, is_over: bool = False) -> None:
        """Close the response; one that is over is read to its end, to keep its connection."""
        response, self._response = self._response, None
        if response is None:
            return
        try:
            if is_over:
                with suppress(*BREAKS):
                    await anext(self._chunks, None)
        finally:
            with suppress(Exception):  # what cannot be closed is gone
                await shielded(self._aclose(response))

    async def _aclose(self, response: httpx.Response) -> None:
        await self._chunks.aclose()
        await response.aclose()


class ChatStream(ChatStreamBase, Stream[ChatDelta]):
    """A chat that is answered piece by piece; made by :meth:`~azure_failover.Client.stream`.

    ::

        with client.stream("Hello") as stream:
            for event in stream:
                match event:
                    case TextDelta(text=text):
                        print(text, end="")
                    case StreamRestarted():
                        print("(from the beginning)")

    Raises:
        StreamBrokenError: While it is read: it broke off, and could not or may not begin again.
        StatusError: While it is read: the endpoint said in the stream that the request failed.
        InvalidResponseError: While it is read: what came cannot be read.
    """

    def __init__(self, calls: Calls, call: StreamCall, open_: Open) -> None:
        super().__init__(calls, call)
        self._open = open_

    def texts(self) -> Texts:
        """Give the text of the first choice alone, piece by piece.

        Text that was given cannot be taken back by more text. So once some was, a stream that
        breaks off raises :class:`~azure_failover.StreamBrokenError` and does not begin again.
        """
        self._keeps_text = True
        return Texts(self)

    def completion(self) -> ChatCompletion:
        """Give the whole answer, as :meth:`~azure_failover.Client.chat` does; reads what is left.

        Raises:
            RuntimeError: If the stream was closed before its end.
        """
        while self._advance():
            self._give()
        return self._assembled()


class AsyncChatStream(ChatStreamBase, AsyncStream[ChatDelta]):
    """The twin of :class:`ChatStream`; made by :meth:`~azure_failover.AsyncClient.stream`."""

    def __init__(self, calls: Calls, call: StreamCall, open_: AsyncOpen) -> None:
        super().__init__(calls, call)
        self._open = open_

    def texts(self) -> AsyncTexts:
        """Give the text of the first choice alone; see :meth:`ChatStream.texts`."""
        self._keeps_text = True
        return AsyncTexts(self)

    async def completion(self) -> ChatCompletion:
        """Give the whole answer; see :meth:`ChatStream.completion`."""
        while await self._advance():
            self._give()
        return self._assembled()


class EventStream(Stream[ServerSentEvent]):
    """The events of any operation; made by :meth:`~azure_failover.Client.stream_request`.

    Iterating gives each event but the marker ``[DONE]``, and
    :class:`~azure_failover.StreamRestarted` where the answer begins again. Raises as
    :class:`ChatStream` does.
    """

    def __init__(self, calls: Calls, call: StreamCall, open_: Open) -> None:
        super().__init__(calls, call, Verbatim)
        self._open = open_


class AsyncEventStream(AsyncStream[ServerSentEvent]):
    """The twin of :class:`EventStream`."""

    def __init__(self, calls: Calls, call: StreamCall, open_: AsyncOpen) -> None:
        super().__init__(calls, call, Verbatim)
        self._open = open_


class Texts:
    """The text of a stream's first choice, piece by piece."""

    def __init__(self, stream: ChatStream) -> None:
        self._stream = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        while True:
            event = next(self._stream)
            if isinstance(event, TextDelta) and event.index == 0:
                return event.text


class AsyncTexts:
    """The twin of :class:`Texts`."""

    def __init__(self, stream: AsyncChatStream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            event = await anext(self._stream)
            if isinstance(event, TextDelta) and event.index == 0:
                return event.text
