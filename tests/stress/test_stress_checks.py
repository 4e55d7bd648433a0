"""What the hammer looks for, it finds: each check sees the defect that it is there for."""

from __future__ import annotations

import json
import logging
import socket
import threading
import warnings
from typing import Any

import anyio
import attrs
import httpx
import httpx2
import pytest
from stress_leftovers import Alarms, Belongings, pool_flaws
from stress_regions import Arrival
from stress_requests import Order, Outcome, flaws_of, record_flaws
from stress_weather import Weather

from azure_failover import Entry, Ledger

NAMES = ("eastus", "westus")
ORDER = Order(number=7)
STREAM = Order(number=7, is_stream=True)
REFUSED = Entry(endpoint="eastus", index=0, outcome="failed", error="ConnectError")
BUSY = Entry(endpoint="eastus", index=0, outcome="answered", status=503)
SERVED = Entry(endpoint="westus", index=1, outcome="answered", status=200, started=0.1)
NORTH = Entry(endpoint="northeurope", index=2, outcome="failed", error="ReadError", started=0.2)
SILENT = attrs.evolve(SERVED, outcome="failed", status=None)


def tried(*entries: Entry, endpoint: str | None = "westus", is_exhausted: bool = False) -> Ledger:
    return Ledger(entries, endpoint=endpoint, is_exhausted=is_exhausted)


def labels(attempts: int = 2, endpoint: str = "westus", retry: str = "") -> dict[str, str]:
    return {
        "x-failover-endpoint": endpoint,
        "x-failover-attempts": f"{attempts}",
        "x-should-retry": retry,
    }


def chat(text: str, number: int = 3) -> bytes:
    answer: dict[str, Any] = {"id": f"chatcmpl-westus-{number}"}
    return json.dumps({**answer, "choices": [{"message": {"content": text}}]}).encode()


def events(*deltas: str, done: bool = True) -> list[str]:
    lines = [
        "data: " + json.dumps({"id": "chatcmpl-westus-3", "choices": [{"delta": {"content": it}}]})
        for it in deltas
    ]
    return [*lines, *(["data: [DONE]"] if done else [])]


GOOD = Outcome(
    ORDER,
    well=frozenset({"westus"}),
    status=200,
    headers=labels(),
    ledger=tried(REFUSED, SERVED),
    body=chat(f"westus: {ORDER.said}"),
)
GOOD_STREAM = attrs.evolve(GOOD, order=STREAM, read=events("westus: ", STREAM.said))
LOST = Outcome(
    ORDER,
    error="ConnectError: refused",
    ledger=tried(REFUSED, SILENT, endpoint=None, is_exhausted=True),
)
REFUSAL = Outcome(
    ORDER, status=503, headers=labels(1, "eastus"), ledger=tried(BUSY, endpoint="eastus")
)

FINE = {
    "answered": GOOD,
    "a whole stream": GOOD_STREAM,
    "a stream that the caller closed": attrs.evolve(
        GOOD_STREAM, order=attrs.evolve(STREAM, lines=1), read=events("westus: ", done=False)
    ),
    "a stream of an ill region that broke": attrs.evolve(
        GOOD_STREAM, well=frozenset({"eastus"}), error="ReadError", read=[]
    ),
    "cancelled": Outcome(ORDER, was_cancelled=True),
    "lost in an outage": LOST,
    "a hedge that was called off": attrs.evolve(
        GOOD,
        ledger=tried(REFUSED, SERVED, attrs.evolve(NORTH, outcome="cancelled")),
        headers=labels(3),
    ),
    "cut by its deadline": attrs.evolve(
        LOST, order=attrs.evolve(ORDER, deadline=1.0), well=frozenset({"westus"}), elapsed=0.9
    ),
}

