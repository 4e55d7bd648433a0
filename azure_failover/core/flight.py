"""One request's journey: which endpoint, what next, when to stop, and the ledger of it all.

A machine in the manner of h11. A driver tells it what happened (:class:`Answered`,
:class:`Failed`, :class:`Overdue`, :class:`Woke`, or that it was cancelled) and is told what to do
(:class:`Send`, :class:`Await`, :class:`Discard`, :class:`Wait`, :class:`Deliver`,
:class:`GiveUp`). It never sends, sleeps or awaits, and knows responses and errors only as things
to hand back, so that one journey serves threads and tasks and both HTTP families.

Usually one attempt follows the other. Several are under way at once when one is hedged: a probe
that is not answered soon, an attempt at an endpoint that has fallen silent, or, if the policy says
so, any that takes longer than usual. The first good answer wins; as long as another attempt is
under way, trouble with one is no reason to go further.
"""

from __future__ import annotations

from typing import Generic, assert_never

from azure_failover.core.allowance import NO_DEADLINE, Deadline
from azure_failover.core.course import ANYWHERE, Course, Reach
from azure_failover.core.events import Event, News
from azure_failover.core.fleet import Fleet
from azure_failover.core.hedging import UnderWay
from azure_failover.core.ledger import Ledger, Phase, in_words
from azure_failover.core.logbook import Logbook
from azure_failover.core.pace import ANY_KIND, Kind
from azure_failover.core.sse import StreamError
from azure_failover.core.steps import (
    Answered,
    Attempt,
    Await,
    Command,
    Deliver,
    Discard,
    Failed,
    GiveUp,
    Overdue,
    R,
    Report,
    Send,
    Wait,
    Woke,
)
from azure_failover.core.strategy import Order
from azure_failover.core.ticket import Ticket
from azure_failover.core.verdict import (
    ALIVE,
    RETRY_AFTER_CAP,
    Effect,
    Fault,
    Move,
    Verdict,
    hidden_status,
    judge_answer,
    judge_fault,
    settled,
)


