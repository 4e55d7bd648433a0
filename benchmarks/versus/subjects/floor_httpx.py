"""The hand-written minimum over httpx: rewrite, try, try the next; no memory."""

from __future__ import annotations

import httpx

from versus.contract import Setting
from versus.subjects._floor import floor_transport
from versus.subjects._plain import AsyncPlainCaller, PlainCaller, pool_options, timeout

TITLE = "httpx, by hand"
REQUIRES = ["httpx"]
FAMILY = "httpx"
FLOOR = "bare_httpx"
FAILS_OVER = True
ADVICE = "benchmarks/versus/subjects/_floor.py: 60 lines that many write"


def sync(setting: Setting) -> PlainCaller:
    """Open a client for a thread."""
    pool = setting.inner or httpx.HTTPTransport(**pool_options(httpx, setting))
    transport = floor_transport(httpx, pool, setting)
    client = httpx.Client(transport=transport, timeout=timeout(httpx, setting))
    return PlainCaller(client, setting)


def asynchronous(setting: Setting) -> AsyncPlainCaller:
    """Open a client for tasks."""
    pool = setting.inner or httpx.AsyncHTTPTransport(**pool_options(httpx, setting))
    transport = floor_transport(httpx, pool, setting)
    client = httpx.AsyncClient(transport=transport, timeout=timeout(httpx, setting))
    return AsyncPlainCaller(client, setting)
