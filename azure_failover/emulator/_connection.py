"""One TCP connection of a region: reads requests, writes what the plan says, ends as it says.

It never decides what to answer. Everything it awaits ends when its socket is reset, so a region
is emptied by resetting sockets and never by cancelling tasks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING, Protocol

import h11

from azure_failover.emulator import _wire
from azure_failover.emulator._plan import Ending
from azure_failover.emulator.recorded import Message

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from azure_failover.emulator._answer import Part
    from azure_failover.emulator._plan import Plan
    from azure_failover.emulator.faults import TlsBroken

_READ_SIZE = 65536
_MOST_HEAD_BYTES = 65536
_RST_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

_TLS_GOODBYE = 0.05
"""Seconds to wait for the client's close_notify; pooled clients never send one."""

_SETTLE = 0.02
"""Seconds between the last byte and a reset: some kernels drop unread bytes when one arrives."""


class Host(Protocol):
    """What a connection asks of its region."""

    def break_handshake(self) -> TlsBroken | None:
        """Say whether this connection's handshake is to fail."""
        ...

    def receive(self, message: Message, connection: Connection) -> Plan:
        """Record a request and plan its answer."""
        ...


class Connection:
    """A connection; all of it belongs to the server's loop.

    Attributes:
        number: Its place among the fleet's connections, from 1.
        served: How many requests were read on it.
        is_idle: Whether no part of a request is waiting for its answer.
        is_doomed: Whether it is being ended from outside.
    """

    def __init__(
        self, sock: socket.socket, *, number: int, host: Host, tls: ssl.SSLContext | None
    ) -> None:
        self.number = number
        self.served = 0
        self.is_idle = True
        self.is_doomed = False
        self._sock = sock
        self._host = host
        self._tls = tls
        self._pending = b""
        self._reader = asyncio.StreamReader(limit=_READ_SIZE)
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Serve until either side ends it; the socket is closed when this returns."""
        try:
            with contextlib.suppress(OSError):
                await self._serve()
        finally:
            if self._writer is None:
                self._sock.close()
            else:
                self._writer.close()
                with contextlib.suppress(OSError):
                    await self._writer.wait_closed()

    def reset(self) -> None:
        """End it with an RST; a handshake that is under way fails."""
        self.is_doomed = True
        if self._sock.fileno() == -1:
            return
        self._arm_reset()
        if self._writer is None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        else:
            self._writer.transport.abort()

    def close(self) -> None:
        """End it with a FIN, as a server does with connections that idled too long."""
        if self._writer is not None:
            self.is_doomed = True
            self._writer.close()

    def _arm_reset(self) -> None:
        """Make the socket send an RST, rather than a FIN, when it is closed."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)

    async def _serve(self) -> None:
        broken = self._host.break_handshake()
        if broken is not None:
            await self._break_handshake(broken)
            return
        writer = await self._open()
        while not self.is_doomed:
            message = await self._read_message(writer)
            if message is None:
                return
            planned = self._host.receive(message, self)
            self.served += 1
            if not await self._carry_out(planned, writer):
                return
            self.is_idle = not self._pending

    async def _break_handshake(self, fault: TlsBroken) -> None:
        loop = asyncio.get_running_loop()
        self.is_idle = False
        await loop.sock_recv(self._sock, _READ_SIZE)
        match fault.how:
            case "alert":
                await loop.sock_sendall(self._sock, _wire.FATAL_ALERT)
            case "close":
                pass
            case "reset":
                self._arm_reset()

    async def _open(self) -> asyncio.StreamWriter:
        """Wrap the socket in streams, with TLS where the fleet has it."""
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(self._reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            self._sock,
            ssl=self._tls,
            ssl_shutdown_timeout=None if self._tls is None else _TLS_GOODBYE,
        )
        self._writer = asyncio.StreamWriter(transport, protocol, self._reader, loop)
        if self.is_doomed:
            self._writer.transport.abort()
        return self._writer

    async def _read_message(self, writer: asyncio.StreamWriter) -> Message | None:
        """Read one request whole; None where the client ended the connection or broke HTTP."""
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEAD_BYTES)
        if self._pending:
            parser.receive_data(self._pending)
        head: h11.Request | None = None
        body = bytearray()
        while True:
            try:
                event = parser.next_event()
            except h11.RemoteProtocolError as error:
                await _refuse_message(error, writer)
                return None
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                self._pending, _ = parser.trailing_data
                return _message(head, bytes(body))
            elif event is h11.NEED_DATA:
                await _invite_body(parser, writer)
                parser.receive_data(await self._read_some())
            else:
                return None

    async def _read_some(self) -> bytes:
        data = await self._reader.read(_READ_SIZE)
        self.is_idle = False
        return data

    async def _carry_out(self, planned: Plan, writer: asyncio.StreamWriter) -> bool:
        """Write what is planned; True where another request may follow on this connection."""
        if planned.wait and not await self._outlasts(planned.wait):
            return False
        if not await self._write(planned.pieces, writer):
            return False
        match planned.ending:
            case Ending.KEEP:
                return True
            case Ending.CLOSE:
                return False
            case Ending.HANG:
                await self._outlasts(None)
                return False
            case Ending.REPEAT:
                while await self._write(planned.repeated, writer):
                    pass
                return False
            case Ending.RESET:
                if planned.pieces:
                    await self._outlasts(_SETTLE)
                self.reset()
                return False

    async def _write(self, pieces: Iterable[Part], writer: asyncio.StreamWriter) -> bool:
        """Write pieces, each after its pause; False where the client did not stay for them."""
        for piece in pieces:
            if piece.pause and not await self._outlasts(piece.pause):
                return False
            if self.is_doomed:
                return False
            writer.write(piece.data)
            await writer.drain()
        return True

    async def _outlasts(self, seconds: float | None) -> bool:
        """Wait, but not longer than the client stays; True where it stayed all that time."""
        try:
            async with asyncio.timeout(seconds):
                while data := await self._reader.read(_READ_SIZE):
                    self._pending += data
        except TimeoutError:
            return True
        return False


async def _invite_body(parser: h11.Connection, writer: asyncio.StreamWriter) -> None:
    """Tell a client that sent `Expect: 100-continue` to go on (RFC 9110, section 10.1.1)."""
    if parser.they_are_waiting_for_100_continue:
        go_on = parser.send(h11.InformationalResponse(status_code=100, headers=[]))
        writer.write(go_on or b"")
        await writer.drain()


async def _refuse_message(error: h11.RemoteProtocolError, writer: asyncio.StreamWriter) -> None:
    text = f"the request is not HTTP/1.1: {error}\n".encode()
    head = (
        f"HTTP/1.1 {error.error_status_hint} Bad Request\r\ncontent-type: text/plain\r\n"
        f"content-length: {len(text)}\r\nconnection: close\r\n\r\n"
    )
    writer.write(head.encode() + text)
    await writer.drain()


def _message(head: h11.Request, body: bytes) -> Message:
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers
    )
    wishes = {
        wish.strip().lower()
        for name, value in headers
        if name == "connection"
        for wish in value.split(",")
    }
    return Message(
        method=head.method.decode("ascii"),
        target=head.target.decode("latin-1"),
        headers=headers,
        body=body,
        may_keep_alive=head.http_version == b"1.1" and "close" not in wishes,
    )
