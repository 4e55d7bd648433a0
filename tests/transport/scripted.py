"""An inner transport that plays a script, in either family, for threads and for tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Literal

import anyio
import attrs
from worlds import World

from azure_failover import Runtime


@attrs.frozen
class Status:
    """An answer with a JSON body."""

    code: int
    retry_after: str | None = None
    body: bytes = b'{"choices": []}'
    encoding: str | None = None
    kind: str = "application/json"
    location: str | None = None


@attrs.frozen
class Raise:
    """One of the family's exceptions, raised before headers or in the middle of the body.

    ``sent`` is ``headers`` for a transport that has read the request's body before.
    """

    name: str
    where: Literal["headers", "sent", "body"] = "headers"


Outcome = Status | Raise


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def runtime(self) -> Runtime:
        """Give a runtime in which nothing is random and sleeping moves the clock."""

        def sleep(seconds: float) -> None:
            self.now += seconds

        async def async_sleep(seconds: float) -> None:
            self.now += seconds

        return Runtime(
            clock=lambda: self.now,
            wall=lambda: self.now,
            random=lambda: 0.5,
            sleep=sleep,
            async_sleep=async_sleep,
        )


class Closings:
    """Counts how often each body was closed."""

    def __init__(self) -> None:
        self.counts: list[int] = []


def scripted(family: Any, play: Callable[[Any], Outcome], closings: Closings | None = None) -> Any:
    """Make a transport that asks ``play`` what becomes of each request."""
    closed = closings or Closings()

    class Body(family.SyncByteStream, family.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, outcome: Outcome) -> None:
            self.outcome = outcome
            self.number = len(closed.counts)
            closed.counts.append(0)

        def chunks(self) -> Iterator[bytes]:
            if isinstance(self.outcome, Raise):
                yield b'{"half":'
                raise getattr(family, self.outcome.name)("broken in the middle")
            half = len(self.outcome.body) // 2
            yield self.outcome.body[:half]
            yield self.outcome.body[half:]

        def __iter__(self) -> Iterator[bytes]:
            return self.chunks()

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in self.chunks():
                yield chunk

        def close(self) -> None:
            closed.counts[self.number] += 1

        async def aclose(self) -> None:
            self.close()

    class Scripted(family.BaseTransport, family.AsyncBaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            outcome = play(request)
            if isinstance(outcome, Raise) and outcome.where != "body":
                raise getattr(family, outcome.name)("scripted")
            headers = {"content-type": "application/json"}
            code = 200
            if isinstance(outcome, Status):
                code = outcome.code
                headers["content-type"] = outcome.kind
                if outcome.retry_after is not None:
                    headers["retry-after"] = outcome.retry_after
                if outcome.location is not None:
                    headers["location"] = outcome.location
                if outcome.encoding is not None:
                    headers["content-encoding"] = outcome.encoding
            return family.Response(code, headers=headers, stream=Body(outcome))

        async def handle_async_request(self, request: Any) -> Any:
            return self.handle_request(request)

    return Scripted()


def call(world: World, transport: Any, requests: list[Callable[[], Any]]) -> list[Any]:
    """Send requests one after the other; give the response or the exception of each."""
    outcomes: list[Any] = []
    if world.colour == "sync":
        for make in requests:
            try:
                response = transport.handle_request(make())
                response.read()
                outcomes.append(response)
            except world.family.TransportError as error:
                outcomes.append(error)
        return outcomes

    async def run() -> None:
        for make in requests:
            try:
                response = await transport.handle_async_request(make())
                await response.aread()
                outcomes.append(response)
            except world.family.TransportError as error:
                outcomes.append(error)

    anyio.run(run, backend=world.colour)
    return outcomes
