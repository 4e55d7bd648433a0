"""pydantic-ai over httpx2; its synchronous calls run an event loop of their own."""

from __future__ import annotations

import openai
from pydantic_ai import Agent, Embedder
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.azure import AzureProvider

from azure_failover.httpx2 import FailoverTransport

MISSING = {"transcription": ""}


def mount(config):
    provider = AzureProvider(
        azure_endpoint=config["endpoint"],
        api_key="set per endpoint",
        api_version="2024-10-21",
        http_client=openai.DefaultAsyncHttpxClient(transport=FailoverTransport(config)),
    )
    agent = Agent(OpenAIChatModel(config["deployment_name"], provider=provider))
    responses = Agent(OpenAIResponsesModel(config["deployment_name"], provider=provider))
    embedder = Embedder(OpenAIEmbeddingModel("text-embedding-3-small", provider=provider))
    return agent, responses, embedder


def mount_v1(config):
    provider = AzureProvider(
        azure_endpoint=config["endpoint"] + "/openai/v1/",
        api_key="set per endpoint",
        http_client=openai.DefaultAsyncHttpxClient(transport=FailoverTransport(config)),
    )
    agent = Agent(OpenAIChatModel(config["deployment_name"], provider=provider))
    responses = Agent(OpenAIResponsesModel(config["deployment_name"], provider=provider))
    embedder = Embedder(OpenAIEmbeddingModel("text-embedding-3-small", provider=provider))
    return agent, responses, embedder


def chat_sync(mounted):
    return mounted[0].run_sync("Hello").output


async def chat_async(mounted):
    return (await mounted[0].run("Hello")).output


def stream_sync(mounted):
    return "".join(mounted[0].run_stream_sync("Hello").stream_text(delta=True))


async def stream_async(mounted):
    async with mounted[0].run_stream("Hello") as result:
        return "".join([text async for text in result.stream_text(delta=True)])


def embed_sync(mounted):
    return mounted[2].embed_query_sync("Hello").embeddings[0]


async def embed_async(mounted):
    return (await mounted[2].embed_query("Hello")).embeddings[0]


def responses_sync(mounted):
    return mounted[1].run_sync("Hello").output


async def responses_async(mounted):
    return (await mounted[1].run("Hello")).output


def responses_stream_sync(mounted):
    return "".join(mounted[1].run_stream_sync("Hello").stream_text(delta=True))


async def responses_stream_async(mounted):
    async with mounted[1].run_stream("Hello") as result:
        return "".join([text async for text in result.stream_text(delta=True)])
