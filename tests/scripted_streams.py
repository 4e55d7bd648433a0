"""Streams of both clients through one interface, and bodies that break where a test says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Self

import anyio
import httpx

from azure_failover import AsyncClient, Client

COLOURS = ("sync", "asyncio", "trio")
CONFIG: dict[str, Any] = {
    "api_key": "key-east",
    "endpoint": "https://east.openai.azure.com",
    "deployment_name": "gpt",
    "name": "east",
    "backups": [
        {"endpoint": "https://west.openai.azure.com", "name": "west"},
        {"endpoint": "https://north.openai.azure.com", "name": "north"},
    ],
}
DONE = b"data: [DONE]\n\n"
Piece = bytes | Exception | Callable[[], object]


def event(data: object, name: str = "") -> bytes:
    """Write an event whose data is JSON."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def chunk(content: str | None = None, *, finish: str | None = None, index: int = 0) -> bytes:
    """Write a chunk of a chat."""
    delta = {} if content is None else {"content": content}
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return event({"id": "chatcmpl-1", "model": "gpt", "choices": [choice]})


def whole(*words: str) -> list[Piece]:
    """Write a complete chat stream."""
    return [*map(chunk, words), chunk(finish="stop"), DONE]


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body of pieces; an exception among them is raised, a function called."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self.closings = 0
        self.read = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            self.read += 1
            if isinstance(piece, bytes):
                yield piece
            else:
                piece()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in iter(self):
            await anyio.lowlevel.checkpoint()
            yield piece

    def close(self) -> None:
        """Count a closing."""
        self.closings += 1

    async def aclose(self) -> None:
        """Count a closing."""
        self.closings += 1


Answer = Sequence[Piece] | httpx.Response | Exception


class Script:
    """What each endpoint answers: the pieces of an event stream, a response, or an exception."""

    def __init__(self, **answers: Answer) -> None:
        self.answers = answers
        self.bodies: list[Body] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer: Any = self.answers[request.url.host.split(".")[0]]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        body = Body(answer)
        self.bodies.append(body)
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=body)

    @property
    def asked(self) -> list[str]:
        """The endpoints that were asked, in order."""
        return [request.url.host.split(".")[0] for request in self.requests]

    @property
    def closings(self) -> list[int]:
        """How often each body was closed."""
        return [body.closings for body in self.bodies]


class Blocking:
    """A stream or a client of threads, called as one of tasks."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __repr__(self) -> str:
        return repr(self.inner)

    def stream(self, *args: Any, **params: Any) -> Blocking:
        return Blocking(self.inner.stream(*args, **params))

    def stream_request(self, *args: Any, **params: Any) -> Blocking:
        return Blocking(self.inner.stream_request(*args, **params))

    def texts(self) -> Blocking:
        return Blocking(self.inner.texts())

    async def completion(self) -> Any:
        return self.inner.completion()

    async def chat(self, *args: Any, **params: Any) -> Any:
        return self.inner.chat(*args, **params)

    async def aclose(self) -> None:
        self.inner.close()

    async def __aenter__(self) -> Self:
        self.inner.__enter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.inner.__exit__(*error)

    def __aiter__(self) -> Self:
        assert iter(self.inner) is self.inner
        return self

    async def __anext__(self) -> Any:
        try:
            return next(self.inner)
        except StopIteration:
            raise StopAsyncIteration from None


def run(
    colour: str,
    scenario: Callable[[Any], Awaitable[None]],
    script: Script | None = None,
    config: Any = CONFIG,
    **options: Any,
) -> None:
    """Run a scenario, written for tasks, with a client of a colour."""
    if script is not None:
        options["transport"] = httpx.MockTransport(script)

    async def main() -> None:
        made = (
            Blocking(Client(config, **options))
            if colour == "sync"
            else AsyncClient(config, **options)
        )
        async with made as client:
            await scenario(client)

    anyio.run(main, backend="trio" if colour == "trio" else "asyncio")
