"""pydantic-ai's FallbackModel: a model for each endpoint.

It is asked directly, without an agent, which would add its own work: so its documentation advises.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx2
import openai
from pydantic_ai import ModelRequest
from pydantic_ai.direct import (
    model_request,
    model_request_stream,
    model_request_stream_sync,
    model_request_sync,
)
from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.azure import AzureProvider

from versus.contract import API_VERSION, DEPLOYMENT, MESSAGES, Setting
from versus.subjects._plain import timeout

TITLE = "pydantic-ai, FallbackModel"
REQUIRES = ["pydantic-ai-slim[openai]>=2.68,<3", "openai>=3.57,<4"]
FAMILY = "httpx2"
FLOOR = "openai_alone"  # nearly all that is added is pydantic-ai's own, not its FallbackModel's
FAILS_OVER = True
ADVICE = (
    "https://pydantic.dev/docs/ai/models/overview: Fallback Model, and its note on max_retries; "
    "docs/capabilities/model-fallback.md of its repository, for asking it directly"
)

REQUEST = [ModelRequest.user_text_prompt(each["content"]) for each in MESSAGES]


def _text(event: object) -> str:
    match event:
        case PartStartEvent(part=TextPart(content=text)):
            return text
        case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            return text
        case _:
            return ""


class PydanticCaller:
    """Asks a model, for threads; each call runs an event loop."""

    def __init__(self, model: Model, clients: Sequence[openai.AsyncAzureOpenAI]) -> None:
        self.model = model
        self.clients = clients

    def call(self) -> str:
        """Send the messages and give the answer's text."""
        return model_request_sync(self.model, REQUEST).text or ""

    def stream(self) -> Iterator[str]:
        """Send the messages and give the answer's text piece by piece."""
        with model_request_stream_sync(self.model, REQUEST) as events:
            for event in events:
                yield _text(event)

    def close(self) -> None:
        """Close all connections."""
        loop = asyncio.get_event_loop_policy().get_event_loop()
        for client in self.clients:
            loop.run_until_complete(client.close())


class AsyncPydanticCaller:
    """Asks a model, for tasks."""

    def __init__(self, model: Model, clients: Sequence[openai.AsyncAzureOpenAI]) -> None:
        self.model = model
        self.clients = clients

    async def call(self) -> str:
        """Send the messages and give the answer's text."""
        return (await model_request(self.model, REQUEST)).text or ""

    async def stream(self) -> AsyncIterator[str]:
        """Send the messages and give the answer's text piece by piece."""
        async with model_request_stream(self.model, REQUEST) as events:
            async for event in events:
                yield _text(event)

    async def close(self) -> None:
        """Close all connections."""
        for client in self.clients:
            await client.close()


def _own_client(setting: Setting) -> Any:
    """Leave the pool to the SDK, unless there is something to tell it."""
    if setting.inner is not None:
        return openai.DefaultAsyncHttpx2Client(transport=setting.inner)
    if setting.certificates is not None:
        context = ssl.create_default_context(cafile=setting.certificates)
        return openai.DefaultAsyncHttpx2Client(verify=context)
    return None


def sdk_clients(setting: Setting) -> list[openai.AsyncAzureOpenAI]:
    """Give the SDK's client for each endpoint."""
    return [
        openai.AsyncAzureOpenAI(
            azure_endpoint=each.url,
            api_key=each.key,
            api_version=API_VERSION,
            max_retries=0,  # 2 by default; the documentation of FallbackModel advises 0
            timeout=timeout(httpx2, setting),
            http_client=_own_client(setting),
        )
        for each in setting.targets
    ]


def fallback_model(clients: Sequence[openai.AsyncAzureOpenAI]) -> FallbackModel:
    """Give the model over them all."""
    return FallbackModel(
        *(
            OpenAIChatModel(DEPLOYMENT, provider=AzureProvider(openai_client=client))
            for client in clients
        )
    )


def sync(setting: Setting) -> PydanticCaller:
    """Open a client for a thread."""
    clients = sdk_clients(setting)
    return PydanticCaller(fallback_model(clients), clients)


def asynchronous(setting: Setting) -> AsyncPydanticCaller:
    """Open a client for tasks."""
    clients = sdk_clients(setting)
    return AsyncPydanticCaller(fallback_model(clients), clients)
