"""llama-index over httpx, with the Azure integration and, for v1, the OpenAI one."""

from __future__ import annotations

import openai
from llama_index.core.llms import ChatMessage
from llama_index.embeddings.azure_openai import AzureOpenAIEmbedding
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.azure_openai import AzureOpenAI, AzureOpenAIResponses
from llama_index.llms.openai import OpenAI, OpenAIResponses

from azure_failover import FailoverTransport

MESSAGES = [ChatMessage("Hello")]
RETRIES = "max_retries=0"
MISSING = {"transcription": ""}


def mount(config):
    transport = FailoverTransport(config)
    azure = {
        "azure_endpoint": config["endpoint"],
        "api_key": "set per endpoint",
        "api_version": "2024-10-21",
        "http_client": openai.DefaultHttpxClient(transport=transport),
        "async_http_client": openai.DefaultAsyncHttpxClient(transport=transport),
        "max_retries": 0,  # it has a retry loop of its own, which heeds no x-should-retry
    }
    llm = AzureOpenAI(model="gpt-4.1-mini", engine=config["deployment_name"], **azure)
    responses = AzureOpenAIResponses(
        model="gpt-4.1-mini",
        engine=config["deployment_name"],
        **azure,
    )
    embeddings = AzureOpenAIEmbedding(azure_deployment="text-embedding-3-small", **azure)
    return llm, responses, embeddings


def mount_v1(config):
    transport = FailoverTransport(config)
    v1 = {
        "api_base": config["endpoint"] + "/openai/v1/",
        "api_key": "set per endpoint",
        "http_client": openai.DefaultHttpxClient(transport=transport),
        "async_http_client": openai.DefaultAsyncHttpxClient(transport=transport),
        "max_retries": 0,  # it has a retry loop of its own, which heeds no x-should-retry
    }
    llm = OpenAI(model=config["deployment_name"], **v1)
    responses = OpenAIResponses(model=config["deployment_name"], **v1)
    embeddings = OpenAIEmbedding(model="text-embedding-3-small", **v1)
    return llm, responses, embeddings


def chat_sync(mounted):
    return mounted[0].chat(MESSAGES).message.content


async def chat_async(mounted):
    return (await mounted[0].achat(MESSAGES)).message.content


def stream_sync(mounted):
    return "".join(part.delta for part in mounted[0].stream_chat(MESSAGES))


async def stream_async(mounted):
    return "".join([part.delta async for part in await mounted[0].astream_chat(MESSAGES)])


def embed_sync(mounted):
    return mounted[2].get_query_embedding("Hello")


async def embed_async(mounted):
    return await mounted[2].aget_query_embedding("Hello")


def responses_sync(mounted):
    return mounted[1].chat(MESSAGES).message.content


async def responses_async(mounted):
    return (await mounted[1].achat(MESSAGES)).message.content


def responses_stream_sync(mounted):
    return "".join(part.delta or "" for part in mounted[1].stream_chat(MESSAGES))


async def responses_stream_async(mounted):
    parts = await mounted[1].astream_chat(MESSAGES)
    return "".join([part.delta or "" async for part in parts])
