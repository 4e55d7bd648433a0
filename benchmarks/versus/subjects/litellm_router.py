"""litellm's Router: a deployment for each endpoint, all of one group, in their order.

By default cooldowns need more than one deployment in a group, so the endpoints share one; as groups
of their own, with ``fallbacks`` and nothing else set, each call would try the dead one three times
and wait seconds in between.
"""

from __future__ import annotations

from litellm import Router

from versus.contract import Setting
from versus.subjects._litellm import AsyncRouterCaller, RouterCaller, deployments

TITLE = "litellm, Router"
REQUIRES = ["litellm>=1.110,<2"]
FAMILY = None  # its page on OpenAI tells of litellm.client_session; none does so for Azure
FLOOR = "openai_alone"  # by which litellm calls Azure: who wants failover takes on all it adds
FAILS_OVER = True
ADVICE = (
    "https://docs.litellm.ai/docs/routing: Deployment Ordering (Priority); "
    "https://docs.litellm.ai/docs/router/learn/selection and "
    "https://docs.litellm.ai/docs/router/learn/reliability: order, cooldowns"
)


def group(setting: Setting) -> Router:
    """Give the router.

    By default there are two retries, and a deployment of which more than half of at least five
    attempts within a minute failed is left out for 5 s; a refused connection does not count.
    """
    return Router(model_list=deployments(setting))


def sync(setting: Setting) -> RouterCaller:
    """Open a client for a thread."""
    return RouterCaller(group(setting))


def asynchronous(setting: Setting) -> AsyncRouterCaller:
    """Open a client for tasks."""
    return AsyncRouterCaller(group(setting))
