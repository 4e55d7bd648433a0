"""The failover transport for httpx2: a typed face over the driver that both families share."""

from __future__ import annotations

import ssl
from typing import Any

import httpx2

from azure_failover.core.config import Config, ConfigSource, read_config
from azure_failover.core.errors import ConfigError
from azure_failover.core.explanation import Explanation
from azure_failover.core.ledger import Phase
from azure_failover.core.status import Status
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


class FailoverTransport(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Sends each request to the healthiest of several Azure OpenAI endpoints, in order.

    Mount it under an :class:`httpx2.Client` or :class:`httpx2.AsyncClient`, or under both at once::

        http = httpx2.Client(transport=FailoverTransport(config), timeout=60)

    A request for any configured endpoint is sent to the first that is healthy, with that
    endpoint's URL, credential and deployment; on 500, 502, 503, 504, a timeout or a connection
    error it moves on to the next. Requests for other origins pass through untouched.

    Args:
        config: A dict, a :class:`~azure_failover.Config`, the path of a TOML file, or None for
            the environment.
        transport: What really sends; it may serve threads, tasks or both. By default pools are
            built when they are needed, with the options that follow.
        verify: As for :class:`httpx2.Client`.
        cert: As for :class:`httpx2.Client`.
        http1: As for :class:`httpx2.Client`.
        http2: As for :class:`httpx2.Client`.
        limits: As for :class:`httpx2.Client`.
        proxy: As for :class:`httpx2.Client`.
        trust_env: As for :class:`httpx2.Client`: whether ``HTTPS_PROXY``, ``NO_PROXY``,
            ``SSL_CERT_FILE`` and their kin count.
        strict: Whether a request for an origin that is none of the endpoints' raises
            :class:`httpx2.UnsupportedProtocol` instead of passing through.
        on_event: Called with each :data:`~azure_failover.events.FailoverEvent` by the thread or in
            the task whose request met with it. What it raises is logged, and breaks no request.
        runtime: Where time and randomness come from, for tests.

    Raises:
        ConfigError: Lists everything that is wrong with the configuration.
    """

    def __init__(  # noqa: PLR0913  (the options of httpx2.HTTPTransport)
        self,
        config: ConfigSource = None,
        *,
        transport: httpx2.BaseTransport | httpx2.AsyncBaseTransport | None = None,
        verify: ssl.SSLContext | str | bool = True,
        cert: str | tuple[str, str] | tuple[str, str, str] | None = None,
        http1: bool = True,
        http2: bool = False,
        limits: httpx2.Limits | None = None,
        proxy: httpx2.Proxy | httpx2.URL | str | None = None,
        trust_env: bool = True,
        strict: bool = False,
        on_event: OnEvent | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        read = read_config(config)
        config = None
        if isinstance(read, ConfigError):
            raise read
        options: dict[str, Any] = {
            "verify": verify,
            "cert": cert,
            "http1": http1,
            "http2": http2,
            "trust_env": trust_env,
        }

        def pooled(keeps: bool) -> dict[str, Any]:
            if keeps:
                return options if limits is None else {**options, "limits": limits}
            most = None if limits is None else limits.max_connections
            kept_none = httpx2.Limits(max_connections=most, max_keepalive_connections=0)
            return {**options, "limits": kept_none}

        upstream: Upstream[httpx2.Request, httpx2.Response] = Upstream(
            [(endpoint.base.scheme, endpoint.base.netloc) for endpoint in read.endpoints],
            given=None if transport is None else _sides(transport),
            build_sync=lambda found, keeps: httpx2.HTTPTransport(
                proxy=proxy or found, **pooled(keeps)
            ),
            build_async=lambda found, keeps: httpx2.AsyncHTTPTransport(
                proxy=proxy or found, **pooled(keeps)
            ),
            reads_environment=trust_env and proxy is None,
        )
        self._upstream = upstream
        self._driver = Driver(
            read, FAMILY, upstream, runtime or Runtime(), strict=strict, on_event=on_event
        )

    @property
    def config(self) -> Config:
        """The configuration, with everything that was inherited written out."""
        return self._driver.fleet.config

    def status(self) -> Status:
        """Tell which endpoint is in use, and which failed."""
        return self._driver.status()

    def explain(self, request: httpx2.Request) -> Explanation:
        """Tell where a request would go, in which order, and why, without sending it."""
        return self._driver.explain(request)

    def reset(self) -> None:
        """Forget all failures: the next request goes to the primary."""
        self._driver.fleet.reset()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request from a thread; :class:`httpx2.Client` calls this."""
        return self._driver.send(request)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request from a task; :class:`httpx2.AsyncClient` calls this."""
        return await self._driver.asend(request)

    def close(self) -> None:
        """Close the connections that threads used."""
        self._upstream.close()

    async def aclose(self) -> None:
        """Close the connections that tasks used."""
        await self._upstream.aclose()


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
