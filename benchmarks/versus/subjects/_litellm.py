"""Calls through a Router of litellm: what its subjects share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise the import fetches a price list

import httpx
import litellm
from litellm import Router

from versus.contract import API_VERSION, DEPLOYMENT, MESSAGES, Setting

litellm.suppress_debug_info = True  # otherwise each error prints where to get help


def deployments(setting: Setting) -> list[dict[str, Any]]:
    """Give a deployment for each endpoint, all of one group, in their order."""
    if setting.certificates is not None:
        litellm.ssl_verify = setting.certificates
    return [
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
    ]


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
        """Close all connections; litellm has but one way to do so."""
        asyncio.run(_close(self.router))


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
        await _close(self.router)


async def _close(router: Router) -> None:
    router.retire()
    await litellm.close_litellm_async_clients()
    litellm.in_memory_llm_clients_cache.flush_cache()  # or a later router would get closed ones
