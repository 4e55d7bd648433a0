"""The fleet's own life: names, configuration, records, threads, shutdown."""

from __future__ import annotations

import ast
import gc
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from emulator_calls import ask, client_of, dated, key, said, soon, trust

from azure_failover import emulator
from azure_failover.emulator import Fleet, Recorded, Region, RegionSpec, faults


def test_a_count_gives_regions_with_default_names() -> None:
    assert [region.name for region in Fleet(3)] == ["eastus", "westus", "northeurope"]
    assert len({region.name for region in Fleet(20)}) == len(Fleet(20)) == 20


@pytest.mark.parametrize("regions", [0, -1, [], ["a", "a"], ["a", RegionSpec("a")]])
def test_a_fleet_has_regions_of_different_names(regions: int | list[str | RegionSpec]) -> None:
    with pytest.raises(ValueError, match="regions"):
        Fleet(regions)


def test_a_bare_name_is_not_a_list_of_names() -> None:
    with pytest.raises(TypeError, match="list of names"):
        Fleet("eastus")
    with pytest.raises(TypeError, match="collection of names"):
        RegionSpec("a", deployments="chat")


def test_an_unknown_region_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match="eastus, westus"):
        Fleet(2)["moon"]


def test_the_configuration_gives_backups_only_what_differs() -> None:
    same_key = RegionSpec("b", api_key="key-a")
    own = RegionSpec("c", deployment_name="other", prefix="apim/x/")
    with Fleet(["a", same_key, own]) as fleet:
        a, b, c = fleet.regions
        assert fleet.config() == {
            "name": "a",
            "endpoint": a.url,
            "api_key": "key-a",
            "deployment_name": "gpt-4.1-mini",
            "backups": [
                {"name": "b", "endpoint": b.url},
                {
                    "name": "c",
                    "endpoint": f"{c.url}/apim/x",
                    "api_key": "key-c",
                    "deployment_name": "other",
                },
            ],
        }


def test_one_key_and_one_deployment_can_be_set_for_all() -> None:
    with Fleet(2, api_key="k", deployment="d") as fleet:
        east, west = fleet
        assert fleet.config()["backups"] == [{"name": "westus", "endpoint": west.endpoint}]
        assert east.api_key == "k"
        assert east.deployments == {"d", "text-embedding-3-small"}
        with client_of(fleet) as client:
            assert ask(client, west).json()["model"] == "d"


def test_every_port_is_on_loopback_and_its_own() -> None:
    with Fleet(5) as fleet:
        assert len({region.port for region in fleet}) == 5
        assert all(region.url == f"http://127.0.0.1:{region.port}" for region in fleet)


def test_a_record_holds_the_request_as_it_was_sent() -> None:
    with Fleet(1) as fleet, client_of(fleet) as client:
        east = fleet["eastus"]
        headers = [("api-key", east.api_key), ("X-Twice", "1"), ("X-Twice", "2")]
        client.post(f"{dated(east)}&a=%20&a=&b", headers=headers, json=said(stream=True))
        (request,) = east.requests
    assert (request.method, request.route, request.streamed) == ("POST", "chat/completions", True)
    assert request.target == f"{request.path}?api-version=2024-10-21&a=%20&a=&b"
    assert request.query == (("api-version", "2024-10-21"), ("a", " "), ("a", ""), ("b", ""))
    assert request.api_version == "2024-10-21"
    assert request.header("x-twice") == "1, 2"
    assert request.header("X-Absent") is None
    assert request.json() == said(stream=True)
    assert (request.api_key, request.deployment) == ("key-eastus", "gpt-4.1-mini")


def test_no_repr_shows_a_credential() -> None:
    with Fleet([RegionSpec("a", api_key="hush", token="hush")]) as fleet:
        with client_of(fleet) as client:
            client.post(f"{dated(fleet['a'])}&api-key=hush", headers=key(fleet["a"]), json={})
        shown = repr([fleet, fleet["a"], fleet["a"].requests, RegionSpec("a", api_key="hush")])
    assert "hush" not in shown
    assert "127.0.0.1" in shown


