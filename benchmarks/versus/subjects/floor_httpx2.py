"""The hand-written minimum over httpx2: rewrite, try, try the next; no memory."""

from __future__ import annotations

import httpx2

from versus.contract import Setting
from versus.subjects._floor import floor_transport
from versus.subjects._plain import AsyncPlainCaller, PlainCaller, pool_options, timeout

TITLE = "httpx2, by hand"
REQUIRES = ["httpx2"]
FAMILY = "httpx2"
FLOOR = "bare_httpx2"
FAILS_OVER = True
ADVICE = "benchmarks/versus/subjects/_floor.py: 60 lines that many write"


def sync(setting: Setting) -> PlainCaller:
    """Open a client for a thread."""
    pool = setting.inner or httpx2.HTTPTransport(**pool_options(httpx2, setting))
    transport = floor_transport(httpx2, pool, setting)
    client = httpx2.Client(transport=transport, timeout=timeout(httpx2, setting))
    return PlainCaller(client, setting)


def asynchronous(setting: Setting) -> AsyncPlainCaller:
    """Open a client for tasks."""
    pool = setting.inner or httpx2.AsyncHTTPTransport(**pool_options(httpx2, setting))
    transport = floor_transport(httpx2, pool, setting)
    client = httpx2.AsyncClient(transport=transport, timeout=timeout(httpx2, setting))
    return AsyncPlainCaller(client, setting)
