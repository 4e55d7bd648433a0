"""litellm over httpx: one session for all that goes through openai, a handler for responses."""

from __future__ import annotations

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise the import fetches a price list

import httpx
import litellm
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler, HTTPHandler

from azure_failover import FailoverTransport

litellm.suppress_debug_info = True
MESSAGES = [{"role": "user", "content": "Hello"}]
AUDIO = ("hello.wav", b"RIFF\x00\x00\x00\x00WAVE", "audio/wav")
MISSING = {"v1 transcription": "its transcriptions go to dated URLs alone"}


def mount(config):
    transport = FailoverTransport(config)
    litellm.client_session = httpx.Client(transport=transport, timeout=600)
    litellm.aclient_session = httpx.AsyncClient(transport=transport, timeout=600)
    handler = HTTPHandler(client=litellm.client_session)  # client= of litellm.responses
    async_handler = AsyncHTTPHandler()  # client= of litellm.aresponses
    async_handler.client = litellm.aclient_session
    azure = {
        "api_base": config["endpoint"],
        "api_key": "set per endpoint",
        "api_version": "2024-10-21",
    }
    return fresh(azure, handler, async_handler)


def mount_v1(config):
    transport = FailoverTransport(config)
    litellm.client_session = httpx.Client(transport=transport, timeout=600)
    litellm.aclient_session = httpx.AsyncClient(transport=transport, timeout=600)
    handler = HTTPHandler(client=litellm.client_session)  # client= of litellm.responses
    async_handler = AsyncHTTPHandler()  # client= of litellm.aresponses
    async_handler.client = litellm.aclient_session
    azure = {
        "api_base": config["endpoint"],
        "api_key": "set per endpoint",
        "api_version": "v1",
    }
    return fresh(azure, handler, async_handler)


def chat_sync(mounted):
    answer = litellm.completion("azure/gpt-4.1-mini", messages=MESSAGES, **mounted[0])
    return answer.choices[0].message.content


async def chat_async(mounted):
    answer = await litellm.acompletion("azure/gpt-4.1-mini", messages=MESSAGES, **mounted[0])
    return answer.choices[0].message.content


def stream_sync(mounted):
    chunks = litellm.completion("azure/gpt-4.1-mini", messages=MESSAGES, stream=True, **mounted[0])
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


async def stream_async(mounted):
    asked = litellm.acompletion("azure/gpt-4.1-mini", messages=MESSAGES, stream=True, **mounted[0])
    return "".join([chunk.choices[0].delta.content or "" async for chunk in await asked])


def embed_sync(mounted):
    answer = litellm.embedding("azure/text-embedding-3-small", input=["Hello"], **mounted[0])
    return answer.data[0]["embedding"]


async def embed_async(mounted):
    answer = await litellm.aembedding("azure/text-embedding-3-small", input=["Hello"], **mounted[0])
    return answer.data[0]["embedding"]


def responses_sync(mounted):
    answer = litellm.responses("Hello", model="azure/gpt-4.1-mini", client=mounted[1], **mounted[0])
    return answer.output_text


async def responses_async(mounted):
    answer = await litellm.aresponses(
        "Hello", model="azure/gpt-4.1-mini", client=mounted[2], **mounted[0]
    )
    return answer.output_text


def responses_stream_sync(mounted):
    events = litellm.responses(
        "Hello", model="azure/gpt-4.1-mini", client=mounted[1], stream=True, **mounted[0]
    )
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


async def responses_stream_async(mounted):
    events = await litellm.aresponses(
        "Hello", model="azure/gpt-4.1-mini", client=mounted[2], stream=True, **mounted[0]
    )
    return "".join(
        [event.delta async for event in events if event.type == "response.output_text.delta"]
    )


def transcription_sync(mounted):
    return litellm.transcription("azure/whisper", file=AUDIO, **mounted[0]).text


async def transcription_async(mounted):
    return (await litellm.atranscription("azure/whisper", file=AUDIO, **mounted[0])).text


def fresh(*mounted):
    """Forget the clients that were made for earlier fleets, whose ports may come again."""
    litellm.in_memory_llm_clients_cache.flush_cache()
    return mounted
