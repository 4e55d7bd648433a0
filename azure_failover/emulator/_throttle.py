"""The streams that Azure opens with status 200 only to say that it is busy. Pure, no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure_failover.emulator._answer import Answer, event, event_stream
from azure_failover.emulator._call import CREATED, Body
from azure_failover.emulator._response_events import numbered

if TYPE_CHECKING:
    from azure_failover.emulator.recorded import Recorded

_ERROR: Body = {
    "type": "too_many_requests",
    "code": "rate_limit_exceeded",
    "message": "Too Many Requests",
    "param": None,
}


def stream(request: Recorded, retry_after: int) -> Answer:
    """Answer a success that turns out to be an error before any content."""
    if request.route == "responses":
        answer = event_stream(numbered(_response_events(request)))
    else:
        answer = event_stream([event({"type": "error", "error": _ERROR, "sequence_number": 0})])
    return answer.with_headers({"retry-after": str(retry_after)})


def _response_events(request: Recorded) -> tuple[Body, ...]:
    response: Body = {
        "id": f"resp_{request.number:048x}",
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "error": None,
        "model": request.model,
        "output": [],
    }
    failure = {"code": _ERROR["code"], "message": _ERROR["message"]}
    failed: Body = {**response, "status": "failed", "error": failure}
    return (
        {"type": "response.created", "response": response},
        {"type": "response.in_progress", "response": response},
        {"type": "error", "error": _ERROR},
        {"type": "response.failed", "response": failed},
    )
