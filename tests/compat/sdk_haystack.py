"""haystack over httpx, whose clients it builds itself from http_client_kwargs."""

from __future__ import annotations

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from haystack.components.embedders import AzureOpenAITextEmbedder, OpenAITextEmbedder
from haystack.components.generators.chat import (
    AzureOpenAIChatGenerator,
    AzureOpenAIResponsesChatGenerator,
    OpenAIChatGenerator,
)
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret

from azure_failover import FailoverTransport

MESSAGES = [ChatMessage.from_user("Hello")]
MISSING = {
    "transcription": "",
    "dated responses": "its responses are v1 only",
}


def mount(config):
    azure = {
        "azure_endpoint": config["endpoint"],
        "api_key": Secret.from_token("set per endpoint"),
        "api_version": "2024-10-21",
        "http_client_kwargs": {"transport": FailoverTransport(config)},
    }
    chat = AzureOpenAIChatGenerator(azure_deployment=config["deployment_name"], **azure)
    embedder = AzureOpenAITextEmbedder(azure_deployment="text-embedding-3-small", **azure)
    return chat, embedder


def mount_v1(config):
    v1 = {
        "api_base_url": config["endpoint"] + "/openai/v1/",
        "api_key": Secret.from_token("set per endpoint"),
        "http_client_kwargs": {"transport": FailoverTransport(config)},
    }
    chat = OpenAIChatGenerator(model=config["deployment_name"], **v1)
    embedder = OpenAITextEmbedder(model="text-embedding-3-small", **v1)
    responses = AzureOpenAIResponsesChatGenerator(
        azure_endpoint=config["endpoint"],
        azure_deployment=config["deployment_name"],
        api_key=v1["api_key"],
        http_client_kwargs=v1["http_client_kwargs"],
    )
    return chat, embedder, responses


def chat_sync(mounted):
    return mounted[0].run(MESSAGES)["replies"][0].text


async def chat_async(mounted):
    return (await mounted[0].run_async(MESSAGES))["replies"][0].text


def stream_sync(mounted):
    parts = []
    mounted[0].run(MESSAGES, streaming_callback=lambda chunk: parts.append(chunk.content))
    return "".join(parts)


async def stream_async(mounted):
    parts = []

    async def take(chunk):
        parts.append(chunk.content)

    await mounted[0].run_async(MESSAGES, streaming_callback=take)
    return "".join(parts)


def embed_sync(mounted):
    return mounted[1].run("Hello")["embedding"]


async def embed_async(mounted):
    return (await mounted[1].run_async("Hello"))["embedding"]


def responses_sync(mounted):
    return mounted[2].run(MESSAGES)["replies"][0].text


async def responses_async(mounted):
    return (await mounted[2].run_async(MESSAGES))["replies"][0].text


def responses_stream_sync(mounted):
    parts = []
    mounted[2].run(MESSAGES, streaming_callback=lambda chunk: parts.append(chunk.content))
    return "".join(parts)


async def responses_stream_async(mounted):
    parts = []

    async def take(chunk):
        parts.append(chunk.content)

    await mounted[2].run_async(MESSAGES, streaming_callback=take)
    return "".join(parts)
