"""What an attempt holds while it is under way. A value; decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from azure_failover.core.pace import Pace


@attrs.define(eq=False)
class Ticket:
    """Tells attempts at one endpoint apart, by when they started.

    Attributes:
        generation: The health's at the start; it moves on each transition.
        sequence: The place in the order of starts.
        is_probe: Whether this attempt decides if a failed endpoint is won back.
        pace: Where the wait for the first byte is counted; None once that is over.
        is_sentry: Whether this attempt keeps an eye on the endpoint's silence.
        is_crowded: Whether many others wait, or did lately: if in vain, it has to be cut.
    """

    generation: int
    sequence: int
    is_probe: bool
    pace: Pace | None = None
    is_sentry: bool = False
    is_crowded: bool = False


NO_TICKET: Final = Ticket(-1, 0, is_probe=False)
"""Stands for the ticket of what was never under way."""
