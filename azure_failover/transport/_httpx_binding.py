"""What binds the driver to httpx: its streams, its requests, what its failures mean, its pools."""

from __future__ import annotations

from typing import Any

import httpx

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


class _WatchedStream(Watched, httpx.SyncByteStream, httpx.AsyncByteStream):
    """A watched body that httpx clients accept."""


class _OnceStream(Once, httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body to be sent once that httpx transports accept."""


class _Outgoing(httpx.Request):
    """A request whose content is read only if somebody looks at it: pools take the stream.

    Made of finished parts: a request's own constructor would look at each of them again.
    """

    def __init__(
        self,
        like: httpx.Request,
        url: httpx.URL,
        extensions: dict[str, Any],
        stream: httpx.SyncByteStream | httpx.AsyncByteStream,
    ) -> None:
        self.method = like.method
        self.url = url
        # ISO 8859-1 takes any bytes; to find out which they are would take longer.
        self.headers = httpx.Headers(like.headers, "iso-8859-1")
        self.extensions = extensions
        self.stream = stream

    @property
    def content(self) -> bytes:
        """The body, if it lies in memory, as in a request that a client has built."""
        return self.read() if isinstance(self.stream, httpx.ByteStream) else super().content


def _decode(headers: httpx.Headers, body: bytes) -> bytes:
    try:
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body)).read()
    except httpx.DecodingError:
        return body


FAMILY: Family[httpx.Request, httpx.Response] = Family(
    parse_url=httpx.URL,
    copy_request=_Outgoing,
    memory_stream=httpx.ByteStream,
    memory_stream_type=httpx.ByteStream,
    watched_stream=_WatchedStream,
    once_stream=_OnceStream,
    decode=_decode,
    faults=(
        (httpx.ConnectTimeout, Fault.CONNECT_TIMEOUT, Phase.CONNECT),
        (httpx.PoolTimeout, Fault.POOL_TIMEOUT, Phase.CONNECT),
        (httpx.WriteTimeout, Fault.WRITE_TIMEOUT, Phase.SEND),
        (httpx.TimeoutException, Fault.READ_TIMEOUT, Phase.WAIT),
        (httpx.ConnectError, Fault.CONNECT, Phase.CONNECT),
        (httpx.ProxyError, Fault.CONNECT, Phase.CONNECT),
        (httpx.UnsupportedProtocol, Fault.LOCAL, Phase.CONNECT),
        (httpx.LocalProtocolError, Fault.LOCAL, Phase.SEND),
        (httpx.WriteError, Fault.BROKEN, Phase.SEND),
        (httpx.TransportError, Fault.BROKEN, Phase.WAIT),
    ),
    timeout_error=httpx.ReadTimeout,
    connection_error=httpx.ConnectError,
    protocol_error=httpx.RemoteProtocolError,
    refused_error=httpx.UnsupportedProtocol,
)


def bound(
    config: Config,
    *,
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None,
    options: dict[str, Any],
    limits: httpx.Limits | None,
    proxy: httpx.Proxy | httpx.URL | str | None,
    strict: bool,
    on_event: OnEvent | None,
    runtime: Runtime | None,
) -> tuple[
    Upstream[httpx.Request, httpx.Response],
    Driver[httpx.Request, httpx.Response],
]:
    """Build what sends, and what drives it; ``options`` are those of :class:`httpx.HTTPTransport`.

    Raises:
        TypeError: If ``transport`` is none of httpx.
    """

    def pooled(keeps: bool) -> dict[str, Any]:
        if keeps:
            return options if limits is None else {**options, "limits": limits}
        most = None if limits is None else limits.max_connections
        kept_none = httpx.Limits(max_connections=most, max_keepalive_connections=0)
        return {**options, "limits": kept_none}

    upstream: Upstream[httpx.Request, httpx.Response] = Upstream(
        [(endpoint.base.scheme, endpoint.base.netloc) for endpoint in config.endpoints],
        given=None if transport is None else _sides(transport),
        build_sync=lambda found, keeps: httpx.HTTPTransport(proxy=proxy or found, **pooled(keeps)),
        build_async=lambda found, keeps: httpx.AsyncHTTPTransport(
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
    SyncTransport[httpx.Request, httpx.Response] | None,
    AsyncTransport[httpx.Request, httpx.Response] | None,
]:
    """Give the caller's transport as what it is: for threads, for tasks, or for both."""
    sync = transport if isinstance(transport, httpx.BaseTransport) else None
    tasks = transport if isinstance(transport, httpx.AsyncBaseTransport) else None
    if sync is None and tasks is None:
        kind = f"{type(transport).__module__}.{type(transport).__qualname__}"
        raise TypeError(f"transport= is a {kind}, which is no transport of httpx")
    return sync, tasks
