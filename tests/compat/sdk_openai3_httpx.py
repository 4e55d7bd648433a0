"""openai 3.x over legacy httpx, which it accepts at runtime; its types know httpx2 alone."""

from __future__ import annotations

import httpx
import openai
from sdk_openai3 import (
    chat_async,
    chat_sync,
    embed_async,
    embed_sync,
    responses_async,
    responses_stream_async,
    responses_stream_sync,
    responses_sync,
    stream_async,
    stream_sync,
    transcription_async,
    transcription_sync,
)

from azure_failover import FailoverTransport

__all__ = [
    "chat_async",
    "chat_sync",
    "embed_async",
    "embed_sync",
    "mount",
    "mount_v1",
    "responses_async",
    "responses_stream_async",
    "responses_stream_sync",
    "responses_sync",
    "stream_async",
    "stream_sync",
    "transcription_async",
    "transcription_sync",
]


def mount(config):
    transport = FailoverTransport(config)
    client = openai.AzureOpenAI(
        azure_endpoint=config["endpoint"],
        api_key="set per endpoint",
        api_version="2024-10-21",
        http_client=httpx.Client(transport=transport, timeout=600),
    )
    async_client = openai.AsyncAzureOpenAI(
        azure_endpoint=config["endpoint"],
        api_key="set per endpoint",
        api_version="2024-10-21",
        http_client=httpx.AsyncClient(transport=transport, timeout=600),
    )
    return client, async_client


def mount_v1(config):
    transport = FailoverTransport(config)
    client = openai.OpenAI(
        base_url=config["endpoint"] + "/openai/v1/",
        api_key="set per endpoint",
        http_client=httpx.Client(transport=transport, timeout=600),
    )
    async_client = openai.AsyncOpenAI(
        base_url=config["endpoint"] + "/openai/v1/",
        api_key="set per endpoint",
        http_client=httpx.AsyncClient(transport=transport, timeout=600),
    )
    return client, async_client
