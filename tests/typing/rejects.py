"""What users must not write: each marked line must be rejected by mypy. Never run."""

from __future__ import annotations

import httpx
import httpx2

import azure_failover.httpx2
from azure_failover import (
    AsyncClient,
    AzureConnector,
    Client,
    Endpoint,
    FailoverTransport,
    LLMFactory,
    Policy,
    SyncAzureConnector,
    failover_options,
)


def wrong_family() -> None:
    httpx2.Client(transport=FailoverTransport({}))  # error: arg-type
    httpx.Client(transport=azure_failover.httpx2.FailoverTransport({}))  # error: arg-type
    FailoverTransport({}, transport=httpx2.HTTPTransport())  # error: arg-type


async def wrong_colour(sync: Client, tasks: AsyncClient) -> None:
    await sync.chat("Hello")  # error: misc
    tasks.chat("Hello").text  # error: attr-defined
    with tasks:  # error: attr-defined
        pass


async def wrong_stream(sync: Client, tasks: AsyncClient) -> None:
    with tasks.stream("Hello"):  # error: attr-defined
        pass
    async with sync.stream("Hello"):  # error: attr-defined
        pass
    for text in sync.stream("Hello"):
        text.upper()  # error: union-attr
    for event in sync.stream_request("responses", {}):
        event.data  # error: union-attr
    sync.stream_request("responses")  # error: call-arg
    sync.stream(5)  # error: arg-type
    Policy(on_stream_break="retry")  # error: arg-type


async def wrong_connector(sync: SyncAzureConnector, tasks: AzureConnector) -> None:
    await sync.request("models")  # error: misc
    tasks.request("models")["data"]  # error: index
    for _ in tasks.stream_request("responses", {}):  # error: attr-defined
        pass
    sync.api_key.upper()  # error: union-attr
    sync.api_key = 5  # error: assignment
    await tasks.test_connection(1)  # error: call-arg
    LLMFactory.create_llm("azure-gpt-4o", 5)  # error: arg-type


def wrong_key() -> None:
    Policy(failback="sometimes")  # error: arg-type
    Policy(fallback="auto")  # error: call-arg
    Policy(strategy="random")  # error: arg-type
    Policy(hedge_after="p99")  # error: arg-type
    Policy(hedge_probes_after="p95")  # error: arg-type
    Client({}, http3=True)  # error: call-arg
    Client(5)  # error: arg-type
    failover_options(auto_failover="no")  # error: arg-type
    failover_options(dedline=5)  # error: call-arg
    FailoverTransport({}).explain(httpx2.Request("GET", "https://a"))  # error: arg-type


def wrong_credential() -> None:
    where = "https://eastus.openai.azure.com"
    Endpoint(endpoint=where, deployment_name="gpt", token_provider="…")  # error: arg-type
    Endpoint(endpoint=where, deployment_name="gpt", credential=str)  # error: arg-type
    Endpoint(endpoint=where, deployment_name="gpt", auth="sdk")  # error: arg-type
    Endpoint(endpoint=where, deployment_name="gpt", api="v2")  # error: arg-type
    Policy(attempt_timeout=5)  # error: arg-type
