"""Endpoints that do as they are told, as an inner transport in either family. No sockets.

Each attempt is judged by the timeouts that it was sent with: what hangs, hangs until one is over.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final, NamedTuple

import attrs
from vector_format import Behaviour, Deed
from vector_stage import Gate, Stage, plainly, settled
from vector_streams import STREAMS, told

TAG: Final = "vector"
"""The request extension by which an attempt is known as its request's."""
MOST: Final = 20
"""No request makes so many attempts."""


class Fate(NamedTuple):
    """How an attempt ends without an answer.

    ``limit`` is the timeout that it runs into, if it is one; ``is_reused`` says whether it had a
    connection from the pool.
    """

    error: str
    limit: str | None = None
    is_reused: bool = False


FATES: Final[Mapping[Deed, Fate]] = {
    "refuses": Fate("ConnectError"),
    "connect_timeout": Fate("ConnectTimeout", "connect"),
    "pool_timeout": Fate("PoolTimeout", "pool"),
    "write_timeout": Fate("WriteTimeout", "write"),
    "hangs": Fate("ReadTimeout", "read"),
    "resets": Fate("ReadError"),
    "closes": Fate("RemoteProtocolError"),
    "stale": Fate("RemoteProtocolError", is_reused=True),
    "malformed": Fate("LocalProtocolError"),
}


class Shape(NamedTuple):
    """A JSON answer's body: how many pieces come, and what breaks it off.

    What is endless goes on with a piece each second.
    """

    pieces: int = 2
    error: str | None = None
    limit: str | None = None
    is_endless: bool = False


SHAPES: Final[Mapping[Deed, Shape]] = {
    "answers": Shape(),
    "resets_in_body": Shape(pieces=1, error="ReadError"),
    "hangs_in_body": Shape(pieces=1, error="ReadTimeout", limit="read"),
    "trickles": Shape(pieces=1, is_endless=True),
}


@attrs.define(eq=False)
class Arrival:
    """An attempt that came to an endpoint."""

    endpoint: str
    request: str
    gate: Gate = attrs.field(factory=Gate)
    instead: Behaviour | None = None
    """What the endpoint does once the gate is open."""
    is_waiting: bool = True
    closings: int | None = None
    """How often its body was closed; None if it got none."""


class Cast:
    """All endpoints, what they do next, and the attempts that came to them."""

    def __init__(self, stage: Stage, hosts: Mapping[str, str]) -> None:
        self._stage: Final = stage
        self._hosts: Final = hosts
        self._plans: dict[str, list[Behaviour]] = {}
        self.arrivals: list[Arrival] = []

    def plan(self, plans: Mapping[str, tuple[Behaviour, ...]]) -> None:
        """Say what endpoints do from now on."""
        for endpoint, behaviours in plans.items():
            assert endpoint in self._hosts.values(), f"there is no endpoint {endpoint}"
            self._plans[endpoint] = list(behaviours)

    async def attend(self, family: Any, request: Any) -> Any:
        """Do with an attempt as the plan says."""
        endpoint = self._hosts[request.url.netloc.decode()]
        arrival = Arrival(endpoint, request.extensions[TAG])
        self.arrivals.append(arrival)
        count = sum(each.request == arrival.request for each in self.arrivals)
        assert count < MOST, f"{arrival.request} tries again and again"
        try:
            return await self._attend(family, request, arrival, self._next(endpoint))
        finally:
            arrival.is_waiting = False

    def _next(self, endpoint: str) -> Behaviour:
        plan = self._plans.get(endpoint, [Behaviour()])
        return plan.pop(0) if len(plan) > 1 else plan[0]

    async def _attend(self, family: Any, request: Any, arrival: Arrival, does: Behaviour) -> Any:
        limits, fate = request.extensions["timeout"], FATES.get(does.does)
        trace = request.extensions["trace"]
        if fate is None or not fate.is_reused:
            await settled(trace("connection.connect_tcp.started", {}))
        if fate is None or fate.limit != "connect":
            await settled(trace("http11.send_request_headers.started", {}))
        if fate is not None and fate.limit is not None:
            wait = limits[fate.limit]
        else:
            wait = does.after
            if wait >= limits["read"]:
                wait, fate = limits["read"], FATES["hangs"]
        if wait and await self._stage.hold(wait, arrival.gate) and arrival.instead is not None:
            does, arrival.instead = arrival.instead, None
            return await self._attend(family, request, arrival, does)
        if fate is not None:
            raise getattr(family, fate.error)("scripted")
        return self._answer(family, request, arrival, does)

    def _answer(self, family: Any, request: Any, arrival: Arrival, does: Behaviour) -> Any:
        limits, path = request.extensions["timeout"], request.url.path
        steps = STREAMS.get(does.does) if does.stream is None else does.stream
        kind = "application/json" if steps is None else "text/event-stream"
        headers = {"content-type": kind, **does.headers}
        if does.retry_after is not None:
            headers["retry-after"] = str(does.retry_after)
        if steps is None:
            shape = SHAPES[does.does]
            chunks = _chunks(family, self._stage, shape, _pieces(arrival, does, shape), limits)
        else:
            read, is_responses = limits["read"], path.endswith("/responses")
            chunks = told(
                family,
                self._stage,
                steps,
                arrival.endpoint,
                in_responses=is_responses,
                read=read,
            )
        body = _body(family, chunks, arrival)
        return family.Response(does.status, headers=headers, stream=body)

    def transport(self, family: Any) -> Any:
        """Give an inner transport of a family, for threads and for tasks."""
        attend = self.attend

        class Inner(family.BaseTransport, family.AsyncBaseTransport):  # type: ignore[misc]
            def handle_request(self, request: Any) -> Any:
                return plainly(attend(family, request))

            async def handle_async_request(self, request: Any) -> Any:
                return await attend(family, request)

        return Inner()


def _pieces(arrival: Arrival, does: Behaviour, shape: Shape) -> list[bytes]:
    error = {"code": str(does.status), "message": arrival.endpoint}
    body = json.dumps(does.body or ({"error": error} if does.status >= 400 else {})).encode()
    return [body[:1], body[1:]][: shape.pieces]


async def _chunks(
    family: Any, stage: Stage, shape: Shape, pieces: list[bytes], limits: Any
) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    while shape.is_endless:
        await stage.hold(1.0, Gate())
        yield b" "
    if shape.error is not None:
        if shape.limit is not None:
            await stage.hold(limits[shape.limit], Gate())
        raise getattr(family, shape.error)("scripted")


def _body(family: Any, chunks: AsyncIterator[bytes], arrival: Arrival) -> Any:
    arrival.closings = 0

    class Body(family.SyncByteStream, family.AsyncByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            while True:
                try:
                    yield plainly(anext(chunks))
                except StopAsyncIteration:
                    return

        def __aiter__(self) -> AsyncIterator[bytes]:
            return chunks

        def close(self) -> None:
            assert arrival.closings is not None
            arrival.closings += 1

        async def aclose(self) -> None:
            self.close()

    return Body()
