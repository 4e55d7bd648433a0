"""The parts of the transport that go with a stream, each by itself: what is told, closed, freed."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from math import inf
from typing import Any, cast

import attrs
import httpx
import pytest
from scripted import Clock
from stream_calls import ASKED, CHAT, RESPONSES, at_once, stream
from worlds import WORLDS, World

from azure_failover import Config, FailoverTransport
from azure_failover.core.sse import Opening, StreamError, dialect_of
from azure_failover.emulator import Fleet, faults
from azure_failover.transport._event_stream import EventStream
from azure_failover.transport._httpx_binding import FAMILY
from azure_failover.transport._opening import Opener
from azure_failover.transport._watch import Watched

HELLO = b'data: {"choices":[{"delta":{"content":"Hello"}}]}\n\n'
FAILED = b'data: {"error":{"code":"server_error"}}\n\n'
DONE = b"data: [DONE]\n\n"
THREADS = [world for world in WORLDS if world.colour == "sync"]


@attrs.define
class Guard:
    """What stands in for the watch over a connection."""

    ends: float = 0.0
    has_bitten: bool = False
    releases: int = 0

    def rest(self) -> None:
        self.ends = inf

    def release(self) -> bool:
        self.releases += 1
        return self.has_bitten


@attrs.define
class Notes:
    """Takes down what a body tells."""

    heard: list[str] = attrs.field(factory=list[str])

    def saw(self, chunk: bytes) -> None:
        self.heard.append(f"saw {len(chunk)}")

    def came(self) -> None:
        self.heard.append("came")

    def told(self, error: StreamError) -> None:
        self.heard.append(f"told {error.code}")

    def broke(self, error: Exception) -> None:
        self.heard.append(f"broke {type(error).__name__}")

    def abandoned(self) -> None:
        self.heard.append("abandoned")


def begun(clock: Clock, guard: Guard | None = None, *held: bytes) -> EventStream:
    """Give a stream whose content has come, with 5 s between events."""
    opening = Opening(dialect_of("chat/completions"))
    for chunk in held or (HELLO,):
        opening.is_over(chunk)
    found: Any = guard
    return EventStream(opening, FAMILY, lambda: clock.now, 5.0, cuts=False, guard=found)


def watched(chunks: list[bytes], *held: bytes) -> tuple[Watched, Notes]:
    """Give a stream that is handed on, and who takes notes of it."""
    stream, notes = httpx.ByteStream(b""), Notes()
    body = Watched(stream, iter(chunks), held or (HELLO,), begun(Clock(), None, *held))
    body.notes, body.is_curious = notes, True
    return body, notes


def test_a_connection_is_watched_only_while_somebody_waits_for_it() -> None:
    clock, guard = Clock(), Guard()
    events = begun(clock, guard)
    assert guard.ends == inf
    events.wanted()
    assert guard.ends == clock.now + 5.0
    clock.now += 3.0
    events.saw(b": alive\n\n")
    assert guard.ends == inf
    clock.now += 100.0
    events.wanted()
    assert guard.ends == clock.now + 2.0
    events.saw(HELLO)
    events.wanted()
    assert guard.ends == clock.now + 5.0
    assert events.finish() is None
    assert guard.releases == 1


def test_comments_do_not_stretch_the_time_that_is_left() -> None:
    clock = Clock()
    events = begun(clock)
    for _ in range(4):
        events.wanted()
        clock.now += 1.0
        events.saw(b": alive\n\n")
    events.wanted()
    clock.now += 1.0
    with pytest.raises(httpx.ReadTimeout, match="no event came for 5 s"):
        events.saw(b": alive\n\n")


def test_a_break_by_our_own_cut_is_told_as_a_timeout() -> None:
    guard = Guard()
    events = begun(Clock(), guard)
    guard.has_bitten = True
    assert events.finish() is None
    assert isinstance(events.settled(httpx.RemoteProtocolError("cut")), httpx.ReadTimeout)
    assert isinstance(events.settled(None), httpx.ReadTimeout)


def test_a_cut_behind_the_end_is_no_error() -> None:
    guard = Guard()
    events = begun(Clock(), guard)
    events.saw(DONE)
    guard.has_bitten = True
    events.finish()
    assert events.settled(httpx.RemoteProtocolError("cut")) is None


def test_a_break_behind_an_error_event_is_raised() -> None:
    """Nobody can tell how much of it came."""
    events, error = begun(Clock()), httpx.ReadError("reset")
    events.saw(FAILED)
    assert events.finish() is not None
    assert events.settled(error) is error
    assert events.settled(None) is None


def test_everything_is_shown_to_the_notes_and_each_thing_told_once() -> None:
    body, notes = watched([FAILED], HELLO)
    assert b"".join(body) == HELLO + FAILED
    body.close()
    assert notes.heard == [f"saw {len(HELLO)}", f"saw {len(FAILED)}", "told server_error"]


def test_a_body_that_breaks_is_told_once() -> None:
    body, notes = watched([HELLO])
    with pytest.raises(httpx.RemoteProtocolError, match=r"ended without data: \[DONE\]"):
        b"".join(body)
    body.close()
    assert notes.heard[2:] == ["broke RemoteProtocolError"]


def test_a_caller_who_leaves_after_content_is_no_news() -> None:
    body, notes = watched([HELLO])
    body.close()
    assert notes.heard == []


@attrs.define
class Endless(httpx.AsyncByteStream):
    """A body of comments, each a second after the other, that knows whether it was ended."""

    clock: Clock
    first: bytes
    is_ended: bool = False
    closings: int = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            yield self.first
            while True:
                self.clock.now += 1.0
                yield b": alive\n\n"
        finally:
            self.is_ended = True

    async def aclose(self) -> None:
        self.closings += 1


@pytest.mark.anyio
@pytest.mark.parametrize("first", [b": hello\n\n", HELLO])
async def test_a_generator_that_nobody_reads_on_is_ended_at_once(first: bytes) -> None:
    """Promise 12: what is left to the garbage collector would be closed in nobody's task."""
    clock = Clock()
    body = Endless(clock, first)

    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=body)

    endpoint = {"api_key": "k", "endpoint": "https://e.example", "deployment_name": "gpt-4.1-mini"}
    transport = FailoverTransport(
        endpoint, transport=httpx.MockTransport(answer), runtime=clock.runtime()
    )
    async with httpx.AsyncClient(transport=transport) as client:
        request = client.build_request("POST", "https://e.example" + CHAT, json=ASKED[CHAT])
        with pytest.raises(httpx.ReadTimeout):
            await client.send(request)
    assert body.is_ended
    assert body.closings == 1


