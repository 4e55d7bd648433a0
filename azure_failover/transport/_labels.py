"""What a caller finds on a response or an exception: the ledger, in extensions, headers and notes.

Also takes from exceptions what they must not carry out: the tracebacks of the HTTP library, whose
local variables hold the bytes of the request's headers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, cast

from azure_failover.core.ledger import Ledger
from azure_failover.transport._family import Response
from azure_failover.transport._headers import HeaderEdit
from azure_failover.transport._options import EXTENSION

ENDPOINT_HEADER: Final = "x-failover-endpoint"
ATTEMPTS_HEADER: Final = "x-failover-attempts"
RETRY_HEADER: Final = "x-should-retry"
"""The header by which a server tells Azure's and OpenAI's SDKs not to retry (openai-python)."""

RETRY_COUNT_HEADER: Final = "x-stainless-retry-count"
"""The header in which these SDKs say how often they have tried before."""

_LEDGER_ATTRIBUTE: Final = "_azure_failover_ledger"


def label_response(response: Response, ledger: Ledger, endpoint: str, attempts: int) -> None:
    """Put the ledger on a response, and tell SDKs above not to multiply attempts in vain."""
    response.extensions[EXTENSION] = ledger
    edit_for(endpoint, attempts).make(response.headers)
    if ledger.is_exhausted and attempts > 1:
        response.headers[RETRY_HEADER] = "false"


@lru_cache
def edit_for(endpoint: str, attempts: int, *, unless: str | None = None) -> HeaderEdit:
    """Give the edit that tells in a response's headers who answered, at which attempt.

    Responses that have the header ``unless`` are left as they are.
    """
    labels = {ENDPOINT_HEADER: endpoint, ATTEMPTS_HEADER: str(attempts)}
    return HeaderEdit(labels, unless=unless)


def label_error(error: Exception, ledger: Ledger) -> None:
    """Put the ledger on an exception, as an attribute and as a note that lists the attempts."""
    error.__dict__[_LEDGER_ATTRIBUTE] = ledger
    error.add_note(f"azure_failover tried:\n{ledger}")


def forget_frames(error: BaseException) -> None:
    """Drop the tracebacks of an exception and of those that led to it; types and texts stay."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        link.__traceback__ = None
        link = link.__cause__ or link.__context__


def ledger_of(outcome: object) -> Ledger | None:
    """Give the ledger of a response or an exception that came through a failover transport.

    Args:
        outcome: A response of httpx or httpx2, an exception that was raised for one, or an
            exception that was raised from that one (an SDK's own).

    Returns:
        What was tried, in order; None if the outcome did not come from here.
    """
    seen: set[int] = set()
    link: object = outcome
    while isinstance(link, BaseException) and id(link) not in seen:
        ledger = link.__dict__.get(_LEDGER_ATTRIBUTE, getattr(link, "ledger", None))
        if isinstance(ledger, Ledger):
            return ledger
        seen.add(id(link))
        response = getattr(link, "response", None)
        link = response if response is not None else link.__cause__ or link.__context__
    extensions = getattr(link, "extensions", None)
    if not isinstance(extensions, dict):
        return None
    ledger = cast("dict[str, object]", extensions).get(EXTENSION)
    return ledger if isinstance(ledger, Ledger) else None
