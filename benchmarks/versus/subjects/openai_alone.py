"""The openai SDK with one endpoint: no failover, and the reference for all that is built on it."""

from __future__ import annotations

import httpx2
import openai

from versus.contract import API_VERSION, Setting
from versus.subjects._plain import pool_options, timeout
from versus.subjects._sdk import AsyncSdkCaller, SdkCaller

TITLE = "openai"
REQUIRES = ["openai>=3.57,<4"]
FAMILY = "httpx2"
FLOOR = None
FAILS_OVER = False
ADVICE = "https://github.com/openai/openai-python: README, Configuring the HTTP client, Timeouts"


def sync(setting: Setting) -> SdkCaller:
    """Open a client for a thread."""
    primary = setting.targets[0]
    client = openai.AzureOpenAI(
        azure_endpoint=primary.url,
        api_key=primary.key,
        api_version=API_VERSION,
        # max_retries is 2 by default: up to two retries of the same endpoint
        timeout=timeout(httpx2, setting),
        http_client=openai.DefaultHttpx2Client(
            transport=setting.inner, **pool_options(httpx2, setting)
        ),
    )
    return SdkCaller(client)


def asynchronous(setting: Setting) -> AsyncSdkCaller:
    """Open a client for tasks."""
    primary = setting.targets[0]
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=primary.url,
        api_key=primary.key,
        api_version=API_VERSION,
        timeout=timeout(httpx2, setting),
        http_client=openai.DefaultAsyncHttpx2Client(
            transport=setting.inner, **pool_options(httpx2, setting)
        ),
    )
    return AsyncSdkCaller(client)
