"""Callers that leave their streams half-way: does a pool lend anything out to nobody?

``python tests/stress/stress_abandoned.py --count 1000`` asks in every world, with the folder of
``worlds`` on the path.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from typing import Any, Final

from stress_leftovers import pool_flaws
from worlds import WORLDS, World

from azure_failover.emulator import Fleet, faults

CHAT: Final = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21"
ASKED: Final = {"messages": [{"role": "user", "content": "one two three"}], "stream": True}
READS: Final = (0, 1, 3)
"""After how many pieces callers leave, by turns."""
CONNECTIONS: Final = 4
"""A pool is so small that whatever is not given back is missed soon."""


def abandoned(world: World, count: int) -> Iterator[str]:
    """Leave so many streams half-way; name what they left behind."""
    side = "HTTPTransport" if world.colour == "sync" else "AsyncHTTPTransport"
    limits = world.family.Limits(max_connections=CONNECTIONS)
    inner = getattr(world.family, side)(limits=limits)
    reads = [*islice(cycle(READS), count)]
    with Fleet(["eastus", "westus"]) as fleet:
        east, west = fleet
        east.fault = faults.BreakStream(2, "reset")  # nobody gets to see it
        west.fault = faults.BreakStream(5, "hang")
        policy = {"pause": 1e-6, "max_pause": 1e-6, "stream_idle_timeout": 60.0}
        config = dict(fleet.config()) | {"policy": policy}
        with world.session(config, timeout=60.0, transport=inner) as session:

            def leave(chunks: int) -> bytes:
                _, body = session.stream(east.url + CHAT, chunks=chunks, json=ASKED)
                return body

            with ThreadPoolExecutor(2 * CONNECTIONS) as pool:
                bodies = [*pool.map(leave, reads)]
            if [bool(body) for body in bodies] != [read > 0 for read in reads]:
                yield f"{world}: callers did not get what they read"
            yield from pool_flaws(str(world), inner)
            if not _soon(lambda: east.connections + west.connections == 0):
                yield f"{world}: {west.connections} connections are still open"
            west.fault = None
            response: Any = session.post(east.url + CHAT, json=ASKED)
            if not response.text.endswith("data: [DONE]\n\n"):
                yield f"{world}: the stream after them is {response.text!r}"


def _soon(is_so: Callable[[], bool]) -> bool:
    """Wait for what the server learns from the kernel."""
    ends = time.monotonic() + 5
    while not is_so():
        if time.monotonic() > ends:
            return False
        time.sleep(0.002)
    return True


def main() -> int:
    """Ask in every world; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    count = parser.parse_args().count
    flaws = [flaw for world in WORLDS for flaw in abandoned(world, count)]
    sys.stdout.write("\n".join([*flaws, f"{len(WORLDS)} x {count} streams abandoned\n"]))
    return bool(flaws)


if __name__ == "__main__":
    sys.exit(main())
