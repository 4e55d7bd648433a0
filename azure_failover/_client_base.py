"""What both clients have in common: everything that does not wait.

Builds URLs, reads answers, and turns failures into this package's errors.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NoReturn, TypeAlias, TypedDict
from urllib.parse import quote

import httpx

from azure_failover.context import headers_around
from azure_failover.core.config import DEFAULT_API_VERSION, Config
from azure_failover.core.errors import (
    AllEndpointsFailed,
    ConnectionFailedError,
    InvalidResponseError,
    RequestError,
    RequestTimeoutError,
    StatusError,
    error_for_status,
)
from azure_failover.core.explanation import Explanation
from azure_failover.core.hints import hint_in
from azure_failover.core.ledger import Ledger
from azure_failover.core.routes import DEPLOYMENT_ROUTES
from azure_failover.core.status import EndpointStatus, Status
from azure_failover.core.verdict import error_facts
from azure_failover.transport._httpx import FailoverTransport
from azure_failover.transport._labels import ledger_of
from azure_failover.transport._log import Herald, OnEvent
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
    on_event: OnEvent | None
    runtime: Runtime | None


class Base:
    """What both clients have in common: everything that does not wait."""

    def __init__(self, config: Config, options: TransportOptions) -> None:
        self._transport: Final = FailoverTransport(config, **options)
        self._calls: Final = Calls(
            config, options.get("runtime") or Runtime(), Herald(options.get("on_event"))
        )

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

    def explain(
        self,
        operation: str,
        payload: Mapping[str, Any] | None = None,
        *,
        deployment: str | None = None,
    ) -> Explanation:
        """Tell where a call would go, in which order, and why, without sending it.

        Args:
            operation: As for :meth:`Client.request`.
            payload: As for :meth:`Client.request`.
            deployment: As for :meth:`Client.request`.
        """
        call = self._calls.prepare(operation, payload, deployment, FailoverOptions())
        return self._transport.explain(httpx.Request(**call))

    def reset(self) -> None:
        """Forget all failures: the next request goes to the primary."""
        self._transport.reset()

    def __repr__(self) -> str:
        transport: FailoverTransport | None = getattr(self, "_transport", None)
        endpoints = () if transport is None else transport.config.endpoints
        names = ", ".join(endpoint.name for endpoint in endpoints)
        return f"<{type(self).__name__} {names}>"


class Calls:
    """Builds requests, and reads what came of them."""

    def __init__(self, config: Config, runtime: Runtime, herald: Herald) -> None:
        self.config: Final = config
        self.herald: Final = herald
        self.clock: Final = runtime.clock
        self._wall = runtime.wall

    def prepare(
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
        primary, takes_deployment = self.config.primary, route in DEPLOYMENT_ROUTES
        url = f"{primary.endpoint}/openai"
        json = None if payload is None else dict(payload)
        if primary.api == "v1":
            url += f"/v1/{route}"
            if json is not None and (deployment or (takes_deployment and "model" not in json)):
                json["model"] = deployment or primary.deployment_name
        else:
            if takes_deployment:
                url += f"/deployments/{quote(deployment or primary.deployment_name, safe='')}"
            url += f"/{route}?api-version={primary.api_version or DEFAULT_API_VERSION}"
        return {
            "method": "GET" if json is None else "POST",
            "url": url,
            "json": json,
            "headers": headers_around(),
            "extensions": {EXTENSION: options},
        }

    def result(self, response: httpx.Response) -> tuple[dict[str, Any], Ledger]:
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
        facts = _as_object(body) or response.content
        error = self.status_error(response.status_code, facts, response.headers, ledger)
        error.body = body
        self.raise_error(error, ledger)

    def status_error(
        self,
        status: int,
        facts: bytes | Mapping[str, Any],
        headers: Mapping[str, str],
        ledger: Ledger,
        *,
        what: str = "answered",
    ) -> StatusError:
        """Make the error of a status.

        Args:
            status: The HTTP status.
            facts: The answer's body.
            headers: The answer's headers.
            ledger: What was tried.
            what: What the endpoint did.
        """
        code, message = error_facts(facts)
        text = ": ".join(part for part in (code if code != str(status) else None, message) if part)
        is_throttled = status == 429  # noqa: PLR2004
        return error_for_status(status)(
            self.config.redact(f"{ledger.endpoint} {what} {status}" + (text and f": {text}")),
            status=status,
            code=code,
            retry_after=hint_in(headers, wall=self._wall(), is_throttled=is_throttled),
            ledger=ledger,
        )

    def is_event_stream(self, response: httpx.Response) -> bool:
        """Tell whether an answer is an event stream."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return response.status_code == 200 and kind == "text/event-stream"  # noqa: PLR2004

    def no_stream(self, response: httpx.Response) -> InvalidResponseError:
        """Give the error that a success is which is no event stream.

        Args:
            response: The answer; read if it is an error, which is raised.
        """
        if response.is_error:
            self.result(response)
        ledger = ledger_of(response)
        assert ledger is not None
        kind = response.headers.get("content-type") or "a body of no type"
        return InvalidResponseError(
            f"{ledger.endpoint} answered {response.status_code} with {kind}, which is no event "
            f"stream",
            ledger=ledger,
        )

    def raise_transport(self, error: httpx.TransportError) -> NoReturn:
        """Raise the error that stands for one of httpx's."""
        self.raise_error(error, ledger_of(error) or Ledger(()))

    def raise_error(self, error: Exception, ledger: Ledger) -> NoReturn:
        """Raise an error, or what stands for it if it is one of httpx's.

        Behind :class:`AllEndpointsFailed`, if there was more than one endpoint to blame.
        """
        told, cause = error, None
        if not isinstance(told, RequestError):
            is_timeout = isinstance(error, httpx.TimeoutException)
            kind = RequestTimeoutError if is_timeout else ConnectionFailedError
            last = ledger.entries[-1] if ledger.entries else None
            told, cause = kind(str(last or error), ledger=ledger), error
        if ledger.is_exhausted and len({entry.index for entry in ledger.attempts}) > 1:
            told.__cause__ = cause
            raise AllEndpointsFailed(ledger) from told
        raise told from cause


def _as_object(body: Any) -> dict[str, Any] | None:  # noqa: ANN401
    found: Any = body
    return found if isinstance(body, dict) else None


def chat_payload(messages: Messages, params: Mapping[str, Any]) -> dict[str, Any]:
    """Build the JSON of a chat completion.

    Raises:
        ValueError: If there are no messages, or a stream is asked for.
    """
    if params.get("stream"):
        raise ValueError("chat() gives a whole answer: leave out stream=True, or call stream()")
    return {**params, "messages": listed(messages)}


def listed(messages: Messages) -> list[Mapping[str, Any]]:
    """Give messages as a list.

    Raises:
        ValueError: If there are none.
    """
    found: list[Mapping[str, Any]] = (
        [{"role": "user", "content": messages}] if isinstance(messages, str) else [*messages]
    )
    if not found:
        raise ValueError("messages is empty: give at least one, or a text")
    return found
