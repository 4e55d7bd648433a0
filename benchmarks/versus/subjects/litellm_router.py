"""litellm's Router: two deployments of one model group, in their order."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise the import fetches a price list

import httpx
import litellm
from litellm import Router

from versus.contract import API_VERSION, DEPLOYMENT, MESSAGES, Setting

TITLE = "litellm, Router"
REQUIRES = ["litellm>=1.106,<2"]
FAMILY = None
FLOOR = "openai_alone"
FAILS_OVER = True
ADVICE = "https://docs.litellm.ai/docs/router/learn/selection and .../reliability"


class RouterCaller:
    """Calls a router, for threads."""

    def __init__(self, router: Router) -> None:
        self.router = router

    def call(self) -> str:
        """Send the messages and give the answer's text."""
        answer = self.router.completion(DEPLOYMENT, MESSAGES)
        return str(answer.choices[0].message.content)

    def stream(self) -> Iterator[str]:
        """Send the messages and give the answer's text piece by piece."""
        for chunk in self.router.completion(DEPLOYMENT, MESSAGES, stream=True):
            for choice in chunk.choices:
                yield choice.delta.content or ""

    def close(self) -> None:
        """Close all connections."""


class AsyncRouterCaller:
    """Calls a router, for tasks."""

    def __init__(self, router: Router) -> None:
        self.router = router

    async def call(self) -> str:
        """Send the messages and give the answer's text."""
        answer = await self.router.acompletion(DEPLOYMENT, MESSAGES)
        return str(answer.choices[0].message.content)

    async def stream(self) -> AsyncIterator[str]:
        """Send the messages and give the answer's text piece by piece."""
        async for chunk in await self.router.acompletion(DEPLOYMENT, MESSAGES, stream=True):
            for choice in chunk.choices:
                yield choice.delta.content or ""

    async def close(self) -> None:
        """Close all connections."""


def router(setting: Setting) -> Router:
    """Give the router."""
    return Router(
        model_list=[
            {
                "model_name": DEPLOYMENT,
                "litellm_params": {
                    "model": f"azure/{DEPLOYMENT}",
                    "api_base": each.url,
                    "api_key": each.key,
                    "api_version": API_VERSION,
                    "order": order,
                    "timeout": httpx.Timeout(setting.read, connect=setting.connect),
                },
            }
            for order, each in enumerate(setting.targets, 1)
        ],
    )


def sync(setting: Setting) -> RouterCaller:
    """Open a client for a thread."""
    return RouterCaller(router(setting))


def asynchronous(setting: Setting) -> AsyncRouterCaller:
    """Open a client for tasks."""
    return AsyncRouterCaller(router(setting))
