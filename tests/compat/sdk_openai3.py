"""openai 3.x over httpx2, its own HTTP family."""

from __future__ import annotations

import openai

from azure_failover.httpx2 import FailoverTransport

MESSAGES = [{"role": "user", "content": "Hello"}]
AUDIO = ("hello.wav", b"RIFF\x00\x00\x00\x00WAVE", "audio/wav")


def mount(config):
    transport = FailoverTransport(config)
    client = openai.AzureOpenAI(
        azure_endpoint=config["endpoint"],
        api_key="set per endpoint",
        api_version="2024-10-21",
        http_client=openai.DefaultHttpxClient(transport=transport),
    )
    async_client = openai.AsyncAzureOpenAI(
        azure_endpoint=config["endpoint"],
        api_key="set per endpoint",
        api_version="2024-10-21",
        http_client=openai.DefaultAsyncHttpxClient(transport=transport),
    )
    return client, async_client


def mount_v1(config):
    transport = FailoverTransport(config)
    client = openai.OpenAI(
        base_url=config["endpoint"] + "/openai/v1/",
        api_key="set per endpoint",
        http_client=openai.DefaultHttpxClient(transport=transport),
    )
    async_client = openai.AsyncOpenAI(
        base_url=config["endpoint"] + "/openai/v1/",
        api_key="set per endpoint",
        http_client=openai.DefaultAsyncHttpxClient(transport=transport),
    )
    return client, async_client


def chat_sync(clients):
    completions = clients[0].chat.completions.with_raw_response
    raw = completions.create(model="gpt-4.1-mini", messages=MESSAGES)
    return raw.parse().choices[0].message.content, raw.http_response


async def chat_async(clients):
    completions = clients[1].chat.completions.with_raw_response
    raw = await completions.create(model="gpt-4.1-mini", messages=MESSAGES)
    return raw.parse().choices[0].message.content, raw.http_response


def stream_sync(clients):
    completions = clients[0].chat.completions
    chunks = completions.create(model="gpt-4.1-mini", messages=MESSAGES, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    return text, chunks.response


async def stream_async(clients):
    completions = clients[1].chat.completions
    chunks = await completions.create(model="gpt-4.1-mini", messages=MESSAGES, stream=True)
    parts = [chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices]
    return "".join(parts), chunks.response


def embed_sync(clients):
    answer = clients[0].embeddings.create(model="text-embedding-3-small", input="Hello")
    return answer.data[0].embedding


async def embed_async(clients):
    answer = await clients[1].embeddings.create(model="text-embedding-3-small", input="Hello")
    return answer.data[0].embedding


def responses_sync(clients):
    return clients[0].responses.create(model="gpt-4.1-mini", input="Hello").output_text


async def responses_async(clients):
    return (await clients[1].responses.create(model="gpt-4.1-mini", input="Hello")).output_text


def responses_stream_sync(clients):
    with clients[0].responses.stream(model="gpt-4.1-mini", input="Hello") as stream:
        events = [event.delta for event in stream if event.type == "response.output_text.delta"]
    return "".join(events)


async def responses_stream_async(clients):
    async with clients[1].responses.stream(model="gpt-4.1-mini", input="Hello") as stream:
        return "".join(
            [event.delta async for event in stream if event.type == "response.output_text.delta"]
        )


def transcription_sync(clients):
    return clients[0].audio.transcriptions.create(model="whisper", file=AUDIO).text


async def transcription_async(clients):
    return (await clients[1].audio.transcriptions.create(model="whisper", file=AUDIO)).text
