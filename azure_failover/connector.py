"""``AzureConnector`` and ``SyncAzureConnector``: dicts in, dicts out, over the clients.

Thin: attributes and status are in :mod:`azure_failover._connector_base`, and where a call goes is
decided where it always is. The two classes stand side by side and differ in ``await``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self, Unpack

from azure_failover._client_base import TransportOptions
from azure_failover._connector_base import PROBE, ConnectorBase, is_probe_refused
from azure_failover._pieces import AsyncPieces, OnRestart, Pieces, Reading
from azure_failover.client import AsyncClient, Client
from azure_failover.core.config import ConfigSource, read_config, sync_problems
from azure_failover.core.errors import BadRequestError, ConfigError
from azure_failover.core.sse import ServerSentEvent, dialect_of
from azure_failover.transport._options import failover_options


class AzureConnector(ConnectorBase[AsyncClient]):
    """Calls Azure OpenAI with plain dicts, on asyncio and trio, over all configured endpoints.

    ::

        async with AzureConnector(config) as connector:
            answer = await connector.request("chat/completions", {"messages": messages})

    Used without ``async with``, close it by :meth:`close`.

    Args:
        config: ``api_key``, ``endpoint``, ``deployment_name``, ``api_version``, ``timeout`` and
            ``backups`` in a dict, or any other form that :class:`~azure_failover.AsyncClient`
            takes. What the primary leaves out comes from the environment.
        options: Those of :class:`~azure_failover.FailoverTransport`, such as ``transport``.

    Raises:
        ConfigError: Lists everything that is wrong with the configuration.
    """

    def __init__(self, config: ConfigSource = None, **options: Unpack[TransportOptions]) -> None:
        read = read_config(config)
        config = None
        if isinstance(read, ConfigError):
            raise read
        super().__init__(AsyncClient, read, options)

    async def request(
        self,
        operation: str,
        payload: Mapping[str, Any] | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109  (per phase of an attempt)
    ) -> dict[str, Any]:
        """Call an operation and give its JSON.

        Args:
            operation: The route, such as ``chat/completions``, ``embeddings`` or ``models``.
            payload: The JSON to POST; None sends a GET.
            auto_failover: False tries only the endpoint that is in use.
            timeout: Seconds that each phase of an attempt may take, in place of the configured.

        Raises:
            RequestError: One of its subclasses, such as
                :class:`~azure_failover.AuthenticationError`;
                :class:`~azure_failover.AllEndpointsFailed` when several were tried.
        """
        return await self.client.request(
            operation, payload, auto_failover=auto_failover, timeout=timeout
        )

    def stream_request(
        self,
        operation: str,
        payload: Mapping[str, Any],
        auto_failover: bool = True,
        timeout: float | None = None,
        *,
        on_restart: OnRestart | None = None,
    ) -> AsyncPieces[str]:
        """Call an operation that streams, and give its lines.

        ::

            async for line in connector.stream_request("chat/completions", payload):
                if line.startswith("data: ") and line != "data: [DONE]":
                    chunk = json.loads(line.removeprefix("data: "))

        The lines are those of server-sent events, without line ends: ``data: {…}``, behind
        ``event: …`` where the operation names its events, and ``data: [DONE]`` at the end of chats
        and completions. Blank lines and comments are left out.

        A stream fails over unseen until its first content. One that breaks off later is an error:
        a line cannot say that those before it are void. With ``on_restart`` it begins again at
        another endpoint, after ``on_restart`` was told to drop what came.

        Args:
            operation: As for :meth:`request`.
            payload: The JSON to POST; ``"stream": true`` is added.
            auto_failover: As for :meth:`request`.
            timeout: As for :meth:`request`.
            on_restart: Called with :class:`~azure_failover.StreamRestarted` before the first line
                of another beginning.

        Raises:
            RequestError: On reading the first line as :meth:`request` does, later
                :class:`~azure_failover.StreamBrokenError`, or what the stream itself says.
        """
        stream = self.client.stream_request(
            operation, payload, auto_failover=auto_failover, timeout=timeout
        )
        return AsyncPieces(stream, _lines(operation, on_restart))

    async def test_connection(
        self,
        *,
        index: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  (per phase of an attempt)
    ) -> bool:
        """See whether the endpoint in use would serve a chat; costs no tokens.

        Sends a chat without messages, which is refused only after key, version and deployment
        were found right. What comes of it counts for the endpoint's health, as of any request.

        Args:
            index: The place of another endpoint to test, which directs no other call.
            timeout: As for :meth:`request`.

        Returns:
            True.

        Raises:
            RequestError: Why it would not: a wrong key (401), no such deployment (404), no
                service (503), no connection, …
        """
        others, client = self._others(index), self.client if index is None else self._fleet
        try:
            with failover_options(avoid=others):
                await client.request(
                    "chat/completions", PROBE, auto_failover=index is not None, timeout=timeout
                )
        except BadRequestError as error:
            if not is_probe_refused(error):
                raise
        return True

    async def close(self) -> None:
        """Close all connections."""
        self._is_closed = True
        await self._owner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


class SyncAzureConnector(ConnectorBase[Client]):
    """The twin of :class:`AzureConnector` for scripts and threads.

    Args:
        config: As for :class:`AzureConnector`.
        options: As for :class:`AzureConnector`.

    Raises:
        ConfigError: Lists everything that is wrong with the configuration.
    """

    def __init__(self, config: ConfigSource = None, **options: Unpack[TransportOptions]) -> None:
        read = read_config(config)
        config = None
        if isinstance(read, ConfigError):
            raise read
        if problems := sync_problems(read):
            raise ConfigError(problems)
        super().__init__(Client, read, options)

    def request(
        self,
        operation: str,
        payload: Mapping[str, Any] | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Call an operation and give its JSON; see :meth:`AzureConnector.request`."""
        return self.client.request(operation, payload, auto_failover=auto_failover, timeout=timeout)

    def stream_request(
        self,
        operation: str,
        payload: Mapping[str, Any],
        auto_failover: bool = True,
        timeout: float | None = None,
        *,
        on_restart: OnRestart | None = None,
    ) -> Pieces[str]:
        """Call an operation that streams; see :meth:`AzureConnector.stream_request`."""
        stream = self.client.stream_request(
            operation, payload, auto_failover=auto_failover, timeout=timeout
        )
        return Pieces(stream, _lines(operation, on_restart))

    def test_connection(self, *, index: int | None = None, timeout: float | None = None) -> bool:
        """See whether an endpoint would serve; see :meth:`AzureConnector.test_connection`."""
        others, client = self._others(index), self.client if index is None else self._fleet
        try:
            with failover_options(avoid=others):
                client.request(
                    "chat/completions", PROBE, auto_failover=index is not None, timeout=timeout
                )
        except BadRequestError as error:
            if not is_probe_refused(error):
                raise
        return True

    def close(self) -> None:
        """Close all connections."""
        self._is_closed = True
        self._owner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()


_DONE: Final = "data: [DONE]"


def _lines(operation: str, on_restart: OnRestart | None) -> Reading[ServerSentEvent, str]:
    """Read a stream as the lines that it is made of."""
    ends = [_DONE] if dialect_of(operation.strip("/")).marker == _DONE else []

    def take(event: ServerSentEvent) -> list[str]:
        named = [f"event: {event.event}"] if event.event else []
        return [*named, *(f"data: {line}" for line in event.data.split("\n"))]

    return Reading(take, lambda: ends, on_restart)
