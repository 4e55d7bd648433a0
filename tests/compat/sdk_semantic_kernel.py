"""semantic-kernel, which takes asynchronous clients of openai and has no synchronous calls."""

from __future__ import annotations

import tempfile

import openai
from semantic_kernel.agents import AzureResponsesAgent, OpenAIResponsesAgent
from semantic_kernel.connectors.ai.open_ai import (
    AzureAudioToText,
    AzureChatCompletion,
    AzureTextEmbedding,
    OpenAIAudioToText,
    OpenAIChatCompletion,
    OpenAIChatPromptExecutionSettings,
    OpenAITextEmbedding,
)
from semantic_kernel.contents import AudioContent, ChatHistory

from azure_failover.httpx2 import FailoverTransport

MISSING = {"sync": "it is asynchronous only"}


def mount(config):
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=config["endpoint"],
        api_key="set per endpoint",
        api_version="2024-10-21",
        http_client=openai.DefaultAsyncHttpxClient(transport=FailoverTransport(config)),
    )
    chat = AzureChatCompletion(
        deployment_name=config["deployment_name"],
        api_version="2024-10-21",
        async_client=client,
    )
    embeddings = AzureTextEmbedding(
        deployment_name="text-embedding-3-small",
        api_version="2024-10-21",
        async_client=client,
    )
    audio = AzureAudioToText(
        deployment_name="whisper",
        api_version="2024-10-21",
        async_client=client,
    )
    agent = AzureResponsesAgent(ai_model_id=config["deployment_name"], client=client)
    return chat, embeddings, audio, agent


def mount_v1(config):
    client = openai.AsyncOpenAI(
        base_url=config["endpoint"] + "/openai/v1/",
        api_key="set per endpoint",
        http_client=openai.DefaultAsyncHttpxClient(transport=FailoverTransport(config)),
    )
    chat = OpenAIChatCompletion(ai_model_id=config["deployment_name"], async_client=client)
    embeddings = OpenAITextEmbedding(ai_model_id="text-embedding-3-small", async_client=client)
    audio = OpenAIAudioToText(ai_model_id="whisper", async_client=client)
    agent = OpenAIResponsesAgent(ai_model_id=config["deployment_name"], client=client)
    return chat, embeddings, audio, agent


async def chat_async(services):
    settings = OpenAIChatPromptExecutionSettings()
    return (await services[0].get_chat_message_content(hello(), settings)).content


async def stream_async(services):
    settings = OpenAIChatPromptExecutionSettings()
    parts = services[0].get_streaming_chat_message_content(hello(), settings)
    return "".join([part.content async for part in parts])


async def embed_async(services):
    return [float(number) for number in (await services[1].generate_embeddings(["Hello"]))[0]]


async def responses_async(services):
    return (await services[3].get_response("Hello")).content.content


async def responses_stream_async(services):
    return "".join([part.content.content async for part in services[3].invoke_stream("Hello")])


async def transcription_async(services):
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        return (await services[2].get_text_content(AudioContent(uri=file.name))).text


def hello():
    history = ChatHistory()
    history.add_user_message("Hello")
    return history
