"""What the usual case of ours is made of: transports that do more and more of it, in one process.

Each does one step more than the one before and then lets the transport in memory answer; the last
is ours as it is. Beside them stand a transport that does nothing, and the one written by hand. It
looks into ours, as nothing else here does.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from versus.contract import Setting
from versus.memory import memory_transport

BARE: Final = "nothing: no transport in between"
BY_HAND: Final = "by hand, all of it"
CALLS: Final = 10
"""So many calls at a time."""
LEAST: Final = 8
"""So many rounds at least."""


def transports(subject: Any, setting: Setting) -> dict[str, Any]:
    """Give what takes turns: by what it does, over one transport in memory."""
    family: Any = importlib.import_module(str(subject.FAMILY))
    floor: Any = importlib.import_module("versus.subjects._floor").floor_transport
    wire: Any = importlib.import_module("azure_failover.transport._watch").Wire
    inner = memory_transport(str(subject.FAMILY))
    within = replace(setting, inner=inner)
    ours = subject.transport(within)
    driver = ours._driver
    retargeter, attempts = driver._retargeter, driver._attempts

    class Between(family.BaseTransport):  # type: ignore[misc]
        def __init__(self, do: Callable[[Any], Any]) -> None:
            self.do = do

        def handle_request(self, request: Any) -> Any:
            return self.do(request)

    def journey_of(request: Any) -> Any:
        return driver._journey(request, starts=False)

    def led(request: Any) -> Any:
        journey_of(request)
        return inner.handle_request(request)

    def aimed(request: Any) -> Any:
        journey = journey_of(request)
        return inner.handle_request(retargeter.request_for(0, journey, None, wire(), None))

    def attempted(request: Any) -> Any:
        return attempts.make(0, journey_of(request))

    def noted(request: Any) -> Any:
        journey = driver._journey(request)
        response = attempts.make(0, journey)
        ended = driver.clock()
        driver.fleet.landed(journey.ticket, ended, ended - journey.started)
        return response

    return {
        BARE: inner,
        "a transport in between": Between(inner.handle_request),
        "… that reads where the request leads, and its options": Between(led),
        "… and makes the request for the endpoint: URL, key, timeouts, trace": Between(aimed),
        "… and tells JSON from a stream, and errors apart": Between(attempted),
        "… and keeps the endpoint's health and its usual time": Between(noted),
        "… and labels the answer: azure_failover, all of it": ours,
        BY_HAND: floor(family, inner, within),
    }


def measured(subject: Any, setting: Setting, seconds: float) -> dict[str, list[float]]:
    """Give CPU µs a call for each, in each round of so many seconds; their order rotates."""
    callers = {
        name: subject.over(each, setting) for name, each in transports(subject, setting).items()
    }
    names, found = list(callers), {name: list[float]() for name in callers}
    ends, number = time.monotonic() + seconds, 0
    while number < LEAST or time.monotonic() < ends:
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            call = callers[name].call
            call()  # after which the caches are as after its like
            begin = time.process_time()
            for _ in range(CALLS):
                call()
            found[name].append((time.process_time() - begin) / CALLS * 1e6)
        number += 1
    for caller in callers.values():
        caller.close()
    return found
