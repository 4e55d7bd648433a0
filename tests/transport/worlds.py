"""One blocking interface to the four worlds: httpx and httpx2, from threads and from tasks."""

from __future__ import annotations

import ssl
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, Literal

import anyio.from_thread
import attrs
import httpx
import httpx2

import azure_failover
import azure_failover.httpx2
from azure_failover import ConfigSource

Colour = Literal["sync", "asyncio", "trio"]

NO_TRUST: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody. Plain http needs no trust store, and to load one takes longer than a request."""


@attrs.frozen
class World:
    """An HTTP family and the way in which it is called."""

    family: Any
    transport: Any
    colour: Colour

    def __str__(self) -> str:
        return f"{self.family.__name__}-{self.colour}"

    @contextmanager
    def session(
        self, config: ConfigSource, *, timeout: float | None = 5.0, **options: Any
    ) -> Generator[Session]:
        """Give a client of this world with the failover transport mounted.

        It trusts no certificate unless ``verify`` says otherwise.
        """
        options.setdefault("verify", NO_TRUST)
        transport = self.transport(config, **options)
        with self.client(transport, timeout=timeout) as session:
            yield session

    @contextmanager
    def client(self, transport: Any, *, timeout: float | None = 5.0) -> Generator[Session]:
        """Give a client of this world over any transport."""
        with ExitStack() as stack:
            if self.colour == "sync":
                client = stack.enter_context(
                    self.family.Client(transport=transport, timeout=timeout)
                )
                yield Session(self, transport, client, None)
                return
            portal = stack.enter_context(anyio.from_thread.start_blocking_portal(self.colour))
            client = self.family.AsyncClient(transport=transport, timeout=timeout)
            stack.enter_context(portal.wrap_async_context_manager(client))
            yield Session(self, transport, client, portal)


@attrs.frozen
class Session:
    """A client that is called by blocking, whatever its colour."""

    world: World
    transport: Any
    client: Any
    portal: Any

    def send(self, request: Any) -> Any:
        """Send a request and read the answer."""
        if self.portal is None:
            return self.client.send(request)
        return self.portal.call(self.client.send, request)

    def post(self, url: str, **options: Any) -> Any:
        """POST and read the answer."""
        return self.send(self.client.build_request("POST", url, **options))

    def get(self, url: str, **options: Any) -> Any:
        """GET and read the answer."""
        return self.send(self.client.build_request("GET", url, **options))

    def stream(self, url: str, *, chunks: int | None = None, **options: Any) -> tuple[Any, bytes]:
        """POST, read so many pieces of the raw body (all if None), close; give answer and body."""
        request = self.client.build_request("POST", url, **options)
        body = bytearray()
        if self.portal is None:
            response = self.client.send(request, stream=True)
            try:
                for number, chunk in enumerate(() if chunks == 0 else response.iter_raw(), 1):
                    body += chunk
                    if number == chunks:
                        break
            finally:
                response.close()
            return response, bytes(body)

        async def run() -> Any:
            response = await self.client.send(request, stream=True)
            try:
                if chunks != 0:
                    number = 0
                    async for chunk in response.aiter_raw():
                        body.extend(chunk)
                        number += 1
                        if number == chunks:
                            break
            finally:
                await response.aclose()
            return response

        return self.portal.call(run), bytes(body)


WORLDS = tuple(
    World(family, transport, colour)
    for family, transport in (
        (httpx, azure_failover.FailoverTransport),
        (httpx2, azure_failover.httpx2.FailoverTransport),
    )
    for colour in ("sync", "asyncio", "trio")
)
