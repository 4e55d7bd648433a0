"""What the commands take from the machine: time, names, waiting. Tests pass their own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import datetime

import attrs
import click


def _resolve(host: str, port: int) -> object:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _now() -> datetime:
    return datetime.now().astimezone()


@attrs.frozen(kw_only=True)
class Surroundings:
    """The machine as the commands see it.

    Attributes:
        clock: Seconds since some moment; never goes back.
        now: The time of day.
        sleep: Waits for so many seconds.
        resolve: Looks a host name up; raises ``OSError`` if it is not known.
    """

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
    resolve: Callable[[str, int], object] = _resolve


def surroundings() -> Surroundings:
    """Give the surroundings of the command that runs."""
    found = click.get_current_context().find_object(Surroundings)
    return found or Surroundings()
