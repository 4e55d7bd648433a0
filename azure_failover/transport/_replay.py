"""Bodies that can be read only once: kept if they are small, sent only once if they are not.

An attempt can be repeated only if its body can. Bodies in memory can; generators and files are read
into memory up to the policy's ``buffer_limit``, and what is longer is passed on as it comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, Generic

from azure_failover.transport._family import Family, Req


class Once:
    """A body that is sent once: the part that was read already, and the rest as it comes.

    Each family mixes it with its own stream base classes, which its clients insist on.
    """

    def __init__(self, stream: Any, head: list[bytes], rest: Any) -> None:  # noqa: ANN401
        self._stream = stream
        self._head = head
        self._rest = rest
        self.has_begun = False
        """Whether some of it may have been sent."""

    def __iter__(self) -> Iterator[bytes]:
        self.has_begun = True
        yield from self._head
        yield from self._rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.has_begun = True
        for chunk in self._head:
            yield chunk
        async for chunk in self._rest:
            yield chunk

    def close(self) -> None:
        """Close what it was read from."""
        self._stream.close()

    async def aclose(self) -> None:
        """Close what it was read from."""
        await self._stream.aclose()


class Buffer(Generic[Req]):
    """Takes the bodies of incoming requests that are not in memory yet, up to a limit."""

    def __init__(self, family: Family[Req, Any], limit: int) -> None:
        self._family: Final = family
        self._limit: Final = limit

    def take(self, request: Req) -> bytes | Once:
        """Read a body into memory, or give it as one to be sent once, for a thread."""
        stream: Any = request.stream
        head: list[bytes] = []
        chunks, left = iter(stream), self._limit
        if self._may_fit(request):
            for chunk in chunks:
                head.append(chunk)
                left -= len(chunk)
                if left < 0:
                    break
            else:
                return b"".join(head)
        once: Once = self._family.once_stream(stream, head, chunks)
        return once

    async def atake(self, request: Req) -> bytes | Once:
        """Read a body into memory, or give it as one to be sent once, for a task."""
        stream: Any = request.stream
        head: list[bytes] = []
        chunks, left = aiter(stream), self._limit
        if self._may_fit(request):
            async for chunk in chunks:
                head.append(chunk)
                left -= len(chunk)
                if left < 0:
                    break
            else:
                return b"".join(head)
        once: Once = self._family.once_stream(stream, head, chunks)
        return once

    def _may_fit(self, request: Req) -> bool:
        """Tell whether the length that the request announces, if any, is within the limit."""
        announced = request.headers.get("content-length", "")
        return not announced.isdecimal() or int(announced) <= self._limit
