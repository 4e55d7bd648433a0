"""The demo: three regions on loopback, one dies under load, and no request is lost.

Runs the acts and keeps the tally; how it looks is for :mod:`azure_failover._demo_stage`. What was
promised is checked, not assumed: the demo waits until it has seen requests move and come back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, Protocol

import anyio
import attrs
import httpx

from azure_failover import (
    AsyncClient,
    Client,
    FailoverTransport,
    Ledger,
    Status,
    ledger_of,
)
from azure_failover.emulator import Fleet, faults

REGIONS: Final[tuple[str, ...]] = ("eastus", "westus", "northeurope")
BUCKET: Final = 0.25
"""Seconds that one bar of the sparkline stands for."""
WORKERS: Final = 4
PAUSE: Final = 0.08
"""Seconds that a worker rests between requests."""


@attrs.frozen
class Pace:
    """How long the demo dwells, and how long it waits for what must happen, in seconds."""

    read: float = 0.9
    act: float = 2.5
    limit: float = 30.0


QUICK: Final = Pace(read=0.0, act=0.6)


@attrs.define
class Picture:
    """What the stage shows at one moment."""

    caption: str
    status: Status
    faults: dict[str, str]
    served: dict[str, int]
    bars: dict[str, list[int]]
    sent: int
    answered: int
    moved: int
    lost: int


class Stage(Protocol):
    """Where the demo is shown."""

    def title(self, text: str) -> None:
        """Begin an act."""

    def line(self, text: str) -> None:
        """Say something."""

    def event(self, text: str) -> None:
        """Show what the library logged."""

    def draw(self, picture: Picture) -> None:
        """Show the load at this moment."""

    def rest(self) -> None:
        """Leave the picture; lines follow."""


class Tally:
    """Counts what became of the load. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served: deque[tuple[float, str]] = deque(maxlen=4000)
        self.totals: dict[str, int] = dict.fromkeys(REGIONS, 0)
        self.sent = self.answered = self.moved = 0
        self.lost: list[str] = []
        self.interesting: tuple[Ledger, dict[str, str]] | None = None

    def began(self) -> None:
        """Count a request that is sent."""
        with self._lock:
            self.sent += 1

    def came(self, response: httpx.Response) -> None:
        """Count an answer."""
        ledger = ledger_of(response)
        name = response.headers.get("x-failover-endpoint", "?")
        if not response.is_success or ledger is None:
            self.went_wrong(f"status {response.status_code} from {name}")
            return
        with self._lock:
            self.answered += 1
            self.totals[name] += 1
            self._served.append((time.monotonic(), name))
            if len({attempt.index for attempt in ledger.attempts}) > 1:
                self.moved += 1
                headers = response.headers.items()
                shown = {key: value for key, value in headers if key.startswith("x-failover")}
                self.interesting = self.interesting or (ledger, shown)

    def went_wrong(self, what: str) -> None:
        """Count a request that was lost."""
        with self._lock:
            self.lost.append(what)

    def first_since(self, moment: float, is_wanted: Callable[[str], bool]) -> float | None:
        """Give how long after ``moment`` the first answer of a wanted region came."""
        with self._lock:
            times = (at - moment for at, name in self._served if at >= moment and is_wanted(name))
            return next(times, None)

    def bars(self, count: int) -> dict[str, list[int]]:
        """Give the answers per region in each of the last ``count`` buckets, oldest first."""
        now = time.monotonic()
        bars = {name: [0] * count for name in REGIONS}
        with self._lock:
            for at, name in self._served:
                place = count - 1 - int((now - at) / BUCKET)
                if place >= 0:
                    bars[name][place] += 1
        return bars


