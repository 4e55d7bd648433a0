"""One request of the load: what is asked, what became of it, and whether that keeps our word.

Pure but for the clock that is passed in; the load (:mod:`stress_load`) sends.
"""

from __future__ import annotations

import json
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, Final

import attrs
from stress_regions import Arrival

from azure_failover import Ledger, ledger_of
from azure_failover.core.ledger import Entry

DEADLINE_MARGIN: Final = 0.3
"""Seconds before a deadline from which on it may be the cause of a loss."""
_WORDS: Final = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")
_DONE: Final = "data: [DONE]"
_FAILED: Final = frozenset({429, 500, 502, 503, 504})


@attrs.frozen(kw_only=True)
class Order:
    """What a request is to be.

    Attributes:
        number: What tells it from all others.
        is_stream: Whether an event stream is asked for.
        lines: Lines of the stream that are read before it is closed; None reads all.
        patience: Seconds after which the caller cancels; None if it does not.
        deadline: Seconds that it may take, as told to the transport; None for no limit.
        is_generated: Whether the body comes from a generator, which can be read only once.
    """

    number: int
    is_stream: bool = False
    lines: int | None = None
    patience: float | None = None
    deadline: float | None = None
    is_generated: bool = False

    @property
    def said(self) -> str:
        """The text that the region is to repeat; no two requests say the same."""
        turn = self.number % len(_WORDS)
        return " ".join((f"request-{self.number}", *_WORDS[turn:], *_WORDS[:turn]))

    @property
    def body(self) -> bytes:
        """The request's body."""
        chat: dict[str, Any] = {"messages": [{"role": "user", "content": self.said}]}
        if self.is_stream:
            chat["stream"] = True
        return json.dumps(chat).encode()

    @property
    def extensions(self) -> dict[str, Any]:
        """The request's extensions."""
        return {} if self.deadline is None else {"failover": {"deadline": self.deadline}}


def draw(number: int, luck: Random, *, may_cancel: bool) -> Order:
    """Draw a request from the mix."""
    is_stream = luck.random() < 0.35
    share = luck.random()
    return Order(
        number=number,
        is_stream=is_stream,
        lines=luck.randrange(8) if is_stream and share < 0.35 else None,
        patience=luck.uniform(0.0, 0.15) if may_cancel and luck.random() < 0.2 else None,
        deadline=luck.uniform(0.4, 1.5) if not is_stream and share < 0.15 else None,
        is_generated=luck.random() < 0.1,
    )


