"""The load: threads and tasks that send requests over one transport until they are told to stop.

Each thread and each task draws its requests from a random source of its own. What came is written
down as an :class:`~stress_requests.Outcome`; what it is worth is decided elsewhere. Read
:meth:`Load.ask` and :meth:`Load.aask` side by side: they differ in ``await`` and in cancellation.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from random import Random
from threading import Event, Lock
from typing import Any

import anyio
from stress_requests import Order, Outcome, draw
from stress_weather import Weather

HEADERS = {"content-type": "application/json"}


class Load:
    """Sends, and writes down what came. Shared by all threads and tasks.

    Args:
        url: Where each request goes.
        weather: Told of each start and end.
        take: Takes each outcome.
        rest: Seconds that a thread or task rests between requests, on average.
    """

    def __init__(
        self, url: str, weather: Weather, take: Callable[[Outcome], None], *, rest: float
    ) -> None:
        self._url = url
        self._weather = weather
        self._take = take
        self._rest = rest
        self._numbers = itertools.count(1)
        self._lock = Lock()
        self.is_over = Event()

    def work(self, client: Any, family: Any, luck: Random) -> None:
        """Send one request after the other, as a thread."""
        while not self.is_over.wait(luck.uniform(0.0, 2 * self._rest)):
            number = self.admit()
            if number is not None:
                self.ask(client, family, draw(number, luck, may_cancel=False))

    async def awork(self, client: Any, family: Any, luck: Random) -> None:
        """Send one request after the other, as a task."""
        while True:
            await anyio.sleep(luck.uniform(0.0, 2 * self._rest))
            if self.is_over.is_set():
                return
            number = self.admit()
            if number is not None:
                await self.aask(client, family, draw(number, luck, may_cancel=True))

    def admit(self) -> int | None:
        """Let a request start: give a number that no other has; None while none may start."""
        with self._lock:
            number = next(self._numbers)
        return number if self._weather.begin(number) else None

    def ask(self, client: Any, family: Any, order: Order) -> Outcome:
        """Send a request that was admitted, from a thread, and read as much as is wanted."""
        outcome, begin = Outcome(order), time.monotonic()
        try:
            content = _pieces(order.body) if order.is_generated else order.body
            with client.stream("POST", self._url, **_options(order, content)) as response:
                outcome.came(response)
                if order.is_stream and response.status_code == 200:
                    if order.lines != 0:
                        for line in response.iter_lines():
                            outcome.read.append(line)
                            if len(outcome.read) == order.lines:
                                break
                else:
                    outcome.body = response.read()
        except Exception as error:  # noqa: BLE001  (what it is worth is decided elsewhere)
            outcome.broke(error, family.TransportError)
        return self._ended(outcome, begin)

    async def aask(self, client: Any, family: Any, order: Order) -> Outcome:
        """Send a request that was admitted, from a task, and read as much as is wanted."""
        outcome, begin = Outcome(order), time.monotonic()
        with anyio.move_on_after(order.patience) as scope:
            try:
                content = _apieces(order.body) if order.is_generated else order.body
                options = _options(order, content)
                async with client.stream("POST", self._url, **options) as response:
                    outcome.came(response)
                    if order.is_stream and response.status_code == 200:
                        if order.lines != 0:
                            async with aclosing(response.aiter_lines()) as lines:
                                async for line in lines:
                                    outcome.read.append(line)
                                    if len(outcome.read) == order.lines:
                                        break
                    else:
                        outcome.body = await response.aread()
            except Exception as error:  # noqa: BLE001  (what it is worth is decided elsewhere)
                outcome.broke(error, family.TransportError)
        outcome.was_cancelled = scope.cancelled_caught
        return self._ended(outcome, begin)

    def _ended(self, outcome: Outcome, begin: float) -> Outcome:
        outcome.elapsed = time.monotonic() - begin
        outcome.well = self._weather.end(outcome.order.number)
        self._take(outcome)
        return outcome


def _options(order: Order, content: object) -> dict[str, Any]:
    return {"headers": HEADERS, "content": content, "extensions": order.extensions}


def _pieces(body: bytes) -> Iterator[bytes]:
    yield body[:20]
    yield body[20:]


async def _apieces(body: bytes) -> AsyncIterator[bytes]:
    yield body[:20]
    yield body[20:]
