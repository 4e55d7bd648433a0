"""Promise 5 from the clients: one endpoint's whole answer or the documented error, however it ends.

Over real sockets, for streams that are written, cut and broken in any way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

import anyio.from_thread
import attrs
import pytest
from examples import examples
from hypothesis import HealthCheck, example, given, settings, strategies as st
from scripted_streams import COLOURS, Blocking
from stream_calls import ASKED, CHAT, LAST, RESPONSES, alike, bare
from stream_strategies import FAULTS, SHAPES, SILENCES
from worlds import NO_TRUST

from azure_failover import (
    AsyncClient,
    Client,
    Finished,
    InvalidResponseError,
    RequestError,
    ServerSentEvent,
    StatusError,
    StreamBrokenError,
    StreamRestarted,
    TextDelta,
    failover_options,
)
from azure_failover.core.sse import Decoder
from azure_failover.emulator import Fleet, StreamShape, faults

# httpx's generators leave those that they iterate to be collected, which trio remarks upon.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

Kind = Literal["stream", "chat", "responses"]
Mode = Literal["restart", "raise", "stay"]
SAID: Final = "one two"
KINDS: Final = st.sampled_from(["stream", "chat", "responses"])
MODES: Final = st.sampled_from(["restart", "restart", "raise", "stay"])
"""What becomes of a break: the policy's two answers, and ``auto_failover=False``."""
ITS_OWN_FAULT: Final = ("server_error", None)
"""Codes of errors that are an endpoint's, not the request's."""


@attrs.frozen
class Told:
    """What a caller was told: events, by whom, and the error in place of more."""

    events: list[Any]
    endpoints: list[str]
    error: RequestError | None
    stream: Any

    @property
    def parts(self) -> list[list[Any]]:
        """The events of each answer that was begun."""
        found: list[list[Any]] = [[]]
        for event in self.events:
            if isinstance(event, StreamRestarted):
                found.append([])
            else:
                found[-1].append(event)
        return found

    @property
    def restarts(self) -> list[StreamRestarted]:
        """Where an answer began again."""
        return [event for event in self.events if isinstance(event, StreamRestarted)]


@attrs.frozen
class Caller:
    """A client of either colour, called by blocking."""

    client: Any
    portal: Any

    def ask(self, kind: Kind, mode: Mode) -> Told:
        """Read a stream as far as it comes."""
        told: Told = self.portal.call(self._ask, kind, mode)
        return told

    async def _ask(self, kind: Kind, mode: Mode) -> Told:
        self.client.reset()
        found: list[Any] = []
        endpoints: list[str] = []
        options: dict[str, Any] = {"auto_failover": False} if mode == "stay" else {}
        if kind == "stream":
            stream = self.client.stream(SAID, **options)
        else:
            path = {"chat": CHAT, "responses": RESPONSES}[kind]
            operation = {"chat": "chat/completions", "responses": "responses"}[kind]
            stream = self.client.stream_request(operation, ASKED[path], **options)
        try:
            with failover_options(on_stream_break="raise" if mode == "raise" else "restart"):
                await stream.__aenter__()
            try:
                async for event in stream:
                    found.append(event)
                    endpoints.append(stream.endpoint)
            finally:
                await stream.aclose()
        except RequestError as error:
            return Told(found, endpoints, error, stream)
        if kind == "stream":
            assert (await stream.completion()).text == stream.text
        return Told(found, endpoints, None, stream)


@pytest.fixture(scope="module")
def regions() -> Iterator[Fleet]:
    with Fleet(["eastus", "westus"]) as running:
        yield running


@contextmanager
def calling(colour: str, fleet: Fleet, **policy: float) -> Generator[Caller]:
    """Give a client of a colour, over a fleet."""
    config = dict(fleet.config()) | {"policy": policy}
    options: Any = {"verify": NO_TRUST}
    backend = "trio" if colour == "trio" else "asyncio"
    with anyio.from_thread.start_blocking_portal(backend) as portal:
        client: Any = (
            Blocking(Client(config, **options))
            if colour == "sync"
            else AsyncClient(config, **options)
        )
        with portal.wrap_async_context_manager(client):
            yield Caller(client, portal)


@pytest.fixture(scope="module", params=COLOURS)
def caller(request: pytest.FixtureRequest, regions: Fleet) -> Iterator[Caller]:
    with calling(request.param, regions) as caller:
        yield caller


@pytest.fixture(scope="module", params=COLOURS)
def impatient(request: pytest.FixtureRequest, regions: Fleet) -> Iterator[Caller]:
    """One that notices silence soon."""
    policy = {"first_token_timeout": 0.25, "stream_idle_timeout": 0.25}
    with calling(request.param, regions, **policy) as caller:
        yield caller


def plain(event: ServerSentEvent) -> object:
    """Tell what an event says: not in how many lines, nor under which ids."""
    return event.event, json.loads(alike(event.data.encode()))


Whole = Callable[[str, Kind, int | None], list[Any]]