@attrs.define(eq=False)
class Outcome:
    """What became of a request.

    Attributes:
        order: What was asked.
        well: The regions that were well all along.
        elapsed: Seconds that it took.
        status: The HTTP status, if one came.
        headers: The answer's headers.
        ledger: What was tried, as the answer or the exception tells it.
        body: The JSON that came.
        read: The lines of the event stream that came.
        error: The exception that came, in words.
        is_familiar: Whether it is one of the transport errors of the request's HTTP family.
        was_cancelled: Whether the caller cancelled it.
        trace: Where the exception came from, if it should not have come.
    """

    order: Order
    well: frozenset[str] = frozenset()
    elapsed: float = 0.0
    status: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    ledger: Ledger | None = None
    body: bytes = b""
    read: list[str] = attrs.field(factory=list[str])
    error: str | None = None
    is_familiar: bool = True
    was_cancelled: bool = False
    trace: str = ""

    def came(self, response: Any) -> None:
        """Take note of an answer's head."""
        self.status, self.ledger = response.status_code, ledger_of(response)
        names = ("x-failover-endpoint", "x-failover-attempts", "x-should-retry")
        self.headers = {name: response.headers.get(name, "") for name in names}

    def broke(self, error: Exception, transport_error: type[Exception]) -> None:
        """Take note of an exception."""
        self.error = f"{type(error).__name__}: {error}"
        self.is_familiar = isinstance(error, transport_error)
        self.ledger = ledger_of(error) or self.ledger
        if not self.is_familiar:
            self.trace = "".join(traceback.format_exception(error))

    @property
    def endpoint(self) -> str | None:
        """The endpoint that answered, as the answer's label names it."""
        return self.headers.get("x-failover-endpoint")

    @property
    def kind(self) -> str:
        """What became of it, in a word or two."""
        if self.was_cancelled:
            return "cancelled by us"
        if self.error is not None:
            if self.status is not None:
                return "stream broke after its head"
            return "exception" if self.well else "exception in an outage"
        if self.status != 200:
            return f"{self.status}" if self.well else f"{self.status} in an outage"
        if self.order.lines is not None:
            return "stream closed early by us"
        return "stream read to the end" if self.order.is_stream else "answered"

    @property
    def has_moved(self) -> bool:
        """Whether more than one endpoint was tried."""
        return self.ledger is not None and len({it.index for it in self.ledger.attempts}) > 1

    @property
    def is_late(self) -> bool:
        """Whether its deadline may have cut it."""
        deadline = self.order.deadline
        return deadline is not None and self.elapsed >= deadline - DEADLINE_MARGIN

    def __str__(self) -> str:
        facts = f"well all along: {', '.join(sorted(self.well)) or 'none'}; {self.elapsed:.3f} s"
        lines = f"{self.order}\n{self.kind}; {facts}; error {self.error}\n{self.headers}"
        return "\n".join(text for text in (lines, str(self.ledger), self.trace) if text)


def flaws_of(outcome: Outcome, endpoints: int) -> Iterator[str]:
    """Name every promise that an outcome breaks.

    Args:
        outcome: What became of a request.
        endpoints: How many endpoints there are.
    """
    if outcome.was_cancelled:
        return
    if not outcome.is_familiar:
        yield "an exception that no caller of this HTTP library expects"
    if outcome.ledger is None:
        yield "an outcome without a ledger"
        return
    yield from _ledger_flaws(outcome.ledger)
    if outcome.error is not None:
        yield from _error_flaws(outcome, outcome.ledger, endpoints)
    elif outcome.status != 200:
        yield from _refusal_flaws(outcome, outcome.ledger, endpoints)
    if outcome.status is not None:
        yield from _label_flaws(outcome, outcome.ledger)
    if outcome.status == 200:
        yield from _torn(outcome)


def _ledger_flaws(ledger: Ledger) -> Iterator[str]:
    attempts = ledger.attempts
    for name in {entry.endpoint for entry in attempts}:
        first, *again = (entry for entry in attempts if entry.endpoint == name)
        if len(again) > 1 or (again and first.outcome != "failed" and first.status != 429):
            yield "an endpoint was tried again, and not as its one second chance"
    if any(entry.started < 0 or (entry.elapsed or 0.0) < 0 for entry in attempts):
        yield "a ledger in which time runs backwards"
    if [entry.started for entry in attempts] != sorted(entry.started for entry in attempts):
        yield "a ledger out of order"
    if any(entry.outcome == "pending" for entry in attempts):
        yield "an attempt was left pending"


def _error_flaws(outcome: Outcome, ledger: Ledger, endpoints: int) -> Iterator[str]:
    if outcome.status is not None:
        if not outcome.order.is_stream:
            yield "JSON that broke in the caller's hands"
        elif outcome.endpoint in outcome.well:
            yield "a stream of an endpoint broke that was well all along"
    elif outcome.is_late:
        return
    elif outcome.well:
        yield "lost, although a region was well all along"
    elif not ledger.is_exhausted or len({entry.index for entry in ledger.attempts}) < endpoints:
        yield "given up in an outage before every endpoint was tried"


