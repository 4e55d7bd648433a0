"""Plain httpx2 with one endpoint: no failover, and what everything over httpx2 builds on."""

from __future__ import annotations

import httpx2

from versus.contract import Setting
from versus.subjects._plain import AsyncPlainCaller, PlainCaller, pool_options, timeout

TITLE = "httpx2"
REQUIRES = ["httpx2"]
FAMILY = "httpx2"
FLOOR = None
FAILS_OVER = False
ADVICE = "nothing to configure"


def sync(setting: Setting) -> PlainCaller:
    """Open a client for a thread."""
    pool = setting.inner or httpx2.HTTPTransport(**pool_options(httpx2, setting))
    client = httpx2.Client(transport=pool, timeout=timeout(httpx2, setting))
    return PlainCaller(client, setting)


def asynchronous(setting: Setting) -> AsyncPlainCaller:
    """Open a client for tasks."""
    pool = setting.inner or httpx2.AsyncHTTPTransport(**pool_options(httpx2, setting))
    client = httpx2.AsyncClient(transport=pool, timeout=timeout(httpx2, setting))
    return AsyncPlainCaller(client, setting)
