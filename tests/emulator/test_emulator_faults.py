"""What each fault looks like to a real client."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Literal

import httpx
import pytest
from emulator_calls import ask, client_of, dated, key, said, soon

from azure_failover.emulator import Fleet, Recorded, Region, faults

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT = 0.05


@pytest.fixture(params=["http", "https"], scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    with Fleet(["eastus"], tls=request.param == "https") as fleet:
        yield fleet


@pytest.fixture
def east(shared: Fleet) -> Iterator[Region]:
    region = shared["eastus"]
    region.clear()
    yield region
    region.fault = None


@pytest.fixture
def client(shared: Fleet, east: Region) -> Iterator[httpx.Client]:
    with client_of(shared) as client:
        assert ask(client, east).is_success
        east.clear()
        yield client


def is_tls(region: Region) -> bool:
    return region.url.startswith("https")


def reset_errors(region: Region) -> tuple[type[httpx.TransportError], ...]:
    """Name the errors for a reset: some versions of Python's ssl report it as an end of file."""
    if is_tls(region):
        return httpx.ReadError, httpx.RemoteProtocolError
    return (httpx.ReadError,)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 408, 429, 500, 503, 504, 418])
def test_a_status_has_azures_json_body(client: httpx.Client, east: Region, code: int) -> None:
    east.fault = faults.Status(code)
    response = ask(client, east, stream=True)
    assert response.status_code == code
    assert response.headers["content-type"].startswith("application/json")
    assert response.json()["error"]["message"]


def test_a_filtered_prompt_has_the_inner_error(client: httpx.Client, east: Region) -> None:
    east.fault = faults.Status(400)
    error = ask(client, east).json()["error"]
    assert error["code"] == "content_filter"
    assert error["innererror"]["code"] == "ResponsibleAIPolicyViolation"


def test_a_bad_gateway_is_html(client: httpx.Client, east: Region) -> None:
    east.fault = faults.Status(502)
    response = ask(client, east)
    assert response.headers["content-type"] == "text/html"
    assert "502 Bad Gateway" in response.text


@pytest.mark.parametrize(
    ("body", "content_type", "content"),
    [
        ({"a": 1}, "application/json; charset=utf-8", b'{"a": 1}'),
        ("text", "text/plain; charset=utf-8", b"text"),
        (b"\xff", "application/octet-stream", b"\xff"),
        ("", "text/plain; charset=utf-8", b""),
    ],
)
def test_a_status_takes_any_body_and_headers(
    client: httpx.Client,
    east: Region,
    body: dict[str, object] | str | bytes,
    content_type: str,
    content: bytes,
) -> None:
    east.fault = faults.Status(599, {"Retry-After": "1", "X-MS-Region": "moon"}, body)
    response = ask(client, east)
    assert response.content == content
    assert response.headers["content-type"] == content_type
    assert response.headers["retry-after"] == "1"
    assert response.headers.get_list("x-ms-region") == ["moon"]


def test_a_status_without_a_body_has_none(client: httpx.Client, east: Region) -> None:
    east.fault = faults.Status(204)
    assert ask(client, east).content == b""
    assert ask(client, east).status_code == 204


def test_refuse_refuses_and_the_same_port_comes_back(client: httpx.Client, east: Region) -> None:
    port = east.port
    east.fault = faults.Refuse()
    assert east.connections == 0
    for _ in range(2):
        with pytest.raises(httpx.ConnectError, match="refused"):
            ask(client, east)
    assert east.requests == ()
    east.fault = None
    assert ask(client, east).is_success
    assert east.port == port


def test_refuse_keeps_the_port_from_others(east: Region) -> None:
    east.fault = faults.Refuse()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", east.port))


def test_refuse_resets_a_request_that_is_under_way(client: httpx.Client, east: Region) -> None:
    east.fault = faults.Hang()
    found: list[Exception] = []

    def wait() -> None:
        try:
            ask(client, east)
        except httpx.TransportError as error:
            found.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert soon(lambda: len(east.requests) == 1)
    east.fault = faults.Refuse()
    thread.join()
    (error,) = found
    assert type(error) in reset_errors(east)


def test_a_hang_times_out_and_is_recorded(shared: Fleet, east: Region) -> None:
    with client_of(shared, read=SHORT) as client:
        east.fault = faults.Hang()
        with pytest.raises(httpx.ReadTimeout):
            ask(client, east)
    assert len(east.requests) == 1
    assert soon(lambda: east.connections == 0)


