"""The thread that cuts other threads' connections: whom, when, and for how long it lives."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from azure_failover.transport._watchdog import Watchdog

FAR = 600.0


@attrs.define
class Stream:
    """What httpcore shows of a connection."""

    sock: Any

    def get_extra_info(self, name: str) -> Any:
        assert name == "socket"
        return self.sock


@attrs.define
class Response:
    """A response, as far as the watchdog looks at it."""

    extensions: dict[str, Any]


def over(sock: Any, version: bytes = b"HTTP/1.1") -> Response:
    return Response({"network_stream": Stream(sock), "http_version": version})


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    found = [socket.socketpair() for _ in range(20)]
    for ours, _ in found:
        ours.settimeout(20.0)
    yield found
    for pair in found:
        for each in pair:
            each.close()


Pairs = list[tuple[socket.socket, socket.socket]]


def test_who_waits_for_too_long_reads_the_end(pairs: Pairs) -> None:
    """The only way in which a blocked thread can be woken."""
    ours, _ = pairs[0]
    guard = Watchdog(time.monotonic).guard(over(ours), 0.05)
    assert guard is not None
    assert ours.recv(1) == b""
    assert guard.release()
    assert guard.release()


def test_what_is_released_is_cut_no_more(pairs: Pairs) -> None:
    """A connection that went back to its pool is another request's."""
    dog = Watchdog(time.monotonic)
    (first, peer), (second, _), *_ = pairs
    released = dog.guard(over(first), 0.05)
    assert released is not None
    assert not released.release()
    assert dog.guard(over(second), 0.1)
    held = dog.guard(over(second), 0.1)
    assert second.recv(1) == b""  # by now the first one's time is over as well
    assert held is not None
    assert not released.has_bitten
    peer.send(b"x")
    assert first.recv(1) == b"x"


def test_who_rests_is_not_cut_until_somebody_waits_again(pairs: Pairs) -> None:
    """Time passes only while an event is waited for."""
    dog = Watchdog(time.monotonic)
    (first, _), (second, _), *_ = pairs
    resting, other = dog.guard(over(first), 0.05), dog.guard(over(second), 0.15)
    assert resting is not None
    assert other is not None
    resting.rest()
    assert second.recv(1) == b""
    assert not resting.has_bitten
    resting.ends = time.monotonic() + 0.05
    assert first.recv(1) == b""
    assert resting.has_bitten


def test_who_hears_of_events_is_not_cut(pairs: Pairs) -> None:
    dog = Watchdog(time.monotonic)
    (first, _), (second, _), *_ = pairs
    heard, other = dog.guard(over(first), 0.05), dog.guard(over(second), 0.15)
    assert heard is not None
    assert other is not None
    heard.ends = time.monotonic() + FAR
    assert second.recv(1) == b""
    assert not heard.release()


def test_one_thread_watches_over_all_and_ends_when_there_is_nothing_to_watch(
    pairs: Pairs,
) -> None:
    """A program that streams now and then keeps no thread; one that streams much keeps one."""
    before = {*threading.enumerate()}
    dog = Watchdog(time.monotonic, linger=0.05)
    guards = [dog.guard(over(ours), FAR) for ours, _ in pairs]
    (thread,) = {*threading.enumerate()} - before
    assert thread.daemon
    assert "watchdog" in thread.name
    for guard in guards:
        assert guard is not None
        guard.release()
    late = dog.guard(over(pairs[0][0]), 0.05)  # wakes it, to see that nothing else is left
    assert late is not None
    assert pairs[0][0].recv(1) == b""
    thread.join(20.0)
    assert not thread.is_alive()
    again = dog.guard(over(pairs[1][0]), 0.05)
    assert again is not None
    assert pairs[1][0].recv(1) == b""


def test_a_socket_that_is_closed_already_does_not_stop_the_watch(pairs: Pairs) -> None:
    dog = Watchdog(time.monotonic)
    (gone, _), (ours, _), *_ = pairs
    closed = dog.guard(over(gone), 0.05)
    gone.close()
    still = dog.guard(over(ours), 0.1)
    assert closed is not None
    assert still is not None
    assert ours.recv(1) == b""
    assert closed.has_bitten


def test_a_cut_is_made_once_and_the_watch_goes_back_to_sleep(pairs: Pairs) -> None:
    """A response that its caller holds on to costs no CPU."""
    looks: list[float] = []

    def clock() -> float:
        looks.append(time.monotonic())
        return looks[-1]

    dog = Watchdog(clock)
    (first, _), (second, _), *_ = pairs
    held, other = dog.guard(over(first), 0.02), dog.guard(over(second), 0.2)
    assert second.recv(1) == b""
    assert held is not None
    assert other is not None
    assert held.has_bitten
    assert len(looks) < 20


def test_who_is_forgotten_by_everybody_keeps_no_socket(pairs: Pairs) -> None:
    """A response that was never closed is collected, and its connection with it."""
    dog = Watchdog(time.monotonic)
    (first, peer), (second, _), *_ = pairs
    lost = dog.guard(over(first), 0.05)
    assert lost is not None
    del lost
    other = dog.guard(over(second), 0.15)
    assert second.recv(1) == b""
    assert other is not None
    peer.send(b"x")
    assert first.recv(1) == b"x"


@pytest.mark.parametrize(
    ("response", "seconds"),
    [
        (Response({}), 1.0),
        (over(None), 1.0),
        (over("no socket"), 1.0),
        (over(socket.socket, b"HTTP/2"), 1.0),
        (over(socket.socket), None),
    ],
)
def test_what_cannot_be_cut_is_not_watched(response: Response, seconds: float | None) -> None:
    """Over HTTP/2 others share a connection: there the pool's own timeout has to do."""
    before = {*threading.enumerate()}
    assert Watchdog(time.monotonic).guard(response, seconds) is None
    assert {*threading.enumerate()} == before


def test_a_connection_that_others_share_is_not_watched(pairs: Pairs) -> None:
    dog = Watchdog(time.monotonic)
    assert dog.guard(over(pairs[0][0], b"HTTP/2"), 1.0) is None
    assert dog.guard(over(pairs[0][0]), None) is None
