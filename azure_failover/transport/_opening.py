"""Opens a body inside its attempt: up to its first piece, or an event stream to its first content.

What goes wrong until then is the attempt's failure, and so another endpoint's chance.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final, Generic

import anyio

from azure_failover.core.config import Config
from azure_failover.core.sse import Opening, dialect_of
from azure_failover.transport._cutoff import Cutoff
from azure_failover.transport._event_stream import EventStream
from azure_failover.transport._family import Family, Req, Resp
from azure_failover.transport._watch import ended, shielded
from azure_failover.transport._watchdog import Guard, Watchdog


class Opener(Generic[Req, Resp]):
    """Opens bodies. Thread-safe."""

    def __init__(
        self, config: Config, family: Family[Req, Resp], clock: Callable[[], float]
    ) -> None:
        self._family: Final = family
        self._first_token: Final = config.policy.first_token_timeout
        self._idle: Final = config.policy.stream_idle_timeout
        self._clock: Final = clock
        self._watchdog: Final = Watchdog(clock)

    def open(self, response: Resp, request: Req, operation: str, cutoff: Cutoff | None) -> None:
        """Read on from a thread until the body has begun; give the response a stream that has."""
        stream, opening = response.stream, _opening(response, operation)
        guard = None if opening is None else self._watchdog.guard(response, self._first_token)
        ends = self._clock() + self._patience(request)
        held: list[bytes] = []
        try:
            chunks: Iterator[bytes] = iter(stream)
            for chunk in chunks:
                held.append(chunk)
                if chunk if opening is None else opening.is_over(chunk):
                    break
                self._check(ends)
                if cutoff is not None:
                    cutoff.check()
            else:
                self._check_end(opening, guard)
                stream.close()
                response.stream = self._family.memory_stream(b"".join(held))
                return
        except BaseException as error:
            stream.close()
            if _has_bitten(guard):
                raise self._overdue() from error
            raise
        if _has_bitten(guard):  # just now: the content came too late
            stream.close()
            raise self._overdue()
        guard = None if opening is None else self._watchdog.guard(response, self._idle)
        response.stream = self._begun(stream, chunks, held, opening, request, guard)

    async def aopen(self, response: Resp, request: Req, operation: str) -> None:
        """Read on from a task until the body has begun; give the response a stream that has."""
        stream, opening = response.stream, _opening(response, operation)
        ends = self._clock() + self._patience(request)
        held: list[bytes] = []
        chunks: AsyncIterator[bytes] | None = None
        try:
            chunks = aiter(stream)
            with anyio.move_on_after(None if opening is None else self._first_token) as scope:
                async for chunk in chunks:
                    held.append(chunk)
                    if chunk if opening is None else opening.is_over(chunk):
                        break
                    self._check(ends)
                else:
                    self._check_end(opening, None)
                    await stream.aclose()
                    response.stream = self._family.memory_stream(b"".join(held))
                    return
            if scope.cancelled_caught:
                raise self._overdue()
        except BaseException:
            await shielded(ended(chunks))
            await shielded(stream.aclose())
            raise
        response.stream = self._begun(stream, chunks, held, opening, request, None)

    def _begun(
        self,
        stream: object,
        chunks: object,
        held: list[bytes],
        opening: Opening | None,
        request: Req,
        guard: Guard | None,
    ) -> Any:  # noqa: ANN401  (one of the family's streams)
        if opening is None:
            return self._family.watched_stream(stream, chunks, held)
        idle = _read_timeout(request) if self._idle is None else self._idle
        cuts = self._idle is not None
        events = EventStream(opening, self._family, self._clock, idle, cuts=cuts, guard=guard)
        return self._family.watched_stream(stream, chunks, held, events)

    def _patience(self, request: Req) -> float:
        """Give the seconds that may pass until the first content, whatever bytes come."""
        return self._first_token or _read_timeout(request)

    def _check(self, ends: float) -> None:
        if self._clock() >= ends:
            raise self._overdue()

    def _check_end(self, opening: Opening | None, guard: Guard | None) -> None:
        if _has_bitten(guard) or (opening is not None and not opening.may_end):
            raise self._family.protocol_error("the stream ended before its first content")

    def _overdue(self) -> Exception:
        return self._family.timeout_error("no content came in time")


def _opening(response: Any, operation: str) -> Opening | None:  # noqa: ANN401
    """Give what reads the opening of an event stream; None for any other body.

    An event stream that is compressed is not looked into.
    """
    headers = response.headers
    if not is_event_stream(headers) or headers.get("content-encoding", "identity") != "identity":
        return None
    return Opening(dialect_of(operation))


def is_event_stream(headers: Mapping[str, str]) -> bool:
    """Tell whether a body consists of server-sent events."""
    return headers.get("content-type", "").lower().startswith("text/event-stream")


def _read_timeout(request: Any) -> float:  # noqa: ANN401
    """Give the seconds for which the attempt waits for a byte."""
    seconds: float = request.extensions["timeout"]["read"]
    return seconds


def _has_bitten(guard: Guard | None) -> bool:
    return guard is not None and guard.release()
