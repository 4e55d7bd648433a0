"""``Client`` and ``AsyncClient``: chats, streams, embeddings, raw calls over the transport.

Thin: where a request goes is decided in the transport, what its answer means in
:mod:`azure_failover._client_base`, what becomes of a stream in
:mod:`azure_failover._client_streams`. The two classes stand side by side and differ in ``await``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from azure_failover._client_base import Base, Messages, TransportOptions, chat_payload
from azure_failover._client_streams import (
    AsyncChatStream,
    AsyncEventStream,
    ChatStream,
    EventStream,
)
from azure_failover._stream_base import chat_call, stream_call
from azure_failover.chat import ChatCompletion, Embeddings, chat_completion, embeddings
from azure_failover.core.config import ConfigSource, read_config, sync_problems
from azure_failover.core.errors import ConfigError
from azure_failover.core.ledger import Ledger
from azure_failover.transport._options import FailoverOptions


class Client(Base):
    """Calls Azure OpenAI from scripts and threads, over as many endpoints as are configured.

    ::

        with Client(config) as client:
            print(client.chat("Hello").text)

    Thread-safe. Used without ``with``, close it by :meth:`close`.

    Args:
        config: A dict, a :class:`~azure_failover.Config`, the path of a TOML file, or None for
            the environment.
        options: Those of :class:`~azure_failover.FailoverTransport`.

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
        super().__init__(read, options)
        # The transport sets the timeouts, per attempt, and reads the environment.
        self._http = httpx.Client(
            transport=self._transport,
            timeout=None,  # noqa: S113
            trust_env=False,
        )

    def chat(
        self,
        messages: Messages,
        *,
        deployment: str | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,
        **params: Any,  # noqa: ANN401  (whatever Azure takes)
    ) -> ChatCompletion:
        """Ask for a chat completion.

        Args:
            messages: Chat messages as Azure takes them, or the text of a single user message.
            deployment: Another deployment of the primary than the configured one.
            auto_failover: False tries only the endpoint that is in use.
            timeout: Seconds that each phase of an attempt may take, in place of the endpoint's.
            params: Anything else that Azure takes: ``max_tokens``, ``temperature``, ``tools``, …

        Raises:
            RequestError: One of its subclasses, such as :class:`AuthenticationError` or
                :class:`RateLimitError`; :class:`AllEndpointsFailed` when several were tried.
        """
        raw, ledger = self._send(
            "chat/completions",
            chat_payload(messages, params),
            deployment,
            FailoverOptions(auto_failover=auto_failover, timeout=timeout),
        )
        return chat_completion(raw, endpoint=ledger.endpoint or "", ledger=ledger)

    def stream(
        self,
        messages: Messages,
        *,
        deployment: str | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,
        **params: Any,  # noqa: ANN401  (whatever Azure takes)
    ) -> ChatStream:
        """Ask for a chat completion that comes piece by piece; sent on entering the block.

        ::

            with client.stream("Hello") as stream:
                for event in stream:
                    print(event)

        Until its first content is there, a stream fails over unseen. One that breaks off later
        begins again at another endpoint, and says so by
        :class:`~azure_failover.StreamRestarted`, unless ``policy.on_stream_break`` is ``raise``.

        Args:
            messages: As for :meth:`chat`.
            deployment: As for :meth:`chat`.
            auto_failover: As for :meth:`chat`; False also raises what breaks off.
            timeout: As for :meth:`chat`.
            params: As for :meth:`chat`. The usage comes at the end unless ``stream_options`` says
                otherwise; None leaves these out, for old versions of the API.

        Raises:
            RequestError: On entering as :meth:`chat` does; on reading see
                :class:`~azure_failover.ChatStream`.
        """
        options = FailoverOptions(auto_failover=auto_failover, timeout=timeout)
        call = chat_call(messages, params, deployment, options)
        return ChatStream(self._calls, call, self._open)

    def stream_request(
        self,
        operation: str,
        payload: Mapping[str, Any],
        *,
        deployment: str | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,
    ) -> EventStream:
        """Call any operation that streams, such as ``responses``, and give its raw events.

        Breaks are met as by :meth:`stream`.

        Args:
            operation: As for :meth:`request`.
            payload: The JSON to POST; ``"stream": true`` is added unless it says otherwise.
            deployment: As for :meth:`chat`.
            auto_failover: As for :meth:`stream`.
            timeout: As for :meth:`chat`.

        Raises:
            RequestError: As for :meth:`stream`.
        """
        options = FailoverOptions(auto_failover=auto_failover, timeout=timeout)
        call = stream_call(operation, payload, deployment, options)
        return EventStream(self._calls, call, self._open)

    def embed(
        self,
        texts: str | Sequence[str],
        *,
        deployment: str | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,
        **params: Any,  # noqa: ANN401  (whatever Azure takes)
    ) -> Embeddings:
        """Ask for the embeddings of one text or several; see :meth:`chat` for the arguments."""
        raw, ledger = self._send(
            "embeddings",
            {**params, "input": texts if isinstance(texts, str) else [*texts]},
            deployment,
            FailoverOptions(auto_failover=auto_failover, timeout=timeout),
        )
        return embeddings(raw, endpoint=ledger.endpoint or "", ledger=ledger)

    def request(
        self,
        operation: str,
        payload: Mapping[str, Any] | None = None,
        *,
        deployment: str | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Call any operation and give its JSON.

        Args:
            operation: The route behind the deployment, such as ``chat/completions``, or behind
                ``/openai``, such as ``models``.
            payload: The JSON to POST; None sends a GET.
            deployment: As for :meth:`chat`.
            auto_failover: As for :meth:`chat`.
            timeout: As for :meth:`chat`.

        Raises:
            RequestError: As for :meth:`chat`.
        """
        options = FailoverOptions(auto_failover=auto_failover, timeout=timeout)
        return self._send(operation, payload, deployment, options)[0]

    def _send(
        self,
        operation: str,
        payload: Mapping[str, Any] | None,
        deployment: str | None,
        options: FailoverOptions,
    ) -> tuple[dict[str, Any], Ledger]:
        call = self._calls.prepare(operation, payload, deployment, options)
        try:
            response = self._http.request(**call)
        except httpx.TransportError as error:
            self._calls.raise_transport(error)
        return self._calls.result(response)

    def _open(self, call: dict[str, Any]) -> httpx.Response:
        """Send a request, and give its answer if that is an event stream."""
        try:
            response = self._http.send(self._http.build_request(**call), stream=True)
            if self._calls.is_event_stream(response):
                return response
            try:
                if response.is_error:
                    response.read()
            finally:
                response.close()
        except httpx.TransportError as error:
            self._calls.raise_transport(error)
        raise self._calls.no_stream(response)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()


class AsyncClient(Base):
    """Calls Azure OpenAI from async services, on asyncio and trio; the twin of :class:`Client`.

    ::

        async with AsyncClient(config) as client:
            print((await client.chat("Hello")).text)

    Args:
        config: As for :class:`Client`.
        options: As for :class:`Client`.

    Raises:
        ConfigError: Lists everything that is wrong with the configuration.
    """

    def __init__(self, config: ConfigSource = None, **options: Unpack[TransportOptions]) -> None:
        read = read_config(config)
        config = None
        if isinstance(read, ConfigError):
            raise read
        super().__init__(read, options)
        # The transport sets the timeouts, per attempt, and reads the environment.
        self._http = httpx.AsyncClient(
            transport=self._transport,
            timeout=None,  # noqa: S113
            trust_env=False,
        )

    async def chat(
        self,
        messages: Messages,
        *,
        deployment: str | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109  (per phase of an attempt)
        **params: Any,  # noqa: ANN401  (whatever Azure takes)
    ) -> ChatCompletion:
        """Ask for a chat completion; see :meth:`Client.chat`."""
        raw, ledger = await self._send(
            "chat/completions",
            chat_payload(messages, params),
            deployment,
            FailoverOptions(auto_failover=auto_failover, timeout=timeout),
        )
        return chat_completion(raw, endpoint=ledger.endpoint or "", ledger=ledger)

    def stream(
        self,
        messages: Messages,
        *,
        deployment: str | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,
        **params: Any,  # noqa: ANN401  (whatever Azure takes)
    ) -> AsyncChatStream:
        """Ask for a chat completion that comes piece by piece; see :meth:`Client.stream`."""
        options = FailoverOptions(auto_failover=auto_failover, timeout=timeout)
        call = chat_call(messages, params, deployment, options)
        return AsyncChatStream(self._calls, call, self._open)

    def stream_request(
        self,
        operation: str,
        payload: Mapping[str, Any],
        *,
        deployment: str | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,
    ) -> AsyncEventStream:
        """Call any operation that streams; see :meth:`Client.stream_request`."""
        options = FailoverOptions(auto_failover=auto_failover, timeout=timeout)
        call = stream_call(operation, payload, deployment, options)
        return AsyncEventStream(self._calls, call, self._open)

    async def embed(
        self,
        texts: str | Sequence[str],
        *,
        deployment: str | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109  (per phase of an attempt)
        **params: Any,  # noqa: ANN401  (whatever Azure takes)
    ) -> Embeddings:
        """Ask for the embeddings of one text or several; see :meth:`Client.embed`."""
        raw, ledger = await self._send(
            "embeddings",
            {**params, "input": texts if isinstance(texts, str) else [*texts]},
            deployment,
            FailoverOptions(auto_failover=auto_failover, timeout=timeout),
        )
        return embeddings(raw, endpoint=ledger.endpoint or "", ledger=ledger)

    async def request(
        self,
        operation: str,
        payload: Mapping[str, Any] | None = None,
        *,
        deployment: str | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109  (per phase of an attempt)
    ) -> dict[str, Any]:
        """Call any operation and give its JSON; see :meth:`Client.request`."""
        options = FailoverOptions(auto_failover=auto_failover, timeout=timeout)
        return (await self._send(operation, payload, deployment, options))[0]

    async def _send(
        self,
        operation: str,
        payload: Mapping[str, Any] | None,
        deployment: str | None,
        options: FailoverOptions,
    ) -> tuple[dict[str, Any], Ledger]:
        call = self._calls.prepare(operation, payload, deployment, options)
        try:
            response = await self._http.request(**call)
        except httpx.TransportError as error:
            self._calls.raise_transport(error)
        return self._calls.result(response)

    async def _open(self, call: dict[str, Any]) -> httpx.Response:
        """Send a request, and give its answer if that is an event stream."""
        try:
            response = await self._http.send(self._http.build_request(**call), stream=True)
            if self._calls.is_event_stream(response):
                return response
            try:
                if response.is_error:
                    await response.aread()
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            self._calls.raise_transport(error)
        raise self._calls.no_stream(response)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()
