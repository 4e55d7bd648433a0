"""Streamed answers piece by piece, as loops of ``for`` take them without a block. Decides nothing.

What is read of a stream's events is the caller's; that a break is told, and never papered over, is
seen to here. The sync and the async side stand next to each other and differ in ``await``.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from types import TracebackType
from typing import Generic, Self, TypeAlias, TypeVar

import attrs

from azure_failover._client_streams import AsyncStream, Stream
from azure_failover.streams import StreamRestarted
from azure_failover.transport._options import failover_options

In = TypeVar("In")
Out = TypeVar("Out")
OnRestart: TypeAlias = Callable[[StreamRestarted], None]
"""Told that what came so far is void, since the answer begins again; called before it does."""


@attrs.frozen
class Reading(Generic[In, Out]):
    """How a stream is read.

    Attributes:
        take: Gives the pieces of an event.
        end: Gives the pieces that stand for the end; asked when the stream is complete.
        on_restart: Told of restarts; None forbids them.
        around: Gives what stands around each step: other code may run between two of them.
    """

    take: Callable[[In], Iterable[Out]]
    end: Callable[[], Iterable[Out]]
    on_restart: OnRestart | None
    around: Callable[[], AbstractContextManager[object]] = nullcontext

    def __attrs_post_init__(self) -> None:
        if inspect.iscoroutinefunction(self.on_restart):
            raise TypeError(
                "on_restart= is a coroutine function, and nobody awaits it: give a plain one"
            )

    def opening(self) -> AbstractContextManager[object]:
        """Give what stands around the first step."""
        with ExitStack() as stack:
            stack.enter_context(self.around())
            if self.on_restart is None:
                stack.enter_context(failover_options(on_stream_break="raise"))
            return stack.pop_all()

    def pieces(self, event: In | StreamRestarted) -> Iterable[Out]:
        """Give the pieces of an event, none for a restart, which is told."""
        if not isinstance(event, StreamRestarted):
            return self.take(event)
        assert self.on_restart is not None
        self.on_restart(event)
        return ()


class Pieces(Generic[Out]):
    """A streamed answer, piece by piece, for loops in threads; see :class:`AsyncPieces`."""

    def __init__(self, stream: Stream[In], reading: Reading[In, Out]) -> None:
        self._tail: deque[Out] = deque()
        self._pieces = self._flow(stream, reading)

    def _flow(self, stream: Stream[In], reading: Reading[In, Out]) -> Generator[Out]:
        with reading.opening():
            stream.__enter__()
        try:
            while True:
                with reading.around():
                    event = next(stream, None)
                if event is None:
                    break
                yield from reading.pieces(event)
        finally:
            stream.close()
        self._tail.extend(reading.end())

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Out:
        try:
            return next(self._pieces)
        except StopIteration:
            if not self._tail:
                raise
        return self._tail.popleft()

    def close(self) -> None:
        """Close the connection, if the stream is not over; nothing more is read."""
        self._pieces.close()
        self._tail.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()


class AsyncPieces(Generic[Out]):
    """A streamed answer, piece by piece.

    ::

        async for piece in pieces:
            ...

    The last piece comes when the connection is free again: a loop may end there, or go on to its
    end. One that may end earlier stands in ``async with pieces:``, so that the connection is
    closed at once, and not when the garbage collector finds it.
    """

    def __init__(self, stream: AsyncStream[In], reading: Reading[In, Out]) -> None:
        self._tail: deque[Out] = deque()
        self._pieces = self._flow(stream, reading)

    async def _flow(
        self, stream: AsyncStream[In], reading: Reading[In, Out]
    ) -> AsyncGenerator[Out]:
        with reading.opening():
            await stream.__aenter__()
        try:
            while True:
                with reading.around():
                    event = await anext(stream, None)
                if event is None:
                    break
                for piece in reading.pieces(event):
                    yield piece
        finally:
            await stream.aclose()
        self._tail.extend(reading.end())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Out:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            if not self._tail:
                raise
        return self._tail.popleft()

    async def aclose(self) -> None:
        """Close the connection, if the stream is not over; nothing more is read."""
        await self._pieces.aclose()
        self._tail.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()
