"""What binds the driver to httpx2: its streams, its requests, what its failures mean, its pools."""

from __future__ import annotations

from typing import Any

import httpx2

from azure_failover.core.config import Config
from azure_failover.core.ledger import Phase
from azure_failover.core.verdict import Fault
from azure_failover.transport._driver import Driver
from azure_failover.transport._family import AsyncTransport, Family, SyncTransport
from azure_failover.transport._log import OnEvent
from azure_failover.transport._replay import Once
from azure_failover.transport._runtime import Runtime
from azure_failover.transport._upstream import Upstream
from azure_failover.transport._watch import Watched


class _WatchedStream(Watched, httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A watched body that httpx2 clients accept."""


class _OnceStream(Once, httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body to be sent once that httpx2 transports accept."""


class _Outgoing(httpx2.Request):
    """A request whose content is read only if somebody looks at it: pools take the stream.

    Made of finished parts: a request's own constructor would look at each of them again.
    """

    def __init__(
        self,
        like: httpx2.Request,
        url: httpx2.URL,
        extensions: dict[str, Any],
        stream: httpx2.SyncByteStream | httpx2.AsyncByteStream,
    ) -> None:
        self.method = like.method
        self.url = url
        # ISO 8859-1 takes any bytes; to find out which they are would take longer.
        self.headers = httpx2.Headers(like.headers, "iso-8859-1")
        self.extensions = extensions
        self.stream = stream

    @property
    def content(self) -> bytes:
        """The body, if it lies in memory, as in a request that a client has built."""
        return self.read() if isinstance(self.stream, httpx2.ByteStream) else super().content


def _decode(headers: httpx2.Headers, body: bytes) -> bytes:
    try:
        return httpx2.Response(200, headers=headers, stream=httpx2.ByteStream(body)).read()
    except httpx2.DecodingError:
        return body


FAMILY: Family[httpx2.Request, httpx2.Response] = Family(
    parse_url=httpx2.URL,
    copy_request=_Outgoing,
    memory_stream=httpx2.ByteStream,
    memory_stream_type=httpx2.ByteStream,
    watched_stream=_WatchedStream,
    once_stream=_OnceStream,
    decode=_decode,
    faults=(
        (httpx2.ConnectTimeout, Fault.CONNECT_TIMEOUT, Phase.CONNECT),
        (httpx2.PoolTimeout, Fault.POOL_TIMEOUT, Phase.CONNECT),
        (httpx2.WriteTimeout, Fault.WRITE_TIMEOUT, Phase.SEND),
        (httpx2.TimeoutException, Fault.READ_TIMEOUT, Phase.WAIT),
        (httpx2.ConnectError, Fault.CONNECT, Phase.CONNECT),
        (httpx2.ProxyError, Fault.CONNECT, Phase.CONNECT),
        (httpx2.UnsupportedProtocol, Fault.LOCAL, Phase.CONNECT),
        (httpx2.LocalProtocolError, Fault.LOCAL, Phase.SEND),
        (httpx2.WriteError, Fault.BROKEN, Phase.SEND),
        (httpx2.TransportError, Fault.BROKEN, Phase.WAIT),
    ),
    timeout_error=httpx2.ReadTimeout,
    connection_error=httpx2.ConnectError,
    protocol_error=httpx2.RemoteProtocolError,
    refused_error=httpx2.UnsupportedProtocol,
)


def bound(
    config: Config,
    *,
    transport: httpx2.BaseTransport | httpx2.AsyncBaseTransport | None,
    options: dict[str, Any],
    limits: httpx2.Limits | None,
    proxy: httpx2.Proxy | httpx2.URL | str | None,
    strict: bool,
    on_event: OnEvent | None,
    runtime: Runtime | None,
) -> tuple[
    Upstream[httpx2.Request, httpx2.Response],
    Driver[httpx2.Request, httpx2.Response],
]:
    """Build what sends, and what drives it; ``options`` are those of :class:`httpx2.HTTPTransport`.

    Raises:
        TypeError: If ``transport`` is none of httpx2.
    """

    def pooled(keeps: bool) -> dict[str, Any]:
        if keeps:
            return options if limits is None else {**options, "limits": limits}
        most = None if limits is None else limits.max_connections
        kept_none = httpx2.Limits(max_connections=most, max_keepalive_connections=0)
        return {**options, "limits": kept_none}

    upstream: Upstream[httpx2.Request, httpx2.Response] = Upstream(
        [(endpoint.base.scheme, endpoint.base.netloc) for endpoint in config.endpoints],
        given=None if transport is None else _sides(transport),
        build_sync=lambda found, keeps: httpx2.HTTPTransport(proxy=proxy or found, **pooled(keeps)),
        build_async=lambda found, keeps: httpx2.AsyncHTTPTransport(
            proxy=proxy or found, **pooled(keeps)
        ),
        reads_environment=bool(options["trust_env"]) and proxy is None,
    )
    runtime = runtime or Runtime()
    driver = Driver(config, FAMILY, upstream, runtime, strict=strict, on_event=on_event)
    return upstream, driver


def _sides(
    transport: object,
) -> tuple[
    SyncTransport[httpx2.Request, httpx2.Response] | None,
    AsyncTransport[httpx2.Request, httpx2.Response] | None,
]:
    """Give the caller's transport as what it is: for threads, for tasks, or for both."""
    sync = transport if isinstance(transport, httpx2.BaseTransport) else None
    tasks = transport if isinstance(transport, httpx2.AsyncBaseTransport) else None
    if sync is None and tasks is None:
        kind = f"{type(transport).__module__}.{type(transport).__qualname__}"
        raise TypeError(f"transport= is a {kind}, which is no transport of httpx2")
    return sync, tasks
