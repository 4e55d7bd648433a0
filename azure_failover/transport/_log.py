"""What is told, in the log under ``azure_failover`` and to a hook; never of a healthy request."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, assert_never

import attrs

from azure_failover.core.events import (
    AttemptFailed,
    EndpointFailed,
    EndpointMisconfigured,
    EndpointRecovered,
    Exhausted,
    FailedOver,
    FailoverEvent,
    ProbeStarted,
    RetryRefused,
    StreamMoved,
)

logger = logging.getLogger("azure_failover")


OnEvent: TypeAlias = Callable[[FailoverEvent], None]
"""A function that is told what happens."""


class Herald:
    """Tells what happens: in the log, and to the caller's hook. Never raises."""

    def __init__(self, on_event: OnEvent | None) -> None:
        """Take the hook.

        Raises:
            TypeError: If it cannot be called, or would have to be awaited.
        """
        if on_event is not None and not callable(on_event):
            raise TypeError("on_event= is not callable: give a function of one event")
        if inspect.iscoroutinefunction(on_event):
            raise TypeError(
                "on_event= is a coroutine function, and nobody awaits it: give a plain one"
            )
        self._hook = on_event

    def tell(self, events: Iterable[FailoverEvent]) -> None:
        """Tell of events, in order."""
        for event in events:
            level, text, *arguments = _told(event)
            if logger.isEnabledFor(level):
                logger.log(level, text, *arguments, extra=_extra(event))
            if self._hook is not None:
                try:
                    self._hook(event)
                except Exception:
                    logger.exception("on_event raised for %s", type(event).__name__)


def _told(event: FailoverEvent) -> tuple[Any, ...]:
    """Give level, text and arguments of an event's log record.

    A WARNING when an endpoint fails, an INFO when it is back. That the retry budget is spent is a
    WARNING once in a while: told for each request, it would be a storm of its own.
    """
    match event:
        case EndpointFailed(by_probe=False):
            text = "endpoint %s failed (%s), passed over for %.1f s"
            return logging.WARNING, text, event.endpoint, event.reason, event.pause
        case EndpointFailed():
            text = "endpoint %s is still failed (%s), passed over for %.1f s more"
            return logging.DEBUG, text, event.endpoint, event.reason, event.pause
        case EndpointRecovered():
            return logging.INFO, "endpoint %s serves again", event.endpoint
        case EndpointMisconfigured():
            text = "endpoint %s refuses us (%s): check its key, firewall and deployment"
            return logging.WARNING, text, event.endpoint, event.reason
        case RetryRefused():
            level = logging.WARNING if event.is_news else logging.DEBUG
            text = "no second attempt at endpoint %s: the retry budget is spent"
            return level, text, event.endpoint
        case AttemptFailed():
            what = " ".join(str(part) for part in (event.status, event.error) if part)
            text = "an attempt at endpoint %s failed (%s) after %.2f s"
            return logging.DEBUG, text, event.endpoint, what, event.elapsed
        case FailedOver():
            return logging.DEBUG, "moving on from %s to %s", event.origin, event.endpoint
        case ProbeStarted():
            return logging.DEBUG, "probing endpoint %s", event.endpoint
        case Exhausted():
            return logging.DEBUG, "no endpoint could serve a request:\n%s", event.ledger
        case StreamMoved():
            text = "a stream of endpoint %s broke (%s) and began again at %s"
            return logging.DEBUG, text, event.origin, event.reason, event.endpoint
        case _:
            assert_never(event)


def _extra(event: FailoverEvent) -> dict[str, object]:
    """Give the fields of a log record for programs: the event's own, each with a prefix."""
    fields: dict[str, object] = {
        f"failover_{field.name}": getattr(event, field.name) for field in attrs.fields(type(event))
    }
    return {"failover_event": type(event).__name__, **fields}


def log_foreign(scheme: str, netloc: str) -> None:
    """Warn of a request that is for none of the endpoints."""
    logger.warning(
        "a request for %s://%s goes there as it is: none of the endpoints", scheme, netloc
    )


def log_retries() -> None:
    """Warn that the client above retries."""
    logger.warning(
        "the client above retries too, so its attempts multiply those over the endpoints: give it "
        "max_retries=0"
    )
