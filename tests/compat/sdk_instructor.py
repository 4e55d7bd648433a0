"""instructor, which wraps clients of openai: what is mounted there is mounted here."""

from __future__ import annotations

import instructor
import openai
from pydantic import BaseModel

from azure_failover.httpx2 import FailoverTransport

MISSING = {
    "embed": "",
    "transcription": "",
}


class Answer(BaseModel):
    word: str


ASK = {
    "model": "gpt-4.1-mini",
    "messages": [{"role": "user", "content": '{"word": "Hello"}'}],
    "response_model": Answer,
}
ASK_RAW = {
    "model": "gpt-4.1-mini",
    "messages": [{"role": "user", "content": "Hello"}],
    "response_model": None,
}


def mount(config):
    transport = FailoverTransport(config)
    client = instructor.from_openai(
        openai.AzureOpenAI(
            azure_endpoint=config["endpoint"],
            api_key="set per endpoint",
            api_version="2024-10-21",
            http_client=openai.DefaultHttpxClient(transport=transport),
        ),
        mode=instructor.Mode.MD_JSON,
    )
    async_client = instructor.from_openai(
        openai.AsyncAzureOpenAI(
            azure_endpoint=config["endpoint"],
            api_key="set per endpoint",
            api_version="2024-10-21",
            http_client=openai.DefaultAsyncHttpxClient(transport=transport),
        ),
        mode=instructor.Mode.MD_JSON,
    )
    return client, async_client


def mount_v1(config):
    transport = FailoverTransport(config)
    client = instructor.from_openai(
        openai.OpenAI(
            base_url=config["endpoint"] + "/openai/v1/",
            api_key="set per endpoint",
            http_client=openai.DefaultHttpxClient(transport=transport),
        ),
        mode=instructor.Mode.MD_JSON,
    )
    async_client = instructor.from_openai(
        openai.AsyncOpenAI(
            base_url=config["endpoint"] + "/openai/v1/",
            api_key="set per endpoint",
            http_client=openai.DefaultAsyncHttpxClient(transport=transport),
        ),
        mode=instructor.Mode.MD_JSON,
    )
    return client, async_client


def chat_sync(clients):
    answer, raw = clients[0].create_with_completion(**ASK)
    return signed(answer, raw)


async def chat_async(clients):
    answer, raw = await clients[1].create_with_completion(**ASK)
    return signed(answer, raw)


def stream_sync(clients):
    *_, last = clients[0].create_partial(**ASK)
    return last.word


async def stream_async(clients):
    *_, last = [part async for part in clients[1].create_partial(**ASK)]
    return last.word


def responses_sync(clients):
    return over_responses(clients[0]).create(**ASK_RAW).output_text


async def responses_async(clients):
    return (await over_responses(clients[1]).create(**ASK_RAW)).output_text


def responses_stream_sync(clients):
    events = over_responses(clients[0]).create(**ASK_RAW, stream=True)
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


async def responses_stream_async(clients):
    events = await over_responses(clients[1]).create(**ASK_RAW, stream=True)
    return "".join(
        [event.delta async for event in events if event.type == "response.output_text.delta"]
    )


def over_responses(client):
    """The same client over the responses API, whose structured mode needs calls of tools."""
    return instructor.from_openai(client.client, mode=instructor.Mode.RESPONSES_TOOLS)


def signed(answer, raw):
    """The region that the raw answer names, and the word of the structured one."""
    return raw.choices[0].message.content.partition(" ")[0] + " " + answer.word