@pytest.mark.anyio
async def test_a_generator_is_ended_with_its_response() -> None:
    clock = Clock()
    body = Endless(clock, HELLO)

    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=body)

    endpoint = {"api_key": "k", "endpoint": "https://e.example", "deployment_name": "gpt-4.1-mini"}
    policy = {"policy": {"stream_idle_timeout": 60.0}}
    inner = httpx.MockTransport(answer)
    transport = FailoverTransport(endpoint | policy, transport=inner, runtime=clock.runtime())
    async with httpx.AsyncClient(transport=transport) as client:
        request = client.build_request("POST", "https://e.example" + CHAT, json=ASKED[CHAT])
        response = await client.send(request, stream=True)
        assert not body.is_ended
        await response.aclose()
        assert body.is_ended


@pytest.mark.anyio
@pytest.mark.parametrize("cuts", [False, True])
async def test_a_generator_is_ended_with_who_reads_it(*, cuts: bool) -> None:
    """A client that ends its own generator need not close the response for that."""
    clock = Clock()
    body, opening = Endless(clock, HELLO), Opening(dialect_of("chat/completions"))
    assert opening.is_over(HELLO)
    events = EventStream(opening, FAMILY, lambda: clock.now, 60.0, cuts=cuts, guard=None)
    reader = cast("AsyncGenerator[bytes]", aiter(Watched(body, aiter(body), (HELLO,), events)))
    assert [await anext(reader), await anext(reader)] == [HELLO, HELLO]
    assert not body.is_ended
    await reader.aclose()
    assert body.is_ended


@pytest.mark.parametrize("world", THREADS, ids=str)
def test_a_connection_that_went_back_to_its_pool_is_watched_no_longer(
    world: World, fleet: Fleet
) -> None:
    """The next request over it may take its time."""
    east, policy = fleet["eastus"], {"stream_idle_timeout": 0.2, "first_token_timeout": 0.2}
    with world.session(at_once(fleet, **policy)) as session:
        first = stream(session, east)
        east.fault = faults.Delay(0.6)
        plain = {key: value for key, value in ASKED[CHAT].items() if key != "stream"}
        response = session.post(east.url + CHAT, json=plain)
    assert first.error is None
    assert east.accepted == 1
    assert response.headers["x-failover-endpoint"] == "eastus"
    assert response.headers["x-failover-attempts"] == "1"


def test_an_event_stream_that_is_compressed_is_not_looked_into(world: World, fleet: Fleet) -> None:
    """Its bytes are handed on as they are, whatever they say."""
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    packed = gzip.compress(FAILED)
    fleet["eastus"].fault = faults.Status(200, headers, packed)
    with world.session(at_once(fleet)) as session:
        found = stream(session, fleet["eastus"], RESPONSES)
    assert (found.error, found.body) == (None, packed)
    assert found.told == [("eastus", "answered")]


def test_content_that_comes_as_its_connection_is_cut_comes_too_late() -> None:
    """Promise 5: what follows would be lost, so the next endpoint begins from the beginning."""
    ours, peer = socket.socketpair()
    ours.settimeout(60.0)

    class Late(httpx.SyncByteStream):
        closings = 0

        def __iter__(self) -> Iterator[bytes]:
            assert ours.recv(1) == b""
            yield HELLO

        def close(self) -> None:
            self.closings += 1

    class Shown:
        def get_extra_info(self, _: str) -> socket.socket:
            return ours

    endpoint = {"api_key": "k", "endpoint": "https://e.example", "deployment_name": "gpt"}
    config = Config.from_dict(endpoint | {"policy": {"first_token_timeout": 0.05}}, env={})
    request = httpx.Request("POST", "https://e.example", extensions={"timeout": {"read": 60.0}})
    body = Late()
    response = httpx.Response(
        200,
        headers={"content-type": "text/event-stream"},
        stream=body,
        extensions={"network_stream": Shown()},
    )
    opener = Opener(config, FAMILY, time.monotonic)
    with peer, ours, pytest.raises(httpx.ReadTimeout, match="no content came in time"):
        opener.open(response, request, "chat/completions", None)
    assert body.closings == 1
