"""What ``on_event`` is called with: the classes of all events, and their union.

::

    from azure_failover.events import EndpointFailed, FailoverEvent

    def on_event(event: FailoverEvent) -> None:
        if isinstance(event, EndpointFailed):
            page_somebody(event.endpoint, event.reason)

    transport = FailoverTransport(config, on_event=on_event)
"""

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

__all__ = [
    "AttemptFailed",
    "EndpointFailed",
    "EndpointMisconfigured",
    "EndpointRecovered",
    "Exhausted",
    "FailedOver",
    "FailoverEvent",
    "ProbeStarted",
    "RetryRefused",
    "StreamMoved",
]
