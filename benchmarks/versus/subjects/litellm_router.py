"""litellm's Router: a deployment for each endpoint, all of one group, in their order.

Cooldowns need more than one deployment in a group, so the endpoints share one; as groups of their
own, with ``fallbacks``, each call would try the dead one three times and wait seconds in between.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise the import fetches a price list

import httpx
import litellm
from litellm import Router

from versus.contract import API_VERSION, DEPLOYMENT, MESSAGES, Setting

TITLE = "litellm, Router"
REQUIRES = ["litellm>=1.110,<2"]
FAMILY = None  # no page of its documentation tells how to give a transport to its Azure clients
FLOOR = "openai_alone"  # by which litellm calls Azure: who wants failover takes on all it adds
FAILS_OVER = True
ADVICE = (
    "https://docs.litellm.ai/docs/router/learn/selection: order, "
    "https://docs.litellm.ai/docs/router/learn/reliability: Retries, fallbacks and cooldowns"
)

litellm.suppress_debug_info = True  # otherwise each error prints where to get help


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


def group(setting: Setting) -> Router:
    """Give the router.

    By default there are two retries, and a deployment of which half of at least five calls within
    a minute failed is left out for 5 s.
    """
    if setting.certificates is not None:
        litellm.ssl_verify = setting.certificates
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
        ]
    )


def sync(setting: Setting) -> RouterCaller:
    """Open a client for a thread."""
    return RouterCaller(group(setting))


def asynchronous(setting: Setting) -> AsyncRouterCaller:
    """Open a client for tasks."""
    return AsyncRouterCaller(group(setting))
