"""What a subject is: one way to get an answer from two endpoints, as its users would write it.

A subject is a module in :mod:`versus.subjects`, and satisfies :class:`Subject`. It runs in a
process of its own, in an environment that has what it requires and nothing else: so a module
imports the standard library, what it requires, and this module, and no other part of the harness.
The constants of a subject are literals, since the harness reads them without importing it (its own
environment lacks what most subjects require); and what it requires is imported at its top, since
importing the module is how import time is measured.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

DEPLOYMENT = "gpt-4.1-mini"
API_VERSION = "2024-10-21"
MESSAGES = [{"role": "user", "content": "word " * 200}]
"""What every call sends: one kilobyte of chat."""


@dataclass(frozen=True)
class Target:
    """One endpoint: its origin (``http://127.0.0.1:8001``), and the key that it expects."""

    url: str
    key: str


@dataclass(frozen=True)
class Setting:
    """What a scenario gives a subject to work with.

    Attributes:
        targets: The endpoints, the primary first. Each serves dated URLs for :data:`DEPLOYMENT`.
            A subject that does not fail over takes the first, and may be given no more than one.
        connect: Seconds that connecting may take.
        read: Seconds that the wait for a byte may take.
        connections: So many connections may be open at a time.
        inner: In place of sockets: a transport of the subject's HTTP family that answers from
            memory. Only subjects with a :attr:`Subject.FAMILY` are ever given one.
        certificates: A file of certificates to trust; None where plain HTTP is spoken.
    """

    targets: Sequence[Target]
    connect: float
    read: float
    connections: int
    inner: Any = None
    certificates: str | None = None


class Caller(Protocol):
    """A client that is open, in a thread. Raises whatever its library raises for a lost call."""

    def call(self) -> str:
        """Send :data:`MESSAGES` and give the answer's text."""
        ...

    def stream(self) -> Iterator[str]:
        """Send :data:`MESSAGES` and give the answer's text piece by piece."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class AsyncCaller(Protocol):
    """A client that is open, in a task."""

    async def call(self) -> str:
        """Send :data:`MESSAGES` and give the answer's text."""
        ...

    def stream(self) -> AsyncIterator[str]:
        """Send :data:`MESSAGES` and give the answer's text piece by piece."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class Subject(Protocol):
    """A module of :mod:`versus.subjects`."""

    TITLE: str
    """How the report calls it."""
    REQUIRES: Sequence[str]
    """What pip has to install; ``"."`` for azure_failover itself."""
    FAMILY: str | None
    """``"httpx"`` or ``"httpx2"`` if it can be given an inner transport, else None."""
    FLOOR: str | None
    """The subject that it is compared with when healthy: what it would be without failover.

    None for what others build on: when the primary dies it is given the backup alone, as the oracle
    that the others' times are held against.
    """
    FAILS_OVER: bool
    """Whether it claims to get an answer from the second endpoint when the first is dead."""
    ADVICE: str
    """Where its documentation advises to configure it as it is here: an address, or a name."""

    def sync(self, setting: Setting, /) -> Caller:
        """Open a client for a thread; its source is shown in the report as the configuration."""
        ...

    def asynchronous(self, setting: Setting, /) -> AsyncCaller:
        """Open a client for tasks, within a running event loop."""
        ...
