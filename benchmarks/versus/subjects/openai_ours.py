"""azure_failover under the openai SDK."""

from __future__ import annotations

import httpx2
import openai

from azure_failover.httpx2 import FailoverTransport
from versus.contract import API_VERSION, DEPLOYMENT, Setting
from versus.subjects._plain import pool_options, timeout
from versus.subjects._sdk import AsyncSdkCaller, SdkCaller

TITLE = "openai, azure_failover"
REQUIRES = [".", "httpx2", "openai>=3.57,<4"]
FAMILY = "httpx2"
FLOOR = "openai_alone"
FAILS_OVER = True
ADVICE = "docs/compatibility.md: openai 3, Retries"


def transport(setting: Setting) -> FailoverTransport:
    """Give the transport, with all endpoints in their order."""
    primary, *backups = setting.targets
    config = {
        "endpoint": primary.url,
        "api_key": primary.key,
        "deployment_name": DEPLOYMENT,
        "backups": [{"endpoint": each.url, "api_key": each.key} for each in backups],
    }
    if setting.inner is not None:
        return FailoverTransport(config, transport=setting.inner)
    return FailoverTransport(config, **pool_options(httpx2, setting))


def over(transport: httpx2.BaseTransport, setting: Setting) -> SdkCaller:
    """Open a client over a transport."""
    client = openai.AzureOpenAI(
        azure_endpoint=setting.targets[0].url,
        api_key="set per endpoint",
        api_version=API_VERSION,
        # max_retries is 2 by default; after a 5xx of all endpoints the transport stops them
        timeout=timeout(httpx2, setting),
        http_client=openai.DefaultHttpx2Client(transport=transport),
    )
    return SdkCaller(client)


def sync(setting: Setting) -> SdkCaller:
    """Open a client for a thread."""
    return over(transport(setting), setting)


def asynchronous(setting: Setting) -> AsyncSdkCaller:
    """Open a client for tasks."""
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=setting.targets[0].url,
        api_key="set per endpoint",
        api_version=API_VERSION,
        timeout=timeout(httpx2, setting),
        http_client=openai.DefaultAsyncHttpx2Client(transport=transport(setting)),
    )
    return AsyncSdkCaller(client)
