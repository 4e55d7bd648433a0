"""One incoming request taken apart: where its URL leads, what it asks for, what its body is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic

import attrs

from azure_failover.core.body import named_model, rename_deployment
from azure_failover.core.course import Course, plot, state_in
from azure_failover.core.mobility import Habit, Mobility
from azure_failover.core.pace import Kind
from azure_failover.core.routes import Route
from azure_failover.core.ticket import Ticket
from azure_failover.transport._family import Req
from azure_failover.transport._options import FailoverOptions
from azure_failover.transport._replay import Once


@attrs.define(eq=False)
class Itinerary:
    """What follows from method and URL alone, and so is remembered for the next request.

    Attributes:
        route: The URL's path and query, taken apart.
        habit: What is known of the operation.
        addressed: The endpoint that the URL names.
        closed: The endpoints that do not speak this form of URL, and why.
        urls: Its URL at each endpoint that was asked for so far.
    """

    route: Route
    habit: Habit
    addressed: int
    closed: Mapping[int, str]
    urls: list[Any]

    is_free: bool = attrs.field(init=False)
    """Whether, as far as method and URL tell, it moves freely and begins at the primary."""
    kind: Kind | None = attrs.field(init=False)
    """What kind of request it is; None if the body says so."""

    def __attrs_post_init__(self) -> None:
        self.is_free = (
            self.habit.mobility is Mobility.MOVES
            and self.habit.marks != "responses"
            and not self.closed
            and self.addressed == 0
        )
        deployment = self.route.deployment
        self.kind = None if deployment is None else (self.habit.operation, deployment)


@attrs.define(eq=False)
class Journey(Generic[Req]):
    """One incoming request: itself, its URL taken apart, its options, when it came, its body.

    Attributes:
        is_usual: Whether nothing is special about it: it moves freely, and begins at the primary.
        ticket: Of its attempt there, if that is well too.
        once: The body, if it can be sent only once.
    """

    request: Req
    itinerary: Itinerary
    options: FailoverOptions
    started: float
    is_usual: bool = False
    ticket: Ticket | None = None
    once: Once | None = None
    _body: bytes | None = attrs.field(default=None, repr=False)
    _renamed: dict[int, bytes | None] | None = attrs.field(default=None, repr=False)

    def take(self, body: bytes | Once) -> None:
        """Take the body."""
        if isinstance(body, Once):
            self.once = body
        else:
            self._body = body

    @property
    def body(self) -> bytes:
        """The body; looked at only when it matters, if it lies in memory."""
        if self._body is None:
            self._body = b"" if self.once is not None else self.request.read()
        return self._body

    @property
    def kind(self) -> Kind:
        """What kind of request this is, for what is usual among its like."""
        return self.itinerary.kind or (self.itinerary.habit.operation, named_model(self.body))

    @property
    def operation(self) -> str:
        """The route behind the deployment or behind ``/openai``."""
        return self.itinerary.habit.operation

    @property
    def is_begun(self) -> bool:
        """Whether some of the body may have been sent."""
        return self.once is None or self.once.has_begun

    @property
    def may_make_state(self) -> bool:
        """Whether an answer may bring ids of state that its endpoint now holds."""
        match self.itinerary.habit.marks:
            case "chat":
                return b'"store"' in self.body or b'"audio"' in self.body
            case "responses":
                return True
            case None:
                return self.itinerary.habit.mobility is not Mobility.MOVES

    def course(
        self, home_of: Callable[[Iterable[str]], int | None], closed: Mapping[int, str]
    ) -> Course:
        """Say where it may go: ``home_of`` and ``closed`` as for :func:`.course.plot`."""
        itinerary = self.itinerary
        return plot(
            itinerary.habit,
            state_in(itinerary.habit, self.body),
            home_of=home_of,
            addressed=itinerary.addressed,
            auto_failover=self.options.auto_failover,
            closed=closed,
        )

    def renamed(self, index: int, names: Mapping[str, str]) -> bytes | None:
        """Give the body for an endpoint that calls deployments differently.

        Returns:
            None if it cannot be told which deployment the body names.
        """
        if not names:
            return self.body
        if self.once is not None:
            return None
        if self._renamed is None:
            self._renamed = {}
        if index not in self._renamed:
            headers = self.request.headers
            self._renamed[index] = (
                None
                if self.body and "content-encoding" in headers
                else rename_deployment(
                    self.body,
                    names,
                    content_type=headers.get("content-type", ""),
                    in_session=self.itinerary.habit.is_realtime,
                )
            )
        return self._renamed[index]