def _refusal_flaws(outcome: Outcome, ledger: Ledger, endpoints: int) -> Iterator[str]:
    if outcome.status not in _FAILED:
        yield f"answered {outcome.status}, which no region says"
    elif outcome.endpoint in outcome.well:
        yield f"answered {outcome.status} by an endpoint that was well all along"
    elif outcome.status != 429 and not outcome.is_late:
        if outcome.well:
            yield f"lost by a {outcome.status}, although a region was well all along"
        elif len({entry.index for entry in ledger.attempts}) < endpoints:
            yield "given up in an outage before every endpoint was tried"
        elif outcome.headers["x-should-retry"] != "false":
            yield "an SDK above would try again what was tried everywhere"


def _label_flaws(outcome: Outcome, ledger: Ledger) -> Iterator[str]:
    name, attempts = outcome.endpoint, ledger.attempts
    if ledger.endpoint != name:
        yield f"the label names {name}, the ledger {ledger.endpoint}"
    if outcome.headers["x-failover-attempts"] != str(len(attempts)):
        yield "the label and the ledger count attempts differently"
    answered = [it for it in attempts if (it.endpoint, it.status) == (name, outcome.status)]
    if [it.outcome for it in answered][-1:] != ["answered"]:
        yield "the ledger does not know the answer"
    after = attempts[attempts.index(answered[-1]) + 1 :] if answered else ()
    if outcome.status == 200 and any(
        it.outcome != "cancelled" and it.started > _end(answered[-1]) for it in after
    ):
        yield "something was tried after the answer"


def _end(entry: Entry) -> float:
    return entry.started + (entry.elapsed or 0.0)


def _torn(outcome: Outcome) -> Iterator[str]:
    """Compare what came with what was asked for."""
    order, expected = outcome.order, f"{outcome.endpoint}: {outcome.order.said}"
    if not order.is_stream:
        if outcome.error is None and _text(outcome.body) != expected:
            yield f"a torn answer: {outcome.body[:300]!r}"
        return
    text = "".join(map(_delta, outcome.read))
    if not expected.startswith(text):
        yield f"a torn stream: {text!r}"
    if outcome.error is None and order.lines is None:
        ends = [line for line in outcome.read if line]
        if text != expected or ends[-1:] != [_DONE]:
            yield f"a stream cut short without an error: {text!r}"


def _text(body: bytes) -> str | None:
    try:
        text: str = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        return None
    return text


def _events(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: {"):
            try:
                yield json.loads(line.removeprefix("data: "))
            except ValueError:  # the last line of a stream that broke
                return


def _delta(line: str) -> str:
    return "".join(
        choice["delta"].get("content", "")
        for event in _events([line])
        for choice in event["choices"]
    )


def arrival_of(outcome: Outcome) -> int | None:
    """Give the number under which a region received what an answer answers, as its id says."""
    ids = [event.get("id", "") for event in _events(outcome.read)]
    if not outcome.order.is_stream and outcome.status == 200:
        ids = [json.loads(outcome.body)["id"]]
    numbers = [found.rpartition("-")[2] for found in ids if found]
    return int(numbers[-1]) if numbers else None


def record_flaws(outcome: Outcome, arrivals: Sequence[Arrival]) -> Iterator[str]:
    """Compare an outcome with what the regions received of it.

    Args:
        outcome: What became of a request.
        arrivals: What the regions received under its number.
    """
    received = Counter(arrival.region for arrival in arrivals)
    if outcome.was_cancelled:
        if any(count > 2 for count in received.values()):
            yield f"sent to {received} before it was cancelled"
        return
    ledger = outcome.ledger
    told = Counter(() if ledger is None else (entry.endpoint for entry in ledger.attempts))
    if received - told:
        yield f"regions received more than the ledger tells: {received - told}"
    if outcome.status is not None and not received[outcome.endpoint or ""]:
        yield f"{outcome.endpoint} never received what it is said to have answered"
    number = arrival_of(outcome)
    if number is not None:
        regions = [arrival.region for arrival in arrivals if arrival.number == number]
        if regions != [outcome.endpoint]:
            yield f"labelled {outcome.endpoint}, and answered by {regions}"
