"""How streams look on the wire: lines, chunks, comments, pauses; the events stay the same."""

from __future__ import annotations

import json
import re
import socket
import time
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal

import httpx
import pytest
from attrs import evolve
from emulator_calls import client_of, dated, key, said, soon, v1
from examples import examples
from hypothesis import given, settings, strategies as st

from azure_failover.emulator import Fleet, Region, RegionSpec, StreamShape, faults

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "gpt-4.1-mini"
ROUTES = ["chat/completions", "responses"]
TEXT = "one two \u2028 na\u00efve \U0001f600"

Told = tuple[str | None, str]
"""An event: its name and its data."""


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(["eastus"]) as fleet:
        yield fleet


@pytest.fixture
def east(fleet: Fleet) -> Iterator[Region]:
    region = fleet["eastus"]
    region.clear()
    yield region
    region.fault = None
    region.shape = StreamShape()


@pytest.fixture(scope="module")
def client(fleet: Fleet) -> Iterator[httpx.Client]:
    with client_of(fleet) as client:
        yield client


def asked(region: Region, route: str, text: str = TEXT) -> tuple[str, dict[str, Any]]:
    if route == "responses":
        return v1(region, route), {"model": MODEL, "input": text, "stream": True}
    return dated(region), said(text, stream=True)


def receive(client: httpx.Client, region: Region, route: str, text: str = TEXT) -> bytes:
    url, body = asked(region, route, text)
    return client.post(url, headers=key(region), json=body).content


