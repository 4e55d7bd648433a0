"""The public API as users write it: every line must pass mypy and pyright. Never run."""

from __future__ import annotations

from typing import NamedTuple

import httpx
import httpx2

import azure_failover.httpx2
from azure_failover import (
    AsyncClient,
    AttemptTimeout,
    AzureConnector,
    AzureLLM,
    ChatCompletion,
    ChatEvent,
    ChatStream,
    Client,
    Config,
    Endpoint,
    Explanation,
    FailoverOptions,
    FailoverTransport,
    Finished,
    Ledger,
    LLMChunk,
    LLMFactory,
    LLMResponse,
    Policy,
    RateLimitError,
    RefusalDelta,
    Secret,
    ServerSentEvent,
    Status,
    Stop,
    StreamBrokenError,
    StreamRestarted,
    SyncAzureConnector,
    TextDelta,
    TokenCredential,
    TokenProvider,
    ToolCallDelta,
    UnknownModelError,
    create_context,
    failover_options,
    ledger_of,
)

CONFIG = {
    "api_key": "…",
    "endpoint": "https://eastus.openai.azure.com",
    "deployment_name": "gpt-4.1-mini",
    "backups": [
        {"endpoint": "https://westus.openai.azure.com"},
        {"endpoint": "https://other.openai.azure.com", "deployment_name": "my-gpt"},
    ],
}


def script() -> str:
    with Client(CONFIG, http2=True, limits=httpx.Limits(max_connections=10)) as client:
        answer: ChatCompletion = client.chat([{"role": "user", "content": "Hello"}], n=1)
        vectors: tuple[tuple[float, ...], ...] = client.embed(["a"], deployment="e").vectors
        models: dict[str, object] = client.request("models")
        status: Status = client.status()
        return f"{answer.text} {vectors} {models} {status.current_endpoint}"


async def service() -> Ledger:
    async with AsyncClient("fleet.toml") as client:
        try:
            return (await client.chat("Hello", auto_failover=False, timeout=5)).ledger
        except RateLimitError as error:
            seconds: float | None = error.retry_after
            raise SystemExit(f"come again in {seconds}") from error


def shown(event: ChatEvent) -> str:
    match event:
        case TextDelta() | RefusalDelta():
            return event.text
        case ToolCallDelta():
            return f"{event.index} {event.id} {event.name} {event.arguments} {event.choice}"
        case StreamRestarted():
            return f"{event.broken_endpoint} {event.endpoint} {event.discarded_text} {event.error}"
        case Finished():
            return f"{event.finish_reason} {event.usage and event.usage.total_tokens}"


def streamed(client: Client) -> str:
    stream: ChatStream = client.stream("Hello", deployment="gpt", timeout=5, n=2)
    try:
        with stream:
            told: list[str] = [shown(event) for event in stream]
    except StreamBrokenError as error:
        return error.text
    with client.stream([{"role": "user", "content": "Hello"}], auto_failover=False) as again:
        texts: list[str] = list(again.texts())
        ledger: Ledger = again.ledger
    answer: ChatCompletion = stream.completion()
    return f"{told} {texts} {ledger} {answer.text} {stream.text} {stream.endpoint}"


async def streamed_async(client: AsyncClient) -> ChatCompletion:
    async with client.stream("Hello") as stream:
        told: list[str] = [shown(event) async for event in stream]
        await stream.aclose()
    async with client.stream("Hello") as again:
        texts: list[str] = [text async for text in again.texts()]
    restarts: tuple[StreamRestarted, ...] = again.restarts
    assert told
    assert texts
    assert not restarts
    return await stream.completion()


async def raw(client: Client, tasks: AsyncClient) -> list[str]:
    payload = {"model": "gpt", "input": "Hello"}
    with client.stream_request("responses", payload, auto_failover=False, timeout=5) as stream:
        events: list[ServerSentEvent | StreamRestarted] = list(stream)
        stream.close()
    async with tasks.stream_request("responses", payload, deployment="gpt") as other:
        events += [event async for event in other]
    return [event.data for event in events if isinstance(event, ServerSentEvent)]


async def connected() -> list[str]:
    payload = {"messages": [{"role": "user", "content": "Hello"}]}
    async with AzureConnector(CONFIG, transport=httpx.AsyncHTTPTransport()) as connector:
        answer: dict[str, object] = await connector.request("chat/completions", payload, timeout=5)
        models: dict[str, object] = await connector.request("models", auto_failover=False)
        info: dict[str, object] = connector.get_current_endpoint_info()
        told: dict[str, object] = connector.get_backup_status()
        for config in connector.get_all_configs():
            connector.endpoint = config["endpoint"]
            connector.deployment_name = config["deployment_name"]
            connector.api_key = config["api_key"]
            fine: bool = await connector.test_connection()
            assert fine
        connector.reset()
        connector.failed_endpoints.clear()
        connector.failed_endpoints = [connector.endpoint]
        connector.backup_configs = [{"endpoint": "https://westus.openai.azure.com"}]
        connector.current_config_index = 0
        key: Secret | None = connector.api_key
        status: Status = connector.client.status()
        stream = connector.stream_request("chat/completions", payload, on_restart=print)
        async with stream as lines:
            found: list[str] = [line async for line in lines]
        return [*found, f"{answer} {models} {info} {told} {key} {status} {connector.api_version}"]


