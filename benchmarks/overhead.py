"""What the failover layer costs a healthy request, against bare httpx and a hand-written minimum.

Each subject sends the same request (the body and headers of an openai-python chat call) through a
client over an in-memory transport, so that nothing but Python is measured. Subjects are
interleaved in one run; CPU time, medians, and how the ratio spreads over the parts of the run.
Run ``--quick`` for a smoke test.

The *floor* is the least that re-points a request at all: it rewrites URL, host and key from a
cache, drops the credentials that are not the endpoint's, sends, and tries the next endpoint on
5xx or a transport error. It keeps no health, no ledger and no budget.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import httpx2

import azure_failover
import azure_failover.httpx2

HOSTS = ("eastus.openai.azure.com", "westus.openai.azure.com")
PATH = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21"
BODY = json.dumps(
    {
        "messages": [{"role": "user", "content": "word " * 200}],
        "model": "gpt-4.1-mini",
        "temperature": 0.2,
    }
).encode()
HEADERS = {
    "accept": "application/json",
    "content-type": "application/json",
    "user-agent": "AzureOpenAI/Python 3.54.0",
    "x-stainless-lang": "python",
    "x-stainless-package-version": "3.54.0",
    "x-stainless-os": "Linux",
    "x-stainless-arch": "x64",
    "x-stainless-runtime": "CPython",
    "x-stainless-runtime-version": "3.12.1",
    "x-stainless-async": "false",
    "x-stainless-retry-count": "0",
    "x-stainless-read-timeout": "600",
    "api-key": "key-of-the-sdk",
}
ANSWER = json.dumps({"id": "x", "choices": [], "padding": "word " * 100}).encode()
BLOCKS = 8
"""Into so many parts a run is cut to tell how far its ratio spreads."""
CONFIG = {
    "api_key": "key-1",
    "endpoint": f"https://{HOSTS[0]}",
    "deployment_name": "gpt-4.1-mini",
    "backups": [{"endpoint": f"https://{HOSTS[1]}"}],
}


def memory_transport(family: Any) -> Any:
    """Make a transport that answers from memory, for threads and tasks."""

    class Memory(family.BaseTransport, family.AsyncBaseTransport):  # type: ignore[misc]
        def handle_request(self, _: Any) -> Any:
            return family.Response(
                200, headers={"content-type": "application/json"}, content=ANSWER
            )

        async def handle_async_request(self, request: Any) -> Any:
            return self.handle_request(request)

    return Memory()


def floor_transport(family: Any, inner: Any) -> Any:
    """Make the hand-written minimum."""
    failing = frozenset({500, 502, 503, 504})

    class Floor(family.BaseTransport, family.AsyncBaseTransport):  # type: ignore[misc]
        def __init__(self) -> None:
            self.urls: list[dict[bytes, Any]] = [{} for _ in HOSTS]

        def retarget(self, request: Any, index: int) -> Any:
            raw_path = request.url.raw_path
            url = self.urls[index].get(raw_path)
            if url is None:
                url = family.URL(f"https://{HOSTS[index]}{raw_path.decode()}")
                self.urls[index][raw_path] = url
            copy = family.Request(
                request.method,
                url,
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
            copy.read()
            copy.headers["host"] = HOSTS[index]
            copy.headers["api-key"] = "key-1"
            for name in ("authorization", "ocp-apim-subscription-key"):
                if name in copy.headers:
                    del copy.headers[name]
            return copy

        def handle_request(self, request: Any) -> Any:
            request.read()
            for index in range(len(HOSTS)):
                last = index == len(HOSTS) - 1
                try:
                    response = inner.handle_request(self.retarget(request, index))
                except family.TransportError:
                    if last:
                        raise
                    continue
                if response.status_code not in failing or last:
                    return response
                response.close()
            raise AssertionError

        async def handle_async_request(self, request: Any) -> Any:
            await request.aread()
            for index in range(len(HOSTS)):
                last = index == len(HOSTS) - 1
                try:
                    response = await inner.handle_async_request(self.retarget(request, index))
                except family.TransportError:
                    if last:
                        raise
                    continue
                if response.status_code not in failing or last:
                    return response
                await response.aclose()
            raise AssertionError

    return Floor()


def subjects(family: Any, ours: Callable[..., Any]) -> dict[str, Any]:
    """Give the transports that are compared, over one in-memory transport."""
    inner = memory_transport(family)
    return {
        "bare": inner,
        "floor": floor_transport(family, inner),
        "azure_failover": ours(CONFIG, transport=inner),
    }


def sync_slice(client: Any, count: int) -> float:
    """Give CPU µs per request of ``count`` requests from a thread."""
    url = f"https://{HOSTS[0]}{PATH}"
    begin = time.process_time()
    for _ in range(count):
        client.post(url, content=BODY, headers=HEADERS)
    return (time.process_time() - begin) / count * 1e6


def async_slice(client: Any, count: int) -> float:
    """Give CPU µs per request of ``count`` requests from a task."""
    url = f"https://{HOSTS[0]}{PATH}"

    async def run() -> float:
        begin = time.process_time()
        for _ in range(count):
            await client.post(url, content=BODY, headers=HEADERS)
        return (time.process_time() - begin) / count * 1e6

    return asyncio.run(run())


def measure(
    clients: dict[str, Any], slices: int, count: int, run: Callable[[Any, int], float]
) -> dict[str, list[float]]:
    """Measure the clients in interleaved slices, in an order that rotates."""
    results: dict[str, list[float]] = {name: [] for name in clients}
    names = list(clients)
    for name in names:
        run(clients[name], count)
    for number in range(slices):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            results[name].append(run(clients[name], count))
    return results


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few slices, as a smoke test")
    parser.add_argument("--json", metavar="PATH", help="also write the figures to a file")
    options = parser.parse_args()
    slices, count = (16, 20) if options.quick else (400, 40)
    families: tuple[tuple[str, Any, Callable[..., Any]], ...] = (
        ("httpx", httpx, azure_failover.FailoverTransport),
        ("httpx2", httpx2, azure_failover.httpx2.FailoverTransport),
    )
    report: dict[str, Any] = {}
    print(f"Python {sys.version.split()[0]}, {slices} slices of {count} requests; CPU µs a request")
    print(f"{'':24}{'bare':>8}{'floor':>8}{'ours':>8}{'+floor':>8}{'+ours':>8}{'ratio':>18}")
    for name, family, ours in families:
        transports = subjects(family, ours)
        for colour, kind, run in (
            ("sync", family.Client, sync_slice),
            ("async", family.AsyncClient, async_slice),
        ):
            clients = {key: kind(transport=value) for key, value in transports.items()}
            results = measure(clients, slices, count, run)
            report[f"{name} {colour}"] = results
            print_row(f"{name} {colour}", results)
    if options.json:
        Path(options.json).write_text(json.dumps(report), encoding="utf-8")


def print_row(name: str, results: dict[str, list[float]]) -> None:
    """Print medians, what the layers add, and the least and most ratio of what they add."""
    bare, floor, ours = (results[key] for key in ("bare", "floor", "azure_failover"))
    middle = [statistics.median(values) for values in (bare, floor, ours)]
    added = [middle[1] - middle[0], middle[2] - middle[0]]
    size = max(1, len(bare) // BLOCKS)
    blocks = [slice(start, start + size) for start in range(0, size * BLOCKS, size)]
    ratios = sorted(ratio(bare[block], floor[block], ours[block]) for block in blocks)
    print(
        f"{name:24}"
        + "".join(f"{value:8.1f}" for value in (*middle, *added))
        + f"{ratio(bare, floor, ours):8.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
    )


def ratio(bare: list[float], floor: list[float], ours: list[float]) -> float:
    """Give what ours adds to bare, in units of what the floor adds."""
    base = statistics.median(bare)
    least = statistics.median(floor) - base
    return (statistics.median(ours) - base) / least if least > 0 else float("nan")


if __name__ == "__main__":
    main()