def chunks_of(region: Region, route: str) -> list[bytes]:
    """Read an answer from a socket, and return its chunks as they are framed."""
    url, body = asked(region, route)
    content = json.dumps(body).encode()
    head = (
        f"POST {url.removeprefix(region.url)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        f"api-key: {region.api_key}\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", region.port)) as sock:
        sock.sendall(head.encode() + content)
        rest = b"".join(iter(lambda: sock.recv(65536), b"")).partition(b"\r\n\r\n")[2]
    chunks: list[bytes] = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        chunks.append(rest[:length])
        assert rest[length:].startswith(b"\r\n")
        rest = rest[length + 2 :]
    assert chunks.pop() == b""
    return chunks


def parsed(body: bytes) -> list[Told]:
    """Read an event stream as the HTML standard says, section 9.2.6, in the plainest way."""
    events: list[Told] = []
    name: str | None = None
    data: list[str] = []
    lines = re.split("\r\n|\n|\r", body.decode(errors="replace").removeprefix("\ufeff"))
    for line in lines[:-1]:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append((name, "\n".join(data)))
            name, data = None, []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
    return events


def meant(body: bytes) -> list[tuple[str | None, Any]]:
    """Give the events with what they hold, but for ids that count requests."""
    ids = re.compile(r'"(chatcmpl-eastus-|resp_|msg_)\w+"')
    return [
        (name, text if text == "[DONE]" else json.loads(ids.sub('"id"', text)))
        for name, text in parsed(body)
    ]


shapes = st.builds(
    StreamShape,
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    multi_line=st.booleans(),
    space=st.booleans(),
    utf8=st.booleans(),
    bom=st.booleans(),
    comments=st.integers(0, 3),
    split=st.none() | st.integers(1, 50) | st.lists(st.integers(1, 300), min_size=1, max_size=5),
    join=st.none() | st.integers(1, 5),
)


@settings(max_examples=examples(60), deadline=None)
@given(shape=shapes, route=st.sampled_from(ROUTES))
def test_every_shape_tells_the_same_events(
    fleet: Fleet, client: httpx.Client, shape: StreamShape, route: str
) -> None:
    """Lines, comments and chunks change; the events and what they hold do not."""
    region = fleet["eastus"]
    region.shape = StreamShape()
    plain = meant(receive(client, region, route))
    region.shape = shape
    assert meant(receive(client, region, route)) == plain


@settings(max_examples=examples(60), deadline=None)
@given(
    shape=shapes,
    route=st.sampled_from(ROUTES),
    at=st.integers(0, 15),
    how=st.sampled_from(["close", "end", "error"]),
    within=st.integers(0, 3),
)
def test_a_stream_of_any_shape_breaks_at_any_event(
    fleet: Fleet,
    client: httpx.Client,
    shape: StreamShape,
    route: str,
    at: int,
    how: Literal["close", "end", "error"],
    within: int,
) -> None:
    """The events before the break are the same, however they are written."""
    region = fleet["eastus"]
    region.fault, region.shape = None, StreamShape()
    plain = meant(receive(client, region, route))
    region.shape = shape
    within = 0 if how == "error" else within
    region.fault = faults.BreakStream(at, how, within=within)
    body = bytearray()
    url, question = asked(region, route)
    with client.stream("POST", url, headers=key(region), json=question) as response:
        try:
            for piece in response.iter_raw():
                body += piece
            assert how != "close"
        except httpx.RemoteProtocolError:
            assert how == "close"
    region.fault = None
    found = meant(bytes(body))
    count = min(at, len(plain))
    assert found[:count] == plain[:count]
    more = {"chat/completions": 1, "responses": 2}[route] if how == "error" else 0
    assert len(found) == count + more


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("route", ROUTES)
def test_every_line_ends_in_the_same_way(
    client: httpx.Client,
    east: Region,
    route: str,
    newline: Literal["\n", "\r\n", "\r"],
) -> None:
    """That holds for comments, for errors and for `[DONE]` as well."""
    east.shape = StreamShape(newline=newline, comments=2, multi_line=True)
    for fault in [None, faults.BreakStream(2, "error"), faults.ThrottledStream()]:
        east.fault = fault
        body = receive(client, east, route).decode()
        assert set(re.findall("\r\n|\n|\r", body)) == {newline}
        assert body.endswith(newline * 2)


def test_the_comments_that_go_on_for_ever_have_the_shape(
    client: httpx.Client, east: Region
) -> None:
    east.shape = StreamShape(newline="\r", split=(2,))
    east.fault = faults.BreakStream(0, "comments", interval=0.001)
    url, body = asked(east, "chat/completions")
    received: list[bytes] = []
    with client.stream("POST", url, headers=key(east), json=body) as response:
        for piece in response.iter_raw():
            received.append(piece)
            if len(received) == 14:
                break
    assert b"".join(received) == b": keep-alive\r\r" * 2
    assert soon(lambda: east.connections == 0)


def test_an_event_on_several_lines_is_the_same_json(client: httpx.Client, east: Region) -> None:
    east.shape = StreamShape(multi_line=True)
    body = receive(client, east, "responses")
    assert min(event.count(b"\ndata: ") for event in body.split(b"\n\n")[:-1]) > 3


def test_a_shape_may_leave_out_the_space_and_begin_with_a_mark(
    client: httpx.Client, east: Region
) -> None:
    east.shape = StreamShape(space=False, bom=True)
    body = receive(client, east, "responses")
    assert body.startswith(b"\xef\xbb\xbfevent:response.created\ndata:{")
    assert body.count(b"\xef\xbb\xbf") == 1


@pytest.mark.parametrize("utf8", [False, True])
def test_characters_beyond_ascii_are_escaped_or_not(
    client: httpx.Client, east: Region, utf8: bool
) -> None:
    east.shape = StreamShape(utf8=utf8)
    body = receive(client, east, "chat/completions")
    assert ("\U0001f600".encode() in body) is utf8
    assert body.isascii() is not utf8


def test_half_a_character_is_escaped_always(client: httpx.Client, east: Region) -> None:
    east.shape = StreamShape(utf8=True)
    body = json.dumps(said("\ud83d", stream=True))
    answer = client.post(dated(east), headers=key(east), content=body)
    assert rb"\ud83d" in answer.content


def test_comments_stand_apart_but_for_the_last(client: httpx.Client, east: Region) -> None:
    east.shape = StreamShape(comments=2)
    body = receive(client, east, "chat/completions")
    events = len(parsed(body))
    assert body.startswith(b": keep-alive\n\n: keep-alive\ndata: {")
    assert body.count(b": keep-alive\n") == 2 * events


@pytest.mark.parametrize("sizes", [(1,), (7,), (1, 200, 3)])
@pytest.mark.parametrize("join", [1, 3, None])
def test_chunks_have_the_sizes_that_are_asked_for(
    east: Region, sizes: tuple[int, ...], join: int | None
) -> None:
    east.shape = StreamShape(join=join)
    groups = chunks_of(east, "chat/completions")
    events = len(parsed(b"".join(groups)))
    assert len(groups) == {1: events, 3: -(-events // 3), None: 1}[join]
    east.shape = StreamShape(join=join, split=sizes)
    chunks = iter(chunks_of(east, "chat/completions"))
    for group in groups:
        told = b""
        for size in cycle(sizes):
            chunk = next(chunks)
            told += chunk
            if told.count(b"\n\n") == group.count(b"\n\n"):
                assert len(chunk) <= size
                break
            assert len(chunk) == size
    assert not list(chunks)


def test_one_size_may_be_a_number() -> None:
    assert StreamShape(split=3) == StreamShape(split=[3])


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("tokens", "expected"), [(1, 1), (4, 4), (10, 10), (99, 10)])
def test_a_text_is_spread_over_so_many_events(
    client: httpx.Client, east: Region, route: str, tokens: int, expected: int
) -> None:
    east.shape = StreamShape(tokens=tokens)
    deltas: list[str] = []
    for _, data in meant(receive(client, east, route, "xy")):
        if route == "responses":
            deltas += [data["delta"]] if "delta" in data else []
        elif data != "[DONE]" and data["choices"]:
            content = data["choices"][0]["delta"].get("content")
            deltas += [content] if content else []
    assert "".join(deltas) == "eastus: xy"
    assert len(deltas) == expected
    assert max(map(len, deltas)) - min(map(len, deltas)) <= 1


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", ["preamble_delay", "first_token_delay", "pace"])
def test_a_pause_comes_before_its_events_and_ends_when_the_client_leaves(
    client: httpx.Client, east: Region, route: str, name: str
) -> None:
    """A pause of a minute shows which events come before it, and nobody waits for its end."""
    east.shape = StreamShape(join=None, **{name: 60.0})  # type: ignore[arg-type]
    before = {"preamble_delay": 0, "first_token_delay": 2, "pace": 3}[name]
    before += 2 if route == "responses" and before else 0
    url, body = asked(east, route)
    received = b""
    with client.stream("POST", url, headers=key(east), json=body) as response:
        pieces = response.iter_raw()
        while len(parsed(received)) < before:
            received += next(pieces)
        assert len(parsed(received)) == before
        assert east.connections == 1
    assert soon(lambda: east.connections == 0)
    assert len(east.requests) == 1


def test_pauses_pass(client: httpx.Client, east: Region) -> None:
    east.shape = StreamShape(preamble_delay=0.02, first_token_delay=0.02, pace=0.01, split=9)
    started = time.monotonic()
    events = parsed(receive(client, east, "chat/completions", "one two"))
    assert time.monotonic() - started >= 0.06
    assert len(events) == 7


def test_a_pause_begins_a_chunk(east: Region) -> None:
    east.shape = StreamShape(join=None, pace=0.001)
    counts = [len(parsed(chunk)) for chunk in chunks_of(east, "chat/completions")]
    words = len(f"eastus: {TEXT}".split(" "))
    assert counts == [3, *[1] * (words - 2), 3]


def test_a_body_cut_by_bytes_has_the_shape_too(client: httpx.Client, east: Region) -> None:
    east.shape = StreamShape(newline="\r\n", split=3)
    east.fault = faults.EndInBody(100)
    body = receive(client, east, "responses")
    assert len(body) == 100
    assert body.startswith(b"event: response.created\r\n")


def test_a_drip_pauses_before_events_not_before_pieces_of_them(
    client: httpx.Client, east: Region
) -> None:
    east.shape = StreamShape(split=1)
    east.fault = faults.Drip(0.001)
    assert len(parsed(receive(client, east, "chat/completions", "one two"))) == 7


def test_a_region_may_begin_with_a_shape() -> None:
    shape = StreamShape(newline="\r\n")
    with Fleet([RegionSpec("eastus", shape=shape)]) as fleet, client_of(fleet) as client:
        (east,) = fleet
        assert east.shape == shape
        assert receive(client, east, "responses").startswith(b"event: response.created\r\n")
        east.shape = evolve(shape, newline="\n")
        assert receive(client, east, "responses").startswith(b"event: response.created\n")


@pytest.mark.parametrize(
    "wrong",
    [
        {"newline": "\n\r"},
        {"split": 0},
        {"split": []},
        {"split": [3, 0]},
        {"join": 0},
        {"tokens": 0},
        {"comments": -1},
        {"pace": -1},
        {"preamble_delay": -0.1},
        {"first_token_delay": -1},
    ],
)
def test_a_shape_says_what_is_wrong_with_it(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        StreamShape(**wrong)


def test_a_shape_is_a_value_of_its_class(east: Region) -> None:
    with pytest.raises(TypeError, match="StreamShape"):
        east.shape = StreamShape  # type: ignore[assignment] # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError, match="shape"):
        RegionSpec("a", shape=None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