class Flight(Generic[R]):
    """The journey of one request over a fleet. Used by one thread or task at a time."""

    def __init__(
        self,
        fleet: Fleet,
        now: float,
        *,
        course: Course = ANYWHERE,
        kind: Kind = ANY_KIND,
        deadline: float | None = None,
        is_replayable: bool = True,
    ) -> None:
        """Prepare the journey.

        Args:
            fleet: The endpoints.
            now: The time, in seconds on the clock that all later times are on.
            course: Where the request may go.
            kind: What kind of request it is: each has its own usual time to first byte.
            deadline: Seconds from now after which nothing more is tried; None for no limit.
            is_replayable: False if the body can be sent only once.
        """
        self._fleet = fleet
        self._started = now
        self._course = course
        self._kind = kind
        self._is_replayable = is_replayable
        self._deadline = Deadline.after(deadline, now)
        self.attempts = 0
        """How many attempts were made so far."""
        self.is_barred = False
        """Whether the request may go to none of the endpoints."""
        self._order: Order | None = None
        self._tried = 0
        self._logbook = Logbook(fleet.config, now)
        self._next: Attempt | None = None
        self._under_way = UnderWay(fleet, may_hedge=is_replayable and course.reach is Reach.FLEET)
        self._wait = 0.0
        self._waited = False
        self._second_chances = 0
        self._is_exhausted = False
        self._is_last_resort = False
        self._kept: tuple[R, Attempt] | None = None
        """The last complete answer that was not good enough to be delivered at once."""
        self._is_kept_final = False
        """Whether it would have been delivered, had no other attempt been under way."""
        self._served_by: Attempt | None = None
        self._events: tuple[Event, ...] = ()
        if course.closed and course.reach is Reach.FLEET:
            self._logbook.skip_closed(self._course.closed)

    def begin(self, now: float) -> Command[R]:
        """Give the first command."""
        if not self._find_next(now):
            self.is_barred = not self._deadline.is_late(now)
            self._logbook.skip_closed(self._course.closed)
            return GiveUp(None)
        return self.proceed(now)

    def take_off(self, ticket: Ticket) -> Attempt:
        """Begin instead with an attempt at the primary that the driver has made already.

        The fleet gave its ticket (:meth:`~azure_failover.core.fleet.Fleet.first`); what became of
        it is still to be told. So the usual request, which meets with no trouble, needs no flight.
        """
        attempt = Attempt(0, ticket, self._started)
        self._tried = self.attempts = 1
        self._logbook.add(attempt)
        self._under_way.attempts.append(attempt)
        return attempt

    def proceed(self, now: float) -> Command[R]:
        """Give the command that follows a :class:`Discard`."""
        wait, self._wait = self._wait, 0.0
        if wait and not self._deadline.is_late(now + wait):
            return Wait(wait)
        attempt, self._next = self._next, None
        if attempt is None:
            return self._go_on(now)
        if self._deadline.is_late(now + wait):
            self._forgo(attempt, now)
            return GiveUp(None)
        attempt.started = now
        self._under_way.add(attempt, now)
        attempt.allowance = self._allowance(now)
        return Send(attempt, attempt.allowance, self._under_way.patience(now))

    def tell(self, report: Report[R], now: float) -> Command[R]:
        """Take in what happened, and give the next command."""
        match report:
            case Answered():
                return self._answered(report, now)
            case Failed():
                return self._failed(report, now)
            case Woke():
                return self.proceed(now)
            case Overdue():
                return self._overdue(now)
            case _:
                assert_never(report)

    def _answered(self, report: Answered[R], now: float) -> Command[R]:
        attempt = report.attempt
        self._under_way.attempts.remove(attempt)
        attempt.outcome, attempt.ended = "answered", now
        attempt.status, attempt.hides = report.status, report.hides
        verdict = judge_answer(report.hides or report.status, error=report.body)
        is_good = (report.hides or report.status) < 400  # noqa: PLR2004
        elapsed = now - attempt.started if is_good and verdict is ALIVE else None
        self._fleet.heard(attempt.index, attempt.ticket, now, elapsed)
        if not is_good:
            attempt.error = self._logbook.error_in(report)
            self._note(attempt, verdict, now, report.retry_after)
        elif report.is_complete or report.has_content:
            attempt.is_settled = report.has_content
            self._note(attempt, verdict, now)
        is_open = is_good and not report.is_complete
        move = (
            settled(verdict.move, self._fleet.config.policy) if self._is_replayable else Move.STAY
        )
        if verdict.move is not Move.STAY and (self._under_way.attempts or self._is_kept_final):
            return self._set_aside(report, now, is_final=move is not Move.NEXT)
        if move is Move.SAME_ONCE and self._may_wait(attempt, report.retry_after, now):
            self._again(attempt, now)
            return self._set_aside(report, now)
        if move is Move.NEXT:
            if self._find_next(now):
                return self._set_aside(report, now)
            self._is_exhausted = self._has_tried_all()
        return self._delivered(report.response, attempt, now, is_open=is_open)

    def _set_aside(self, report: Answered[R], now: float, *, is_final: bool = False) -> Command[R]:
        """Keep a complete answer in case that nothing better comes; an open one is discarded."""
        if not report.is_complete:
            return Discard(report.response)
        if is_final or not self._is_kept_final:
            self._kept, self._is_kept_final = (report.response, report.attempt), is_final
        return self.proceed(now)

    def _delivered(self, response: R, attempt: Attempt, now: float, *, is_open: bool) -> Deliver[R]:
        self._served_by = attempt
        for loser in self._under_way.attempts:
            self._outrun(loser, now)
        self._under_way.attempts = []
        return Deliver(response, attempt, is_open)

    def _outrun(self, loser: Attempt, now: float) -> None:
        """Note an attempt that is cut because another was answered before it.

        That proves nothing, unless this was a probe: it had its time, and lost.
        """
        loser.outcome, loser.error, loser.ended = "cancelled", "another was answered first", now
        fault = Fault.SILENT if loser.ticket.is_probe else Fault.OUTRUN
        self._note(loser, judge_fault(fault), now)

    def _failed(self, report: Failed, now: float) -> Command[R]:
        attempt, fault = report.attempt, report.fault
        self._under_way.attempts.remove(attempt)
        fault = self._deadline.explained(fault, attempt.allowance, now - attempt.started, now)
        if fault is Fault.STALE and self._second_chances >> attempt.index & 1:
            fault = Fault.BROKEN
        verdict = judge_fault(fault)
        attempt.outcome, attempt.phase, attempt.ended = "failed", report.phase, now
        attempt.error = self._fleet.config.redact(in_words(report.error))
        self._note(attempt, verdict, now)
        may_send = self._is_replayable or not report.was_sent
        may_repeat = may_send and not (self._is_kept_final or self._deadline.is_late(now))
        if verdict.move is Move.SAME_ONCE and may_repeat:  # beside others, too: they may all fail
            self._second_chances |= 1 << attempt.index
            self._again(attempt, now, is_fresh=True)
            return self.proceed(now)
        if self._under_way.attempts or self._is_kept_final:
            return self._go_on(now)
        if verdict.move is Move.STAY or not may_send:
            return GiveUp(report.error)
        if self._find_next(now):
            return self.proceed(now)
        self._is_exhausted = self._has_tried_all()
        if self._is_exhausted and self._kept is not None:
            return self._go_on(now)
        return GiveUp(report.error)

    def _go_on(self, now: float) -> Command[R]:
        """Wait for the attempts that are under way; without any, give back what was kept."""
        if self._under_way.attempts:
            return Await(self._under_way.patience(now))
        assert self._kept is not None  # nobody comes here with neither
        response, answered = self._kept
        return self._delivered(response, answered, now, is_open=False)

    def _overdue(self, now: float) -> Command[R]:
        """Start another attempt beside those that are under way, if one of them waits too long."""
        self._events = (*self._events, *self._under_way.listen(now))
        if self._under_way.is_hedge_due(now) and self._find_next(now):
            return self.proceed(now)
        return Await(self._under_way.patience(now))

    def cancelled(self, now: float) -> None:
        """Take in that the caller cut the journey off: what is under way proves nothing."""
        self._under_way.attempts = []
        for attempt in self._logbook.pending():
            attempt.outcome, attempt.ended = "cancelled", now
            self._note(attempt, judge_fault(Fault.CANCELLED), now)

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
        attempt.error = self._fleet.config.redact(in_words(error))
        self._note_late(attempt, judge_fault(fault), now)

    def stream_failed(self, attempt: Attempt, error: StreamError, now: float) -> None:
        """Take in that a stream brought an error behind its content; the caller got that too."""
        attempt.hides = hidden_status(error)
        attempt.error = self._logbook.code_in(error.body) or f"hides {attempt.hides}"
        self._note_late(attempt, judge_answer(attempt.hides, error=error.body), now)

    def _note_late(self, attempt: Attempt, verdict: Verdict, now: float) -> None:
        attempt.phase = Phase.BODY
        if verdict.effect is Effect.ALIVE:
            return
        if attempt.is_settled:
            attempt.ticket = self._fleet.resume(attempt.index, attempt.ticket, now)
        self._note(attempt, verdict, now)

    def take_events(self) -> tuple[Event, ...]:
        """Give what the journey changed about endpoints since this was asked last."""
        events, self._events = self._events, ()
        return events

    def take_news(self) -> tuple[News, ...]:
        """Give what happened to the request since this was asked last."""
        return self._logbook.news()

    def ledger(self) -> Ledger:
        """Give what was tried and passed over, in order."""
        return self._logbook.ledger(self._served_by, is_exhausted=self._is_exhausted)

    # Inside.

    def _may_wait(self, attempt: Attempt, hint: float | None, now: float) -> bool:
        """Tell whether a throttled request may wait for its endpoint, and take the wait."""
        if self._waited or hint is None or hint > RETRY_AFTER_CAP:
            return False
        if self._deadline.is_late(now + hint):
            return False
        refused = self._fleet.refuse_retry(attempt.index, now)
        if refused is not None:
            self._events = (*self._events, refused)
            attempt.error = "; ".join(filter(None, (attempt.error, "retry budget spent")))
            return False
        self._waited, self._wait = True, hint
        return True

    def _allowance(self, now: float) -> float | None:
        """Give the seconds that an attempt may take; None without a deadline.

        Time is kept for other endpoints only if a body that was sent could go there as well.
        """
        if self._deadline is NO_DEADLINE:
            return None
        others = 0
        if self._is_replayable:
            open_only = not self._is_last_resort  # then those after it are as good as it is
            others = self._fleet.prospects(self._tried, now, self._course, open_only=open_only)
        return self._deadline.allowance(now, others, self._fleet.config.policy.reserve)

    def _has_tried_all(self) -> bool:
        open_ones = len(self._fleet) - len(self._course.closed)
        return self._course.reach is not Reach.FLEET or self._tried.bit_count() == open_ones

    def _forgo(self, attempt: Attempt, now: float) -> None:
        """Give up an attempt that was reserved, because a discard or a sleep takes too long."""
        self.attempts -= 1
        attempt.outcome, attempt.error = "skipped", "the deadline left no time"
        self._note(attempt, judge_fault(Fault.DEADLINE), now)

    def _find_next(self, now: float) -> bool:
        """Reserve the next endpoint, if there is one and time is left."""
        if self._deadline.is_late(now):
            return False
        if self._order is None:
            self._order = self._fleet.order(now, self._course)
        choice = self._fleet.choose(self._tried, now, self._course, self._order, self._kind)
        if choice is None:
            return False
        if choice.events:
            self._events = (*self._events, *choice.events)
        self._is_last_resort = False
        if choice.skipped:
            self._logbook.skip(choice.skipped, now)
            self._is_last_resort = any(skip.index == choice.index for skip in choice.skipped)
        self._tried |= 1 << choice.index
        self._reserve(choice.index, choice.ticket, now)
        return True

    def _again(self, attempt: Attempt, now: float, *, is_fresh: bool = False) -> None:
        ticket = self._fleet.again(attempt.index, now, self._kind)
        self._reserve(attempt.index, ticket, now).is_fresh = is_fresh

    def _reserve(self, index: int, ticket: Ticket, now: float) -> Attempt:
        self.attempts += 1
        self._next = attempt = Attempt(index, ticket, now)
        self._logbook.add(attempt)
        return attempt

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
