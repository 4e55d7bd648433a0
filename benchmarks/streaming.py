"""What the failover layer costs a healthy stream, against bare httpx.

A server in a process of its own sends a chat stream over loopback, one event to an HTTP chunk. Two
things are measured, interleaved in one run: the CPU time of the client per event once content has
come, and the wall time until the first content (the server pauses before it, as models do; also
without a pause). Ratios of medians, and how they spread over the parts of the run. Run ``--quick``
for a smoke test.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import httpx2

import azure_failover
import azure_failover.httpx2

BLOCKS = 8
"""Into so many parts a run is cut to tell how far its ratio spreads."""
PATH = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21"
PAUSE = 0.05
"""Seconds before the first token, where there is a pause."""
BARS = {"CPU per event": 1.15, "first content": 1.05}


def event(delta: dict[str, str], **rest: Any) -> bytes:
    """Give one event as Azure sends it, in an HTTP chunk of its own."""
    choice = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}
    chunk = {
        "id": "chatcmpl-0123456789",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-4.1-mini-2025-04-14",
        "system_fingerprint": "fp_0123456789",
        "choices": [choice],
        **rest,
    }
    data = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
PREAMBLE = event({}, choices=[], prompt_filter_results=[]) + event({"role": "assistant"})
TOKEN = event({"content": " token"})
END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests whose body is ``{"tokens": n, "pause": seconds}``."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            asked = json.loads(await reader.readexactly(length))
            writer.write(HEAD + PREAMBLE)
            if asked["pause"]:
                await asyncio.sleep(asked["pause"])
            writer.write(TOKEN * asked["tokens"] + END)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def serve() -> None:
    """Serve on a free port of loopback, and print it."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Subject:
    """One client under measurement."""

    def __init__(self, url: str, client: Any, *, is_async: bool) -> None:
        self.url = url + PATH
        self.client = client
        self.loop = asyncio.new_event_loop() if is_async else None

    def stream(self, tokens: int, pause: float) -> tuple[float, float]:
        """Read one stream; give the seconds to its first content, and CPU seconds from there."""
        if self.loop is not None:
            return self.loop.run_until_complete(self._astream(tokens, pause))
        body = json.dumps({"tokens": tokens, "pause": pause})
        begin, first, cpu = time.perf_counter(), 0.0, 0.0
        with self.client.stream("POST", self.url, content=body) as response:
            for chunk in response.iter_bytes():
                if not first and b"token" in chunk:
                    first, cpu = time.perf_counter() - begin, time.thread_time()
        return first, time.thread_time() - cpu

    async def _astream(self, tokens: int, pause: float) -> tuple[float, float]:
        body = json.dumps({"tokens": tokens, "pause": pause})
        begin, first, cpu = time.perf_counter(), 0.0, 0.0
        async with self.client.stream("POST", self.url, content=body) as response:
            async for chunk in response.aiter_bytes():
                if not first and b"token" in chunk:
                    first, cpu = time.perf_counter() - begin, time.thread_time()
        return first, time.thread_time() - cpu


Measurement = Callable[[Subject], float]


def cpu_per_event(tokens: int) -> Measurement:
    """Give CPU µs per event behind the first content."""
    return lambda subject: subject.stream(tokens, 0.0)[1] / tokens * 1e6


def first_content(pause: float) -> Measurement:
    """Give milliseconds until the first content."""
    return lambda subject: subject.stream(1, pause)[0] * 1e3


def measure(subjects: list[Subject], rounds: int, run: Measurement) -> list[list[float]]:
    """Measure the subjects in turns, in an order that rotates."""
    results: list[list[float]] = [[] for _ in subjects]
    for subject in subjects:
        run(subject)
    for number in range(rounds):
        for place in range(len(subjects)):
            which = (number + place) % len(subjects)
            results[which].append(run(subjects[which]))
    return results


def report(
    name: str, what: str, unit: str, results: list[list[float]], bar: float
) -> dict[str, Any]:
    """Print one line, and give its figures."""
    bare, ours = (statistics.median(values) for values in results)
    size = max(1, len(results[0]) // BLOCKS)
    ratios = sorted(
        statistics.median(results[1][start : start + size])
        / statistics.median(results[0][start : start + size])
        for start in range(0, size * BLOCKS, size)
        if results[0][start : start + size]
    )
    print(
        f"{name:16}{what:28}{bare:9.2f}{ours:9.2f} {unit:3}{ours / bare:8.3f}"
        f" ({ratios[0]:.3f}-{ratios[-1]:.3f})   at most {bar}"
    )
    return {"bare": results[0], "ours": results[1], "ratio": ours / bare, "bar": bar}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few rounds, as a smoke test")
    parser.add_argument("--json", metavar="PATH", help="also write the figures to a file")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    rounds, tokens = (8, 200) if options.quick else (160, 2000)
    server = subprocess.Popen(  # noqa: S603  (this file)
        [sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        figures = compare(url, rounds, tokens)
    finally:
        server.terminate()
    if options.json:
        Path(options.json).write_text(json.dumps(figures), encoding="utf-8")


def colours(family: Any) -> tuple[tuple[str, Any, Any], ...]:
    """Give a family's clients and pools, for threads and for tasks."""
    return (
        ("sync", family.Client, family.HTTPTransport),
        ("async", family.AsyncClient, family.AsyncHTTPTransport),
    )


def compare(url: str, rounds: int, tokens: int) -> dict[str, Any]:
    """Compare ours with bare, in both families, for threads and tasks."""
    config = {
        "api_key": "key-1",
        "endpoint": url,
        "deployment_name": "gpt-4.1-mini",
        "backups": [{"endpoint": "http://127.0.0.1:9"}],
    }
    print(f"Python {sys.version.split()[0]}, {rounds} rounds, {tokens} events to a stream")
    print(f"{'':44}{'bare':>9}{'ours':>9}{'ratio':>12}")
    figures: dict[str, Any] = {}
    families: tuple[tuple[str, Any, Callable[..., Any]], ...] = (
        ("httpx", httpx, azure_failover.FailoverTransport),
        ("httpx2", httpx2, azure_failover.httpx2.FailoverTransport),
    )
    for family_name, family, ours in families:
        for colour, client, pool in colours(family):
            name, is_async = f"{family_name} {colour}", colour == "async"
            subjects = [
                Subject(url, client(transport=transport, timeout=60), is_async=is_async)
                for transport in (pool(), ours(config))
            ]
            for what, unit, count, run, bar in (
                ("CPU per event", "µs", rounds, cpu_per_event(tokens), "CPU per event"),
                ("first content", "ms", rounds * 4, first_content(0.0), None),
                (
                    f"first content after {PAUSE} s",
                    "ms",
                    rounds,
                    first_content(PAUSE),
                    "first content",
                ),
            ):
                results = measure(subjects, count, run)
                limit = BARS[bar] if bar else float("inf")
                figures[f"{name}: {what}"] = report(name, what, unit, results, limit)
    return figures


if __name__ == "__main__":
    main()
