"""What is logged, under ``azure_failover``: changes of endpoints, never a healthy request."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from azure_failover.core.events import (
    EndpointFailed,
    EndpointMisconfigured,
    EndpointRecovered,
    Event,
    RetryRefused,
)

logger = logging.getLogger("azure_failover")


def log(events: Iterable[Event]) -> None:
    """Log what changed: a WARNING when an endpoint fails, an INFO when it is back.

    That the retry budget is spent is a WARNING once in a while: told for each request, it would
    be a storm of its own.
    """
    for event in events:
        match event:
            case EndpointFailed(by_probe=False):
                logger.warning(
                    "endpoint %s failed (%s), passed over for %.1f s",
                    event.endpoint,
                    event.reason,
                    event.pause,
                )
            case EndpointFailed():
                logger.debug(
                    "endpoint %s is still failed (%s), passed over for %.1f s more",
                    event.endpoint,
                    event.reason,
                    event.pause,
                )
            case EndpointRecovered():
                logger.info("endpoint %s serves again", event.endpoint)
            case EndpointMisconfigured():
                logger.warning(
                    "endpoint %s refuses us (%s): check its key, firewall and deployment",
                    event.endpoint,
                    event.reason,
                )
            case RetryRefused():
                logger.log(
                    logging.WARNING if event.is_news else logging.DEBUG,
                    "no second attempt at endpoint %s: the retry budget is spent",
                    event.endpoint,
                )


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
