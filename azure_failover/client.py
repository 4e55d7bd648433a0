"""``Client`` and ``AsyncClient``: chat, embeddings and raw calls over the failover transport.

Thin: where a request goes is decided below, in the transport. Here URLs are built, answers typed
and failures turned into this package's errors.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, NoReturn, Self, TypeAlias, TypedDict, Unpack
from urllib.parse import quote

import httpx

from azure_failover.chat import ChatCompletion, Embeddings, chat_completion, embeddings
from azure_failover.core.config import DEFAULT_API_VERSION, Config, ConfigSource, read_config
from azure_failover.core.errors import (
    AllEndpointsFailed,
    ConfigError,
    ConnectionFailedError,
    InvalidResponseError,
    RequestError,
    RequestTimeoutError,
    StatusError,
    error_for_status,
)
from azure_failover.core.fleet import EndpointStatus, Status
from azure_failover.core.ledger import Ledger
from azure_failover.core.routes import DEPLOYMENT_ROUTES
from azure_failover.core.verdict import error_facts, retry_after
from azure_failover.transport._httpx import FailoverTransport
from azure_failover.transport._labels import ledger_of
from azure_failover.transport._options import EXTENSION, FailoverOptions
from azure_failover.transport._runtime import Runtime

Messages: TypeAlias = str | Sequence[Mapping[str, Any]]
"""Chat messages as Azure takes them, or the text of a single user message."""


class TransportOptions(TypedDict, total=False):
    """The options of :class:`~azure_failover.FailoverTransport` that clients pass on to it."""

    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None
    verify: ssl.SSLContext | str | bool
    cert: str | tuple[str, str] | tuple[str, str, str] | None
    http1: bool
    http2: bool
    limits: httpx.Limits | None
    proxy: httpx.Proxy | httpx.URL | str | None
    trust_env: bool
    runtime: Runtime | None


class _Base:
    """What both clients have in common: everything that does not wait."""

    def __init__(self, config: Config, options: TransportOptions) -> None:
        self._transport: Final = FailoverTransport(config, **options)
        self._wall = (options.get("runtime") or Runtime()).wall

    @property
    def config(self) -> Config:
        """The configuration, with everything that was inherited written out."""
        return self._transport.config

    def status(self) -> Status:
        """Tell which endpoint is in use, and which failed."""
        return self._transport.status()

    def current_endpoint(self) -> EndpointStatus:
        """Tell which endpoint is in use."""
        return self.status().current

    def reset(self) -> None:
        """Forget all failures: the next request goes to the primary."""
        self._transport.reset()

    def __repr__(self) -> str:
        names = ", ".join(endpoint.name for endpoint in self.config.endpoints)
        return f"<{type(self).__name__} {names}>"

    def _call(
        self,
        operation: str,
        payload: Mapping[str, Any] | None,
        deployment: str | None,
        options: FailoverOptions,
    ) -> dict[str, Any]:
        """Build the arguments of ``httpx``'s ``request``."""
        route = operation.strip("/")
        if not route or any(part in route for part in ("?", "#", "..", "\\")):
            raise ValueError(
                f"operation {operation!r} is no route: write one such as 'chat/completions'"
            )
        primary = self.config.primary
        url = f"{primary.endpoint}/openai"
        if route in DEPLOYMENT_ROUTES:
            url += f"/deployments/{quote(deployment or primary.deployment_name, safe='')}"
        version = primary.api_version or DEFAULT_API_VERSION
        return {
            "method": "GET" if payload is None else "POST",
            "url": f"{url}/{route}?api-version={version}",
            "json": None if payload is None else dict(payload),
            "extensions": {EXTENSION: options},
        }

    def _result(self, response: httpx.Response) -> tuple[dict[str, Any], Ledger]:
        """Read an answer, or raise the error that it is."""
        ledger = ledger_of(response)
        assert ledger is not None
        body: Any = None
        with suppress(ValueError, RecursionError):  # no JSON: judged below
            body = response.json()
        if response.is_error:
            self._raise_status(response, body, ledger)
        answer = _as_object(body)
        if answer is None:
            raise InvalidResponseError(
                f"{ledger.endpoint} answered {response.status_code} with a body that is not a JSON "
                f"object",
                ledger=ledger,
            )
        return answer, ledger

    def _raise_status(self, response: httpx.Response, body: object, ledger: Ledger) -> NoReturn:
        status = response.status_code
        code, message = error_facts(_as_object(body) or response.content)
        text = ": ".join(part for part in (code if code != str(status) else None, message) if part)
        error: StatusError = error_for_status(status)(
            self.config.redact(f"{ledger.endpoint} answered {status}" + (text and f": {text}")),
            status=status,
            code=code,
            body=body,
            retry_after=retry_after(
                response.headers.get("retry-after-ms"),
                response.headers.get("retry-after"),
                wall=self._wall(),
            ),
            ledger=ledger,
        )
        _raise(error, ledger)

    def _raise_transport(self, error: httpx.TransportError) -> NoReturn:
        ledger = ledger_of(error) or Ledger(())
        kind = (
            RequestTimeoutError
            if isinstance(error, httpx.TimeoutException)
            else ConnectionFailedError
        )
        last = ledger.entries[-1] if ledger.entries else None
        _raise(kind(str(last or error), ledger=ledger), ledger, error)


def _raise(error: RequestError, ledger: Ledger, cause: Exception | None = None) -> NoReturn:
    """Raise an error, behind :class:`AllEndpointsFailed` if there was more than one to blame."""
    if ledger.is_exhausted and len({entry.index for entry in ledger.attempts}) > 1:
        error.__cause__ = cause
        raise AllEndpointsFailed(ledger) from error
    raise error from cause


def _as_object(body: Any) -> dict[str, Any] | None:  # noqa: ANN401
    found: Any = body
    return found if isinstance(body, dict) else None


def _chat_payload(messages: Messages, params: Mapping[str, Any]) -> dict[str, Any]:
    if params.get("stream"):
        raise ValueError("chat() gives a whole answer; leave out stream=True")
    listed = [{"role": "user", "content": messages}] if isinstance(messages, str) else [*messages]
    if not listed:
        raise ValueError("messages is empty: give at least one, or a text")
    return {**params, "messages": listed}


class Client(_Base):
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
            _chat_payload(messages, params),
            deployment,
            FailoverOptions(auto_failover=auto_failover, timeout=timeout),
        )
        return chat_completion(raw, endpoint=ledger.endpoint or "", ledger=ledger)

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
        call = self._call(operation, payload, deployment, options)
        try:
            response = self._http.request(**call)
        except httpx.TransportError as error:
            self._raise_transport(error)
        return self._result(response)

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


class AsyncClient(_Base):
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
            _chat_payload(messages, params),
            deployment,
            FailoverOptions(auto_failover=auto_failover, timeout=timeout),
        )
        return chat_completion(raw, endpoint=ledger.endpoint or "", ledger=ledger)

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
        call = self._call(operation, payload, deployment, options)
        try:
            response = await self._http.request(**call)
        except httpx.TransportError as error:
            self._raise_transport(error)
        return self._result(response)

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
