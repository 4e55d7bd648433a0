# What type checkers read; at runtime a name is imported when it is first used.

from azure_failover._client_streams import (
    AsyncChatStream as AsyncChatStream,
    AsyncEventStream as AsyncEventStream,
    ChatStream as ChatStream,
    EventStream as EventStream,
)
from azure_failover.chat import (
    ChatCompletion as ChatCompletion,
    Choice as Choice,
    Embeddings as Embeddings,
    FunctionCall as FunctionCall,
    Message as Message,
    ToolCall as ToolCall,
    Usage as Usage,
)
from azure_failover.client import (
    AsyncClient as AsyncClient,
    Client as Client,
)
from azure_failover.connector import (
    AzureConnector as AzureConnector,
    SyncAzureConnector as SyncAzureConnector,
)
from azure_failover.context import (
    ContextFilter as ContextFilter,
    RequestContext as RequestContext,
    create_context as create_context,
)
from azure_failover.core.config import (
    AttemptTimeout as AttemptTimeout,
    Config as Config,
    ConfigSource as ConfigSource,
    Endpoint as Endpoint,
    Policy as Policy,
)
from azure_failover.core.credentials import (
    Secret as Secret,
    TokenCredential as TokenCredential,
    TokenProvider as TokenProvider,
)
from azure_failover.core.errors import (
    AllEndpointsFailed as AllEndpointsFailed,
    AuthenticationError as AuthenticationError,
    AzureFailoverError as AzureFailoverError,
    BadRequestError as BadRequestError,
    ConfigError as ConfigError,
    ConnectionFailedError as ConnectionFailedError,
    InvalidResponseError as InvalidResponseError,
    NotFoundError as NotFoundError,
    PermissionDeniedError as PermissionDeniedError,
    Problem as Problem,
    RateLimitError as RateLimitError,
    RequestError as RequestError,
    RequestTimeoutError as RequestTimeoutError,
    ServiceUnavailableError as ServiceUnavailableError,
    StatusError as StatusError,
    StreamBrokenError as StreamBrokenError,
)
from azure_failover.core.explanation import (
    Explanation as Explanation,
    Stop as Stop,
)
from azure_failover.core.ledger import (
    Entry as Entry,
    Ledger as Ledger,
    Phase as Phase,
)
from azure_failover.core.sse import (
    ServerSentEvent as ServerSentEvent,
)
from azure_failover.core.status import (
    EndpointStatus as EndpointStatus,
    Status as Status,
)
from azure_failover.llm import (
    AzureLLM as AzureLLM,
    LLMChunk as LLMChunk,
    LLMFactory as LLMFactory,
    LLMResponse as LLMResponse,
    UnknownModelError as UnknownModelError,
)
from azure_failover.streams import (
    ChatEvent as ChatEvent,
    Finished as Finished,
    RefusalDelta as RefusalDelta,
    StreamRestarted as StreamRestarted,
    TextDelta as TextDelta,
    ToolCallDelta as ToolCallDelta,
)
from azure_failover.transport._httpx import (
    FailoverTransport as FailoverTransport,
)
from azure_failover.transport._labels import (
    ledger_of as ledger_of,
)
from azure_failover.transport._options import (
    FailoverOptions as FailoverOptions,
    failover_options as failover_options,
)
from azure_failover.transport._runtime import (
    Runtime as Runtime,
)

__all__: list[str]  # noqa: PYI035  (what is imported above)
__version__: str
