"""How the emulator's tests call a region: plain httpx, nothing else."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any

import httpx

from azure_failover.emulator import Fleet

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure_failover.emulator import Region

VERSION = "2024-10-21"

_NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Plain http needs no trust store, and loading one costs more than a whole test."""


def trust(fleet: Fleet) -> ssl.SSLContext:
    return fleet.ssl_context() if fleet.regions[0].url.startswith("https") else _NO_TRUST


def client_of(fleet: Fleet, *, read: float = 5.0) -> httpx.Client:
    timeout = httpx.Timeout(5.0, read=read)
    return httpx.Client(verify=trust(fleet), timeout=timeout, trust_env=False)


def dated(region: Region, route: str = "chat/completions", deployment: str | None = None) -> str:
    name = deployment or region.deployment_name
    return f"{region.endpoint}/openai/deployments/{name}/{route}?api-version={VERSION}"


def plain(region: Region, route: str) -> str:
    return f"{region.endpoint}/openai/{route}?api-version={VERSION}"


def v1(region: Region, route: str) -> str:
    return f"{region.endpoint}/openai/v1/{route}"


def key(region: Region) -> dict[str, str]:
    return {"api-key": region.api_key}


def said(text: str = "hi", **more: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


def ask(client: httpx.Client, region: Region, text: str = "hi", **more: object) -> httpx.Response:
    return client.post(dated(region), headers=key(region), json=said(text, **more))


def soon(is_so: Callable[[], bool]) -> bool:
    """Wait, for at most two seconds, for what the server learns from the kernel."""
    deadline = time.monotonic() + 2
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