def test_equal_connection_numbers_mean_a_reused_connection() -> None:
    with Fleet(1) as fleet:
        east = fleet["eastus"]
        for _ in range(2):
            with client_of(fleet) as client:
                ask(client, east)
                ask(client, east)
        a, b, c, d = [request.connection for request in east.requests]
        assert a == b != c == d
        assert east.accepted == 2
        assert soon(lambda: east.connections == 0)


def test_connection_close_is_honoured() -> None:
    with Fleet(1) as fleet, client_of(fleet) as client:
        east = fleet["eastus"]
        headers = {**key(east), "connection": "close"}
        for _ in range(2):
            response = client.post(dated(east), headers=headers, json=said())
            assert response.headers["connection"] == "close"
        assert east.accepted == 2


def test_the_fleet_orders_requests_over_all_regions() -> None:
    with Fleet(2) as fleet, client_of(fleet) as client:
        east, west = fleet
        for region in (west, east, west):
            ask(client, region)
        assert [request.region for request in fleet.requests] == ["westus", "eastus", "westus"]
        west.clear()
        assert [request.number for request in fleet.requests] == [2]


def exchange(region: Region, data: bytes) -> bytes:
    """Send bytes, end the sending side, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", region.port), timeout=5) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_pipelined_requests_are_answered_in_order() -> None:
    one = b"GET /openai/v1/models HTTP/1.1\r\nHost: x\r\napi-key: key-eastus\r\n\r\n"
    with Fleet(1) as fleet:
        answer = exchange(fleet["eastus"], one + one)
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert [request.connection for request in fleet.requests] == [1, 1]


def test_a_client_that_waits_to_be_invited_is_invited() -> None:
    data = b"POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    with Fleet(1) as fleet, socket.create_connection(("127.0.0.1", fleet["eastus"].port)) as sock:
        sock.sendall(data)
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"x")
        assert sock.recv(100).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("data", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nab"])
def test_what_is_no_request_is_refused_and_not_recorded(data: bytes) -> None:
    with Fleet(1) as fleet:
        assert exchange(fleet["eastus"], data).startswith(b"HTTP/1.1 400 ")
        assert fleet.requests == ()


def test_a_fault_set_before_the_start_is_in_force_from_the_first_request() -> None:
    fleet = Fleet(1)
    fleet["eastus"].fault = faults.Refuse()
    with fleet, client_of(fleet) as client:
        with pytest.raises(httpx.ConnectError):
            ask(client, fleet["eastus"])
        fleet.heal()
        assert ask(client, fleet["eastus"]).is_success


def test_a_fleet_that_is_not_started_has_no_url() -> None:
    fleet = Fleet(1)
    assert "not started" in repr(fleet["eastus"])
    with pytest.raises(RuntimeError, match="not started"):
        _ = fleet["eastus"].url
    fleet.close()


def test_a_fleet_lives_once() -> None:
    fleet = Fleet(1)
    with fleet:
        pass
    fleet.close()
    fleet["eastus"].fault = None
    with pytest.raises(RuntimeError, match="make a new one"):
        fleet.start()


def test_closing_resets_what_is_open_and_leaves_nothing_behind() -> None:
    before = threading.active_count()
    with Fleet(2, tls=True) as fleet:
        client = client_of(fleet)
        for region in fleet:
            assert ask(client, region).is_success
        stalled = socket.create_connection(("127.0.0.1", fleet["eastus"].port))
        assert soon(lambda: fleet["eastus"].connections == 2)
        started = time.monotonic()
    assert time.monotonic() - started < 1
    assert threading.active_count() == before
    assert [region.connections for region in fleet] == [0, 0]
    with pytest.raises(httpx.ConnectError):
        ask(client, fleet["eastus"])
    client.close()
    stalled.close()
    gc.collect()


def broken(_: Recorded) -> faults.RequestFault | None:
    raise LookupError("no such act")


def test_what_a_script_raises_is_answered_with_500_and_raised_at_close() -> None:
    fleet = Fleet(1)
    fleet.start()
    fleet["eastus"].fault = faults.Scripted(broken)
    with client_of(fleet) as client:
        assert ask(client, fleet["eastus"]).status_code == 500
    with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="no such act")):
        fleet.close()
    fleet.close()


def test_what_a_script_raises_is_noted_on_an_error_that_is_already_under_way() -> None:
    def judge() -> None:
        with Fleet(1) as fleet, client_of(fleet) as client:
            fleet["eastus"].fault = faults.Scripted(broken)
            assert ask(client, fleet["eastus"]).status_code == 200

    with pytest.raises(AssertionError) as caught:
        judge()
    assert "no such act" in caught.value.__notes__[0]


def test_a_script_that_returns_what_acts_on_no_request_is_an_error() -> None:
    wrong = faults.Scripted(lambda _: faults.Refuse())  # type: ignore[arg-type,return-value] # pyright: ignore[reportArgumentType]
    with pytest.RaisesGroup(AssertionError), Fleet(1) as fleet:
        fleet["eastus"].fault = wrong
        with client_of(fleet) as client, pytest.raises(httpx.RemoteProtocolError):
            ask(client, fleet["eastus"])


def test_a_script_cannot_close_the_fleet() -> None:
    fleet = Fleet(1)
    fleet.start()

    def close(_: Recorded) -> None:
        fleet.close()

    fleet["eastus"].fault = faults.Scripted(close)
    with client_of(fleet) as client:
        assert ask(client, fleet["eastus"]).status_code == 500
    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="from within")):
        fleet.close()


def test_a_tls_fleet_is_trusted_by_its_own_context_alone() -> None:
    with Fleet(1, tls=True) as fleet:
        east = fleet["eastus"]
        assert east.url.startswith("https://127.0.0.1:")
        assert fleet.ca_pem.startswith(b"-----BEGIN CERTIFICATE-----")
        with client_of(fleet) as client:
            assert ask(client, east).is_success
        stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with (
            httpx.Client(verify=stranger, trust_env=False) as client,
            pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            ask(client, east)


def test_a_plain_fleet_has_no_authority() -> None:
    fleet = Fleet(1)
    with pytest.raises(RuntimeError, match="tls=True"):
        _ = fleet.ca_pem
    with pytest.raises(RuntimeError, match="tls=True"):
        fleet.ssl_context()


def test_a_missing_trustme_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    Fleet(1)
    with pytest.raises(ImportError, match=r"pip install azure-failover\[emulator\]"):
        Fleet(1, tls=True)


@pytest.mark.anyio
@pytest.mark.parametrize("tls", [False, True])
async def test_the_same_fleet_serves_asynchronous_code(tls: bool) -> None:
    async with (
        Fleet(2, tls=tls) as fleet,
        httpx.AsyncClient(verify=trust(fleet), trust_env=False) as client,
    ):
        east, west = fleet
        east.fault = faults.Refuse()
        with pytest.raises(httpx.ConnectError):
            await client.post(dated(east), headers=key(east), json=said())
        response = await client.post(dated(west), headers=key(west), json=said(stream=True))
        assert response.text.endswith("data: [DONE]\n\n")
        west.fault = faults.ResetBeforeHeaders()
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await client.post(dated(west), headers=key(west), json=said())
        assert len(west.requests) == 2


def test_a_fault_is_in_force_when_its_assignment_returns_under_load() -> None:
    """While others hammer the region, what is assigned governs the next request, each time."""
    stop = threading.Event()
    unexpected: list[object] = []
    with Fleet(1) as fleet:
        east = fleet["eastus"]

        def hammer() -> None:
            with client_of(fleet) as client:
                while not stop.is_set():
                    try:
                        status = ask(client, east).status_code
                    except httpx.TransportError:
                        continue
                    if status not in {200, 503}:
                        unexpected.append(status)

        threads = [threading.Thread(target=hammer) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                with client_of(fleet) as client:
                    east.fault = faults.Status(503)
                    assert ask(client, east).status_code == 503
                    east.fault = faults.Refuse()
                    with pytest.raises(httpx.ConnectError):
                        ask(client, east)
                    east.fault = None
                    assert ask(client, east).status_code == 200
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert unexpected == []


def test_the_emulator_imports_nothing_else_of_the_package_and_no_client() -> None:
    folder = Path(emulator.__file__).parent
    own = {"h11", "attrs", "trustme", *sys.stdlib_module_names}
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            foreign = [name for name in names if name.partition(".")[0] not in own]
            assert all(name.startswith("azure_failover.emulator") for name in foreign), file.name
