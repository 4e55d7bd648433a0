"""An endpoint on loopback that is told how to fail: ``python -m versus.upstream NAME``.

Runs in a process of its own. It prints its port as a line of JSON, takes a line of JSON on stdin
for each change of its ways, and answers with what was counted since the last one. It reads as
little of a request as it can, so that it is quicker than any client.

Modes: ``ok``; ``503``; ``refused`` (nothing listens, and open connections are reset); ``hole``
(takes connections and requests, and never answers); ``clogged`` (takes no more connections, so
that connecting hangs, and open ones are reset); ``flaky`` (503 for each request in ``every``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import sys
from dataclasses import dataclass, replace
from typing import Any

from versus.answers import (
    ERROR,
    FINISH,
    LAST_CHUNK,
    PREAMBLE,
    STREAM_HEAD,
    completion,
    contents,
    response,
)

BACKLOG = 1024
FILLERS = 8
"""Connections by which a listener without a queue is clogged; one or two get in."""


@dataclass(frozen=True)
class Ways:
    """How an upstream answers.

    Attributes:
        mode: See above.
        pause: Seconds before an answer, or before the first content of a stream.
        pace: Seconds between the events of a stream; all at once where it is 0.
        tokens: How many events with content a stream has.
        cut: None; ``"reset"`` (the connection breaks) or ``"end"`` (the response ends in good
            order, but the stream within it lacks its end).
        cut_after: After how many events with content.
        every: Of how many requests one is answered with 503, in mode ``flaky``.
    """

    mode: str = "ok"
    pause: float = 0.0
    pace: float = 0.0
    tokens: int = 1
    cut: str | None = None
    cut_after: int = 0
    every: int = 20


def _bound(port: int) -> socket.socket:
    """Give a socket that is bound to a port of loopback, as others may be."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.settimeout(0.0)
    bound.bind(("127.0.0.1", port))
    return bound


class Upstream:
    """The listener, its connections, its ways, and what it has counted."""

    def __init__(self, name: str, context: ssl.SSLContext | None) -> None:
        self.ways = Ways()
        self.requests = 0
        self.connections: set[Connection] = set()
        self.answer = response(200, completion(name))
        self.error = response(503, ERROR)
        self._context = context
        self._fillers: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._holder = _bound(0)  # never listens; while it is bound nobody else gets the port
        self.port: int = self._holder.getsockname()[1]
        self._listener = _bound(self.port)
        self._listen()

    def _listen(self) -> None:
        self._listener.listen(BACKLOG)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                accepted, _ = self._listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._keep(self._greet(accepted))

    async def _greet(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            await loop.connect_accepted_socket(
                lambda: Connection(self), accepted, ssl=self._context
            )

    def _keep(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def change(self, **ways: Any) -> dict[str, int]:
        """Change the ways; give what was counted since the last change."""
        old, self.ways = self.ways, replace(self.ways, **ways)
        counted = {"requests": self.requests}
        self.requests = 0
        if old.mode != self.ways.mode:
            self._reopen(old.mode)
            self._shut()
        return counted

    def _shut(self) -> None:
        loop = asyncio.get_running_loop()
        if self.ways.mode in {"refused", "clogged"}:
            loop.remove_reader(self._listener)
            for connection in list(self.connections):
                connection.transport.abort()
        if self.ways.mode == "refused":
            self._listener.close()
        if self.ways.mode == "clogged":
            self._listener.listen(0)
            for _ in range(FILLERS):
                self._fillers.append(filler := socket.socket())
                filler.settimeout(0.0)
                filler.connect_ex(("127.0.0.1", self.port))

    def _reopen(self, mode: str) -> None:
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        if mode == "refused":
            self._listener = _bound(self.port)
        if mode in {"refused", "clogged"}:
            self._listen()

    def serve(self, connection: Connection, *, streams: bool) -> None:
        """Answer one request."""
        self.requests += 1
        ways = self.ways
        if ways.mode == "hole":
            return
        fails = ways.mode == "503" or (ways.mode == "flaky" and self.requests % ways.every == 0)
        if fails:
            connection.transport.write(self.error)
        elif streams:
            self._keep(self._stream(connection, ways))
        elif ways.pause:
            self._keep(self._answer_later(connection, ways.pause))
        else:
            connection.transport.write(self.answer)

    async def _answer_later(self, connection: Connection, pause: float) -> None:
        await asyncio.sleep(pause)
        connection.transport.write(self.answer)

    async def _stream(self, connection: Connection, ways: Ways) -> None:
        write = connection.transport.write
        write(STREAM_HEAD + PREAMBLE)
        if ways.pause:
            await asyncio.sleep(ways.pause)
        count = ways.tokens if ways.cut is None else ways.cut_after
        if ways.pace:
            for at in range(count):
                write(contents(1, at))
                await asyncio.sleep(ways.pace)
        else:
            write(contents(count))
        match ways.cut:
            case None:
                write(FINISH + LAST_CHUNK)
            case "end":
                write(LAST_CHUNK)
            case _:
                connection.transport.close()


class Connection(asyncio.Protocol):
    """One connection, which may have several requests one after the other."""

    transport: asyncio.Transport

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection, to break it when it is time."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._upstream.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        del exc
        self._upstream.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, rest = self._received.partition(b"\r\n\r\n")
            _, found, length = head.lower().partition(b"content-length:")
            size = int(length.split(b"\r\n")[0]) if found else 0
            if len(rest) < size:
                return
            body, self._received = rest[:size], rest[size:]
            streams = b'"stream":true' in body or b'"stream": true' in body
            self._upstream.serve(self, streams=streams)


async def main() -> None:
    """Serve until stdin ends."""
    name, *certificate = sys.argv[1:]
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate[0])
    upstream = Upstream(name, context)
    print(json.dumps({"ok": upstream.port}), flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    while order := await orders.readline():
        print(json.dumps({"ok": upstream.change(**json.loads(order))}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