class Demo:
    """One run of the demo over a fleet of fake regions."""

    def __init__(self, stage: Stage, pace: Pace, fleet: Fleet) -> None:
        self._stage = stage
        self._pace = pace
        self._fleet = fleet
        self._config = fleet.config() | {"policy": {"pause": 0.5, "max_pause": 2}}
        self._caption = ""
        self.tally = Tally()
        self.failed_over: float | None = None
        self.came_back: float | None = None

    def run(self) -> list[str]:
        """Run all acts. Returns what went wrong; nothing if all is well."""
        try:
            self._show_clients()
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  (any exception is a lost request)
            return [f"a request was LOST: {' '.join(str(error).split()) or type(error).__name__}"]
        transport = self._transport()
        stop = threading.Event()
        with httpx.Client(transport=transport, timeout=10) as http:
            workers = [
                threading.Thread(target=self._work, args=(http, stop), daemon=True)
                for _ in range(WORKERS)
            ]
            for worker in workers:
                worker.start()
            try:
                self._show_load(transport)
            finally:
                stop.set()
                for worker in workers:
                    worker.join(self._pace.limit)
                self._stage.draw(self._picture(transport))
                self._stage.rest()
        self._show_ledger()
        return self._verdict()

    def _transport(self) -> FailoverTransport:
        # A proxy that the environment names does not reach this machine's loopback.
        return FailoverTransport(self._config, trust_env=False)

    def _show_clients(self) -> None:
        stage, endpoint = self._stage, self._config["endpoint"]
        stage.title("Three regions, one configuration, three ways to call them")
        with Client(self._config, trust_env=False) as client:
            answer = client.chat("Hello from a script")
            stage.line("Client(config).chat(…)")
            stage.line(f"  -> {answer.text!r}, by {answer.endpoint}")
        self._dwell()
        text, name = anyio.run(self._ask_async)
        stage.line("await AsyncClient(config).chat(…)")
        stage.line(f"  -> {text!r}, by {name}")
        self._dwell()
        with httpx.Client(transport=self._transport(), timeout=10) as http:
            response = http.post(f"{endpoint}{_CHAT}", json=_HELLO).raise_for_status()
            ours = response.headers["x-failover-endpoint"]
            stage.line("httpx.Client(transport=FailoverTransport(config)).post(…)")
            stage.line(f"  -> {response.status_code}, by {ours}")
        self._dwell()

    async def _ask_async(self) -> tuple[str, str]:
        async with AsyncClient(self._config, trust_env=False) as client:
            answer = await client.chat("Hello from a service")
            return answer.text, answer.endpoint

    def _dwell(self) -> None:
        time.sleep(self._pace.read)

    def _work(self, http: httpx.Client, stop: threading.Event) -> None:
        url = f"{self._config['endpoint']}{_CHAT}"
        while not stop.wait(PAUSE):
            self.tally.began()
            try:
                response = http.post(url, json=_HELLO)
            except Exception as error:  # noqa: BLE001  (any exception is a lost request)
                self.tally.went_wrong(f"{type(error).__name__}: {error}")
            else:
                self.tally.came(response)

    def _show_load(self, transport: FailoverTransport) -> None:
        primary = self._fleet[REGIONS[0]]
        self._stage.title(f"The same under load, from {WORKERS} threads")
        self._watch(transport, "all regions are well: the primary serves")
        killed = time.monotonic()
        primary.fault = faults.Refuse()
        caption = "eastus is dead and refuses connections: requests move on"
        self._watch(transport, caption, lambda: self.tally.moved > 0)
        self.failed_over = self.tally.first_since(killed, lambda name: name != primary.name)
        primary.fault = faults.Status(503)
        self._watch(transport, "eastus answers 503: a single probe now and then, nobody waits")
        healed = time.monotonic()
        primary.fault = None
        self._watch(
            transport,
            "eastus is back: the next probe finds it well, and all return",
            lambda: self.tally.first_since(healed, lambda name: name == primary.name) is not None,
        )
        self.came_back = self.tally.first_since(healed, lambda name: name == primary.name)

    def _watch(
        self,
        transport: FailoverTransport,
        caption: str,
        is_seen: Callable[[], bool] = lambda: True,
    ) -> None:
        """Show the load for an act, and on until something is seen or the limit is reached."""
        begin, self._caption = time.monotonic(), caption
        while (passed := time.monotonic() - begin) < self._pace.limit:
            self._stage.draw(self._picture(transport))
            if passed >= self._pace.act and is_seen():
                return
            time.sleep(0.1)

    def _picture(self, transport: FailoverTransport) -> Picture:
        tally = self.tally
        return Picture(
            caption=self._caption,
            status=transport.status(),
            faults={region.name: _in_words(region.fault) for region in self._fleet.regions},
            served=dict(tally.totals),
            bars=tally.bars(16),
            sent=tally.sent,
            answered=tally.answered,
            moved=tally.moved,
            lost=len(tally.lost),
        )

    def _show_ledger(self) -> None:
        if self.tally.interesting is None:
            return
        ledger, headers = self.tally.interesting
        self._stage.title("The ledger of a request that moved")
        for line in str(ledger).splitlines():
            self._stage.line(line)
        for name, value in headers.items():
            self._stage.line(f"{name}: {value}")

    def _verdict(self) -> list[str]:
        tally = self.tally
        wrong: list[str] = []
        if tally.lost:
            wrong.append(f"{len(tally.lost)} requests were LOST, the first: {tally.lost[0]}")
        unanswered = tally.sent - tally.answered - len(tally.lost)
        if unanswered:
            wrong.append(f"{unanswered} requests never came back")
        if self.failed_over is None or not tally.moved:
            wrong.append("no request moved to a backup")
        if self.came_back is None:
            wrong.append("the primary was not won back")
        return wrong


def run(stage: Stage, pace: Pace) -> list[str]:
    """Run the demo on a fresh fleet. Returns what went wrong."""
    with Fleet(REGIONS) as fleet, _logged_to(stage):
        demo = Demo(stage, pace, fleet)
        wrong = demo.run()
        tally = demo.tally
        if not tally.sent:
            return wrong
        stage.title("What happened")
        stage.line(
            f"{tally.sent} requests, {len(tally.lost)} lost, {tally.moved} moved on by themselves"
        )
        if demo.failed_over is not None:
            soon = f"{demo.failed_over * 1000:.0f} ms"
            stage.line(f"first answer of a backup {soon} after the primary died")
        if demo.came_back is not None:
            stage.line(f"first answer of the primary {demo.came_back:.2f} s after its return")
    return wrong


class _StageHandler(logging.Handler):
    def __init__(self, stage: Stage) -> None:
        super().__init__(logging.INFO)
        self._stage = stage

    def emit(self, record: logging.LogRecord) -> None:
        self._stage.event(record.getMessage())


@contextmanager
def _logged_to(stage: Stage) -> Generator[None]:
    logger = logging.getLogger("azure_failover")
    handler, before, spreads = _StageHandler(stage), logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        logger.propagate = spreads


_CHAT: Final = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21"
_HELLO: Final = {"messages": [{"role": "user", "content": "Hello"}]}


def _in_words(fault: faults.Fault | None) -> str:
    match fault:
        case None:
            return "up"
        case faults.Refuse():
            return "refuses"
        case faults.Status(code=code):
            return f"answers {code}"
        case _:
            return type(fault).__name__
