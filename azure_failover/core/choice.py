"""What the fleet answers when it is asked where a request goes next. Values only."""

from __future__ import annotations

import attrs

from azure_failover.core.events import Event
from azure_failover.core.ticket import Ticket


@attrs.define(eq=False)
class Skip:
    """An endpoint that was passed over, and why."""

    index: int
    reason: str


@attrs.define(eq=False)
class Choice:
    """An endpoint to try, those that were passed over on the way to it, and what came to light."""

    index: int
    ticket: Ticket
    skipped: tuple[Skip, ...]
    events: tuple[Event, ...] = ()
