"""Translates what an HTTP library says, answers and exceptions, into what a flight is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic

import anyio
import attrs

from azure_failover.core.hints import hint_in
from azure_failover.core.ledger import Phase
from azure_failover.core.steps import Answered, Attempt, Failed, Report
from azure_failover.core.verdict import Fault, hidden_status
from azure_failover.transport._family import Family, Req, Resp
from azure_failover.transport._labels import forget_frames
from azure_failover.transport._opening import is_event_stream
from azure_failover.transport._runtime import Runtime
from azure_failover.transport._tokens import NoTokenError
from azure_failover.transport._watch import Watched, Wire, was_answered

_BELOW_THE_FAMILY = (
    OSError,
    EOFError,
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
)
"""What leaks through httpx at times although the connection is to blame."""


@attrs.define(eq=False)
class Broken:
    """An attempt that ended without an answer."""

    error: Exception
    fault: Fault
    phase: Phase
    was_sent: bool


class Reports(Generic[Req, Resp]):
    """Translates for one HTTP family."""

    def __init__(self, family: Family[Req, Resp], runtime: Runtime) -> None:
        self._family: Final = family
        self._in_memory: Final = family.memory_stream_type
        self._wall: Final = runtime.wall
        self._timeouts: Final[dict[Fault, Callable[[str], Exception]]] = {
            **{fault: kind for kind, fault, _ in family.faults},
            Fault.READ_TIMEOUT: family.timeout_error,
        }

    def of(self, attempt: Attempt, result: Resp | Broken) -> Report[Resp]:
        """Give the report on an attempt."""
        if isinstance(result, Broken):
            return Failed(attempt, result.error, result.fault, result.phase, result.was_sent)
        headers, status, stream = result.headers, result.status_code, result.stream
        is_complete = isinstance(stream, self._in_memory)
        hides, body, has_content = None, b"", False
        if status != 200:  # noqa: PLR2004
            body = self.body_of(result) if is_complete else b""
        elif "retry-after" in headers and is_event_stream(headers):
            hides = 429
        if isinstance(stream, Watched):
            has_content = stream.error is None
            if stream.error is not None:
                hides, body = hidden_status(stream.error), stream.error.body
        is_throttled = 429 in (status, hides)  # noqa: PLR2004
        return Answered(
            attempt,
            result,
            status,
            is_complete,
            retry_after=hint_in(headers, wall=self._wall(), is_throttled=is_throttled),
            hides=hides,
            has_content=has_content,
            body=body,
        )

    def body_of(self, response: Resp) -> bytes:
        """Give the body of an answer that was read, without its content encoding."""
        body = b"".join(response.stream)
        if "content-encoding" not in response.headers:
            return body
        return self._family.decode(response.headers, body)

    def broken(self, error: Exception, wire: Wire, *, was_sent: bool) -> Broken:
        """Translate an exception of the family; raise any other as it is."""
        if isinstance(error, NoTokenError):
            error = self._in_family(error, error.__cause__)
            return Broken(error, Fault.CREDENTIAL, Phase.CONNECT, was_sent=False)
        if isinstance(error, _BELOW_THE_FAMILY):
            error = self._in_family(f"{type(error).__name__}: {error}", error)
        found = self.fault_of(error)
        if found is None:
            raise error
        (fault, place), phase = found, wire.phase
        if phase is Phase.WAIT:
            phase = place
            if fault is Fault.BROKEN and wire.is_reused and not was_answered(error):
                fault = Fault.STALE
        forget_frames(error)
        return Broken(error, fault, phase, was_sent)

    def cut(self, seconds: float, wire: Wire, *, is_pooled: bool, was_sent: bool) -> Broken:
        """Report a task's attempt that was cut because it took longer than it may.

        It is told as the family would tell it, had the phase that it was in taken too long: one
        of our own pools does first of all, without a word, wait for a free connection.
        """
        fault, phase = Fault.READ_TIMEOUT, wire.phase
        if phase is Phase.CONNECT or (wire.connected and not wire.sent):
            fault, phase = Fault.CONNECT_TIMEOUT, Phase.CONNECT
        elif is_pooled and not wire.sent:
            fault, phase = Fault.POOL_TIMEOUT, Phase.CONNECT
        error = self._timeouts[fault](f"cut after the {seconds:.2f} s that the deadline left it")
        return Broken(error, fault, phase, was_sent)

    def _in_family(self, text: object, cause: BaseException | None) -> Exception:
        error = self._family.connection_error(str(text))
        error.__cause__ = cause
        forget_frames(error)
        return error

    def fault_of(self, error: Exception) -> tuple[Fault, Phase] | None:
        """Say what an exception of the family means; None for one that is none of ours."""
        for kind, fault, phase in self._family.faults:
            if isinstance(error, kind):
                return fault, phase
        return None
