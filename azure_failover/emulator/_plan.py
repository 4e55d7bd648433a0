"""Decides which bytes answer a request and how the connection ends after them. No socket."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeAlias, assert_never

from attrs import evolve, frozen

from azure_failover.emulator import _errors, _service, _throttle, _wire, faults

if TYPE_CHECKING:
    from azure_failover.emulator._answer import Answer
    from azure_failover.emulator._store import Store
    from azure_failover.emulator.recorded import Recorded
    from azure_failover.emulator.spec import Identity


class Ending(Enum):
    """What becomes of the connection once the bytes are out."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"


@frozen(kw_only=True)
class Plan:
    """The bytes to send and what surrounds them.

    Attributes:
        pieces: What to write, one write each.
        wait: Seconds before the first byte.
        pace: Seconds before each piece after the first, which is the head.
    """

    pieces: tuple[bytes, ...] = ()
    ending: Ending = Ending.KEEP
    wait: float = 0
    pace: float = 0


Simple: TypeAlias = (
    faults.Status
    | faults.Hang
    | faults.Delay
    | faults.Drip
    | faults.ResetBeforeHeaders
    | faults.CloseBeforeHeaders
    | faults.ResetInBody
    | faults.Truncate
    | faults.HangInBody
    | faults.EndInBody
    | faults.ThrottledStream
    | faults.Garbage
    | faults.BadJson
    | faults.StaleConnection
)
"""Every request fault except the one that chooses another."""


def plan(  # noqa: C901 - one flat table
    request: Recorded,
    fault: Simple | None,
    *,
    region: Identity,
    store: Store,
    may_keep_alive: bool,
) -> Plan:
    """Plan the answer to one request, under the fault that acts on it.

    A fault that leaves the request without an answer also leaves it undone.
    """

    def answer() -> Answer:
        replacement = _replacement(request, fault)
        return _service.dressed(replacement or _service.answer(request, region, store), request)

    def whole() -> Plan:
        return _whole(answer(), may_keep_alive=may_keep_alive)

    match fault:
        case None | faults.Status() | faults.ThrottledStream() | faults.BadJson():
            return whole()
        case faults.Delay(seconds=seconds):
            return evolve(whole(), wait=seconds)
        case faults.Drip(seconds=seconds):
            return evolve(_whole(_halved(answer()), may_keep_alive=may_keep_alive), pace=seconds)
        case faults.EndInBody(after=after):
            return _whole(_wire.shortened(answer(), after), may_keep_alive=may_keep_alive)
        case faults.Hang():
            return Plan(ending=Ending.HANG)
        case faults.ResetBeforeHeaders() | faults.StaleConnection():
            return Plan(ending=Ending.RESET)
        case faults.CloseBeforeHeaders():
            return Plan(ending=Ending.CLOSE)
        case faults.Garbage():
            return Plan(pieces=(_wire.GARBAGE,), ending=Ending.CLOSE)
        case faults.ResetInBody(after=after):
            return _cut(answer(), after, Ending.RESET)
        case faults.Truncate(after=after):
            return _cut(answer(), after, Ending.CLOSE)
        case faults.HangInBody(after=after):
            return _cut(answer(), after, Ending.HANG)
        case _:
            assert_never(fault)


def _replacement(request: Recorded, fault: Simple | None) -> Answer | None:
    """Return the answer that stands in for the healthy one, for the faults that have one."""
    match fault:
        case faults.Status():
            return _errors.status_answer(fault)
        case faults.BadJson():
            return _errors.bad_json()
        case faults.ThrottledStream(retry_after=seconds) if request.streamed:
            return _throttle.stream(request, seconds)
        case faults.ThrottledStream(retry_after=seconds):
            return _errors.status_answer(faults.Status(429, {"retry-after": str(seconds)}))
        case _:
            return None


def _whole(answer: Answer, *, may_keep_alive: bool) -> Plan:
    head = _wire.head(answer, may_keep_alive=may_keep_alive)
    return Plan(
        pieces=(head, *_wire.pieces(answer)),
        ending=Ending.KEEP if may_keep_alive else Ending.CLOSE,
    )


def _cut(answer: Answer, after: int, ending: Ending) -> Plan:
    head = _wire.head(answer, may_keep_alive=True)
    return Plan(pieces=(head, _wire.cut(answer, after)), ending=ending)


def _halved(answer: Answer) -> Answer:
    """Split a body of one piece in two, so that there is something to wait for inside it."""
    if answer.is_stream:
        return answer
    joined = b"".join(answer.parts)
    middle = len(joined) // 2
    return evolve(answer, parts=(joined[:middle], joined[middle:]))