def connected_sync() -> list[str]:
    with SyncAzureConnector("fleet.toml") as connector:
        fine: bool = connector.test_connection(index=1)
        assert fine
        connector.api_key = "…"
        answer: dict[str, object] = connector.request("models")
        return [*connector.stream_request("responses", {"input": "Hello"}), str(answer)]


async def by_name() -> list[str]:
    try:
        llm: AzureLLM = LLMFactory.create_llm("azure-gpt-4.1-mini", connector_config=CONFIG)
    except UnknownModelError as error:
        return [*error.near_misses]
    ctx = create_context(user_id="u", session_id="s")
    async with llm:
        response: LLMResponse = await llm.get_answer("Hello", ctx, temperature=0, timeout=5)
        chunks: list[LLMChunk] = [chunk async for chunk in llm.stream_answer("Hello", ctx)]
        with ctx.applied():
            told: dict[str, object] = llm.connector.get_backup_status()
    LLMFactory.register("azure-ours", AzureLLM)
    texts = [chunk.content for chunk in chunks if not chunk.is_final]
    return [*texts, response.content, response.endpoint, str(told), *LLMFactory.available()]


def mounted() -> Ledger | None:
    with httpx.Client(transport=FailoverTransport(CONFIG), timeout=60) as client:
        options = {"failover": FailoverOptions(deadline=10)}
        return ledger_of(client.get("https://eastus.openai.azure.com", extensions=options))


async def mounted_async() -> Ledger | None:
    async with httpx.AsyncClient(transport=FailoverTransport(), timeout=60) as client:
        return ledger_of(await client.get("https://eastus.openai.azure.com"))


def mounted_httpx2() -> httpx2.Client:
    inner = httpx2.HTTPTransport(retries=1)
    transport = azure_failover.httpx2.FailoverTransport(CONFIG, transport=inner)
    return httpx2.Client(transport=transport)


def token() -> str:
    return "…"


async def awaited_token() -> str:
    return "…"


class Issued(NamedTuple):
    """As azure-core's ``AccessToken``."""

    token: str
    expires_on: int


class Identity:
    """As azure-identity's credentials."""

    def get_token(
        self, *scopes: str, claims: str | None = None, enable_cae: bool = False, **kwargs: object
    ) -> Issued:
        return Issued(f"{scopes} {claims} {enable_cae} {kwargs}", 0)


class AsyncIdentity:
    """As those of ``azure.identity.aio``."""

    async def get_token(self, *scopes: str, claims: str | None = None) -> Issued:
        return Issued(f"{scopes} {claims}", 0)


def with_credentials() -> Config:
    url = "https://eastus.openai.azure.com"
    provider: TokenProvider = token
    credential: TokenCredential = Identity()
    return Config(
        (
            Endpoint(endpoint=url, deployment_name="a", token_provider=provider, api="v1"),
            Endpoint(endpoint=url, deployment_name="b", token_provider=awaited_token),
            Endpoint(endpoint=url, deployment_name="c", credential=credential, scope="s"),
            Endpoint(endpoint=url, deployment_name="d", credential=AsyncIdentity()),
            Endpoint(endpoint=url, deployment_name="e", auth="client", api="dated"),
            Endpoint(endpoint=url, deployment_name="f", api_key="…", key_header="X-Key"),
        ),
        Policy(
            attempt_timeout=AttemptTimeout(connect=2, read=None),
            buffer_limit=0,
            deadline=30,
            reserve=5,
            retry_budget=0.1,
            hedge_after="p95",
            hedge_probes_after=None,
            detect_silence=False,
            on_stream_break="raise",
        ),
    )


def explained(client: Client, tasks: AsyncClient) -> list[str]:
    transport = FailoverTransport({}, strict=True)
    modern = azure_failover.httpx2.FailoverTransport({}, strict=True)
    explanations: list[Explanation] = [
        transport.explain(httpx.Request("GET", "https://eastus.openai.azure.com/openai/v1/files")),
        modern.explain(httpx2.Request("GET", "https://eastus.openai.azure.com/openai/v1/files")),
        client.explain("chat/completions", {"messages": []}, deployment="gpt"),
        tasks.explain("files"),
    ]
    stops: list[Stop] = [stop for explanation in explanations for stop in explanation.stops]
    return [f"{stop.endpoint} {stop.url} {stop.note}" for stop in stops]


def with_options(client: Client) -> str | None:
    with failover_options(auto_failover=False, deadline=20, timeout=None):
        return client.chat("Hello").text


def spread() -> tuple[Config, list[tuple[int, float]]]:
    url = "https://eastus.openai.azure.com"
    provisioned = Endpoint(endpoint=url, api_key="…", deployment_name="ptu", tier=0, weight=3)
    standard = Endpoint(endpoint=url, api_key="…", deployment_name="paygo", tier=1, weight=0.5)
    config = Config((provisioned, standard), Policy(strategy="latency", failback_ramp=60))
    endpoints = FailoverTransport(config).status().endpoints
    return config, [(status.tier, status.share) for status in endpoints]


def built() -> Config:
    primary = Endpoint(
        endpoint="https://eastus.openai.azure.com", api_key="…", deployment_name="gpt"
    )
    config = Config((primary,), Policy(failback="never", on_throttle="failover", deadline=30))
    assert Config.of(config) == config
    return Config.from_env()
