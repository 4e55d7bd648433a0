"""httpx-retries in a plain httpx client: it tries the same URL again, and never another endpoint.

In the report it shows what retries alone are worth.
"""

from __future__ import annotations

from typing import Any

import httpx
from httpx_retries import Retry, RetryTransport

from versus.contract import Setting
from versus.subjects._plain import AsyncPlainCaller, PlainCaller, pool_options, timeout

TITLE = "httpx, httpx-retries"
REQUIRES = ["httpx-retries>=0.6,<1"]
FAMILY = "httpx"
FLOOR = "bare_httpx"
FAILS_OVER = False
ADVICE = (
    "https://github.com/will-ockmore/httpx-retries: README for the numbers; "
    "https://will-ockmore.github.io/httpx-retries: Retry Behaviour for the backoff, FAQs for the "
    "pool's options, and for opting POST in"
)


def retrying(pool: Any) -> RetryTransport:
    """Give the transport. By default there are 10 retries without a pause, and none of POST."""
    retry = Retry(total=5, backoff_factor=0.5, allowed_methods=["POST"])
    return RetryTransport(pool, retry=retry)


def sync(setting: Setting) -> PlainCaller:
    """Open a client for a thread."""
    pool = setting.inner or httpx.HTTPTransport(**pool_options(httpx, setting))
    client = httpx.Client(transport=retrying(pool), timeout=timeout(httpx, setting))
    return PlainCaller(client, setting)


def asynchronous(setting: Setting) -> AsyncPlainCaller:
    """Open a client for tasks."""
    pool = setting.inner or httpx.AsyncHTTPTransport(**pool_options(httpx, setting))
    client = httpx.AsyncClient(transport=retrying(pool), timeout=timeout(httpx, setting))
    return AsyncPlainCaller(client, setting)
