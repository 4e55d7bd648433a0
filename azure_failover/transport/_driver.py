"""The journey with I/O: once for threads, once for tasks, for either HTTP family.

Everything that can be decided without blocking is decided in
:class:`~azure_failover.core.flight.Flight`; what is left here is sending, reading, closing and
raising. Read :meth:`Driver.send` and :meth:`Driver.asend` side by side: they differ in ``await``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Generic, TypeGuard, assert_never, cast

import anyio
from anyio.abc import TaskGroup

from azure_failover.core.config import Config
from azure_failover.core.explanation import Explanation
from azure_failover.core.fleet import Fleet
from azure_failover.core.flight import Flight
from azure_failover.core.ledger import Ledger
from azure_failover.core.status import Status
from azure_failover.core.steps import (
    Attempt,
    Await,
    Command,
    Deliver,
    Discard,
    GiveUp,
    Overdue,
    Send,
    Wait,
    Woke,
)
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import Effect
from azure_failover.transport._attempts import Attempts
from azure_failover.transport._delivery import Delivery
from azure_failover.transport._explain import explained
from azure_failover.transport._family import Family, Req, Resp
from azure_failover.transport._foreign import Foreign
from azure_failover.transport._journey import Journey
from azure_failover.transport._labels import RETRY_COUNT_HEADER, edit_for
from azure_failover.transport._log import Herald, OnEvent, log_retries
from azure_failover.transport._options import (
    DEFAULT_OPTIONS,
    EXTENSION,
    OPTIONS_AROUND,
    options_of,
)
from azure_failover.transport._race import Arrival, AsyncRace, Crew, Race
from azure_failover.transport._replay import Buffer
from azure_failover.transport._reports import Broken, Reports
from azure_failover.transport._retarget import Retargeter
from azure_failover.transport._runtime import Runtime
from azure_failover.transport._silence import Lookout, task_of_asyncio
from azure_failover.transport._upstream import Upstream
from azure_failover.transport._watch import shielded


class Driver(Generic[Req, Resp]):
    """Sends requests over a fleet. Thread-safe; shared by threads and tasks."""

    def __init__(
        self,
        config: Config,
        family: Family[Req, Resp],
        upstream: Upstream[Req, Resp],
        runtime: Runtime,
        *,
        strict: bool = False,
        on_event: OnEvent | None = None,
    ) -> None:
        self.fleet = Fleet(config, random=runtime.random)
        self._family = family
        self._in_memory = family.memory_stream_type
        self._upstream = upstream
        self._runtime = runtime
        self.clock = runtime.clock
        self._deadline = config.policy.deadline
        self._is_plain = self._deadline is None and config.policy.hedge_after is None
        self._primary = config.primary.name
        self._label = edit_for(self._primary, 1, unless="retry-after")
        self._retargeter = Retargeter(config, family)
        self._buffer = Buffer(family, config.policy.buffer_limit)
        self._foreign = Foreign(config, family, strict=strict)
        self._reports = Reports(family, runtime)
        self._attempts = Attempts(
            config, family, upstream, self._retargeter, self._reports, self.clock
        )
        self.herald = Herald(on_event)
        self._delivery = Delivery(
            self.fleet, family, self._reports, self._foreign, self.clock, self.herald
        )
        self._lookout = partial(
            Lookout, self.fleet, runtime, self.herald.tell, self._attempts.cut_all
        )
        self._crew = Crew()
        self._has_warned_of_retries = False

    def status(self) -> Status:
        """Tell which endpoint is in use and how all of them do."""
        return self.fleet.status(self.clock())

    # The journey, for threads.

    def send(self, request: Req) -> Resp:
        """Send a request from a thread."""
        journey = self._journey(request)
        if journey is None:
            request, *origin = self._foreign.admit(request)
            return self._upstream.sync_for(*origin).handle_request(request)
        ticket = journey.ticket
        if ticket is None:
            if not isinstance(request.stream, self._in_memory):
                journey.take(self._buffer.take(request))
            flight = self._flight(journey)
            return self._fly(journey, flight, flight.begin(self.clock()))
        try:
            result = self._attempts.make(0, journey)
        except BaseException:
            self.fleet.note(0, ticket, Effect.NEUTRAL, self.clock())
            raise
        if self._landed(result, ticket, journey.started):
            return result
        flight = self._flight(journey)
        command = self._told(flight, flight.take_off(ticket), result)
        return self._fly(journey, flight, command)

    def _fly(self, journey: Journey[Req], flight: Flight[Resp], command: Command[Resp]) -> Resp:
        """Do what a flight commands, until it is over."""
        try:
            while True:
                match command:
                    case Await() | Send(patience=float()):
                        command = self._race(journey, flight, command)
                    case Send():
                        attempt, time_left = command.attempt, command.time_left
                        index, is_fresh = attempt.index, attempt.is_fresh
                        result = self._attempts.make(index, journey, time_left, is_fresh=is_fresh)
                        command = self._told(flight, attempt, result)
                    case Deliver():
                        return self._delivery.deliver(journey, flight, command)
                    case Discard():
                        with suppress(Exception):  # a loser that cannot be closed lost already
                            command.response.close()
                        command = flight.proceed(self.clock())
                    case Wait():
                        self._runtime.sleep(command.seconds)
                        command = flight.tell(Woke(), self.clock())
                    case GiveUp():
                        raise self._delivery.final_error(flight, command.error)
                    case _:
                        assert_never(command)
        except BaseException:
            flight.cancelled(self.clock())  # what is still under way proves nothing
            raise

    def _race(
        self, journey: Journey[Req], flight: Flight[Resp], command: Command[Resp]
    ) -> Command[Resp]:
        """Run attempts side by side until the flight needs none of them; give what comes next."""
        race = Race[Resp](self._crew)
        try:
            while True:
                match command:
                    case Send():
                        attempt, time_left = command.attempt, command.time_left
                        index, is_fresh = attempt.index, attempt.is_fresh
                        make = partial(self._attempts.make, is_fresh=is_fresh)
                        race.start(attempt, partial(make, index, journey, time_left))
                    case Await():
                        pass
                    case Discard():
                        with suppress(Exception):
                            command.response.close()
                        command = flight.proceed(self.clock())
                        continue
                    case _:
                        return command
                arrival = self._runtime.wait(race.arrivals, command.patience)
                command = self._heard_of(flight, arrival)
        finally:
            race.end()

    # The same, for tasks.

    async def asend(self, request: Req) -> Resp:
        """Send a request from a task."""
        journey = self._journey(request)
        if journey is None:
            request, *origin = self._foreign.admit(request)
            return await self._upstream.async_for(*origin).handle_async_request(request)
        ticket = journey.ticket or self._sentry(journey)
        if ticket is None:
            if not isinstance(request.stream, self._in_memory):
                journey.take(await self._buffer.atake(request))
            flight = self._flight(journey)
            return await self._afly(journey, flight, flight.begin(self.clock()))
        make = self._attempts.acut if ticket.is_crowded else self._attempts.amake
        lookout = self._lookout(ticket) if ticket.is_sentry else None
        try:
            result = await make(0, journey)
        except BaseException:
            self.fleet.note(0, ticket, Effect.NEUTRAL, self.clock())
            raise
        finally:
            if lookout is not None:
                lookout.end()
        if self._landed(result, ticket, journey.started):
            return result
        flight = self._flight(journey)
        command = self._told(flight, flight.take_off(ticket), result)
        return await self._afly(journey, flight, command)

    async def _afly(
        self, journey: Journey[Req], flight: Flight[Resp], command: Command[Resp]
    ) -> Resp:
        """Do what a flight commands, until it is over."""
        try:
            while True:
                match command:
                    case Await() | Send(patience=float()):
                        command = await self._arace(journey, flight, command)
                    case Send():
                        attempt, time_left = command.attempt, command.time_left
                        result = await self._attempts.aguarded(attempt, journey, time_left)
                        command = self._told(flight, command.attempt, result)
                    case Deliver():
                        return self._delivery.deliver(journey, flight, command)
                    case Discard():
                        with suppress(Exception):  # a loser that cannot be closed lost already
                            await command.response.aclose()
                        command = flight.proceed(self.clock())
                    case Wait():
                        await self._runtime.async_sleep(command.seconds)
                        command = flight.tell(Woke(), self.clock())
                    case GiveUp():
                        raise self._delivery.final_error(flight, command.error)
                    case _:
                        assert_never(command)
        except BaseException:
            flight.cancelled(self.clock())  # what is still under way proves nothing
            raise

    async def _arace(
        self, journey: Journey[Req], flight: Flight[Resp], command: Command[Resp]
    ) -> Command[Resp]:
        """Run attempts side by side until the flight needs none of them; give what comes next."""
        race, raised = AsyncRace[Resp](), None
        try:
            async with anyio.create_task_group() as tasks:
                try:
                    command = await self._arun(journey, flight, command, race, tasks)
                except Exception as error:  # noqa: BLE001  (raised bare below, not in a group)
                    raised = error
                tasks.cancel_scope.cancel()
        except BaseException:
            if isinstance(command, Deliver):  # the caller left while the losers were cut
                await shielded(command.response.aclose())
            raise
        finally:
            await race.end()
        if raised is not None:
            raise raised
        return command

    async def _arun(
        self,
        journey: Journey[Req],
        flight: Flight[Resp],
        command: Command[Resp],
        race: AsyncRace[Resp],
        tasks: TaskGroup,
    ) -> Command[Resp]:
        while True:
            match command:
                case Send():
                    attempt, time_left = command.attempt, command.time_left
                    run = partial(self._attempts.aguarded, attempt, journey, time_left)
                    tasks.start_soon(race.run, attempt, run)
                case Await():
                    pass
                case Discard():
                    with suppress(Exception):
                        await command.response.aclose()
                    command = flight.proceed(self.clock())
                    continue
                case _:
                    return command
            arrival = await self._runtime.async_wait(race.arrival, command.patience)
            command = self._heard_of(flight, arrival)

    # What both have in common.

    def _heard_of(self, flight: Flight[Resp], arrival: Arrival[Resp] | None) -> Command[Resp]:
        """Tell a flight of the attempt that ended, or that none did in time."""
        if arrival is None:
            command = flight.tell(Overdue(), self.clock())
            self._publish(flight)
            return command
        if isinstance(arrival.result, Exception):
            raise arrival.result
        return self._told(flight, arrival.attempt, arrival.result)

    def _publish(self, flight: Flight[Resp]) -> None:
        """Tell what happened to endpoints: in the log, and to those who wait in vain."""
        events = flight.take_events()
        self.herald.tell((*flight.take_news(), *events))
        self._attempts.heed(events)

    def _journey(self, request: Req, *, starts: bool = True) -> Journey[Req] | None:
        """Take a request apart; None if it is for none of the endpoints.

        It starts at the primary at once if nothing is special about it and all is well there. A
        chat that names state needs no closer look as long as only the primary can hold it, and what
        the primary makes need not be learned: unknown ids are looked for where the URL says.
        """
        itinerary = self._retargeter.itinerary(request.method, request.url)
        if itinerary is None:
            return None
        extension = request.extensions.get(EXTENSION)
        options = OPTIONS_AROUND.get() if extension is None else options_of(extension)
        now = self.clock()
        journey = Journey(request, itinerary, options, now)
        journey.is_usual = (
            itinerary.is_free
            and options is DEFAULT_OPTIONS
            and self._is_plain
            and not self.fleet.has_moved_state
            and isinstance(request.stream, self._in_memory)
            and starts
        )
        if journey.is_usual:
            journey.ticket = self.fleet.first(now, itinerary.kind or journey.kind)
        return journey

    def _sentry(self, journey: Journey[Req]) -> Ticket | None:
        """Start at the primary as its sentry, if that is all that is special about a request.

        Where it can be called at the right time it looks by itself; elsewhere a flight does.
        """
        if not journey.is_usual or task_of_asyncio() is None:
            return None
        return self.fleet.first(journey.started, journey.kind, watches=True)

    def _landed(self, result: Resp | Broken, ticket: Ticket, started: float) -> TypeGuard[Resp]:
        """Note and label the primary's answer if it is a complete 200; tell whether it is."""
        if (
            isinstance(result, Broken)
            or result.status_code != 200  # noqa: PLR2004
            or not isinstance(result.stream, self._in_memory)
            or not self._label.make(result.headers)
        ):
            return False
        ended = self.clock()
        elapsed = ended - started
        event = self.fleet.landed(ticket, ended, elapsed)
        if event is not None:
            self.herald.tell((event,))
        result.extensions[EXTENSION] = Ledger(elapsed, self._primary)
        return True

    def _flight(self, journey: Journey[Req]) -> Flight[Resp]:
        self._warn_of_retries(journey.request.headers)
        return Flight(
            self.fleet,
            journey.started,
            course=journey.course(self.fleet.home_of, self._retargeter.closed(journey)),
            kind=journey.kind,
            deadline=journey.options.deadline or self._deadline,
            is_replayable=journey.once is None,
        )

    def _told(self, flight: Flight[Resp], attempt: Attempt, result: Resp | Broken) -> Command[Resp]:
        """Tell a flight what became of an attempt, and give its next command."""
        command = flight.tell(self._reports.of(attempt, result), self.clock())
        self._publish(flight)
        return command

    def _warn_of_retries(self, headers: Mapping[str, str]) -> None:
        """Warn once if the SDK above retries: its attempts multiply ours."""
        if not self._has_warned_of_retries and headers.get(RETRY_COUNT_HEADER, "0") != "0":
            self._has_warned_of_retries = True
            log_retries()

    def explain(self, request: Req) -> Explanation:
        """Tell where a request would go, and why, without sending it."""
        journey = self._journey(request, starts=False)
        if journey is None:
            scheme, netloc = request.url.scheme, request.url.netloc.decode("ascii", "replace")
            reason = f"{scheme}://{netloc} is none of the endpoints: {self._foreign.policy}"
            return Explanation(operation="", form="foreign", may_move=False, reason=reason)
        is_read = isinstance(request.stream, self._in_memory)
        journey.take(b"".join(cast("Iterable[bytes]", request.stream)) if is_read else b"")
        return explained(journey, self.fleet, self._retargeter)
