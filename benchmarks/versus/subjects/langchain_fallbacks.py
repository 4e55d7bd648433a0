"""langchain's fallbacks: a chat model for each endpoint."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import openai
from langchain_core.runnables import Runnable
from langchain_openai import AzureChatOpenAI

from versus.contract import API_VERSION, DEPLOYMENT, MESSAGES, Setting
from versus.subjects._plain import timeout

TITLE = "langchain, with_fallbacks"
REQUIRES = ["langchain-openai>=1.7,<2", "openai>=3.57,<4"]
FAMILY = "httpx2"
FLOOR = "openai_alone"  # nearly all that is added is langchain's own, not its fallbacks'
FAILS_OVER = True
ADVICE = (
    "https://docs.langchain.com/docs/guides/productionization/fallbacks: Fallback for LLM API "
    "Errors, which langchain's repository has as docs/docs/how_to/fallbacks.ipynb"
)


class LangchainCaller:
    """Calls models, for threads."""

    def __init__(self, model: Runnable[Any, Any], models: list[AzureChatOpenAI]) -> None:
        self.model = model
        self.models = models

    def call(self) -> str:
        """Send the messages and give the answer's text."""
        return self.model.invoke(MESSAGES).text

    def stream(self) -> Iterator[str]:
        """Send the messages and give the answer's text piece by piece."""
        for chunk in self.model.stream(MESSAGES):
            yield chunk.text

    def close(self) -> None:
        """Close all connections."""
        for model in self.models:
            model.root_client.close()


class AsyncLangchainCaller:
    """Calls models, for tasks."""

    def __init__(self, model: Runnable[Any, Any], models: list[AzureChatOpenAI]) -> None:
        self.model = model
        self.models = models

    async def call(self) -> str:
        """Send the messages and give the answer's text."""
        return (await self.model.ainvoke(MESSAGES)).text

    async def stream(self) -> AsyncIterator[str]:
        """Send the messages and give the answer's text piece by piece."""
        async for chunk in self.model.astream(MESSAGES):
            yield chunk.text

    async def close(self) -> None:
        """Close all connections."""
        for model in self.models:
            await model.root_async_client.close()


def _own_clients(setting: Setting) -> dict[str, Any]:
    """Leave the pools to langchain, unless there is something to tell them."""
    options: dict[str, Any] = {}
    if setting.inner is not None:
        options = {"transport": setting.inner}
    elif setting.certificates is not None:
        options = {"verify": ssl.create_default_context(cafile=setting.certificates)}
    if not options:
        return {}
    return {
        "http_client": openai.DefaultHttpx2Client(**options),
        "http_async_client": openai.DefaultAsyncHttpx2Client(**options),
    }


def chat_models(setting: Setting) -> list[AzureChatOpenAI]:
    """Give a model for each endpoint."""
    primary, *backups = [
        {
            "azure_endpoint": each.url,
            "api_key": each.key,
            "api_version": API_VERSION,
            "azure_deployment": DEPLOYMENT,
            "timeout": timeout(httpx2, setting),
            **_own_clients(setting),
        }
        for each in setting.targets
    ]
    # max_retries is 2 by default; the documentation switches it off where there is a fallback
    return [AzureChatOpenAI(max_retries=0, **primary), *(AzureChatOpenAI(**b) for b in backups)]


def sync(setting: Setting) -> LangchainCaller:
    """Open a client for a thread."""
    primary, *backups = chat_models(setting)
    return LangchainCaller(primary.with_fallbacks(backups), [primary, *backups])


def asynchronous(setting: Setting) -> AsyncLangchainCaller:
    """Open a client for tasks."""
    primary, *backups = chat_models(setting)
    return AsyncLangchainCaller(primary.with_fallbacks(backups), [primary, *backups])
