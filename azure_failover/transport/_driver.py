"""The journey with I/O: once for threads, once for tasks, for either HTTP family.

Everything that can be decided without blocking is decided in
:class:`~azure_failover.core.flight.Flight`; what is left here is sending, reading, closing and
raising. Read :meth:`Driver.send` and :meth:`Driver.asend` side by side: they differ in ``await``.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Generic, assert_never

import anyio

from azure_failover.core.config import Config
from azure_failover.core.events import EndpointFailed, EndpointMisconfigured, EndpointRecovered
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
    Report,
    Send,
    Wait,
    Woke,
)
from azure_failover.core.ledger import Phase
from azure_failover.core.verdict import Fault, retry_after
from azure_failover.transport._family import Family, Req, Resp, Url
from azure_failover.transport._labels import forget_frames, label_error, label_response
from azure_failover.transport._options import (
    DEFAULT_OPTIONS,
    EXTENSION,
    FailoverOptions,
    options_of,
)
from azure_failover.transport._retarget import Journey, Retargeter
from azure_failover.transport._runtime import Runtime
from azure_failover.transport._upstream import Upstream
from azure_failover.transport._watch import Wire, shielded, was_answered

logger = logging.getLogger("azure_failover")

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
        self._upstream = upstream
        self._runtime = runtime
        self.clock = runtime.clock
        self._deadline = config.policy.deadline
        self._retargeter = Retargeter(config, family)
        self._has_warned_of: set[tuple[str, bytes]] = set()

    def status(self) -> Status:
        """Tell which endpoint is in use and how all of them do."""
        return self.fleet.status(self.clock())

    # The journey, for threads.

    def send(self, request: Req) -> Resp:
        """Send a request from a thread."""
        itinerary = self._retargeter.itinerary(request.url)
        if itinerary is None:
            url = self._foreign(request.url)
            return self._upstream.sync_for(*url).handle_request(request)
        was_streamed = not isinstance(request.stream, self._family.memory_stream_type)
        options = options_of(request.extensions.get(EXTENSION))
        journey = Journey(request, itinerary, request.read(), was_streamed, options)
        flight = self._flight(options)
        try:
            command = flight.begin(self.clock())
            while True:
                match command:
                    case Send():
                        report = self._attempt(command, journey)
                        command = self._told(flight, report)
                    case Deliver():
                        return self._delivered(flight, command)
                    case Discard():
                        with suppress(Exception):  # a loser that cannot be closed lost already
                            command.response.close()
                        command = flight.proceed(self.clock())
                    case Wait():
                        self._runtime.sleep(command.seconds)
                        command = self._told(flight, Woke())
                    case GiveUp():
                        raise self._final_error(flight, command.error)
                    case _:
                        assert_never(command)
        except BaseException:
            flight.cancelled(self.clock())
            raise

    def _attempt(self, command: Send, journey: Journey[Req]) -> Report[Resp]:
        attempt, phase = command.attempt, Phase.WAIT
        wire = Wire(journey.request.extensions.get("trace"))
        outgoing = self._retargeter.request_for(attempt.index, journey, command.time_left, wire)
        try:
            response = self._upstream.sync_at(attempt.index).handle_request(outgoing)
            if not self._must_read(response):
                return self._answered(attempt, response)
            phase, stream = Phase.BODY, response.stream
            try:
                content = b"".join(stream)
            finally:
                stream.close()
        except Exception as error:  # noqa: BLE001  (raised again unless the connection is to blame)
            return self._failed(attempt, error, phase, wire)
        response.stream = self._family.memory_stream(content)
        return self._answered(attempt, response, content)

    # The same, for tasks.

    async def asend(self, request: Req) -> Resp:
        """Send a request from a task."""
        itinerary = self._retargeter.itinerary(request.url)
        if itinerary is None:
            url = self._foreign(request.url)
            return await self._upstream.async_for(*url).handle_async_request(request)
        was_streamed = not isinstance(request.stream, self._family.memory_stream_type)
        options = options_of(request.extensions.get(EXTENSION))
        journey = Journey(request, itinerary, await request.aread(), was_streamed, options)
        flight = self._flight(options)
        try:
            command = flight.begin(self.clock())
            while True:
                match command:
                    case Send():
                        report = await self._aattempt(command, journey)
                        command = self._told(flight, report)
                    case Deliver():
                        return self._delivered(flight, command)
                    case Discard():
                        with suppress(Exception):  # a loser that cannot be closed lost already
                            await command.response.aclose()
                        command = flight.proceed(self.clock())
                    case Wait():
                        await self._runtime.async_sleep(command.seconds)
                        command = self._told(flight, Woke())
                    case GiveUp():
                        raise self._final_error(flight, command.error)
                    case _:
                        assert_never(command)
        except BaseException:
            flight.cancelled(self.clock())
            raise

    async def _aattempt(self, command: Send, journey: Journey[Req]) -> Report[Resp]:
        attempt, phase = command.attempt, Phase.WAIT
        wire = Wire(journey.request.extensions.get("trace"))
        trace = wire.asynchronous
        outgoing = self._retargeter.request_for(attempt.index, journey, command.time_left, trace)
        try:
            response = await self._upstream.async_at(attempt.index).handle_async_request(outgoing)
            if not self._must_read(response):
                return self._answered(attempt, response)
            phase, stream = Phase.BODY, response.stream
            try:
                content = b"".join([chunk async for chunk in stream])
            finally:
                await shielded(stream.aclose())
        except Exception as error:  # noqa: BLE001  (raised again unless the connection is to blame)
            return self._failed(attempt, error, phase, wire)
        response.stream = self._family.memory_stream(content)
        return self._answered(attempt, response, content)

    # What both have in common.

    def _flight(self, options: FailoverOptions) -> Flight[Resp]:
        if options is DEFAULT_OPTIONS and self._deadline is None:
            return Flight(self.fleet, self.clock())
        deadline = options.deadline
        return Flight(
            self.fleet,
            self.clock(),
            reach=Reach.FLEET if options.auto_failover else Reach.CURRENT,
            deadline=self._deadline if deadline is None else deadline,
        )

    def _told(self, flight: Flight[Resp], report: Report[Resp]) -> Command[Resp]:
        command = flight.tell(report, self.clock())
        if flight.events:
            self.log(flight)
        return command

    def _must_read(self, response: Resp) -> bool:
        """Tell whether a body belongs to the attempt: JSON that still has to come."""
        if isinstance(response.stream, self._family.memory_stream_type):
            return False
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind == "application/json" or kind.endswith("+json")

    def _answered(
        self, attempt: Attempt, response: Resp, content: bytes | None = None
    ) -> Answered[Resp]:
        headers, status = response.headers, response.status_code
        hint = headers.get("retry-after")
        is_complete = isinstance(response.stream, self._family.memory_stream_type)
        if status == 200 and hint is None:  # noqa: PLR2004
            return Answered(attempt, response, status, is_complete)
        if content is None and is_complete:
            content = b"".join(response.stream)
        return Answered(
            attempt,
            response,
            status,
            is_complete,
            retry_after=retry_after(headers.get("retry-after-ms"), hint, wall=self._runtime.wall()),
            hides_throttle=status == 200  # noqa: PLR2004
            and headers.get("content-type", "").startswith("text/event-stream"),
            body=content or b"",
        )

    def _failed(self, attempt: Attempt, error: Exception, phase: Phase, wire: Wire) -> Failed:
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
        return Failed(attempt, error, fault, phase)

    def fault_of(self, error: Exception) -> tuple[Fault, Phase] | None:
        """Say what an exception of the family means; None for one that is none of ours."""
        for kind, fault, phase in self._family.faults:
            if isinstance(error, kind):
                return fault, phase
        return None

    def _delivered(self, flight: Flight[Resp], command: Deliver[Resp]) -> Resp:
        response = command.response
        name = self.fleet.config.endpoints[command.attempt.index].name
        label_response(response, flight.ledger(), endpoint=name, attempts=flight.attempts)
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
            logger.warning(
                "a request for %s://%s goes there as it is: none of the endpoints",
                url.scheme,
                url.netloc.decode("ascii", "replace"),
            )
        return url.scheme, url.netloc.decode("ascii", "replace")

    def log(self, flight: Flight[Resp]) -> None:
        """Log what a flight changed: a WARNING when an endpoint fails, an INFO when it is back."""
        events, flight.events = flight.events, ()
        for event in events:
            match event:
                case EndpointFailed(by_probe=False):
                    logger.warning(
                        "endpoint %s failed (%s), passed over for %.1f s",
                        event.endpoint,
                        event.reason,
                        event.pause,
                    )
                case EndpointFailed():
                    logger.debug(
                        "endpoint %s is still failed (%s), passed over for %.1f s more",
                        event.endpoint,
                        event.reason,
                        event.pause,
                    )
                case EndpointRecovered():
                    logger.info("endpoint %s serves again", event.endpoint)
                case EndpointMisconfigured():
                    logger.warning(
                        "endpoint %s refuses us (%s): check its key, firewall and deployment",
                        event.endpoint,
                        event.reason,
                    )


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
        self._driver.log(self._flight)

    def broke(self, error: Exception) -> None:
        """The body broke off."""
        fault = self._driver.fault_of(error)
        if fault is not None:
            self._flight.body_broke(self._attempt, fault[0], error, self._driver.clock())
            label_error(error, self._flight.ledger())
            self._driver.log(self._flight)

    def abandoned(self) -> None:
        """The caller closed it before anything came."""
        self._flight.body_abandoned(self._attempt, self._driver.clock())
        self._driver.log(self._flight)
