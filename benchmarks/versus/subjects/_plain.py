"""Calls through a plain HTTP client, of httpx or of httpx2: what bare, floor and ours share."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from versus.contract import API_VERSION, DEPLOYMENT, MESSAGES, Setting

PATH = f"/openai/deployments/{DEPLOYMENT}/chat/completions?api-version={API_VERSION}"
BODY = json.dumps({"model": DEPLOYMENT, "messages": MESSAGES}).encode()
STREAM_BODY = json.dumps({"model": DEPLOYMENT, "messages": MESSAGES, "stream": True}).encode()


def timeout(family: Any, setting: Setting) -> Any:
    """Give the client's timeouts."""
    return family.Timeout(setting.read, connect=setting.connect)


def pool_options(family: Any, setting: Setting) -> dict[str, Any]:
    """Give what a pool, or our transport, takes: how many connections, and whom to trust."""
    count = setting.connections
    limits = family.Limits(
        max_connections=count, max_keepalive_connections=count, keepalive_expiry=600.0
    )
    if setting.certificates is None:
        return {"limits": limits}
    context = ssl.create_default_context(cafile=setting.certificates)
    return {"limits": limits, "verify": context}


def _headers(setting: Setting) -> dict[str, str]:
    return {"api-key": setting.targets[0].key, "content-type": "application/json"}


def _text(response: Any) -> str:
    response.raise_for_status()
    return str(response.json()["choices"][0]["message"]["content"])


def _pieces(line: str) -> Iterable[str]:
    """Give the text in a line of an event stream."""
    if line.startswith("data: ") and line != "data: [DONE]":
        for choice in json.loads(line[6:])["choices"]:
            yield choice["delta"].get("content") or ""


class PlainCaller:
    """Calls through a client, for threads."""

    def __init__(self, client: Any, setting: Setting) -> None:
        self.client = client
        self.url = setting.targets[0].url + PATH
        self.headers = _headers(setting)

    def call(self) -> str:
        """Send the messages and give the answer's text."""
        return _text(self.client.post(self.url, content=BODY, headers=self.headers))

    def stream(self) -> Iterator[str]:
        """Send the messages and give the answer's text piece by piece."""
        with self.client.stream(
            "POST", self.url, content=STREAM_BODY, headers=self.headers
        ) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                yield from _pieces(line)

    def close(self) -> None:
        """Close all connections."""
        self.client.close()


class AsyncPlainCaller:
    """Calls through a client, for tasks."""

    def __init__(self, client: Any, setting: Setting) -> None:
        self.client = client
        self.url = setting.targets[0].url + PATH
        self.headers = _headers(setting)

    async def call(self) -> str:
        """Send the messages and give the answer's text."""
        return _text(await self.client.post(self.url, content=BODY, headers=self.headers))

    async def stream(self) -> AsyncIterator[str]:
        """Send the messages and give the answer's text piece by piece."""
        async with self.client.stream(
            "POST", self.url, content=STREAM_BODY, headers=self.headers
        ) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                for piece in _pieces(line):
                    yield piece

    async def close(self) -> None:
        """Close all connections."""
        await self.client.aclose()
