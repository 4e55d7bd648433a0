"""Streams that break: at any event, in any way, for chat and for responses."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import httpx
import pytest
from emulator_calls import client_of, dated, key, said, soon, v1

from azure_failover.emulator import Fleet, Region, faults

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "gpt-4.1-mini"
How: TypeAlias = Literal["reset", "close", "end", "hang", "comments", "error"]

COUNTS = {"chat/completions": 7, "responses": 11}
"""How many events a whole stream has."""

PLACES = [(route, at) for route, count in COUNTS.items() for at in range(count + 1)]


@pytest.fixture(params=["http", "https"], scope="module")
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    with Fleet(["eastus"], tls=request.param == "https") as fleet:
        yield fleet


@pytest.fixture
def east(fleet: Fleet) -> Iterator[Region]:
    region = fleet["eastus"]
    region.clear()
    yield region
    region.fault = None


@pytest.fixture
def client(fleet: Fleet) -> Iterator[httpx.Client]:
    with client_of(fleet) as client:
        yield client


def question(region: Region, route: str, **more: object) -> tuple[str, dict[str, Any]]:
    if route == "responses":
        return v1(region, route), {"model": MODEL, "input": "one two", **more}
    return dated(region), said("one two", **more)


def receive(
    client: httpx.Client, region: Region, route: str, **more: object
) -> tuple[list[bytes], bytes, type[Exception] | None]:
    """Read a stream as far as it comes: its whole events, what follows them, what ended it."""
    body = bytearray()
    error: type[Exception] | None = None
    url, asked = question(region, route, stream=True, **more)
    with client.stream("POST", url, headers=key(region), json=asked) as response:
        assert response.headers["transfer-encoding"] == "chunked"
        try:
            for piece in response.iter_raw():
                body += piece
        except httpx.TransportError as caught:
            error = type(caught)
    *events, rest = bytes(body).split(b"\n\n")
    return events, rest, error


def kinds(events: list[bytes]) -> list[str]:
    """Name what each event is."""
    named: list[str] = []
    for event in events:
        name, _, text = event.decode().rpartition("data: ")
        if text == "[DONE]":
            named.append(text)
            continue
        data = json.loads(text)
        assert name == ("" if "type" not in data else f"event: {data['type']}\n")
        choices = data.get("choices")
        named.append(data.get("type") or str(choices and sorted(choices[0]["delta"])))
    return named


@pytest.fixture(scope="module")
def unbroken(fleet: Fleet) -> dict[str, list[bytes]]:
    """The events of each stream that nothing breaks."""
    with client_of(fleet) as client:
        found = {route: receive(client, fleet["eastus"], route) for route in COUNTS}
    for route, (events, rest, error) in found.items():
        assert (len(events), rest, error) == (COUNTS[route], b"", None)
    return {route: events for route, (events, _, _) in found.items()}


@pytest.mark.parametrize("within", [0, 1, 40])
@pytest.mark.parametrize("how", ["reset", "close", "end"])
@pytest.mark.parametrize(("route", "at"), PLACES)
def test_a_stream_breaks_at_every_event(
    client: httpx.Client,
    east: Region,
    unbroken: dict[str, list[bytes]],
    route: str,
    at: int,
    how: How,
    within: int,
) -> None:
    """`at` whole events arrive and `within` bytes of the next; then comes what was said."""
    whole = unbroken[route]
    east.fault = faults.BreakStream(at, how, within=within)
    events, rest, error = receive(client, east, route)
    if at < COUNTS[route] and within >= len(whole[at]) + 2:
        at, within = at + 1, 0
    assert len(events) == at
    assert len(rest) == (within if at < COUNTS[route] else 0)
    assert kinds(events) == kinds(whole)[:at]
    if how == "end":
        assert error is None
    else:
        assert error is not None
        # a reset under TLS looks like an end of file to some versions of Python
        is_sure = how == "close" or not east.url.startswith("https")
        expected = httpx.ReadError if how == "reset" else httpx.RemoteProtocolError
        assert not is_sure or error is expected


@pytest.mark.parametrize(("route", "at"), PLACES)
def test_a_stream_may_end_in_an_error_after_any_event(
    client: httpx.Client, east: Region, unbroken: dict[str, list[bytes]], route: str, at: int
) -> None:
    whole = unbroken[route]
    east.fault = faults.BreakStream(at, "error")
    events, rest, error = receive(client, east, route)
    assert (rest, error) == (b"", None)
    assert kinds(events[:at]) == kinds(whole[:at])
    told = [json.loads(event.partition(b"data: ")[2]) for event in events[at:]]
    assert told[0]["error"]["type"] == "server_error"
    assert told[0]["error"]["code"] == "server_error"
    if route == "chat/completions":
        assert len(told) == 1
        return
    assert kinds(events[at:]) == ["error", "response.failed"]
    assert [data["sequence_number"] for data in told] == [at, at + 1]
    response = told[1]["response"]
    assert (response["status"], response["error"]["code"]) == ("failed", "server_error")
    if at:
        opening = json.loads(events[0].partition(b"data: ")[2])
        assert response["id"] == opening["response"]["id"]


def test_an_error_may_say_that_azure_throttles(client: httpx.Client, east: Region) -> None:
    east.fault = faults.BreakStream(
        2,
        "error",
        code="rate_limit_exceeded",
        error_type="too_many_requests",
        message="slow down",
        retry_after=7,
    )
    url, asked = question(east, "responses", stream=True)
    response = client.post(url, headers=key(east), json=asked)
    error = json.loads(response.text.split("\n\n")[2].partition("data: ")[2])["error"]
    assert response.headers["retry-after"] == "7"
    assert (error["code"], error["type"]) == ("rate_limit_exceeded", "too_many_requests")
    assert error["message"] == "slow down"


@pytest.mark.parametrize(
    ("at", "expected"), [(-1, 6), (-2, 5), (-7, 0), (-8, 0), (-99, 0), (7, 7), (99, 7)]
)
def test_a_place_may_be_counted_from_the_end_and_stops_at_either(
    client: httpx.Client, east: Region, at: int, expected: int
) -> None:
    east.fault = faults.BreakStream(at, "end")
    events, rest, error = receive(client, east, "chat/completions")
    assert (len(events), rest, error) == (expected, b"", None)


def test_the_last_event_of_either_api_is_its_end(client: httpx.Client, east: Region) -> None:
    for route, last in [("chat/completions", "[DONE]"), ("responses", "response.completed")]:
        east.fault = None
        whole, _, _ = receive(client, east, route)
        assert kinds(whole)[-1] == last
        east.fault = faults.BreakStream(-1, "close")
        events, _, error = receive(client, east, route)
        assert kinds(events) == kinds(whole)[:-1]
        assert error is httpx.RemoteProtocolError


@pytest.mark.parametrize("within", [0, 5])
@pytest.mark.parametrize(("route", "at"), PLACES)
def test_a_hang_sends_what_comes_before_and_ends_when_the_client_leaves(
    client: httpx.Client, east: Region, route: str, at: int, within: int
) -> None:
    east.fault = faults.BreakStream(at, "hang", within=within)
    if at == COUNTS[route]:
        within = 0
    body = b""
    url, asked = question(east, route, stream=True)
    with client.stream("POST", url, headers=key(east), json=asked) as response:
        pieces = response.iter_raw()
        while body.count(b"\n\n") < at or len(body.rpartition(b"\n\n")[2]) < within:
            body += next(pieces)
        assert body.count(b"\n\n") == at
        assert len(body.rpartition(b"\n\n")[2]) == within
        assert east.connections == 1
    client.close()
    assert len(east.requests) == 1
    assert soon(lambda: east.connections == 0)


@pytest.mark.parametrize("route", COUNTS)
def test_a_hang_is_silent(fleet: Fleet, east: Region, route: str) -> None:
    east.fault = faults.BreakStream(2, "hang", within=1)
    with client_of(fleet, read=0.5) as client:
        events, rest, error = receive(client, east, route)
    assert (len(events), len(rest), error) == (2, 1, httpx.ReadTimeout)


@pytest.mark.parametrize(("route", "at"), PLACES)
def test_comments_come_for_as_long_as_the_client_stays(
    client: httpx.Client, east: Region, route: str, at: int
) -> None:
    east.fault = faults.BreakStream(at, "comments", interval=0.001)
    url, asked = question(east, route, stream=True)
    comments = 0
    events: list[str] = []
    with client.stream("POST", url, headers=key(east), json=asked) as response:
        for line in response.iter_lines():
            if line.startswith(":"):
                comments += 1
            elif line.startswith("data: "):
                events.append(line)
            if comments == 3:
                break
    client.close()
    assert len(events) == at
    assert soon(lambda: east.connections == 0)
    assert len(east.requests) == 1


def test_comments_end_when_the_fleet_closes() -> None:
    with Fleet(1) as fleet, client_of(fleet) as client:
        (east,) = fleet
        east.fault = faults.BreakStream(0, "comments", interval=0.001)
        url, asked = question(east, "chat/completions", stream=True)
        with client.stream("POST", url, headers=key(east), json=asked) as response:
            lines = response.iter_lines()
            assert next(lines).startswith(":")
            fleet.close()
            with pytest.raises(httpx.TransportError):
                list(lines)
        assert east.connections == 0


def test_comments_end_when_a_client_that_does_not_read_is_gone() -> None:
    with Fleet(1) as fleet:
        (east,) = fleet
        east.fault = faults.BreakStream(0, "comments", interval=1e-9)
        body = json.dumps(said(stream=True)).encode()
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            sock.connect(("127.0.0.1", east.port))
            path = dated(east).removeprefix(east.url).encode()
            sock.sendall(
                b"POST %b HTTP/1.1\r\nhost: x\r\napi-key: %b\r\ncontent-length: %d\r\n\r\n%b"
                % (path, east.api_key.encode(), len(body), body)
            )
            assert sock.recv(12) == b"HTTP/1.1 200"
        assert soon(lambda: east.connections == 0)


def test_a_request_without_a_stream_is_answered_as_usual_and_not_counted(
    client: httpx.Client, east: Region
) -> None:
    east.fault = fault = faults.BreakStream(0, "end", times=1)
    for route in COUNTS:
        url, asked = question(east, route)
        assert "eastus: one two" in client.post(url, headers=key(east), json=asked).text
    assert east.fault == fault
    assert receive(client, east, "responses") == ([], b"", None)
    assert east.fault is None


def test_a_refusal_is_no_stream_to_break(client: httpx.Client, east: Region) -> None:
    east.fault = faults.BreakStream(0)
    response = client.post(dated(east), headers={"api-key": "wrong"}, json=said(stream=True))
    assert response.status_code == 401


def test_a_script_may_break_some_streams(client: httpx.Client, east: Region) -> None:
    east.fault = faults.Scripted(
        lambda request: faults.BreakStream(1, "end") if request.route == "responses" else None
    )
    assert len(receive(client, east, "responses")[0]) == 1
    assert len(receive(client, east, "chat/completions")[0]) == 7


@pytest.mark.parametrize(
    "wrong",
    [
        {"how": "vanish"},
        {"within": -1},
        {"how": "comments", "within": 1},
        {"how": "error", "within": 1},
        {"interval": 0},
        {"times": 0},
    ],
)
def test_a_break_says_what_is_wrong_with_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="how|within|interval|times"):
        faults.BreakStream(1, **wrong)
