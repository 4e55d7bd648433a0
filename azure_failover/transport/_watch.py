"""Watches what cannot be seen from outside: whether a connection was reused, how a body ended.

Passes everything on untouched; only takes notes.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol

import anyio

from azure_failover.core.ledger import Phase


class Wire:
    """A ``trace`` extension for one attempt that sees whether the pool opened a connection.

    httpx hands it to httpcore, which calls it with the name of each step ("Request extensions"
    in httpcore's documentation). A trace that the caller had set is called as well.
    """

    __slots__ = ("_caller", "connected", "phase", "sent")

    def __init__(self, caller: Callable[[str, Any], Any] | None) -> None:
        self._caller = caller
        self.phase = Phase.WAIT
        """How far the driver has come: CONNECT before it sends, BODY when it reads on."""
        self.connected = False
        self.sent = False

    @property
    def is_reused(self) -> bool:
        """Whether the request went out over a connection that had been there before."""
        return self.sent and not self.connected

    def __call__(self, name: str, info: Any) -> Any:  # noqa: ANN401  (httpcore's signature)
        """Note a step, for a thread."""
        self._note(name)
        return None if self._caller is None else self._caller(name, info)

    async def asynchronous(self, name: str, info: Any) -> None:  # noqa: ANN401
        """Note a step, for a task."""
        self._note(name)
        if self._caller is not None:
            result = self._caller(name, info)
            if inspect.isawaitable(result):
                await result

    def _note(self, name: str) -> None:
        if ".connect_" in name:
            self.connected = True
        elif name.endswith("send_request_headers.started"):
            self.sent = True


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

    @property
    def is_curious(self) -> bool:
        """Whether each piece is to be shown."""
        ...

    def saw(self, chunk: bytes) -> None:
        """A piece came, if pieces are to be shown."""

    def came(self) -> None:
        """The first piece came, or the end of an empty body."""

    def broke(self, error: Exception) -> None:
        """The body broke off."""

    def abandoned(self) -> None:
        """The caller closed it before anything came."""


class Watched:
    """A body stream that tells its notes of the first piece, a break, and an early end.

    Each family mixes it with its own stream base classes, which its clients insist on.
    """

    def __init__(self, stream: Any, notes: BodyNotes) -> None:  # noqa: ANN401
        self._stream = stream
        self._notes = notes
        self._is_curious = notes.is_curious
        self._is_known = False

    def _came(self) -> None:
        if not self._is_known:
            self._is_known = True
            self._notes.came()

    def _broke(self, error: Exception) -> None:
        self._is_known = True
        self._notes.broke(error)

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._stream:
                if not self._is_known:
                    self._came()
                if self._is_curious:
                    self._notes.saw(chunk)
                yield chunk
        except Exception as error:
            self._broke(error)
            raise
        self._came()

    def close(self) -> None:
        """Close the stream."""
        if not self._is_known:
            self._is_known = True
            self._notes.abandoned()
        self._stream.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._stream)
        try:
            async for chunk in chunks:
                if not self._is_known:
                    self._came()
                if self._is_curious:
                    self._notes.saw(chunk)
                yield chunk
        except Exception as error:
            self._broke(error)
            raise
        finally:
            if isinstance(chunks, AsyncGenerator):  # else its collection would have to await
                await chunks.aclose()
        self._came()

    async def aclose(self) -> None:
        """Close the stream, even under cancellation."""
        if not self._is_known:
            self._is_known = True
            self._notes.abandoned()
        await shielded(self._stream.aclose())


async def shielded(closing: Awaitable[None]) -> None:
    """Await a closing to its end, even if the task is being cancelled."""
    with anyio.CancelScope(shield=True):
        await closing
