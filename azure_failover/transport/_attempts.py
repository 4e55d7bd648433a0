"""One attempt at one endpoint, with its I/O: for a thread, and for a task. Decides nothing.

Read :meth:`Attempts.make` and :meth:`Attempts.amake` side by side. What a thread cannot do, a task
can: be cut when its time is over, or when its endpoint falls silent.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Final, Generic

import anyio

from azure_failover.core.config import Config
from azure_failover.core.events import EndpointFailed, Event
from azure_failover.core.ledger import Phase
from azure_failover.core.steps import Attempt
from azure_failover.core.verdict import Fault
from azure_failover.transport._cutoff import Cutoff
from azure_failover.transport._family import Family, Req, Resp
from azure_failover.transport._headers import value_of
from azure_failover.transport._journey import Journey
from azure_failover.transport._opening import Opener
from azure_failover.transport._reports import Broken, Reports
from azure_failover.transport._retarget import Retargeter
from azure_failover.transport._silence import Alarm
from azure_failover.transport._tokens import Tokens
from azure_failover.transport._upstream import Upstream
from azure_failover.transport._watch import Wire, shielded


class Attempts(Generic[Req, Resp]):
    """Makes attempts. Thread-safe."""

    def __init__(
        self,
        config: Config,
        family: Family[Req, Resp],
        upstream: Upstream[Req, Resp],
        retargeter: Retargeter[Req, Resp],
        reports: Reports[Req, Resp],
        clock: Callable[[], float],
    ) -> None:
        self._family: Final = family
        self._in_memory: Final = family.memory_stream_type
        self._upstream: Final = upstream
        self._retargeter: Final = retargeter
        self._reports: Final = reports
        self._opener: Final = Opener(config, family, clock)
        self._clock: Final = clock
        self._tokens: Final = Tokens(config)
        self._needs_tokens: Final = self._tokens.is_needed
        self._token_timeouts: Final = [endpoint.timeout for endpoint in config.endpoints]
        self._alarm: Final = Alarm(len(config.endpoints))
        self._names: Final = [endpoint.name for endpoint in config.endpoints]

    def heed(self, events: Iterable[Event]) -> None:
        """Cut the tasks that wait at endpoints that have just fallen silent."""
        for event in events:
            if isinstance(event, EndpointFailed) and event.by_silence:
                self.cut_all(self._names.index(event.endpoint))

    def cut_all(self, index: int) -> None:
        """Cut the tasks of this thread that wait at an endpoint which has fallen silent."""
        self._alarm.ring(index)

    def make(
        self,
        index: int,
        journey: Journey[Req],
        time_left: float | None = None,
        *,
        is_fresh: bool = False,
    ) -> Resp | Broken:
        """Make an attempt from a thread.

        Args:
            index: The endpoint.
            journey: The request.
            time_left: Seconds that it may take; None for as long as its phases may.
            is_fresh: Whether it has to go over a new connection.
        """
        wire, token = Wire(), None
        wire.caller = journey.request.extensions.get("trace")
        cutoff = None if time_left is None else Cutoff(time_left, self._clock, self._family)
        try:
            if self._needs_tokens:
                wire.phase = Phase.CONNECT
                token = self._tokens.get(index)
                time_left = None if cutoff is None else cutoff.left()
                wire.phase = Phase.WAIT
            outgoing = self._retargeter.request_for(index, journey, time_left, wire, token)
            upstream = self._upstream
            if is_fresh:
                transport = upstream.fresh_sync_at(index)
            else:
                transport = upstream.known_sync.get(index) or upstream.sync_at(index)
            response = transport.handle_request(outgoing)
            if isinstance(response.stream, self._in_memory):
                return response
            if not _is_json(response.headers):
                if _brings_content(response):
                    wire.phase = Phase.BODY
                    self._opener.open(response, outgoing, journey.operation, cutoff)
                return response
            wire.phase, stream = Phase.BODY, response.stream
            try:
                content = b"".join(stream if cutoff is None else cutoff.chunks(stream))
            finally:
                stream.close()
        except Exception as error:  # noqa: BLE001  (raised again unless the connection is to blame)
            return self._reports.broken(error, wire, was_sent=journey.is_begun)
        response.stream = self._family.memory_stream(content)
        return response

    async def amake(
        self,
        index: int,
        journey: Journey[Req],
        time_left: float | None = None,
        *,
        is_fresh: bool = False,
        wire: Wire | None = None,
    ) -> Resp | Broken:
        """Make an attempt from a task."""
        wire, token = wire or Wire(), None
        wire.caller = journey.request.extensions.get("trace")
        try:
            if self._needs_tokens:
                wire.phase = Phase.CONNECT
                token = await self._tokens.aget(index, self._token_timeouts[index])
                wire.phase = Phase.WAIT
            outgoing = self._retargeter.request_for(
                index, journey, time_left, wire.asynchronous, token
            )
            upstream = self._upstream
            if is_fresh:
                transport = upstream.fresh_async_at(index)
            else:
                transport = upstream.known_async.get(index) or upstream.async_at(index)
            response = await transport.handle_async_request(outgoing)
            if isinstance(response.stream, self._in_memory):
                return response
            if not _is_json(response.headers):
                if _brings_content(response):
                    wire.phase = Phase.BODY
                    await self._opener.aopen(response, outgoing, journey.operation)
                return response
            wire.phase, stream = Phase.BODY, response.stream
            try:
                content = b"".join([chunk async for chunk in stream])
            except BaseException:
                await shielded(stream.aclose())
                raise
            await stream.aclose()
        except Exception as error:  # noqa: BLE001  (raised again unless the connection is to blame)
            return self._reports.broken(error, wire, was_sent=journey.is_begun)
        response.stream = self._family.memory_stream(content)
        return response

    async def aguarded(
        self, attempt: Attempt, journey: Journey[Req], time_left: float | None
    ) -> Resp | Broken:
        """Make an attempt; if many wait at its endpoint, it is cut when that falls silent."""
        make = self.acut if attempt.ticket.is_crowded else self._within
        return await make(attempt.index, journey, time_left, is_fresh=attempt.is_fresh)

    def acut(
        self,
        index: int,
        journey: Journey[Req],
        time_left: float | None = None,
        *,
        is_fresh: bool = False,
    ) -> Coroutine[Any, Any, Resp | Broken]:
        """Make an attempt that is cut when its endpoint falls silent."""
        make = self.amake if time_left is None else self._within
        attempt = make(index, journey, time_left, is_fresh=is_fresh)
        return self._alarm.cut(index, attempt, partial(self._silent, journey))

    def _silent(self, journey: Journey[Req]) -> Broken:
        error = self._family.timeout_error("cut: the endpoint has fallen silent")
        return Broken(error, Fault.SILENT, Phase.WAIT, was_sent=journey.is_begun)

    async def _within(
        self, index: int, journey: Journey[Req], time_left: float | None, *, is_fresh: bool
    ) -> Resp | Broken:
        """Make an attempt that is cut when its time is over, wherever it is then."""
        if time_left is None:
            return await self.amake(index, journey, is_fresh=is_fresh)
        wire = Wire()
        with anyio.move_on_after(time_left):
            return await self.amake(index, journey, time_left, is_fresh=is_fresh, wire=wire)
        is_pooled = self._upstream.has_own_pools
        return self._reports.cut(time_left, wire, is_pooled=is_pooled, was_sent=journey.is_begun)


def _is_json(headers: Mapping[str, str]) -> bool:
    """Tell whether a body is JSON, and so belongs to the attempt."""
    kind = value_of(b"content-type", headers)
    if kind != b"application/json":
        kind = kind.partition(b";")[0].strip().lower()
    return kind == b"application/json" or kind.endswith(b"+json")


def _brings_content(response: Any) -> bool:  # noqa: ANN401
    """Tell whether an open body is worth waiting for: a success that does not hide a 429."""
    return 200 <= response.status_code < 300 and "retry-after" not in response.headers  # noqa: PLR2004