BROKEN: dict[str, tuple[Outcome, str]] = {
    "lost": (attrs.evolve(LOST, well=frozenset({"westus"})), "lost, although"),
    "an exception of ours": (attrs.evolve(LOST, is_familiar=False), "no caller"),
    "no ledger": (attrs.evolve(LOST, ledger=None), "without a ledger"),
    "given up too early": (
        attrs.evolve(LOST, ledger=tried(REFUSED, endpoint=None, is_exhausted=True)),
        "before every endpoint",
    ),
    "refused by a well region": (
        attrs.evolve(REFUSAL, well=frozenset({"eastus"})),
        "answered 503 by an endpoint that was well",
    ),
    "refused although another was well": (
        attrs.evolve(REFUSAL, well=frozenset({"westus"})),
        "lost by a 503",
    ),
    "refused too early": (REFUSAL, "before every endpoint"),
    "retried above": (
        attrs.evolve(REFUSAL, headers=labels(2, "eastus"), ledger=tried(BUSY, SILENT)),
        "would try again",
    ),
    "a strange status": (attrs.evolve(REFUSAL, status=404), "which no region says"),
    "torn": (attrs.evolve(GOOD, body=chat("westus: request-8")), "a torn answer"),
    "a torn stream": (
        attrs.evolve(GOOD_STREAM, read=events("westus: request-8")),
        "a torn stream",
    ),
    "a short stream": (
        attrs.evolve(GOOD_STREAM, read=events("westus: ", done=False)),
        "cut short without an error",
    ),
    "a broken stream of a well region": (
        attrs.evolve(GOOD_STREAM, error="ReadError", read=[]),
        "a stream of an endpoint broke that was well",
    ),
    "broken JSON": (attrs.evolve(GOOD, error="ReadError"), "in the caller's hands"),
    "a wrong label": (attrs.evolve(GOOD, headers=labels(endpoint="eastus")), "the label names"),
    "a wrong count": (attrs.evolve(GOOD, headers=labels(1)), "count attempts differently"),
    "tried after the answer": (
        attrs.evolve(
            GOOD,
            headers=labels(3),
            ledger=tried(REFUSED, SERVED, NORTH),
        ),
        "after the answer",
    ),
    "tried three times": (
        attrs.evolve(GOOD, headers=labels(4), ledger=tried(*[REFUSED] * 3, SERVED)),
        "tried again",
    ),
    "pending": (
        attrs.evolve(GOOD, ledger=tried(attrs.evolve(REFUSED, outcome="pending"), SERVED)),
        "left pending",
    ),
    "out of order": (
        attrs.evolve(GOOD, ledger=tried(attrs.evolve(REFUSED, started=0.2), SERVED)),
        "out of order",
    ),
    "backwards": (
        attrs.evolve(GOOD, ledger=tried(attrs.evolve(REFUSED, elapsed=-1.0), SERVED)),
        "runs backwards",
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_promised_is_no_flaw(name: str) -> None:
    assert [*flaws_of(FINE[name], len(NAMES))] == []


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_promise_is_seen(name: str) -> None:
    outcome, flaw = BROKEN[name]
    assert any(flaw in found for found in flaws_of(outcome, len(NAMES)))


def test_the_record_confirms_who_answered() -> None:
    """An answer's id, its label, the ledger and what the regions received agree."""
    said = ORDER.said
    mine = [Arrival(3, "westus", said)]
    assert [*record_flaws(GOOD, mine)] == []
    assert [*record_flaws(GOOD_STREAM, mine)] == []
    assert [*record_flaws(GOOD, [])]
    assert [*record_flaws(GOOD, [Arrival(3, "eastus", said), Arrival(4, "westus", said)])]
    assert [*record_flaws(GOOD, [*mine, Arrival(5, "westus", said)])]
    thrice = [Arrival(number, "westus", said) for number in range(3)]
    assert [*record_flaws(FINE["cancelled"], thrice)]


def test_a_region_is_spared_while_a_request_counts_on_it() -> None:
    """One region at least is well from each request's start to its end."""
    weather = Weather(NAMES)
    assert weather.breaks("eastus")
    assert not weather.breaks("westus")
    weather.begin(1)
    weather.heals("eastus")
    assert not weather.breaks("westus")
    assert weather.end(1) == {"westus"}
    assert weather.breaks("westus")
    assert not weather.is_well("westus")


def test_in_a_calm_no_request_is_under_way_and_none_starts() -> None:
    weather = Weather(NAMES)
    weather.begin(1)
    waiting = threading.Thread(target=weather.end, args=(1,))
    waiting.start()
    with weather.calm(10.0):
        assert not weather.begin(2)
        assert weather.under_way == ()
    assert weather.begin(3)
    waiting.join()


def test_in_an_outage_no_request_counts_on_anything() -> None:
    weather = Weather(NAMES)
    weather.begin(1)
    for name in NAMES:
        assert weather.breaks(name, at_any_cost=True)
    weather.heals("eastus")
    assert weather.under_way == (1,)
    assert weather.end(1) == frozenset()


@pytest.mark.parametrize("family", [httpx, httpx2])
@pytest.mark.anyio
async def test_httpcore_loses_a_connection_that_is_cancelled_before_its_first_request(
    family: Any,
) -> None:
    """Should this fail, ``pool_flaws`` need not leave such connections out any more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        async with family.AsyncHTTPTransport() as transport:
            with anyio.CancelScope() as scope:

                async def cancel(step: str, _: object) -> None:
                    if step == "connection.connect_tcp.complete":
                        scope.cancel()

                request = family.Request("GET", url, extensions={"trace": cancel})
                await transport.handle_async_request(request)
            (lost,) = transport._pool.connections
            assert not lost.is_idle()
            assert not lost.is_closed()
            assert [*pool_flaws("pool", transport)] == []


def test_a_connection_that_is_not_given_back_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        transport = httpx.HTTPTransport()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        response = transport.handle_request(httpx.Request("GET", url))
        assert any("not given back" in flaw for flaw in pool_flaws("pool", transport))
        response.close()
        assert [*pool_flaws("pool", transport)] == []
        thread.join()
        transport.close()


def test_sockets_and_threads_that_stay_are_seen() -> None:
    before = Belongings.now()
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name="forgotten")
    with socket.socket():
        thread.start()
        flaws = " ".join(Belongings.now().flaws_since(before))
        done.set()
        thread.join()
    assert "1 sockets left open" in flaws
    assert "forgotten" in flaws
    assert [*Belongings.now().flaws_since(before)] == []


def test_what_should_not_be_heard_is_heard() -> None:
    class Brittle:
        def __del__(self) -> None:
            raise ValueError("unraisable")

    def die() -> None:
        raise ValueError("dead")

    with Alarms(("tolerated",)) as alarms:
        warnings.warn("tolerated, this one", ResourceWarning, stacklevel=1)
        warnings.warn("a socket", ResourceWarning, stacklevel=1)
        logging.getLogger("azure_failover").error("an error")
        logging.getLogger("azure_failover").warning("a failed endpoint is none")
        Brittle()
        thread = threading.Thread(target=die)
        thread.start()
        thread.join()
    assert [heard.partition(":")[0] for heard in alarms.heard] == [
        "warned",
        "logged",
        "unraisable",
        "a thread died",
    ]