@pytest.fixture(scope="module")
def whole(regions: Fleet) -> Whole:
    """What a region sends when it is well, as plain events, or as the text that they add up to."""
    known: dict[tuple[str, str, int | None], list[Any]] = {}

    def find(name: str, kind: Kind, tokens: int | None) -> list[Any]:
        if kind == "stream":
            return [*f"{name}: {SAID}"]
        path = {"chat": CHAT, "responses": RESPONSES}[kind]
        key = (name, path, tokens)
        if key not in known:
            region = regions[name]
            before = region.fault, region.shape
            region.fault, region.shape = None, StreamShape(tokens=tokens)
            body = bare(region, path)
            assert LAST[path] in body
            events = Decoder().feed(body)
            known[key] = [plain(event) for event in events if event.data != "[DONE]"]
            region.fault, region.shape = before
        return known[key]

    return find


def said(kind: Kind, events: list[Any]) -> list[Any]:
    """Tell what events say, to be compared with what a whole answer says."""
    if kind != "stream":
        return [plain(event) for event in events]
    return [*"".join(event.text for event in events if isinstance(event, TextDelta))]


def is_begun(kind: Kind, part: list[Any], whole: list[Any]) -> bool:
    return whole[: len(said(kind, part))] == said(kind, part)


def check_law(told: Told, kind: Kind, mode: Mode, whole: Callable[[str], list[Any]]) -> None:
    """Promise 5: one endpoint's answer, whole, and what is void is named; or an error."""
    *void, last = told.parts
    for part, restarted in zip(void, told.restarts, strict=True):
        assert is_begun(kind, part, whole(restarted.broken_endpoint))
        assert not any(isinstance(event, Finished) for event in part)
        if kind == "stream":
            assert [*restarted.discarded_text] == said(kind, part)
    assert list(told.stream.restarts) == told.restarts
    if mode != "restart":
        assert told.restarts == []
    if told.error is None:
        endpoint = told.stream.endpoint
        assert said(kind, last) == whole(endpoint)
        assert {*told.endpoints[-len(last) :]} == {endpoint}
        if kind == "stream":
            *texts, end = last
            assert not any(isinstance(event, Finished) for event in texts)
            assert isinstance(end, Finished)
            assert (end.finish_reason, end.usage is None) == ("stop", False)
            assert [*told.stream.text] == whole(endpoint)
        return
    assert not isinstance(told.error, InvalidResponseError)
    assert not any(isinstance(event, Finished) for event in last)
    if told.events:
        assert isinstance(told.error, StreamBrokenError | StatusError)
        assert is_begun(kind, last, whole(told.endpoints[-1]))
        assert told.error.ledger == told.stream.ledger
    if kind == "stream" and isinstance(told.error, StreamBrokenError):
        assert [*told.error.text] == said(kind, last)
    assert told.error.ledger is not None


def may_be_told(fault: Any) -> bool:
    """Say whether a fault is about the request, not the endpoint, and so not to be healed."""
    if isinstance(fault, faults.ThrottledStream):
        return True
    if not isinstance(fault, faults.BreakStream):
        return False
    is_own = fault.code in ITS_OWN_FAULT and fault.retry_after is None
    return fault.how == "error" and not is_own


@settings(max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FAULTS, st.none() | FAULTS, SHAPES, KINDS, MODES)
@example(faults.BreakStream(4, "end"), None, StreamShape(split=7), "stream", "restart")
@example(faults.BreakStream(-1, "end"), None, StreamShape(split=(1, 90)), "stream", "raise")
@example(faults.BreakStream(4, "end", within=9), None, StreamShape(join=3), "chat", "stay")
@example(faults.BreakStream(5, "close"), None, StreamShape(split=50), "responses", "restart")
def test_a_client_gets_the_whole_answer_of_one_endpoint_or_the_documented_error(
    caller: Caller,
    regions: Fleet,
    whole: Whole,
    fault: Any,
    other: Any,
    shape: StreamShape,
    kind: Kind,
    mode: Mode,
) -> None:
    """Promise 5, for every fault at every place of streams in any shape."""
    east, west = regions
    east.fault, west.fault, east.shape, west.shape = fault, other, shape, shape
    before = len(west.requests)
    told = caller.ask(kind, mode)
    check_law(told, kind, mode, lambda name: whole(name, kind, shape.tokens))
    if fault is None:
        assert (told.error, told.stream.endpoint) == (None, "eastus")
    if other is None and mode == "restart" and not may_be_told(fault):
        assert told.error is None
    if mode == "stay":
        assert len(west.requests) == before


@settings(max_examples=examples(5), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SILENCES, SHAPES, KINDS, MODES)
def test_a_client_is_told_in_time_of_a_stream_that_falls_silent(
    impatient: Caller,
    regions: Fleet,
    whole: Whole,
    fault: Any,
    shape: StreamShape,
    kind: Kind,
    mode: Mode,
) -> None:
    """Promise 5, and the two timeouts; on a busy machine the backup may seem silent as well."""
    east, west = regions
    east.fault, west.fault, east.shape, west.shape = fault, None, shape, shape
    told = impatient.ask(kind, mode)
    check_law(told, kind, mode, lambda name: whole(name, kind, shape.tokens))
