"""The failover transport for httpx2: a typed face over the driver that both families share."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from azure_failover.core.config import Config, ConfigSource
    from azure_failover.core.explanation import Explanation
    from azure_failover.core.status import Status
    from azure_failover.transport._log import OnEvent
    from azure_failover.transport._runtime import Runtime


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
        # Imported here, since importing it all takes longer than importing httpx2; who only imports
        # this module, and builds no transport, does not wait for it.
        from azure_failover.core.config import read_config  # noqa: PLC0415
        from azure_failover.core.errors import ConfigError  # noqa: PLC0415
        from azure_failover.transport._httpx2_binding import bound  # noqa: PLC0415

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
        self._upstream, self._driver = bound(
            read,
            transport=transport,
            options=options,
            limits=limits,
            proxy=proxy,
            strict=strict,
            on_event=on_event,
            runtime=runtime,
        )

    @property
    def config(self) -> Config:
        """The configuration, with everything that was inherited written out."""
        return self._driver.fleet.config

    def status(self) -> Status:
        """Tell which endpoint is in use, and which failed."""
        return self._driver.status()

    def explain(self, request: httpx2.Request) -> Explanation:
        """Tell where a request would go, in which order, and why, without sending it.

        A body that can be read only once is left alone, and so is not looked at.
        """
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
