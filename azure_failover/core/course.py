"""Where one request may go, and why: plotted before it is sent, from its route and its body.

Pure; the fleet says where known ids were made, and the flight follows the course.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Final

import attrs

from azure_failover.core.mobility import Habit, Mobility
from azure_failover.core.pins import pin_marks, referenced_ids


class Reach(Enum):
    """How far over the fleet a request may go."""

    FLEET = "fleet"
    CURRENT = "current"
    """Only the endpoint that is in use."""
    PINNED = "pinned"
    """Only the one endpoint that holds the state it is about."""


@attrs.frozen(eq=False)
class Course:
    """Where one request may go.

    Attributes:
        reach: How far.
        pin: The one endpoint that a pinned request may go to.
        closed: Endpoints that cannot take this request at all, and why.
        reason: Why the reach is what it is, in words.
    """

    reach: Reach = Reach.FLEET
    pin: int | None = None
    closed: Mapping[int, str] = {}
    reason: str = Mobility.MOVES.value


ANYWHERE: Final = Course()
"""The course of a request that may go to any endpoint."""


@attrs.frozen
class State:
    """The state that a request names.

    Attributes:
        what: The place that names it, such as ``previous_response_id``; "" if none does.
        ids: Its ids, the most telling first; a place may name state without an id.
    """

    what: str = ""
    ids: tuple[str, ...] = ()


NO_STATE: Final = State()


def state_in(habit: Habit, body: bytes) -> State:
    """Find the state that a request names, in its path and in its body."""
    if habit.marks is not None:
        marks = pin_marks(body, habit.marks)
        return NO_STATE if marks is None else State(marks.what, marks.ids)
    if habit.mobility is Mobility.MOVES:
        return NO_STATE
    ids = (*habit.ids, *referenced_ids(body))
    return State("its path" if habit.ids else "its body", ids) if ids else NO_STATE


def plot(
    habit: Habit,
    state: State,
    *,
    home_of: Callable[[Iterable[str]], int | None],
    addressed: int,
    auto_failover: bool = True,
    closed: Mapping[int, str] = ANYWHERE.closed,
) -> Course:
    """Say where a request may go.

    Args:
        habit: What is known of its operation.
        state: The state that its path or its body names.
        home_of: Tells at which endpoint the first of these ids that is known was made.
        addressed: The endpoint that its URL names.
        auto_failover: Whether the caller wants it to move.
        closed: Endpoints that cannot take it, and why.
    """
    home = home_of(state.ids) if state.ids else None
    if home is not None:
        reason = f"{state.what} names what this endpoint holds"
        return Course(Reach.PINNED, home, closed, reason)
    if state.what and habit.mobility is not Mobility.UNKNOWN:
        reason = f"{state.what} names state whose maker is not known: goes where its URL says"
        return Course(Reach.PINNED, addressed, closed, reason)
    if habit.mobility is not Mobility.MOVES:
        return Course(Reach.CURRENT, None, closed, f"{habit.operation} {habit.mobility.value}")
    if not auto_failover:
        return Course(Reach.CURRENT, None, closed, "auto_failover is off")
    return Course(Reach.FLEET, None, closed, habit.mobility.value)
