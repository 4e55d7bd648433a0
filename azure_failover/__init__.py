"""Failover for Azure OpenAI in the HTTP transport.

Mount :class:`FailoverTransport` under the client you already have, or use :class:`Client` and
:class:`AsyncClient`::

    from azure_failover import Client

    with Client({"api_key": "…", "endpoint": "https://eastus.openai.azure.com",
                 "deployment_name": "gpt-4.1-mini",
                 "backups": [{"endpoint": "https://westus.openai.azure.com"}]}) as client:
        print(client.chat("Hello").text)

The openai SDK uses httpx2 since 3.0: take ``FailoverTransport`` from
:mod:`azure_failover.httpx2` there.
"""

from importlib import import_module
from typing import Final

__version__ = "0.1.0"

_HOMES: Final = {
    "_client_streams": ("AsyncChatStream", "AsyncEventStream", "ChatStream", "EventStream"),
    "chat": (
        "ChatCompletion",
        "Choice",
        "Embeddings",
        "FunctionCall",
        "Message",
        "ToolCall",
        "Usage",
    ),
    "client": ("AsyncClient", "Client"),
    "connector": ("AzureConnector", "SyncAzureConnector"),
    "context": ("ContextFilter", "RequestContext", "create_context"),
    "core.config": ("AttemptTimeout", "Config", "ConfigSource", "Endpoint", "Policy"),
    "core.credentials": ("Secret", "TokenCredential", "TokenProvider"),
    "core.errors": (
        "AllEndpointsFailed",
        "AuthenticationError",
        "AzureFailoverError",
        "BadRequestError",
        "ConfigError",
        "ConnectionFailedError",
        "InvalidResponseError",
        "NotFoundError",
        "PermissionDeniedError",
        "Problem",
        "RateLimitError",
        "RequestError",
        "RequestTimeoutError",
        "ServiceUnavailableError",
        "StatusError",
        "StreamBrokenError",
    ),
    "core.explanation": ("Explanation", "Stop"),
    "core.ledger": ("Entry", "Ledger", "Phase"),
    "core.sse": ("ServerSentEvent",),
    "core.status": ("EndpointStatus", "Status"),
    "llm": ("AzureLLM", "LLMChunk", "LLMFactory", "LLMResponse", "UnknownModelError"),
    "streams": (
        "ChatEvent",
        "Finished",
        "RefusalDelta",
        "StreamRestarted",
        "TextDelta",
        "ToolCallDelta",
    ),
    "transport._httpx": ("FailoverTransport",),
    "transport._labels": ("ledger_of",),
    "transport._options": ("FailoverOptions", "failover_options"),
    "transport._runtime": ("Runtime",),
}
"""Which module each name comes from; ``__init__.pyi`` tells type checkers the same."""

_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF, "__version__"]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for, so that nobody waits for what they do not use."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what is there, whether it was imported yet or not."""
    return sorted({*globals(), *__all__})
