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

from azure_failover._client_streams import (
    AsyncChatStream,
    AsyncEventStream,
    ChatStream,
    EventStream,
)
from azure_failover.chat import (
    ChatCompletion,
    Choice,
    Embeddings,
    FunctionCall,
    Message,
    ToolCall,
    Usage,
)
from azure_failover.client import AsyncClient, Client
from azure_failover.connector import AzureConnector, SyncAzureConnector
from azure_failover.context import ContextFilter, RequestContext, create_context
from azure_failover.core.config import AttemptTimeout, Config, ConfigSource, Endpoint, Policy
from azure_failover.core.credentials import Secret, TokenCredential, TokenProvider
from azure_failover.core.errors import (
    AllEndpointsFailed,
    AuthenticationError,
    AzureFailoverError,
    BadRequestError,
    ConfigError,
    ConnectionFailedError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    Problem,
    RateLimitError,
    RequestError,
    RequestTimeoutError,
    ServiceUnavailableError,
    StatusError,
    StreamBrokenError,
)
from azure_failover.core.explanation import Explanation, Stop
from azure_failover.core.ledger import Entry, Ledger, Phase
from azure_failover.core.sse import ServerSentEvent
from azure_failover.core.status import EndpointStatus, Status
from azure_failover.llm import AzureLLM, LLMChunk, LLMFactory, LLMResponse, UnknownModelError
from azure_failover.streams import (
    ChatEvent,
    Finished,
    RefusalDelta,
    StreamRestarted,
    TextDelta,
    ToolCallDelta,
)
from azure_failover.transport._httpx import FailoverTransport
from azure_failover.transport._labels import ledger_of
from azure_failover.transport._options import FailoverOptions, failover_options
from azure_failover.transport._runtime import Runtime

__version__ = "0.1.0"

__all__ = [
    "AllEndpointsFailed",
    "AsyncChatStream",
    "AsyncClient",
    "AsyncEventStream",
    "AttemptTimeout",
    "AuthenticationError",
    "AzureConnector",
    "AzureFailoverError",
    "AzureLLM",
    "BadRequestError",
    "ChatCompletion",
    "ChatEvent",
    "ChatStream",
    "Choice",
    "Client",
    "Config",
    "ConfigError",
    "ConfigSource",
    "ConnectionFailedError",
    "ContextFilter",
    "Embeddings",
    "Endpoint",
    "EndpointStatus",
    "Entry",
    "EventStream",
    "Explanation",
    "FailoverOptions",
    "FailoverTransport",
    "Finished",
    "FunctionCall",
    "InvalidResponseError",
    "LLMChunk",
    "LLMFactory",
    "LLMResponse",
    "Ledger",
    "Message",
    "NotFoundError",
    "PermissionDeniedError",
    "Phase",
    "Policy",
    "Problem",
    "RateLimitError",
    "RefusalDelta",
    "RequestContext",
    "RequestError",
    "RequestTimeoutError",
    "Runtime",
    "Secret",
    "ServerSentEvent",
    "ServiceUnavailableError",
    "Status",
    "StatusError",
    "Stop",
    "StreamBrokenError",
    "StreamRestarted",
    "SyncAzureConnector",
    "TextDelta",
    "TokenCredential",
    "TokenProvider",
    "ToolCall",
    "ToolCallDelta",
    "UnknownModelError",
    "Usage",
    "__version__",
    "create_context",
    "failover_options",
    "ledger_of",
]
