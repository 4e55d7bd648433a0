"""On whose behalf a request is made: ids that reach Azure, and the log records of the request.

Sends and logs nothing by itself. The context stands around a call, in a context variable, as
:func:`~azure_failover.failover_options` does.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, cast
from uuid import uuid4

import attrs

REQUEST_ID_HEADER: Final = "x-ms-client-request-id"
"""The header by which Azure's services take a caller's id into their own logs."""

_LONGEST: Final = 256
"""Characters that a request id may have."""


def _check_id(_: object, __: object, value: str) -> None:
    is_sendable = isinstance(cast("object", value), str) and value.isascii() and value.isprintable()
    if not is_sendable or not value or value != value.strip() or len(value) > _LONGEST:
        raise ValueError(
            f"request_id cannot be sent in a header: give 1 to {_LONGEST} visible ASCII characters"
        )


@attrs.frozen(kw_only=True)
class RequestContext:
    """On whose behalf requests are made; :func:`create_context` makes one.

    ``request_id`` goes to Azure with each request (``x-ms-client-request-id``). All three stand on
    the log records that this package writes meanwhile, as attributes of the same names; user and
    session go nowhere else.

    Attributes:
        request_id: 1 to 256 visible ASCII characters.
        user_id: Who asked, in the application's own terms.
        session_id: In which conversation.
    """

    request_id: str = attrs.field(validator=_check_id)
    user_id: str | None = None
    session_id: str | None = None

    @contextmanager
    def applied(self) -> Generator[RequestContext]:
        """Make this the context of all calls of this package's clients in the block.

        For this thread or task, and for tasks that it starts; an inner block overrides.
        """
        token = _AROUND.set(self)
        try:
            yield self
        finally:
            _AROUND.reset(token)


def create_context(
    *, user_id: str | None = None, session_id: str | None = None, request_id: str | None = None
) -> RequestContext:
    """Make the context of a request.

    Args:
        user_id: Who asked, in the application's own terms.
        session_id: In which conversation.
        request_id: The id that the application gave the request; by default a new one.

    Raises:
        ValueError: If the request id cannot be sent in a header.
    """
    made = str(uuid4()) if request_id is None else request_id
    return RequestContext(request_id=made, user_id=user_id, session_id=session_id)


def headers_around() -> dict[str, str]:
    """Give the headers that the context around a call adds to its requests."""
    context = _AROUND.get()
    return {} if context is None else {REQUEST_ID_HEADER: context.request_id}


_AROUND: Final[ContextVar[RequestContext | None]] = ContextVar("request_context", default=None)


class ContextFilter(logging.Filter):
    """Puts ``request_id``, ``user_id`` and ``session_id`` on log records; lets all of them pass.

    They are None where there is no context. This package's own logger has it. Add it to a handler
    for the records of other loggers, such as the application's.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Complete a record, unless whoever logged it said these things itself."""
        context = _AROUND.get()
        for name in ("request_id", "user_id", "session_id"):
            record.__dict__.setdefault(name, getattr(context, name, None))
        return True


logging.getLogger("azure_failover").addFilter(ContextFilter())