def test_a_delay_answers_late(client: httpx.Client, east: Region) -> None:
    east.fault = faults.Delay(SHORT)
    started = time.monotonic()
    assert ask(client, east).is_success
    assert time.monotonic() - started >= SHORT


def test_a_delay_longer_than_the_timeout_ends_when_the_client_leaves(
    shared: Fleet, east: Region
) -> None:
    with client_of(shared, read=SHORT) as client:
        east.fault = faults.Delay(60)
        with pytest.raises(httpx.ReadTimeout):
            ask(client, east)
    assert soon(lambda: east.connections == 0)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_drip_arrives_whole_but_slowly(
    client: httpx.Client, east: Region, streamed: bool
) -> None:
    east.fault = faults.Drip(0.01)
    started = time.monotonic()
    assert "eastus:" in ask(client, east, stream=streamed).text
    assert time.monotonic() - started >= 0.01 * (5 if streamed else 2)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_reset_before_headers(client: httpx.Client, east: Region, streamed: bool) -> None:
    east.fault = faults.ResetBeforeHeaders()
    with pytest.raises(reset_errors(east)):
        ask(client, east, stream=streamed)
    assert len(east.requests) == 1


def test_a_close_before_headers(client: httpx.Client, east: Region) -> None:
    east.fault = faults.CloseBeforeHeaders()
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        ask(client, east)


def receive(
    client: httpx.Client, region: Region, streamed: bool
) -> tuple[httpx.Headers, bytes, httpx.TransportError | None]:
    """Read a body as far as it comes; return it with the headers and the error that ended it."""
    body = bytearray()
    question = said("hello there", stream=streamed)
    with client.stream("POST", dated(region), headers=key(region), json=question) as response:
        assert response.status_code == 200
        try:
            for piece in response.iter_raw():
                body += piece
        except httpx.TransportError as error:
            return response.headers, bytes(body), error
    return response.headers, bytes(body), None


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("after", [0, 1, 250])
def test_a_reset_in_the_body_comes_after_so_many_bytes(
    client: httpx.Client, east: Region, after: int, streamed: bool
) -> None:
    east.fault = faults.ResetInBody(after)
    headers, body, error = receive(client, east, streamed)
    assert len(body) == after
    assert type(error) in reset_errors(east)
    assert streamed or int(headers["content-length"]) > after


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("after", [0, 1, 250])
def test_a_truncated_body_ends_after_so_many_bytes(
    client: httpx.Client, east: Region, after: int, streamed: bool
) -> None:
    east.fault = faults.Truncate(after)
    _, body, error = receive(client, east, streamed)
    assert len(body) == after
    assert type(error) is httpx.RemoteProtocolError


def test_a_stream_is_cut_even_where_all_of_it_was_sent(client: httpx.Client, east: Region) -> None:
    east.fault = faults.Truncate(1_000_000)
    _, body, error = receive(client, east, streamed=True)
    assert body.endswith(b"data: [DONE]\n\n")
    assert type(error) is httpx.RemoteProtocolError


@pytest.mark.parametrize("streamed", [False, True])
def test_a_hang_in_the_body_times_out_after_so_many_bytes(
    shared: Fleet, east: Region, streamed: bool
) -> None:
    east.fault = faults.HangInBody(100)
    with client_of(shared, read=3 * SHORT) as client:
        _, body, error = receive(client, east, streamed)
    assert len(body) == 100
    assert type(error) is httpx.ReadTimeout


@pytest.mark.parametrize("streamed", [False, True])
def test_a_body_that_ends_early_looks_whole_to_http(
    client: httpx.Client, east: Region, streamed: bool
) -> None:
    east.fault = faults.EndInBody(100)
    _, body, error = receive(client, east, streamed)
    assert (len(body), error) == (100, None)
    assert b"[DONE]" not in body


def test_a_throttled_stream_is_a_success_with_an_error_event(
    client: httpx.Client, east: Region
) -> None:
    east.fault = faults.ThrottledStream(retry_after=7)
    streamed = ask(client, east, stream=True)
    event = json.loads(streamed.text.removeprefix("data: "))
    assert (streamed.status_code, streamed.headers["retry-after"]) == (200, "7")
    assert event["error"]["code"] == "rate_limit_exceeded"
    plain = ask(client, east)
    assert (plain.status_code, plain.headers["retry-after"]) == (429, "7")


def test_garbage_is_not_http(client: httpx.Client, east: Region) -> None:
    east.fault = faults.Garbage()
    with pytest.raises(httpx.RemoteProtocolError):
        ask(client, east)


