"""Cuts threads that wait in vain for an event: nobody else can, but their sockets can be shut down.

A pool's timeouts count bytes, and are the same for a whole body.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any
from weakref import WeakSet

_LINGER = 5.0
"""Seconds without anything to guard after which the watching thread ends."""


class Guard:
    """Watches over one connection, from its making to its release."""

    __slots__ = ("__weakref__", "_dog", "ends", "has_bitten", "seconds", "socket")

    def __init__(self, dog: Watchdog, sock: socket.socket, seconds: float, now: float) -> None:
        self._dog = dog
        self.socket = sock
        self.seconds = seconds
        self.ends = now + seconds
        self.has_bitten = False

    def rest(self) -> None:
        """Cut nothing until ``ends`` is set again: nobody waits."""
        self.ends = inf

    def next_look(self, now: float) -> float:
        """Say when to look again; a guard that rests is not heard when somebody waits again."""
        return min(self.ends, now + self.seconds)

    def release(self) -> bool:
        """Watch no longer; tell whether the connection was cut."""
        self._dog.forget(self)
        return self.has_bitten


class Watchdog:
    """Shuts sockets down whose time is over, from one thread that lives as long as it is needed."""

    def __init__(self, clock: Callable[[], float], *, linger: float = _LINGER) -> None:
        self._clock = clock
        self._linger = linger
        self._changed = threading.Condition()
        self._guards: WeakSet[Guard] = WeakSet()
        self._thread: threading.Thread | None = None

    def guard(self, response: Any, seconds: float | None) -> Guard | None:  # noqa: ANN401
        """Watch over a response's connection.

        Returns:
            None if there is no limit, or if the connection cannot be cut: HTTP/2, where others
            share it, and transports that do not show it (httpx's ``network_stream`` extension).
        """
        if seconds is None or response.extensions.get("http_version") == b"HTTP/2":
            return None
        stream = response.extensions.get("network_stream")
        sock = None if stream is None else stream.get_extra_info("socket")
        if not isinstance(sock, socket.socket):
            return None
        guard = Guard(self, sock, seconds, self._clock())
        with self._changed:
            self._guards.add(guard)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._watch, name="azure_failover watchdog", daemon=True
                )
                self._thread.start()
            self._changed.notify()
        return guard

    def forget(self, guard: Guard) -> None:
        """Watch over a connection no longer."""
        with self._changed:
            self._guards.discard(guard)

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = self._clock()
                for guard in [guard for guard in self._guards if guard.ends <= now]:
                    self._guards.discard(guard)
                    guard.has_bitten = True
                    _cut(guard.socket)
                soonest = min((guard.next_look(now) for guard in self._guards), default=None)
                wait = self._linger if soonest is None else max(soonest - now, 0.001)
                if not self._changed.wait(wait) and soonest is None and not self._guards:
                    self._thread = None
                    return


def _cut(sock: socket.socket) -> None:
    """Wake whoever reads from a socket: it reads the end of the stream."""
    with suppress(OSError):  # it is closed already
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # a TLS socket's own would touch its state
