"""A region's server: its port, its connections, the fault in force, what it keeps and the record.

All but the record is touched by the server's loop alone. It never parses or writes HTTP.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from typing import TYPE_CHECKING

from azure_failover.emulator import faults
from azure_failover.emulator._connection import Connection
from azure_failover.emulator._plan import plan
from azure_failover.emulator._store import Store
from azure_failover.emulator.recorded import record

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from azure_failover.emulator._plan import Plan, Simple
    from azure_failover.emulator.recorded import Message, Recorded
    from azure_failover.emulator.shape import StreamShape
    from azure_failover.emulator.spec import Identity

_BACKLOG = 128


class Counters:
    """Numbers given out across the whole fleet."""

    def __init__(self) -> None:
        self.requests = itertools.count(1)
        self.connections = itertools.count(1)


class Log:
    """The requests a region received, with the lock that lets any thread read them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Recorded] = []

    def append(self, request: Recorded) -> None:
        """Add a request."""
        with self._lock:
            self._requests.append(request)

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._requests.clear()

    def copy(self) -> tuple[Recorded, ...]:
        """Return them in order of arrival."""
        with self._lock:
            return tuple(self._requests)


class Site:
    """One region's server."""

    def __init__(
        self, identity: Identity, *, counters: Counters, report: Callable[[BaseException], None]
    ) -> None:
        self.identity = identity
        self.port: int | None = None
        self.accepted = 0
        self.fault: faults.Fault | None = None
        self.shape = identity.shape
        self.log = Log()
        self._store = Store(identity.name)
        self._counters = counters
        self._report = report
        self._left: int | None = None
        self._tls: ssl.SSLContext | None = None
        self._socket: socket.socket | None = None
        self._is_listening = False
        self._open: dict[asyncio.Task[None], Connection] = {}

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    def open(self, tls: ssl.SSLContext | None) -> None:
        """Take a port and, unless the fault in force is `Refuse`, listen on it."""
        self._tls = tls
        self._socket = _bound(0)
        self.port = self._socket.getsockname()[1]
        self.apply(self.fault)

    async def close(self) -> None:
        """Give the port back and reset what is open."""
        if self._socket is not None:
            self._stop_listening(self._socket)
            self._socket.close()
            self._socket = None
        for connection in self._open.values():
            connection.reset()
        await self.settle()

    def apply(self, fault: faults.Fault | None) -> None:
        """Put a fault in force; `settle` then waits for the connections it ends."""
        self.fault = fault
        self._left = None if fault is None or isinstance(fault, faults.Refuse) else fault.times
        if self._socket is None:
            return
        if not isinstance(fault, faults.Refuse):
            self._listen(self._socket)
            return
        if self._is_listening:
            self._socket = self._refusing(self._socket)
        for connection in self._open.values():
            connection.reset()

    def reshape(self, shape: StreamShape) -> None:
        """Write streams in another shape from now on."""
        self.shape = shape

    def close_idle(self) -> None:
        """Close the connections on which no request is under way, but one was before."""
        for connection in self._open.values():
            if connection.is_idle and connection.served:
                connection.close()

    async def settle(self) -> None:
        """Wait until the connections that are being ended have gone."""
        ending = [task for task, connection in self._open.items() if connection.is_doomed]
        if ending:
            await asyncio.wait(ending)

    def break_handshake(self) -> faults.TlsBroken | None:
        """Say whether the next handshake is to fail, and count it."""
        if self._tls is None or not isinstance(self.fault, faults.TlsBroken):
            return None
        fault = self.fault
        self._count(fault)
        return fault

    def receive(self, message: Message, connection: Connection) -> Plan:
        """Record a request and plan its answer under the fault in force."""
        request = record(
            message,
            self.identity,
            number=next(self._counters.requests),
            connection=connection.number,
        )
        self.log.append(request)
        return plan(
            request,
            self._fault_on(request, is_reused=connection.served > 0),
            region=self.identity,
            store=self._store,
            shape=self.shape,
            may_keep_alive=message.may_keep_alive,
        )

    def _fault_on(self, request: Recorded, *, is_reused: bool) -> Simple | None:
        """Choose the fault that acts on this request, and count it as affected."""
        fault = self.fault
        if fault is None or isinstance(fault, faults.Refuse | faults.TlsBroken):
            return None
        if isinstance(fault, faults.StaleConnection) and not is_reused:
            return None
        chosen = self._chosen(fault, request)
        if isinstance(chosen, faults.BreakStream) and not request.streamed:
            return None
        if chosen is not None:
            self._count(fault)
        return chosen

    def _chosen(self, fault: faults.RequestFault, request: Recorded) -> Simple | None:
        chosen: faults.RequestFault | None = fault
        while isinstance(chosen, faults.Scripted):
            try:
                chosen = chosen.choose(request)
            except Exception as error:  # noqa: BLE001 - a user's function; raised again at close
                self._report(error)
                message = f"the Scripted fault raised {type(error).__name__}"
                return faults.Status(500, body={"error": {"code": "500", "message": message}})
        return chosen

    def _count(self, fault: faults.Fault) -> None:
        """Count an affected request; a script may have put another fault in force meanwhile."""
        if self._left is None or self.fault is not fault:
            return
        self._left -= 1
        if self._left == 0:
            self.apply(None)

    def _listen(self, sock: socket.socket) -> None:
        if not self._is_listening:
            sock.listen(_BACKLOG)
            asyncio.get_running_loop().add_reader(sock, self._accept, sock)
            self._is_listening = True

    def _stop_listening(self, sock: socket.socket) -> None:
        if self._is_listening:
            asyncio.get_running_loop().remove_reader(sock)
            self._is_listening = False

    def _refusing(self, listener: socket.socket) -> socket.socket:
        """Replace a listener by a socket that is only bound, to keep the port from others.

        Where two sockets may share a port they overlap; elsewhere the port is free in between.
        """
        self._stop_listening(listener)
        port: int = listener.getsockname()[1]
        if not hasattr(socket, "SO_REUSEPORT"):
            listener.close()
            return _bound(port)
        bound = _bound(port)
        listener.close()
        return bound

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            sock.settimeout(0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            number = next(self._counters.connections)
            connection = Connection(sock, number=number, host=self, tls=self._tls)
            task = asyncio.get_running_loop().create_task(connection.run())
            self._open[task] = connection
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._open[task]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._report(error)


def _bound(port: int) -> socket.socket:
    """Bind a socket on loopback; on POSIX others of ours may be bound to the same port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_REUSEPORT"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.settimeout(0)
        sock.bind(("127.0.0.1", port))
    except BaseException:
        sock.close()
        raise
    return sock
