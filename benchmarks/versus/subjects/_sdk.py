"""Calls through a client of the openai SDK: what the subjects that use one directly share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from versus.contract import DEPLOYMENT, MESSAGES


class SdkCaller:
    """Calls through a client, for threads."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def call(self) -> str:
        """Send the messages and give the answer's text."""
        answer = self.client.chat.completions.create(model=DEPLOYMENT, messages=MESSAGES)
        return str(answer.choices[0].message.content)

    def stream(self) -> Iterator[str]:
        """Send the messages and give the answer's text piece by piece."""
        with self.client.chat.completions.create(
            model=DEPLOYMENT, messages=MESSAGES, stream=True
        ) as chunks:
            for chunk in chunks:
                for choice in chunk.choices:
                    yield choice.delta.content or ""

    def close(self) -> None:
        """Close all connections."""
        self.client.close()


class AsyncSdkCaller:
    """Calls through a client, for tasks."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def call(self) -> str:
        """Send the messages and give the answer's text."""
        answer = await self.client.chat.completions.create(model=DEPLOYMENT, messages=MESSAGES)
        return str(answer.choices[0].message.content)

    async def stream(self) -> AsyncIterator[str]:
        """Send the messages and give the answer's text piece by piece."""
        async with await self.client.chat.completions.create(
            model=DEPLOYMENT, messages=MESSAGES, stream=True
        ) as chunks:
            async for chunk in chunks:
                for choice in chunk.choices:
                    yield choice.delta.content or ""

    async def close(self) -> None:
        """Close all connections."""
        await self.client.close()
