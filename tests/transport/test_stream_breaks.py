"""Promise 5 over real sockets: nothing torn, nothing twice, and no cut stream is a success."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Literal

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings, strategies as st
from stream_calls import (
    ASKED,
    CHAT,
    CONTENT,
    COUNTS,
    LAST,
    RESPONSES,
    Received,
    alike,
    at_once,
    bare,
    receive,
    states,
    stream,
)
from stream_strategies import FAULTS, SHAPES, SILENCES
from worlds import WORLDS, Session, World

from azure_failover.core.sse import Decoder, ServerSentEvent
from azure_failover.emulator import Fleet, Region, StreamShape, faults
from azure_failover.emulator.recorded import Recorded

How = Literal["reset", "close", "end", "hang", "comments", "error"]
PATHS = [CHAT, RESPONSES]
COMMENT = b": keep-alive\n\n"

pytestmark = [
    # trio warns of the HTTP libraries' own generators when a stream is closed early.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def regions() -> Iterator[Fleet]:
    with Fleet(["eastus", "westus"]) as running:
        yield running


@pytest.fixture(scope="module", params=WORLDS, ids=str)
def session(request: pytest.FixtureRequest, regions: Fleet) -> Iterator[Session]:
    """One client for many streams; the primary's patience is short, its backup's is long."""
    config = dict(regions.config()) | {"policy": {"on_throttle": "failover"}, "timeout": 5.0}
    with request.param.session(config) as session:
        yield session


@pytest.fixture(autouse=True)
def healed(regions: Fleet) -> Iterator[None]:
    yield
    for region in regions:
        region.fault, region.shape = None, StreamShape()


@pytest.fixture(scope="module")
def whole(regions: Fleet) -> dict[tuple[str, str], bytes]:
    """What each region sends when it is well."""
    return {(region.name, path): alike(bare(region, path)) for region in regions for path in PATHS}


def events_in(body: bytes) -> list[ServerSentEvent]:
    """Read what a body says: comments, of which there may be any number, say nothing."""
    return Decoder().feed(alike(body))


def check_law(
    session: Session, found: Received, path: str, east: bytes, west: bytes, failing: bytes
) -> None:
    """Promise 5: one endpoint's stream, whole; or what had come of it, and an error.

    ``failing`` is what the primary sends under its fault, if that ends as HTTP demands.
    """
    body = alike(found.body)
    if found.error is None:
        served = found.ledger.endpoint
        whole = west if served == "westus" else failing
        if body.endswith(b"[DONE]"):  # cut behind it: the blank line that follows says nothing
            whole = whole.rstrip()
        assert body == whole
        assert LAST[path] in body or b'"error"' in body
        return
    assert isinstance(found.error, session.world.family.TransportError)
    assert found.ledger.endpoint == "eastus"
    assert east.startswith(body)
    assert body
    assert LAST[path] not in body.splitlines()[-2:]


FAST: list[How] = ["close", "end", "error", "reset"]


@pytest.mark.parametrize("path", PATHS, ids=["chat", "responses"])
@pytest.mark.parametrize("how", FAST)
def test_wherever_a_stream_breaks_nobody_gets_a_mixture_or_less_than_all(
    session: Session, regions: Fleet, whole: dict[tuple[str, str], bytes], path: str, how: How
) -> None:
    """Promise 5: each break at each event, and within it: invisible before content, then told."""
    east = regions["eastus"]
    good, other = whole["eastus", path], whole["westus", path]
    for at in range(COUNTS[path] + 1):
        for within in (0,) if how == "error" or at == COUNTS[path] else (0, 9):
            session.transport.reset()
            east.fault = faults.BreakStream(at, how, within=within)
            found = stream(session, east, path)
            failing = alike(bare(east, path)) if how in ("end", "error") else good
            check_law(session, found, path, good, other, failing)
            served, state = found.ledger.endpoint, states(session)["eastus"]
            if at <= CONTENT:
                assert (found.error, served) == (None, "westus")
                assert [entry.endpoint for entry in found.ledger.entries] == ["eastus", "westus"]
            elif how == "error":
                assert (found.error, served) == (None, "eastus")
                if (path, at) == (CHAT, COUNTS[CHAT]):  # behind [DONE] nobody listens
                    assert state == "healthy"
                    continue
            elif at < COUNTS[path] and served == "eastus":  # a reset may overtake the rest
                assert found.error is not None
                assert found.ledger.entries[0].phase is not None
            elif at == COUNTS[path] and how != "reset":
                assert (found.error, served, state) == (None, "eastus", "healthy")
                continue
            if how != "reset" or at < COUNTS[path]:
                assert state == "failed"


@pytest.mark.parametrize("path", PATHS, ids=["chat", "responses"])
@pytest.mark.parametrize("how", ["hang", "comments"])
@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_wherever_a_stream_falls_silent_its_caller_is_told_in_time(
    world: World, whole: dict[tuple[str, str], bytes], path: str, how: How
) -> None:
    """Promise 5, and the two timeouts: all places side by side, each with a request of its own."""
    good, other = whole["eastus", path], whole["westus", path]
    places = range(COUNTS[path] + 1)

    def choose(record: Recorded) -> faults.RequestFault:
        return faults.BreakStream(int(record.header("x-at") or 0), how, interval=0.05)

    with Fleet(["eastus", "westus"]) as fleet:
        east = fleet["eastus"]
        east.fault = faults.Scripted(choose)
        policy = {"first_token_timeout": 0.8, "stream_idle_timeout": 0.8, "detect_silence": False}
        with (
            world.session(at_once(fleet, **policy)) as session,
            ThreadPoolExecutor(len(places)) as pool,
        ):

            def ask(at: int) -> Received:
                return receive(
                    session, east.url + path, json=ASKED[path], headers={"x-at": str(at)}
                )

            for at, found in enumerate(pool.map(ask, places)):
                served = found.ledger.endpoint
                body = alike(found.body.replace(COMMENT, b""))
                if at <= CONTENT or served == "westus":
                    assert (found.error, body) == (None, other)
                elif at == COUNTS[path]:
                    assert (found.error, body) == (None, good)
                else:
                    assert isinstance(found.error, world.family.ReadTimeout)
                    assert good.startswith(body)
                    assert body != good
            assert states(session)["eastus"] == "failed"
            assert states(session)["westus"] == "healthy"


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FAULTS, SHAPES, st.sampled_from(PATHS))
def test_no_shape_and_no_break_ever_gives_a_mixture_or_a_short_success(
    session: Session, regions: Fleet, fault: Any, shape: StreamShape, path: str
) -> None:
    """Promise 5, for streams written and cut in any way that the standards allow."""
    east, west = regions
    east.fault, east.shape, west.shape = None, shape, shape
    good, other = alike(bare(east, path)), alike(bare(west, path))
    east.fault = fault
    orderly = isinstance(fault, faults.ThrottledStream) or (
        isinstance(fault, faults.BreakStream) and fault.how in ("end", "error")
    )
    failing = alike(bare(east, path)) if orderly else good
    session.transport.reset()
    found = stream(session, east, path)
    check_law(session, found, path, good, other, failing)
    if found.error is not None:
        assert states(session)["eastus"] == "failed"
    if fault is None:
        assert (found.error, found.body and alike(found.body)) == (None, good)


@pytest.fixture(scope="module", params=WORLDS, ids=str)
def impatient(request: pytest.FixtureRequest, regions: Fleet) -> Iterator[Session]:
    """One client that notices silence soon."""
    policy = {"first_token_timeout": 0.25, "stream_idle_timeout": 0.25}
    with request.param.session(at_once(regions, **policy)) as session:
        yield session


@settings(max_examples=examples(4), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SILENCES, SHAPES, st.sampled_from(PATHS))
def test_no_shape_of_a_stream_that_falls_silent_gives_a_mixture_or_a_short_success(
    impatient: Session, regions: Fleet, fault: Any, shape: StreamShape, path: str
) -> None:
    """Promise 5, and the two timeouts; on a busy machine the backup may seem silent as well."""
    east, west = regions
    east.fault, east.shape, west.shape = None, shape, shape
    whole = {region.name: events_in(bare(region, path)) for region in regions}
    east.fault = fault
    impatient.transport.reset()
    found = stream(impatient, east, path)
    events, all_events = events_in(found.body), whole[found.ledger.endpoint or "westus"]
    if found.error is None:
        if found.body.endswith(b"[DONE]"):  # silent behind it: the blank line says nothing
            events = events_in(found.body + b"\n\n")
        assert events == all_events
    else:
        assert isinstance(found.error, impatient.world.family.ReadTimeout)
        assert len(events) < len(all_events)
        assert events == all_events[: len(events)]


@pytest.fixture(scope="module")
def as_sent(regions: Fleet) -> Callable[[StreamShape, str], bytes]:
    """What the primary sends when it is well and writes so: asked once for all worlds."""

    @cache
    def ask(shape: StreamShape, path: str) -> bytes:
        regions["eastus"].shape = shape
        return alike(bare(regions["eastus"], path))

    return ask


@pytest.mark.parametrize("path", PATHS, ids=["chat", "responses"])
@pytest.mark.parametrize(
    "shape",
    [
        StreamShape(),
        StreamShape(newline="\r\n", bom=True, comments=2),
        StreamShape(split=1, bom=True),
        StreamShape(newline="\r", split=(3, 40), multi_line=True),
        StreamShape(join=None),
    ],
    ids=["plain", "crlf", "bytes", "cr", "one chunk"],
)
def test_a_healthy_stream_comes_byte_for_byte(
    session: Session,
    regions: Fleet,
    as_sent: Callable[[StreamShape, str], bytes],
    shape: StreamShape,
    path: str,
) -> None:
    """The transport changes no byte: not the marks, the comments, nor the ends of lines."""
    east: Region = regions["eastus"]
    east.shape = shape
    session.transport.reset()
    found = stream(session, east, path)
    assert found.error is None
    assert alike(found.body) == as_sent(shape, path)
    assert found.told == [("eastus", "answered")]
    assert states(session)["eastus"] == "healthy"
