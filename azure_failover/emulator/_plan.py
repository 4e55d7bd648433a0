"""Decides which bytes answer a request and how the connection ends after them. No socket."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeAlias, assert_never

from attrs import evolve, frozen

from azure_failover.emulator import _errors, _in_band, _service, _sse, _wire, faults
from azure_failover.emulator._answer import Answer, Part

if TYPE_CHECKING:
    from azure_failover.emulator._store import Store
    from azure_failover.emulator.recorded import Recorded
    from azure_failover.emulator.shape import StreamShape
    from azure_failover.emulator.spec import Identity


class Ending(Enum):
    """What becomes of the connection once the bytes are out."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"
    REPEAT = "repeat"


@frozen(kw_only=True)
class Plan:
    """The bytes to send and what surrounds them.

    Attributes:
        pieces: What to write, one write each.
        repeated: What to write after them, over and over, where that is the ending.
        wait: Seconds before the first byte.
    """

    pieces: tuple[Part, ...] = ()
    repeated: tuple[Part, ...] = ()
    ending: Ending = Ending.KEEP
    wait: float = 0


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
    | faults.BreakStream
    | faults.ThrottledStream
    | faults.Garbage
    | faults.BadJson
    | faults.StaleConnection
)
"""Every request fault except the one that chooses another."""


def plan(  # noqa: C901, PLR0912 - one flat table
    request: Recorded,
    fault: Simple | None,
    *,
    region: Identity,
    store: Store,
    shape: StreamShape,
    may_keep_alive: bool,
) -> Plan:
    """Plan the answer to one request, under the fault that acts on it.

    A fault that leaves the request without an answer also leaves it undone.
    """

    def served() -> Answer:
        replacement = _replacement(request, fault)
        healthy = replacement or _service.answer(request, region, store, shape.tokens)
        return _service.dressed(healthy, request)

    def written() -> Answer:
        return _sse.written(served(), shape)

    def answer() -> Answer:
        return _sse.chunked(written(), shape)

    def whole() -> Plan:
        return _whole(answer(), may_keep_alive=may_keep_alive)

    match fault:
        case None | faults.Status() | faults.ThrottledStream() | faults.BadJson():
            return whole()
        case faults.Delay(seconds=seconds):
            return evolve(whole(), wait=seconds)
        case faults.Drip(seconds=seconds):
            slow = _sse.chunked(_slowed(written(), seconds), shape)
            return _whole(slow, may_keep_alive=may_keep_alive)
        case faults.BreakStream():
            return _broken(served(), fault, shape, may_keep_alive=may_keep_alive)
        case faults.EndInBody(after=after):
            return _whole(_wire.shortened(answer(), after), may_keep_alive=may_keep_alive)
        case faults.Hang():
            return Plan(ending=Ending.HANG)
        case faults.ResetBeforeHeaders() | faults.StaleConnection():
            return Plan(ending=Ending.RESET)
        case faults.CloseBeforeHeaders():
            return Plan(ending=Ending.CLOSE)
        case faults.Garbage():
            return Plan(pieces=(Part(_wire.GARBAGE),), ending=Ending.CLOSE)
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
            return _in_band.throttled(request, seconds)
        case faults.ThrottledStream(retry_after=seconds):
            return _errors.status_answer(faults.Status(429, {"retry-after": str(seconds)}))
        case _:
            return None


def _whole(answer: Answer, *, may_keep_alive: bool) -> Plan:
    head = _wire.head(answer, may_keep_alive=may_keep_alive)
    return Plan(
        pieces=(Part(head), *_wire.pieces(answer)),
        ending=Ending.KEEP if may_keep_alive else Ending.CLOSE,
    )


def _cut(answer: Answer, after: int, ending: Ending) -> Plan:
    head = _wire.head(answer, may_keep_alive=True)
    return Plan(pieces=(Part(head), *_wire.cut(answer, after)), ending=ending)


def _broken(
    answer: Answer, fault: faults.BreakStream, shape: StreamShape, *, may_keep_alive: bool
) -> Plan:
    """Plan a stream that breaks at one of its events; what is none is sent whole."""
    if not answer.events:
        return _whole(answer, may_keep_alive=may_keep_alive)
    if fault.retry_after is not None:
        answer = answer.with_headers({"retry-after": str(fault.retry_after)})
    count = len(answer.events)
    at = min(max(0, count + fault.at if fault.at < 0 else fault.at), count)
    if fault.how == "error":
        failing = _sse.written(_in_band.failing(answer, at, fault), shape)
        return _whole(_sse.chunked(failing, shape), may_keep_alive=may_keep_alive)
    events = _sse.written(answer, shape)
    sizes = [len(part.data) for part in events.parts]
    after = sum(sizes[:at]) + min(fault.within, sum(sizes[at : at + 1]))
    stream = _sse.chunked(events, shape)
    match fault.how:
        case "reset":
            return _cut(stream, after, Ending.RESET)
        case "close":
            return _cut(stream, after, Ending.CLOSE)
        case "hang":
            return _cut(stream, after, Ending.HANG)
        case "end":
            return _whole(_wire.shortened(stream, after), may_keep_alive=may_keep_alive)
        case "comments":
            said = _whole_chunks(_wire.shortened(stream, after))
            comment = tuple(map(_wire.chunk, _sse.comment(fault.interval, shape)))
            return Plan(pieces=said, repeated=comment, ending=Ending.REPEAT)


def _whole_chunks(answer: Answer) -> tuple[Part, ...]:
    """Give the head and the chunks, with more chunks to follow."""
    head = _wire.head(answer, may_keep_alive=True)
    return (Part(head), *map(_wire.chunk, answer.parts))


def _slowed(answer: Answer, seconds: float) -> Answer:
    """Pause before each part; a body of one part is split in two, to have something to wait for."""
    parts = answer.parts
    if not answer.is_stream:
        joined = b"".join(part.data for part in parts)
        middle = len(joined) // 2
        parts = (Part(joined[:middle]), Part(joined[middle:]))
    slow = tuple(evolve(part, pause=part.pause + seconds) for part in parts)
    return evolve(answer, parts=slow)
