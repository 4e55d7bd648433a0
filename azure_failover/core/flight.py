"""One request's journey: which endpoint, what next, when to stop, and the ledger of it all.

A machine in the manner of h11. A driver tells it what happened (:class:`Answered`,
:class:`Failed`, :class:`Woke`, or that it was cancelled) and is told what to do (:class:`Send`,
:class:`Discard`, :class:`Wait`, :class:`Deliver`, :class:`GiveUp`). It never sends, sleeps or
awaits, and knows responses and errors only as things to hand back, so that one journey serves
threads and tasks and both HTTP families.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Generic, assert_never

from azure_failover.core.course import ANYWHERE, Course, Reach
from azure_failover.core.events import Event
from azure_failover.core.fleet import Fleet, Skip
from azure_failover.core.health import NO_TICKET, Ticket
from azure_failover.core.ledger import Entry, Ledger, Phase
from azure_failover.core.steps import (
    Answered,
    Attempt,
    Command,
    Deliver,
    Discard,
    Failed,
    GiveUp,
    R,
    Report,
    Send,
    Wait,
    Woke,
)
from azure_failover.core.verdict import (
    ALIVE,
    RETRY_AFTER_CAP,
    Fault,
    Move,
    Verdict,
    error_facts,
    judge_answer,
    judge_fault,
)

__all__ = [
    "Answered",
    "Attempt",
    "Command",
    "Deliver",
    "Discard",
    "Failed",
    "Flight",
    "GiveUp",
    "Report",
    "Send",
    "Wait",
    "Woke",
]

_LONGEST_CODE: Final = 80
"""Characters of an error code that a ledger quotes; what is longer is no code."""
_DEADLINE_SLACK: Final = 0.005
"""A timeout that we clamped to the deadline may fire so many seconds early."""
_TIMEOUTS: Final = frozenset(
    {Fault.CONNECT_TIMEOUT, Fault.POOL_TIMEOUT, Fault.READ_TIMEOUT, Fault.WRITE_TIMEOUT}
)


class Flight(Generic[R]):
    """The journey of one request over a fleet. Used by one thread or task at a time."""

    def __init__(
        self,
        fleet: Fleet,
        now: float,
        *,
        course: Course = ANYWHERE,
        deadline: float | None = None,
        is_replayable: bool = True,
    ) -> None:
        """Prepare the journey.

        Args:
            fleet: The endpoints.
            now: The time, in seconds on the clock that all later times are on.
            course: Where the request may go.
            deadline: Seconds from now after which nothing more is tried; None for no limit.
            is_replayable: False if the body can be sent only once.
        """
        self._fleet = fleet
        self._started = now
        self._course = course
        self._is_replayable = is_replayable
        self._deadline = None if deadline is None else now + deadline
        self.attempts = 0
        """How many attempts were made so far."""
        self.is_barred = False
        """Whether the request may go to none of the endpoints."""
        self._tried = 0
        self._skipped = 0
        self._records: list[Attempt] = []
        self._next: Attempt | None = None
        self._wait = 0.0
        self._waited = False
        self._used_second_chance = False
        self._is_exhausted = False
        self._kept: tuple[R, Attempt] | None = None
        """The last complete answer that was not good enough to be delivered at once."""
        self._served_by: Attempt | None = None
        self._events: tuple[Event, ...] = ()
        if course.closed and course.reach is Reach.FLEET:
            self._record_closed()

    def begin(self, now: float) -> Command[R]:
        """Give the first command."""
        if not self._find_next(now):
            self.is_barred = not self._is_late(now)
            self._record_closed()
            return GiveUp(None)
        return self.proceed(now)

    def take_off(self, ticket: Ticket) -> Attempt:
        """Begin instead with an attempt at the primary that the driver has made already.

        The fleet gave its ticket (:meth:`~azure_failover.core.fleet.Fleet.first`); what became of
        it is still to be told. So the usual request, which meets with no trouble, needs no flight.
        """
        attempt = Attempt(0, ticket, self._started)
        self._tried = self.attempts = 1
        self._records.append(attempt)
        return attempt

    def proceed(self, now: float) -> Command[R]:
        """Give the command that follows a :class:`Discard`."""
        wait, self._wait = self._wait, 0.0
        if wait and not self._is_late(now + wait):
            return Wait(wait)
        attempt, self._next = self._next, None
        assert attempt is not None
        if self._is_late(now + wait):
            self._forgo(attempt, now)
            return GiveUp(None)
        attempt.started = now
        return Send(attempt, None if self._deadline is None else self._deadline - now)

    def tell(self, report: Report[R], now: float) -> Command[R]:
        """Take in what happened, and give the next command."""
        match report:
            case Answered():
                return self._answered(report, now)
            case Failed():
                return self._failed(report, now)
            case Woke():
                return self.proceed(now)
            case _:
                assert_never(report)

    def _answered(self, report: Answered[R], now: float) -> Command[R]:
        attempt = report.attempt
        attempt.outcome, attempt.status, attempt.ended = "answered", report.status, now
        verdict = judge_answer(
            report.status, hides_throttle=report.hides_throttle, error=report.body
        )
        is_open = False
        if report.status >= 400 or report.hides_throttle:  # noqa: PLR2004
            code, _ = error_facts(report.body)
            attempt.error = None
            if code is not None and code != str(report.status):
                attempt.error = self._fleet.config.redact(code)[:_LONGEST_CODE]
            if report.hides_throttle:
                attempt.error = "throttled in the stream"
            self._note(attempt, verdict, now, report.retry_after)
        elif report.is_complete:
            self._note(attempt, verdict, now)
        else:
            is_open = True
        move = verdict.move if self._is_replayable else Move.STAY
        if move is not Move.STAY:
            move = self._resolve(move, report.retry_after, now)
        if move is Move.SAME_ONCE:
            self._again(attempt, now)
            return self._set_aside(report, now)
        if move is Move.NEXT:
            if self._find_next(now):
                return self._set_aside(report, now)
            self._is_exhausted = self._has_tried_all()
        return self._delivered(report.response, attempt, is_open=is_open)

    def _set_aside(self, report: Answered[R], now: float) -> Command[R]:
        """Keep a complete answer in case that nothing better comes; an open one is discarded."""
        if not report.is_complete:
            return Discard(report.response)
        self._kept = report.response, report.attempt
        return self.proceed(now)

    def _delivered(self, response: R, attempt: Attempt, *, is_open: bool) -> Deliver[R]:
        self._served_by = attempt
        return Deliver(response, attempt, is_open)

    def _failed(self, report: Failed, now: float) -> Command[R]:
        attempt, fault = report.attempt, report.fault
        if fault in _TIMEOUTS and self._is_late(now + _DEADLINE_SLACK):
            fault = Fault.DEADLINE
        if fault is Fault.STALE and self._used_second_chance:
            fault = Fault.BROKEN
        verdict = judge_fault(fault)
        attempt.outcome, attempt.phase, attempt.ended = "failed", report.phase, now
        attempt.error = self._fleet.config.redact(_in_words(report.error))
        self._note(attempt, verdict, now)
        if verdict.move is Move.STAY or (report.was_sent and not self._is_replayable):
            return GiveUp(report.error)
        if verdict.move is Move.SAME_ONCE and not self._is_late(now):
            self._used_second_chance = True
            self._again(attempt, now)
            return self.proceed(now)
        if self._find_next(now):
            return self.proceed(now)
        self._is_exhausted = self._has_tried_all()
        if self._is_exhausted and self._kept is not None:
            response, answered = self._kept
            return self._delivered(response, answered, is_open=False)
        return GiveUp(report.error)

    def cancelled(self, now: float) -> None:
        """Take in that the caller cut the journey off: what is under way proves nothing."""
        for attempt in self._records:
            if attempt.outcome == "pending":
                attempt.outcome, attempt.ended = "cancelled", now
                self._note(attempt, judge_fault(Fault.CANCELLED), now)

    # A delivered response whose body the caller still has to read.

    def content_came(self, attempt: Attempt, now: float) -> None:
        """Take in the first piece of a delivered response's body: the endpoint serves."""
        attempt.is_settled = True
        self._note(attempt, judge_answer(200), now)

    def body_abandoned(self, attempt: Attempt, now: float) -> None:
        """Take in that the caller closed a delivered response before any of its body came."""
        self._note(attempt, judge_fault(Fault.CANCELLED), now)

    def body_broke(self, attempt: Attempt, fault: Fault, error: Exception, now: float) -> None:
        """Take in that a delivered response broke off; the caller gets the exception.

        Content that came before had proved the endpoint alive; then this is news of its own,
        unless the endpoint has failed or been reset meanwhile.
        """
        attempt.error = self._fleet.config.redact(_in_words(error))
        attempt.phase = Phase.BODY
        if attempt.is_settled:
            attempt.ticket = self._fleet.resume(attempt.index, attempt.ticket, now)
        self._note(attempt, judge_fault(fault), now)

    def take_events(self) -> tuple[Event, ...]:
        """Give what the journey changed about endpoints since this was asked last."""
        events, self._events = self._events, ()
        return events

    def ledger(self) -> Ledger:
        """Give what was tried and passed over, in order."""
        served = self._served_by
        return Ledger(
            self._entries,
            endpoint=None if served is None else self._fleet.config.endpoints[served.index].name,
            is_exhausted=self._is_exhausted,
        )

    # Inside.

    def _entries(self) -> tuple[Entry, ...]:
        endpoints = self._fleet.config.endpoints
        return tuple(
            Entry(
                endpoint=endpoints[record.index].name,
                index=record.index,
                outcome=record.outcome,
                phase=record.phase,
                status=record.status,
                error=record.error,
                started=record.started - self._started,
                elapsed=None if record.ended is None else record.ended - record.started,
            )
            for record in self._records
        )

    def _resolve(self, move: Move, hint: float | None, now: float) -> Move:
        """Ask the policy where a verdict leaves it open."""
        policy = self._fleet.config.policy
        match move:
            case Move.BY_MISCONFIGURED_POLICY:
                return Move.NEXT if policy.on_misconfigured == "failover" else Move.STAY
            case Move.BY_THROTTLE_POLICY if policy.on_throttle == "failover":
                return Move.NEXT
            case Move.BY_THROTTLE_POLICY:
                may_wait = policy.on_throttle == "wait" and self._may_wait(hint, now)
                return Move.SAME_ONCE if may_wait else Move.STAY
            case Move.STAY | Move.NEXT | Move.SAME_ONCE:
                return move
            case _:
                assert_never(move)

    def _may_wait(self, hint: float | None, now: float) -> bool:
        """Tell whether a throttled request may wait for its endpoint, and take the wait."""
        if hint is None or self._waited or hint > RETRY_AFTER_CAP or self._is_late(now + hint):
            return False
        self._waited, self._wait = True, hint
        return True

    def _is_late(self, now: float) -> bool:
        return self._deadline is not None and now >= self._deadline

    def _has_tried_all(self) -> bool:
        if self._course.reach is not Reach.FLEET:
            return True
        return self._tried.bit_count() == len(self._fleet) - len(self._course.closed)

    def _forgo(self, attempt: Attempt, now: float) -> None:
        """Give up an attempt that was reserved, because a discard or a sleep takes too long."""
        self.attempts -= 1
        attempt.outcome, attempt.error = "skipped", "the deadline had passed"
        self._note(attempt, judge_fault(Fault.DEADLINE), now)

    def _find_next(self, now: float) -> bool:
        """Reserve the next endpoint, if there is one and time is left."""
        if self._is_late(now):
            return False
        choice = self._fleet.choose(self._tried, now, self._course)
        if choice is None:
            return False
        if choice.skipped:
            self._record_skips(choice.skipped, now)
        self._tried |= 1 << choice.index
        self._reserve(choice.index, choice.ticket, now)
        return True

    def _record_closed(self) -> None:
        """Write down first which endpoints cannot take the request."""
        skips = [Skip(index, reason) for index, reason in sorted(self._course.closed.items())]
        self._record_skips(skips, self._started)

    def _record_skips(self, skipped: Iterable[Skip], now: float) -> None:
        for skip in skipped:
            if not self._skipped >> skip.index & 1:
                self._skipped |= 1 << skip.index
                record = Attempt(skip.index, NO_TICKET, now)
                record.outcome, record.error = "skipped", skip.reason
                self._records.append(record)

    def _again(self, attempt: Attempt, now: float) -> None:
        self._reserve(attempt.index, self._fleet.again(attempt.index, now), now)

    def _reserve(self, index: int, ticket: Ticket, now: float) -> None:
        self.attempts += 1
        self._next = Attempt(index, ticket, now)
        self._records.append(self._next)

    def _note(
        self, attempt: Attempt, verdict: Verdict, now: float, retry_after: float | None = None
    ) -> None:
        if verdict is ALIVE:
            event = self._fleet.note(attempt.index, attempt.ticket, verdict.effect, now)
        else:
            event = self._note_trouble(attempt, verdict, now, retry_after)
        if event is not None:
            self._events = (*self._events, event)

    def _note_trouble(
        self, attempt: Attempt, verdict: Verdict, now: float, retry_after: float | None
    ) -> Event | None:
        reason = " ".join(str(part) for part in (attempt.status, attempt.error) if part)
        return self._fleet.note(
            attempt.index,
            attempt.ticket,
            verdict.effect,
            now,
            reason=reason,
            retry_after=retry_after,
            misconfigured=reason if verdict.is_misconfigured else None,
        )


def _in_words(error: BaseException) -> str:
    """Name an exception, with the first text that it or one that led to it has."""
    link: BaseException | None = error
    while link is not None and not str(link):
        link = link.__cause__ or link.__context__
    name = type(error).__name__
    return name if link is None else f"{name}: {link}"
