"""openai-agents, which takes clients of openai; its synchronous calls run an event loop."""

from __future__ import annotations

import numpy as np
import openai
from agents import Agent, OpenAIProvider, RunConfig, Runner
from agents.voice import AudioInput, OpenAIVoiceModelProvider, STTModelSettings

from azure_failover.httpx2 import FailoverTransport

ASYNC = "its streams and transcriptions are asynchronous"
MISSING = {
    "embed": "",
    "stream_sync": ASYNC,
    "responses_stream_sync": ASYNC,
    "transcription_sync": ASYNC,
}


def mount(config):
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=config["endpoint"],
        api_key="set per endpoint",
        api_version="2024-10-21",
        http_client=openai.DefaultAsyncHttpxClient(transport=FailoverTransport(config)),
    )
    agent = Agent(name="greeter", model=config["deployment_name"])
    chat = RunConfig(
        model_provider=OpenAIProvider(openai_client=client, use_responses=False),
        tracing_disabled=True,  # traces go to OpenAI
    )
    responses = RunConfig(
        model_provider=OpenAIProvider(openai_client=client),
        tracing_disabled=True,
    )
    voice = OpenAIVoiceModelProvider(openai_client=client)
    return agent, chat, responses, voice


def mount_v1(config):
    client = openai.AsyncOpenAI(
        base_url=config["endpoint"] + "/openai/v1/",
        api_key="set per endpoint",
        http_client=openai.DefaultAsyncHttpxClient(transport=FailoverTransport(config)),
    )
    agent = Agent(name="greeter", model=config["deployment_name"])
    chat = RunConfig(
        model_provider=OpenAIProvider(openai_client=client, use_responses=False),
        tracing_disabled=True,  # traces go to OpenAI
    )
    responses = RunConfig(
        model_provider=OpenAIProvider(openai_client=client),
        tracing_disabled=True,
    )
    voice = OpenAIVoiceModelProvider(openai_client=client)
    return agent, chat, responses, voice


def chat_sync(mounted):
    return run_sync(mounted[0], mounted[1])


async def chat_async(mounted):
    return (await Runner.run(mounted[0], "Hello", run_config=mounted[1])).final_output


async def stream_async(mounted):
    return await streamed(mounted[0], mounted[1])


def responses_sync(mounted):
    return run_sync(mounted[0], mounted[2])


async def responses_async(mounted):
    return (await Runner.run(mounted[0], "Hello", run_config=mounted[2])).final_output


async def responses_stream_async(mounted):
    return await streamed(mounted[0], mounted[2])


async def transcription_async(mounted):
    return (
        await mounted[3]
        .get_stt_model("whisper")
        .transcribe(
            AudioInput(np.zeros(100, dtype=np.int16)),
            STTModelSettings(),
            trace_include_sensitive_data=False,
            trace_include_sensitive_audio_data=False,
        )
    )


def run_sync(agent, run_config):
    return Runner.run_sync(agent, "Hello", run_config=run_config).final_output


async def streamed(agent, run_config):
    result = Runner.run_streamed(agent, "Hello", run_config=run_config)
    return "".join(
        [
            event.data.delta
            async for event in result.stream_events()
            if event.type == "raw_response_event"
            and event.data.type == "response.output_text.delta"
        ]
    )
