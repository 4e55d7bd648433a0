"""The journey with I/O: once for threads, once for tasks, for either HTTP family.

Everything that can be decided without blocking is decided in
:class:`~azure_failover.core.flight.Flight`; what is left here is sending, reading, closing and
raising. Read :meth:`Driver.send` and :meth:`Driver.asend` side by side: they differ in ``await``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Generic, TypeGuard, assert_never

import anyio
import attrs

from azure_failover.core.config import Config
from azure_failover.core.fleet import Fleet, Reach, Status
from azure_failover.core.flight import (
    Answered,
    Attempt,
    Command,
    Deliver,
    Discard,
    Failed,
    Flight,
    GiveUp,
    Send,
    Wait,
    Woke,
)
from azure_failover.core.health import Ticket
from azure_failover.core.ledger import Ledger, Phase, one_answer
from azure_failover.core.verdict import Effect, Fault, retry_after
from azure_failover.transport._family import Family, Req, Resp, Url
from azure_failover.transport._labels import forget_frames, label_error, label_response
from azure_failover.transport._log import log, log_foreign
from azure_failover.transport._options import (
    DEFAULT_OPTIONS,
    EXTENSION,
    options_of,
)
from azure_failover.transport._retarget import Journey, Retargeter
from azure_failover.transport._runtime import Runtime
from azure_failover.transport._upstream import Upstream
from azure_failover.transport._watch import Wire, shielded, was_answered

_BELOW_THE_FAMILY = (
    OSError,
    EOFError,
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
)
"""What leaks through httpx at times although the connection is to blame."""


class Driver(Generic[Req, Resp]):
    """Sends requests over a fleet. Thread-safe; shared by threads and tasks."""

    def __init__(
        self,
        config: Config,
        family: Family[Req, Resp],
        upstream: Upstream[Req, Resp],
        runtime: Runtime,
    ) -> None:
        self.fleet = Fleet(config, random=runtime.random)
        self._family = family
        self._in_memory = family.memory_stream_type
        self._upstream = upstream
        self._runtime = runtime
        self.clock = runtime.clock
        self._deadline = config.policy.deadline
        self._primary = config.primary.name
        self._retargeter = Retargeter(config, family)
        self._has_warned_of: set[tuple[str, bytes]] = set()

    def status(self) -> Status:
        """Tell which endpoint is in use and how all of them do."""
        return self.fleet.status(self.clock())

    # The journey, for threads.

    def send(self, request: Req) -> Resp:
        """Send a request from a thread."""
        journey = self._journey(request)
        if journey is None:
            url = self._foreign(request.url)
            return self._upstream.sync_for(*url).handle_request(request)
        journey.body = request.read()
        flight = None
        ticket = self.fleet.first(journey.started) if journey.is_usual else None
        try:
            if ticket is None:
                flight = self._flight(journey)
                command = flight.begin(journey.started)
            else:
                result = self._attempt(0, journey, None)
                if self._landed(result, ticket, journey.started):
                    return result
                flight = self._flight(journey)
                command = self._told(flight, flight.take_off(ticket), result)
            while True:
                match command:
                    case Send():
                        result = self._attempt(command.attempt.index, journey, command.time_left)
                        command = self._told(flight, command.attempt, result)
                    case Deliver():
                        return self._delivered(flight, command)
                    case Discard():
                        with suppress(Exception):  # a loser that cannot be closed lost already
                            command.response.close()
                        command = flight.proceed(self.clock())
                    case Wait():
                        self._runtime.sleep(command.seconds)
                        command = flight.tell(Woke(), self.clock())
                    case GiveUp():
                        raise self._final_error(flight, command.error)
                    case _:
                        assert_never(command)
        except BaseException:
            self._cancelled(flight, ticket)
            raise

    def _attempt(
        self, index: int, journey: Journey[Req], time_left: float | None
    ) -> Resp | _Broken:
        phase = Phase.WAIT
        wire = Wire(journey.request.extensions.get("trace"))
        outgoing = self._retargeter.request_for(index, journey, time_left, wire)
        try:
            response = self._upstream.sync_at(index).handle_request(outgoing)
            if isinstance(response.stream, self._in_memory) or not _is_json(response.headers):
                return response
            phase, stream = Phase.BODY, response.stream
            try:
                content = b"".join(stream)
            finally:
                stream.close()
        except Exception as error:  # noqa: BLE001  (raised again unless the connection is to blame)
            return self._broken(error, phase, wire)
        response.stream = self._family.memory_stream(content)
        return response

    # The same, for tasks.

    async def asend(self, request: Req) -> Resp:
        """Send a request from a task."""
        journey = self._journey(request)
        if journey is None:
            url = self._foreign(request.url)
            return await self._upstream.async_for(*url).handle_async_request(request)
        journey.body = await request.aread()
        flight = None
        ticket = self.fleet.first(journey.started) if journey.is_usual else None
        try:
            if ticket is None:
                flight = self._flight(journey)
                command = flight.begin(journey.started)
            else:
                result = await self._aattempt(0, journey, None)
                if self._landed(result, ticket, journey.started):
                    return result
                flight = self._flight(journey)
                command = self._told(flight, flight.take_off(ticket), result)
            while True:
                match command:
                    case Send():
                        result = await self._aattempt(
                            command.attempt.index, journey, command.time_left
                        )
                        command = self._told(flight, command.attempt, result)
                    case Deliver():
                        return self._delivered(flight, command)
                    case Discard():
                        with suppress(Exception):  # a loser that cannot be closed lost already
                            await command.response.aclose()
                        command = flight.proceed(self.clock())
                    case Wait():
                        await self._runtime.async_sleep(command.seconds)
                        command = flight.tell(Woke(), self.clock())
                    case GiveUp():
                        raise self._final_error(flight, command.error)
                    case _:
                        assert_never(command)
        except BaseException:
            self._cancelled(flight, ticket)
            raise

    async def _aattempt(
        self, index: int, journey: Journey[Req], time_left: float | None
    ) -> Resp | _Broken:
        phase = Phase.WAIT
        wire = Wire(journey.request.extensions.get("trace"))
        outgoing = self._retargeter.request_for(index, journey, time_left, wire.asynchronous)
        try:
            response = await self._upstream.async_at(index).handle_async_request(outgoing)
            if isinstance(response.stream, self._in_memory) or not _is_json(response.headers):
                return response
            phase, stream = Phase.BODY, response.stream
            try:
                content = b"".join([chunk async for chunk in stream])
            finally:
                await shielded(stream.aclose())
        except Exception as error:  # noqa: BLE001  (raised again unless the connection is to blame)
            return self._broken(error, phase, wire)
        response.stream = self._family.memory_stream(content)
        return response

    # What both have in common.

    def _journey(self, request: Req) -> Journey[Req] | None:
        """Take a request apart; None if it is for none of the endpoints."""
        itinerary = self._retargeter.itinerary(request.url)
        if itinerary is None:
            return None
        extension = request.extensions.get(EXTENSION)
        return Journey(
            request,
            itinerary,
            DEFAULT_OPTIONS if extension is None else options_of(extension),
            extension is None and self._deadline is None,
            not isinstance(request.stream, self._in_memory),
            self.clock(),
        )

    def _landed(self, result: Resp | _Broken, ticket: Ticket, started: float) -> TypeGuard[Resp]:
        """Note and label the primary's answer if there is nothing to decide.

        That is a complete 200 that hides nothing; it needs no flight. Tells whether it is one.
        """
        if (
            isinstance(result, _Broken)
            or result.status_code != 200  # noqa: PLR2004
            or not isinstance(result.stream, self._in_memory)
            or "retry-after" in result.headers
        ):
            return False
        ended = self.clock()
        event = self.fleet.landed(ticket, ended)
        if event is not None:
            log((event,))
        name = self._primary
        label_response(result, Ledger(partial(one_answer, name, ended - started)), name, 1)
        return True

    def _cancelled(self, flight: Flight[Resp] | None, ticket: Ticket | None) -> None:
        """Give back what is still under way; it proves nothing."""
        if flight is not None:
            flight.cancelled(self.clock())
        elif ticket is not None:
            self.fleet.note(0, ticket, Effect.NEUTRAL, self.clock())

    def _flight(self, journey: Journey[Req]) -> Flight[Resp]:
        options = journey.options
        return Flight(
            self.fleet,
            journey.started,
            reach=Reach.FLEET if options.auto_failover else Reach.CURRENT,
            deadline=self._deadline if options.deadline is None else options.deadline,
        )

    def _told(
        self, flight: Flight[Resp], attempt: Attempt, result: Resp | _Broken
    ) -> Command[Resp]:
        """Tell a flight what became of an attempt, and give its next command."""
        if isinstance(result, _Broken):
            command = flight.tell(
                Failed(attempt, result.error, result.fault, result.phase), self.clock()
            )
        else:
            command = flight.tell(self._answered(attempt, result), self.clock())
        log(flight.take_events())
        return command

    def _answered(self, attempt: Attempt, response: Resp) -> Answered[Resp]:
        headers, status = response.headers, response.status_code
        is_complete = isinstance(response.stream, self._in_memory)
        is_success = status == 200  # noqa: PLR2004
        hint = headers.get("retry-after")
        return Answered(
            attempt,
            response,
            status,
            is_complete,
            retry_after=retry_after(headers.get("retry-after-ms"), hint, wall=self._runtime.wall()),
            hides_throttle=is_success
            and hint is not None
            and headers.get("content-type", "").startswith("text/event-stream"),
            body=b"".join(response.stream) if is_complete and not is_success else b"",
        )

    def _broken(self, error: Exception, phase: Phase, wire: Wire) -> _Broken:
        """Translate an exception of the family; raise any other as it is."""
        if isinstance(error, _BELOW_THE_FAMILY):
            cause, error = error, self._family.connection_error(f"{type(error).__name__}: {error}")
            error.__cause__ = cause
        found = self.fault_of(error)
        if found is None:
            raise error
        fault, place = found
        if phase is not Phase.BODY:
            phase = place
            if fault is Fault.BROKEN and wire.is_reused and not was_answered(error):
                fault = Fault.STALE
        forget_frames(error)
        return _Broken(error, fault, phase)

    def fault_of(self, error: Exception) -> tuple[Fault, Phase] | None:
        """Say what an exception of the family means; None for one that is none of ours."""
        for kind, fault, phase in self._family.faults:
            if isinstance(error, kind):
                return fault, phase
        return None

    def _delivered(self, flight: Flight[Resp], command: Deliver[Resp]) -> Resp:
        response = command.response
        name = self.fleet.config.endpoints[command.attempt.index].name
        label_response(response, flight.ledger(), name, flight.attempts)
        if command.is_open:
            notes = _Notes(self, flight, command.attempt)
            response.stream = self._family.watched_stream(response.stream, notes)
        return response

    def _final_error(self, flight: Flight[Resp], error: Exception | None) -> Exception:
        if error is None:
            error = self._family.timeout_error("the deadline left no time to try an endpoint")
        label_error(error, flight.ledger())
        return error

    def _foreign(self, url: Url) -> tuple[str, str]:
        """Name the origin of a request that is for none of the endpoints, and warn of it once."""
        origin = url.scheme, url.netloc
        if origin not in self._has_warned_of:
            self._has_warned_of.add(origin)
            log_foreign(url.scheme, url.netloc.decode("ascii", "replace"))
        return url.scheme, url.netloc.decode("ascii", "replace")


@attrs.define(eq=False)
class _Broken:
    """An attempt that ended without an answer."""

    error: Exception
    fault: Fault
    phase: Phase


class _Notes(Generic[Req, Resp]):
    """Tells a flight how the body fares that its caller reads."""

    __slots__ = ("_attempt", "_driver", "_flight")

    def __init__(self, driver: Driver[Req, Resp], flight: Flight[Resp], attempt: Attempt) -> None:
        self._driver = driver
        self._flight = flight
        self._attempt = attempt

    def came(self) -> None:
        """The first piece came, or the end of an empty body."""
        self._flight.content_came(self._attempt, self._driver.clock())
        log(self._flight.take_events())

    def broke(self, error: Exception) -> None:
        """The body broke off."""
        fault = self._driver.fault_of(error)
        if fault is not None:
            self._flight.body_broke(self._attempt, fault[0], error, self._driver.clock())
            label_error(error, self._flight.ledger())
            log(self._flight.take_events())

    def abandoned(self) -> None:
        """The caller closed it before anything came."""
        self._flight.body_abandoned(self._attempt, self._driver.clock())
        log(self._flight.take_events())


def _is_json(headers: Mapping[str, str]) -> bool:
    """Tell whether a body is JSON, and so belongs to the attempt."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")
