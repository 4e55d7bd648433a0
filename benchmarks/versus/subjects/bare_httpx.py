"""Plain httpx with one endpoint: no failover, and what everything over httpx builds on."""

from __future__ import annotations

import httpx

from versus.contract import Setting
from versus.subjects._plain import AsyncPlainCaller, PlainCaller, pool_options, timeout

TITLE = "httpx"
REQUIRES = ["httpx"]
FAMILY = "httpx"
FLOOR = None
FAILS_OVER = False
ADVICE = "nothing to configure"


def sync(setting: Setting) -> PlainCaller:
    """Open a client for a thread."""
    pool = setting.inner or httpx.HTTPTransport(**pool_options(httpx, setting))
    client = httpx.Client(transport=pool, timeout=timeout(httpx, setting))
    return PlainCaller(client, setting)


def asynchronous(setting: Setting) -> AsyncPlainCaller:
    """Open a client for tasks."""
    pool = setting.inner or httpx.AsyncHTTPTransport(**pool_options(httpx, setting))
    client = httpx.AsyncClient(transport=pool, timeout=timeout(httpx, setting))
    return AsyncPlainCaller(client, setting)
