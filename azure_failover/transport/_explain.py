"""Tells where a request would go, and why. Sends nothing, starts nothing."""

from __future__ import annotations

from typing import Any

from azure_failover.core.course import Reach
from azure_failover.core.explanation import Explanation, Stop
from azure_failover.core.fleet import Fleet
from azure_failover.transport._journey import Journey
from azure_failover.transport._retarget import Retargeter


def explained(journey: Journey[Any], fleet: Fleet, retargeter: Retargeter[Any, Any]) -> Explanation:
    """Explain a request for one of the endpoints."""
    itinerary = journey.itinerary
    course = journey.course(fleet.home_of, retargeter.closed(journey))
    order, skips = fleet.preview(journey.started, course)
    notes = {**course.closed, **{skip.index: skip.reason for skip in skips}}
    stops = {
        index: Stop(
            endpoint=endpoint.name,
            index=index,
            url=retargeter.shown_url(index, itinerary),
            note=notes.get(index, ""),
        )
        for index, endpoint in enumerate(fleet.config.endpoints)
    }
    return Explanation(
        operation=itinerary.habit.operation,
        form=itinerary.route.form.value,
        may_move=course.reach is Reach.FLEET,
        reason=course.reason,
        stops=tuple(stops[index] for index in order),
        barred=tuple(stop for index, stop in stops.items() if index not in order),
    )
