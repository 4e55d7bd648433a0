"""Errors that come inside a stream whose status said 200. Pure, no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from azure_failover.emulator._answer import Answer, Event, event_stream
from azure_failover.emulator._call import CREATED, Body, as_body
from azure_failover.emulator._response_events import numbered

if TYPE_CHECKING:
    from azure_failover.emulator.faults import BreakStream
    from azure_failover.emulator.recorded import Recorded

_THROTTLED: Body = {
    "type": "too_many_requests",
    "code": "rate_limit_exceeded",
    "message": "Too Many Requests",
    "param": None,
}


def throttled(request: Recorded, retry_after: int) -> Answer:
    """Answer a success that turns out to be a refusal before any content."""
    if request.route == "responses":
        answer = event_stream(numbered(_refused_response(request)))
    else:
        answer = event_stream([Event({"type": "error", "error": _THROTTLED, "sequence_number": 0})])
    return answer.with_headers({"retry-after": str(retry_after)})


def failing(answer: Answer, at: int, fault: BreakStream) -> Answer:
    """Replace the events of a stream from one place on by the error of a fault."""
    told = answer.events[:at]
    error: Body = {
        "message": fault.message,
        "type": fault.error_type,
        "param": None,
        "code": fault.code,
    }
    opening = answer.events[0].data
    if isinstance(opening, str) or "response" not in opening:
        return evolve(answer, events=(*told, Event({"error": error})))
    failure = numbered(_failure(as_body(opening["response"]), error), first=at)
    return evolve(answer, events=(*told, *failure))


def _refused_response(request: Recorded) -> tuple[Body, ...]:
    response: Body = {
        "id": f"resp_{request.number:048x}",
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "error": None,
        "model": request.model,
        "output": [],
    }
    return (
        {"type": "response.created", "response": response},
        {"type": "response.in_progress", "response": response},
        *_failure(response, _THROTTLED),
    )


def _failure(response: Body, error: Body) -> tuple[Body, ...]:
    reason = {"code": error["code"], "message": error["message"]}
    failed: Body = {**response, "status": "failed", "error": reason}
    return {"type": "error", "error": error}, {"type": "response.failed", "response": failed}
