"""openai-priority-loadbalancer under the openai SDK.

It knows hosts and no ports, for on Azure all have port 443. Here all have one host, so it is given
names, which the transport below it resolves. That transport takes the place of its own, for which
it has no option, and has the same defaults: 100 connections, of which 20 are kept.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import openai
from openai_priority_loadbalancer import AsyncLoadBalancer, Backend, LoadBalancer

from versus.contract import API_VERSION, Setting
from versus.subjects._plain import timeout
from versus.subjects._sdk import AsyncSdkCaller, SdkCaller

TITLE = "openai, openai-priority-loadbalancer"
REQUIRES = ["openai-priority-loadbalancer>=1.1,<2", "openai>=3.57,<4"]
FAMILY = "httpx"
FLOOR = "openai_alone"
FAILS_OVER = True
ADVICE = (
    "https://github.com/simonkurtz-MSFT/python-openai-loadbalancer: PACKAGE_README.md, "
    "Configuring the Backends and Load Balancer with individual Azure OpenAI API Keys"
)


class _Names:
    """Which origin each name stands for."""

    def __init__(self, setting: Setting) -> None:
        self._origins = {f"endpoint-{n}": each.url for n, each in enumerate(setting.targets, 1)}
        self._known: dict[tuple[str, bytes], httpx.URL] = {}

    def resolve(self, url: httpx.URL) -> httpx.URL:
        key = url.host, url.raw_path
        if key not in self._known:
            self._known[key] = httpx.URL(self._origins[url.host] + url.raw_path.decode())
        return self._known[key]


class _NamedTransport(httpx.HTTPTransport):
    def __init__(self, names: _Names, **options: Any) -> None:
        super().__init__(**options)
        self._names = names

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = self._names.resolve(request.url)
        return super().handle_request(request)


class _AsyncNamedTransport(httpx.AsyncHTTPTransport):
    def __init__(self, names: _Names, **options: Any) -> None:
        super().__init__(**options)
        self._names = names

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = self._names.resolve(request.url)
        return await super().handle_async_request(request)


def _below(setting: Setting, transport: Any) -> Any:
    """Give the transport under the load balancer."""
    if setting.inner is not None:
        return setting.inner
    if setting.certificates is None:
        return transport(_Names(setting))
    context = ssl.create_default_context(cafile=setting.certificates)
    return transport(_Names(setting), verify=context)


def sync(setting: Setting) -> SdkCaller:
    """Open a client for a thread."""
    backends = [
        Backend(f"endpoint-{priority}", priority, None, each.key)
        for priority, each in enumerate(setting.targets, 1)
    ]
    lb = LoadBalancer(backends)
    lb._transport = httpx.Client(transport=_below(setting, _NamedTransport))  # for the names alone
    client = openai.AzureOpenAI(
        azure_endpoint=setting.targets[0].url,
        api_key="obtain_from_load_balancer",
        api_version=API_VERSION,
        # max_retries is 2 by default, and here retries what the load balancer gives up
        http_client=httpx.Client(transport=lb, timeout=timeout(httpx, setting)),
    )
    return SdkCaller(client)


def asynchronous(setting: Setting) -> AsyncSdkCaller:
    """Open a client for tasks."""
    backends = [
        Backend(f"endpoint-{priority}", priority, None, each.key)
        for priority, each in enumerate(setting.targets, 1)
    ]
    lb = AsyncLoadBalancer(backends)
    lb._transport = httpx.AsyncClient(transport=_below(setting, _AsyncNamedTransport))
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=setting.targets[0].url,
        api_key="obtain_from_load_balancer",
        api_version=API_VERSION,
        http_client=httpx.AsyncClient(transport=lb, timeout=timeout(httpx, setting)),
    )
    return AsyncSdkCaller(client)
