"""litellm's Router as in litellm_router.py, but with a cooldown that begins sooner."""

from __future__ import annotations

from litellm import Router

from versus.contract import Setting
from versus.subjects._litellm import AsyncRouterCaller, RouterCaller, deployments

TITLE = "litellm, Router, allowed_fails=1"
REQUIRES = ["litellm>=1.110,<2"]
FAMILY = None  # its page on OpenAI tells of litellm.client_session; none does so for Azure
FLOOR = "openai_alone"  # by which litellm calls Azure: who wants failover takes on all it adds
FAILS_OVER = True
ADVICE = (
    "https://docs.litellm.ai/docs/routing: Deployment Ordering (Priority), and Cooldowns for "
    "allowed_fails=1, with the default cooldown_time"
)


def group(setting: Setting) -> Router:
    """Give the router.

    A deployment is left out for 5 s, the default, at its second failure within that time. The
    documentation's example has 100 s, which is how long a primary that is back would not be used.
    """
    return Router(model_list=deployments(setting), allowed_fails=1)


def sync(setting: Setting) -> RouterCaller:
    """Open a client for a thread."""
    return RouterCaller(group(setting))


def asynchronous(setting: Setting) -> AsyncRouterCaller:
    """Open a client for tasks."""
    return AsyncRouterCaller(group(setting))