def test_bad_json_is_announced_as_json(client: httpx.Client, east: Region) -> None:
    east.fault = faults.BadJson()
    response = ask(client, east)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/json")
    with pytest.raises(ValueError, match="Unterminated"):
        response.json()


def test_a_stale_connection_fails_where_a_fresh_one_serves(
    client: httpx.Client, east: Region
) -> None:
    east.fault = faults.StaleConnection()
    with pytest.raises(reset_errors(east)):
        ask(client, east)
    assert ask(client, east).is_success
    stale, fresh = east.requests
    assert stale.connection != fresh.connection


def test_closing_idle_connections_makes_the_client_open_another(
    client: httpx.Client, east: Region
) -> None:
    accepted = east.accepted
    assert ask(client, east).is_success
    east.close_idle_connections()
    assert east.connections == 0
    assert ask(client, east).is_success
    assert east.accepted == accepted + 1


def test_a_connection_that_waits_for_its_first_request_is_not_idle() -> None:
    with Fleet(1) as fleet, socket.create_connection(("127.0.0.1", fleet.regions[0].port)) as fresh:
        (east,) = fleet
        soon(lambda: east.connections == 1)
        east.close_idle_connections()
        fresh.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert fresh.recv(8) == b"HTTP/1.1"


@pytest.mark.parametrize("how", ["alert", "close", "reset"])
def test_a_broken_handshake_fails_to_connect_and_heals_after_so_many(
    how: Literal["alert", "close", "reset"],
) -> None:
    with Fleet(1, tls=True) as fleet, client_of(fleet) as client:
        east = fleet["eastus"]
        east.fault = faults.TlsBroken(how, times=2)
        for _ in range(2):
            with pytest.raises(httpx.ConnectError):
                ask(client, east)
        assert east.requests == ()
        assert ask(client, east).is_success


def test_an_open_connection_outlives_a_broken_handshake() -> None:
    with Fleet(1, tls=True) as fleet, client_of(fleet) as client:
        assert ask(client, fleet["eastus"]).is_success
        fleet["eastus"].fault = faults.TlsBroken()
        assert ask(client, fleet["eastus"]).is_success


def test_a_broken_handshake_needs_tls() -> None:
    with Fleet(1) as fleet, pytest.raises(ValueError, match="tls=True"):
        fleet["eastus"].fault = faults.TlsBroken()


def test_a_fault_heals_after_so_many_requests(client: httpx.Client, east: Region) -> None:
    east.fault = faults.Status(503, times=2)
    assert [ask(client, east).status_code for _ in range(4)] == [503, 503, 200, 200]
    assert east.fault is None


def test_only_affected_requests_count(client: httpx.Client, east: Region) -> None:
    east.fault = faults.Scripted(
        lambda request: faults.Status(500) if request.streamed else None, times=1
    )
    wishes = [False, True, True]
    assert [ask(client, east, stream=wish).status_code for wish in wishes] == [200, 500, 200]


@pytest.mark.parametrize("times", [0, -1])
def test_a_fault_affects_at_least_one_request(times: int) -> None:
    with pytest.raises(ValueError, match="times"):
        faults.Hang(times=times)


def test_a_script_sees_the_request_and_may_choose_another_script(
    client: httpx.Client, east: Region
) -> None:
    seen: list[Recorded] = []

    def choose(request: Recorded) -> faults.RequestFault | None:
        seen.append(request)
        return faults.Scripted(lambda inner: faults.Status(500 + len(inner.json()["messages"])))

    east.fault = faults.Scripted(choose)
    assert ask(client, east).status_code == 501
    assert tuple(seen) == east.requests


def test_a_script_may_put_another_fault_in_force(client: httpx.Client, east: Region) -> None:
    def choose(_: Recorded) -> faults.RequestFault | None:
        east.fault = faults.Status(503)
        return None

    east.fault = faults.Scripted(choose)
    assert [ask(client, east).status_code for _ in range(2)] == [200, 503]


def test_a_script_may_take_the_region_down(client: httpx.Client, east: Region) -> None:
    def choose(_: Recorded) -> faults.RequestFault | None:
        east.fault = faults.Refuse()
        return None

    east.fault = faults.Scripted(choose)
    with pytest.raises(reset_errors(east)):
        ask(client, east)
    with pytest.raises(httpx.ConnectError):
        ask(client, east)


def test_a_fault_class_is_not_a_fault(east: Region) -> None:
    with pytest.raises(TypeError, match=r"faults\.Hang\(\)"):
        east.fault = faults.Hang  # type: ignore[assignment] # pyright: ignore[reportAttributeAccessIssue]
