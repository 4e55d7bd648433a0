"""Emulated regions in a process of their own, lest they compete with the load for one interpreter.

Passes orders on and gives back what the regions received; decides nothing.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import attrs

from azure_failover.emulator import Fleet, Recorded, faults

_PATIENCE = 60.0
"""Seconds after which a process that does not obey is broken; obeying takes milliseconds."""


@attrs.frozen
class Arrival:
    """A request as a region received it: its place among all, the region, and what it said."""

    number: int
    region: str
    said: str


class Regions:
    """The regions as the load's process sees them. Used by one thread at a time."""

    def __init__(self, names: Sequence[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, tuple(names)), daemon=True)
        self._process.start()
        theirs.close()
        self.config: dict[str, Any] = self._receive()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pipe.send(("stop",))
        self._process.join(_PATIENCE)
        self._pipe.close()
        if error is None and self._process.exitcode != 0:
            raise RuntimeError(f"the emulator's process ended with {self._process.exitcode}")

    def strike(self, name: str, fault: faults.Fault | None) -> None:
        """Put a region's fault in force, or heal it; done when this returns."""
        self._pipe.send(("strike", name, fault))
        self._receive()

    def close_idle(self, name: str) -> None:
        """Close a region's idle connections, as servers do now and then."""
        self._pipe.send(("close idle", name))
        self._receive()

    def arrivals(self) -> list[Arrival]:
        """Give everything that was received, in order of arrival."""
        self._pipe.send(("arrivals",))
        received: list[Arrival] = self._receive()
        return received

    def _receive(self) -> Any:
        if not self._pipe.poll(_PATIENCE):
            raise RuntimeError("the emulator's process does not obey")
        return self._pipe.recv()


def brown_out(request: Recorded) -> faults.RequestFault | None:
    """Fail every third request of a region that serves the others."""
    return None if request.number % 3 else faults.Status(500)


def _serve(pipe: Connection, names: tuple[str, ...]) -> None:
    """Run the fleet and obey, until told to stop or left alone."""
    with Fleet(names) as fleet:
        pipe.send(fleet.config())
        while True:
            try:
                order = pipe.recv()
            except EOFError:
                return
            match order:
                case ("strike", name, fault):
                    fleet[name].fault = fault
                    pipe.send(None)
                case ("close idle", name):
                    fleet[name].close_idle_connections()
                    pipe.send(None)
                case ("arrivals",):
                    pipe.send([_arrival(request) for request in fleet.requests])
                case _:
                    return


def _arrival(request: Recorded) -> Arrival:
    said: str = request.json()["messages"][-1]["content"]
    return Arrival(request.number, request.region, said)
