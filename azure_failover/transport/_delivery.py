"""Hands a response to the caller: labelled, its body watched, and the ids in it remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic

from azure_failover.core.events import Exhausted
from azure_failover.core.fleet import Fleet
from azure_failover.core.flight import Flight
from azure_failover.core.pins import IdScanner
from azure_failover.core.sse import StreamError
from azure_failover.core.steps import Attempt, Deliver
from azure_failover.transport._family import Family, Req, Resp
from azure_failover.transport._foreign import Foreign
from azure_failover.transport._journey import Journey
from azure_failover.transport._labels import forget_frames, label_error, label_response
from azure_failover.transport._log import Herald
from azure_failover.transport._reports import Reports
from azure_failover.transport._watch import Watched


class Delivery(Generic[Req, Resp]):
    """The last step of a journey that ends with a response."""

    def __init__(
        self,
        fleet: Fleet,
        family: Family[Req, Resp],
        reports: Reports[Req, Resp],
        foreign: Foreign[Req, Resp],
        clock: Callable[[], float],
        herald: Herald,
    ) -> None:
        self._fleet: Final = fleet
        self._family: Final = family
        self._reports: Final = reports
        self._foreign: Final = foreign
        self._clock: Final = clock
        self._herald: Final = herald

    def deliver(self, journey: Journey[Req], flight: Flight[Resp], command: Deliver[Resp]) -> Resp:
        """Make a response ready for the caller."""
        response, index = command.response, command.attempt.index
        name = self._fleet.config.endpoints[index].name
        ledger = flight.ledger()
        label_response(response, ledger, name, flight.attempts)
        if ledger.is_exhausted:
            self._herald.tell((Exhausted(ledger),))
        status = response.status_code
        if 300 <= status < 400 and "location" in response.headers:  # noqa: PLR2004
            self._foreign.note_redirect(response.headers["location"])
        learns = 200 <= status < 300 and journey.may_make_state  # noqa: PLR2004
        if command.is_open:
            body = response.stream
            if not isinstance(body, Watched):
                body = response.stream = self._family.watched_stream(body)
            body.notes = _Notes(self, flight, command.attempt, IdScanner() if learns else None)
            body.is_curious = learns
        elif learns and isinstance(response.stream, self._family.memory_stream_type):
            self._fleet.learn(IdScanner().feed(self._reports.body_of(response)), index)
        return response

    def final_error(self, flight: Flight[Resp], error: Exception | None) -> Exception:
        """Give what is raised when there is nothing to deliver, with the ledger."""
        ledger = flight.ledger()
        if error is None and flight.is_barred:
            error = self._family.refused_error(f"no endpoint can take this request:\n{ledger}")
        elif error is None:
            error = self._family.timeout_error("the deadline left no time to try an endpoint")
        label_error(error, ledger)
        if ledger.is_exhausted:
            self._herald.tell((Exhausted(ledger),))
        return error

    def _tell(self, flight: Flight[Resp]) -> None:
        self._herald.tell((*flight.take_news(), *flight.take_events()))

    def came(self, flight: Flight[Resp], attempt: Attempt) -> None:
        """Take note that content of an open response came."""
        flight.content_came(attempt, self._clock())
        self._tell(flight)

    def broke(self, flight: Flight[Resp], attempt: Attempt, error: Exception) -> None:
        """Take note that an open response broke off."""
        fault = self._reports.fault_of(error)
        if fault is not None:
            flight.body_broke(attempt, fault[0], error, self._clock())
            label_error(error, flight.ledger())
            forget_frames(error)
            self._tell(flight)

    def told(self, flight: Flight[Resp], attempt: Attempt, error: StreamError) -> None:
        """Take note that an event stream brought an error behind its content."""
        flight.stream_failed(attempt, error, self._clock())
        self._tell(flight)

    def abandoned(self, flight: Flight[Resp], attempt: Attempt) -> None:
        """Take note that the caller closed an open response before anything came."""
        flight.body_abandoned(attempt, self._clock())
        self._tell(flight)

    def learn(self, ids: list[str], attempt: Attempt) -> None:
        """Remember where ids of state were made."""
        self._fleet.learn(ids, attempt.index)


class _Notes(Generic[Req, Resp]):
    """Tells how the body of one response fares that its caller reads."""

    __slots__ = ("_attempt", "_delivery", "_flight", "_known", "_scanner")

    def __init__(
        self,
        delivery: Delivery[Req, Resp],
        flight: Flight[Resp],
        attempt: Attempt,
        scanner: IdScanner | None,
    ) -> None:
        self._delivery = delivery
        self._flight = flight
        self._attempt = attempt
        self._scanner = scanner
        self._known: list[str] = []

    def saw(self, chunk: bytes) -> None:
        """A piece came."""
        if self._scanner is not None and (ids := self._scanner.feed(chunk)) != self._known and ids:
            self._known = ids  # each chunk of a chat brings the same
            self._delivery.learn(ids, self._attempt)

    def came(self) -> None:
        """The first piece came, or the end of an empty body."""
        self._delivery.came(self._flight, self._attempt)

    def told(self, error: StreamError) -> None:
        """An event stream brought an error."""
        self._delivery.told(self._flight, self._attempt, error)

    def broke(self, error: Exception) -> None:
        """The body broke off."""
        self._delivery.broke(self._flight, self._attempt, error)

    def abandoned(self) -> None:
        """The caller closed it before anything came."""
        self._delivery.abandoned(self._flight, self._attempt)
