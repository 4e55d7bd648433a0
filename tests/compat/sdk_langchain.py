"""langchain-openai; it uses the HTTP family of the openai package that is installed with it."""

from __future__ import annotations

import openai
from langchain_openai import (
    AzureChatOpenAI,
    AzureOpenAIEmbeddings,
    ChatOpenAI,
    OpenAIEmbeddings,
)

from azure_failover.httpx2 import FailoverTransport

MISSING = {"transcription": ""}


def mount(config):
    transport = FailoverTransport(config)
    azure = {
        "azure_endpoint": config["endpoint"],
        "api_key": "set per endpoint",
        "api_version": "2024-10-21",
        "http_client": openai.DefaultHttpxClient(transport=transport),
        "http_async_client": openai.DefaultAsyncHttpxClient(transport=transport),
    }
    chat = AzureChatOpenAI(azure_deployment=config["deployment_name"], **azure)
    embeddings = AzureOpenAIEmbeddings(
        azure_deployment="text-embedding-3-small",
        check_embedding_ctx_length=False,  # True makes tiktoken download a tokenizer
        **azure,
    )
    return chat, embeddings


def mount_v1(config):
    transport = FailoverTransport(config)
    v1 = {
        "base_url": config["endpoint"] + "/openai/v1/",
        "api_key": "set per endpoint",
        "http_client": openai.DefaultHttpxClient(transport=transport),
        "http_async_client": openai.DefaultAsyncHttpxClient(transport=transport),
    }
    chat = ChatOpenAI(model=config["deployment_name"], **v1)
    embeddings = OpenAIEmbeddings(
        model="text-embedding-3-small",
        check_embedding_ctx_length=False,  # True makes tiktoken download a tokenizer
        **v1,
    )
    return chat, embeddings


def chat_sync(models):
    answer = models[0].model_copy(update={"include_response_headers": True}).invoke("Hello")
    return answer.content, answer.response_metadata["headers"]


async def chat_async(models):
    return (await models[0].ainvoke("Hello")).content


def stream_sync(models):
    return "".join(chunk.content for chunk in models[0].stream("Hello"))


async def stream_async(models):
    return "".join([chunk.content async for chunk in models[0].astream("Hello")])


def embed_sync(models):
    return models[1].embed_query("Hello")


async def embed_async(models):
    return await models[1].aembed_query("Hello")


def responses_sync(models):
    return over_responses(models).invoke("Hello").text


async def responses_async(models):
    return (await over_responses(models).ainvoke("Hello")).text


def responses_stream_sync(models):
    return "".join(chunk.text for chunk in over_responses(models).stream("Hello"))


async def responses_stream_async(models):
    return "".join([chunk.text async for chunk in over_responses(models).astream("Hello")])


def over_responses(models):
    return models[0].model_copy(update={"use_responses_api": True})
