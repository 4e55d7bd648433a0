"""azure_failover in a plain httpx client."""

from __future__ import annotations

from typing import Any

import httpx

from azure_failover import FailoverTransport
from versus.contract import API_VERSION, DEPLOYMENT, Setting
from versus.subjects._plain import AsyncPlainCaller, PlainCaller, pool_options, timeout

TITLE = "httpx, azure_failover"
REQUIRES = ["."]
FAMILY = "httpx"
FLOOR = "bare_httpx"
FAILS_OVER = True
ADVICE = "README.md"


def transport(setting: Setting) -> FailoverTransport:
    """Give the transport, configured as the README does."""
    primary, *backups = setting.targets
    config: dict[str, Any] = {
        "endpoint": primary.url,
        "api_key": primary.key,
        "deployment_name": DEPLOYMENT,
        "api_version": API_VERSION,
        "backups": [{"endpoint": each.url, "api_key": each.key} for each in backups],
    }
    if setting.inner is not None:
        return FailoverTransport(config, transport=setting.inner)
    return FailoverTransport(config, **pool_options(httpx, setting))


def over(transport: httpx.BaseTransport, setting: Setting) -> PlainCaller:
    """Open a client over a transport."""
    client = httpx.Client(transport=transport, timeout=timeout(httpx, setting))
    return PlainCaller(client, setting)


def sync(setting: Setting) -> PlainCaller:
    """Open a client for a thread."""
    return over(transport(setting), setting)


def asynchronous(setting: Setting) -> AsyncPlainCaller:
    """Open a client for tasks."""
    client = httpx.AsyncClient(transport=transport(setting), timeout=timeout(httpx, setting))
    return AsyncPlainCaller(client, setting)
