"""Threads and tasks hammer one transport while emulated regions flap. Is every promise kept?

A check, not a timing: prints what happened and every promise that was broken, with the ledger of
the request that shows it, and ends with 1 if there is one. The seed decides what the director and
each caller do; how they interleave is up to the machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from random import Random
from threading import Lock, Thread
from typing import Any, Final

import anyio
import attrs
import httpx
import httpx2
from stress_leftovers import Alarms, Belongings, pool_flaws
from stress_load import Load
from stress_regions import Arrival, Regions
from stress_requests import Order, Outcome, flaws_of, record_flaws
from stress_weather import Director, Weather

import azure_failover
import azure_failover.httpx2

NAMES: Final = ("eastus", "westus", "northeurope")
CHAT: Final = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21"
FAMILIES: Final[Mapping[str, tuple[Any, Callable[..., Any]]]] = {
    "httpx": (httpx, azure_failover.FailoverTransport),
    "httpx2": (httpx2, azure_failover.httpx2.FailoverTransport),
}
BACKENDS: Final = ("asyncio", "trio")
POLICIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "default": {},
    "throttle": {"on_throttle": "failover"},
    "deadline": {"deadline": 20.0},
    "hedged": {"hedge_after": 0.3, "hedge_probes_after": 0.1},
    "usual": {"hedge_after": "p95", "hedge_probes_after": 0.1},
    "spread": {"strategy": "round_robin", "failback_ramp": 2.0},
}
"""What differs from the default policy, under a name. Pauses are short in all of them."""
PAUSES: Final = {"pause": 0.05, "max_pause": 0.5, "probe_lease": 600.0}
"""Endpoints come back soon, but not because a lost probe is forgotten."""
TOLERATED: Final[Mapping[str, tuple[str, ...]]] = {
    "httpx": (
        "Async generator 'httpx.",
        "Async generator 'httpcore.",
        "Async generator 'azure_failover.transport._watch.Watched.__aiter__'",
    ),
    "httpx2": ("Async generator 'httpx2.", "Async generator 'httpcore2."),
}
"""How trio's warnings begin of generators that the HTTP library leaves to be collected. httpx
leaves ours with its own; httpx2 closes ours, and so do we what lies below."""
CONNECTIONS: Final[Mapping[str, int]] = {"httpx": 1000, "httpx2": 100}
"""What a pool may open. Fewer than there are callers, so that they queue; but httpcore 1 loses a
place if a request is cancelled just as it gets it from the queue (httpcore2 does not)."""
KEPT_ALIVE: Final = 100
RECOVERY: Final = 60
"""Requests within which a region that is well again must be seen to be, …"""
RECOVERY_REST: Final = 0.025
"""… one after so many seconds. Together that is twice the longest pause."""
PATIENCE: Final = 30.0
"""Seconds after which what should be a matter of moments hangs: all else that a request waits for,
such as a place in the pool, and the end of a thread."""


@attrs.frozen(kw_only=True)
class Run:
    """What is run."""

    family: str = "httpx"
    backend: str = "asyncio"
    policy: str = "default"
    seconds: float = 60.0
    seed: int = 1
    threads: int = 64
    tasks: int = 256
    rate: float = 600.0
    """Requests a second that are aimed at."""
    read: float = 1.0
    """Seconds after which a hang is a failure; a well region answers much sooner."""

    def luck(self, who: str) -> Random:
        """Give the random source of somebody who takes part."""
        return Random(f"{self.seed} {who}")


@attrs.define
class Findings:
    """What a run brought to light. Thread-safe."""

    outcomes: list[Outcome] = attrs.field(factory=list[Outcome])
    flaws: list[str] = attrs.field(factory=list[str])
    acts: Counter[str] = attrs.field(factory=Counter[str])
    recovered_after: dict[str, int] = attrs.field(factory=dict[str, int])
    most_under_way: int = 0
    _lock: Lock = attrs.field(factory=Lock)

    def take(self, outcome: Outcome) -> None:
        """Take an outcome, and judge it."""
        flaws = [f"{flaw}\n{outcome}" for flaw in flaws_of(outcome, len(NAMES))]
        with self._lock:
            self.outcomes.append(outcome)
            self.flaws += flaws

    def compare(self, arrivals: Sequence[Arrival]) -> None:
        """Compare all outcomes with what the regions received."""
        received: defaultdict[str, list[Arrival]] = defaultdict(list)
        for arrival in arrivals:
            received[arrival.said].append(arrival)
        for outcome in self.outcomes:
            mine = received.pop(outcome.order.said, [])
            self.flaws += (f"{flaw}\n{outcome}" for flaw in record_flaws(outcome, mine))
        if received:
            self.flaws.append(f"regions received what nobody asked: {[*received][:3]}")

    def figures(self) -> Iterator[str]:
        """Tell what happened, line by line."""
        outcomes = self.outcomes
        kinds = Counter(outcome.kind for outcome in outcomes)
        served = Counter(it.endpoint for it in outcomes if it.status == 200)
        attempts = [it for outcome in outcomes if outcome.ledger for it in outcome.ledger.attempts]
        yield f"{len(outcomes)} requests, at most {self.most_under_way} at once"
        yield f"moved to another endpoint: {sum(outcome.has_moved for outcome in outcomes)}"
        yield f"second chances: {sum(map(_has_second_chance, outcomes))}"
        yield f"well regions that were left for another: {_listed(_left_well(outcomes))}"
        yield f"cut by their deadline: {sum(it.is_late and it.status != 200 for it in outcomes)}"
        yield f"attempts told: {_listed(Counter(attempt.outcome for attempt in attempts))}"
        yield f"outcomes: {_listed(kinds)}"
        yield f"served by: {_listed(served)}"
        yield f"director: {_listed(self.acts)}"
        yield f"requests until recovery was seen: {_listed(Counter(self.recovered_after))}"


def _has_second_chance(outcome: Outcome) -> bool:
    attempts = () if outcome.ledger is None else outcome.ledger.attempts
    return len(attempts) > len({attempt.index for attempt in attempts})


def _left_well(outcomes: Sequence[Outcome]) -> Counter[str]:
    """Count the exceptions for which a request left a region that was well all along."""
    return Counter(
        f"{entry.error}".partition(":")[0]
        for outcome in outcomes
        if outcome.ledger is not None
        for entry, following in pairwise(outcome.ledger.attempts)
        if entry.endpoint in outcome.well and entry.endpoint != following.endpoint
    )


def _listed(counts: Counter[Any]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


class Hammer:
    """One run over one transport."""

    def __init__(self, run: Run, regions: Regions) -> None:
        self._run = run
        self._family: Any = FAMILIES[run.family][0]
        make: Any = FAMILIES[run.family][1]
        policy = {**PAUSES, **POLICIES[run.policy]}
        limits = self._family.Limits(
            max_connections=CONNECTIONS[run.family], max_keepalive_connections=KEPT_ALIVE
        )
        config = {**regions.config, "policy": policy | {"attempt_timeout": {"connect": PATIENCE}}}
        self.transport: Any = make(config, limits=limits, trust_env=False)
        timeout = self._family.Timeout(PATIENCE, read=run.read)
        self._options: dict[str, Any] = {"transport": self.transport, "timeout": timeout}
        self.findings = Findings()
        self._weather = Weather(NAMES)
        self._director = Director(regions, NAMES, self._weather, run.luck("director"))
        self._load = Load(
            f"{regions.config['endpoint']}{CHAT}",
            self._weather,
            self.findings.take,
            rest=(run.threads + run.tasks) / run.rate,
        )

    def strike(self) -> None:
        """Let the load and the director loose on each other, then see who recovers."""
        with self._family.Client(**self._options) as client:
            workers = [Thread(target=self._run_tasks, name="tasks")]
            workers += [
                Thread(target=self._load.work, args=(client, self._family, luck), name=name)
                for name, luck in self._sources("thread", self._run.threads)
            ]
            for worker in workers:
                worker.start()
            try:
                meddle = self._meddle(self._run.luck("meddler"))
                self._director.run(self._run.seconds, meddle, self._look_at_rest)
                self._director.heal()
            finally:
                self._load.is_over.set()
                for worker in workers:
                    worker.join(PATIENCE)
            self._look_at_rest()
            self._recover(client)
            self._look_into("threads' pools", self.transport._upstream._sync)
        self.findings.acts = self._director.acts
        self.findings.most_under_way = self._weather.most_under_way

    def _sources(self, kind: str, count: int) -> Iterator[tuple[str, Random]]:
        for number in range(count):
            name = f"{kind} {number}"
            yield name, self._run.luck(name)

    def _run_tasks(self) -> None:
        async def main() -> None:
            async with self._family.AsyncClient(**self._options) as client:
                async with anyio.create_task_group() as group:
                    for name, luck in self._sources("task", self._run.tasks):
                        group.start_soon(self._load.awork, client, self._family, luck, name=name)
                self._look_into("tasks' pools", self.transport._upstream._async)

        anyio.run(main, backend=self._run.backend)

    def _meddle(self, luck: Random) -> Callable[[], object]:
        """Give what an operator does meanwhile: look at the status, now and then reset."""

        def meddle() -> None:
            status = self.transport.status()
            if [it.name for it in status.endpoints] != [*NAMES]:
                self.findings.flaws.append(f"a status without its endpoints: {status}")
            if luck.random() < 0.005:
                self.transport.reset()

        return meddle

    def _look_at_rest(self) -> None:
        """See that everything that began has ended."""
        if unheard := self._weather.under_way:
            self.findings.flaws.append(f"{len(unheard)} requests never ended: {unheard[:5]}")
        for endpoint in self.transport.status().endpoints:
            if endpoint.state == "probing":
                self.findings.flaws.append(f"a probe was lost, nobody is under way: {endpoint}")

    def _recover(self, client: Any) -> None:
        """See that each endpoint is won back: the last first, with those before it shut."""
        for name in NAMES:
            self._director.shut(name)
        for index in reversed(range(len(NAMES))):
            name = NAMES[index]
            self._director.heal([name])
            for count in range(1, RECOVERY + 1):
                time.sleep(RECOVERY_REST)
                number = self._load.admit()
                assert number is not None
                self._load.ask(client, self._family, Order(number=number))
                if self.transport.status().endpoints[index].state == "healthy":
                    self.findings.recovered_after[name] = count
                    break
            else:
                stuck = self.transport.status().endpoints[index]
                self.findings.flaws.append(f"{name} is stuck: {stuck}")

    def _look_into(self, name: str, pools: Mapping[Any, Any]) -> None:
        for pool in pools.values():
            self.findings.flaws += pool_flaws(name, pool)


def hammer(run: Run) -> Findings:
    """Run, and find out which promises were broken."""
    with ExitStack() as stack:
        regions = stack.enter_context(Regions(NAMES))
        alarms = stack.enter_context(Alarms(TOLERATED[run.family]))
        before = Belongings.now()
        subject = Hammer(run, regions)
        subject.strike()
        findings = subject.findings
        findings.flaws += Belongings.now().flaws_since(before)
        findings.compare(regions.arrivals())
    findings.flaws += alarms.heard
    return findings


def main() -> int:
    """Run what the command line says, and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each run lasts")
    parser.add_argument("--seed", type=int, default=1, help="decides who does what")
    parser.add_argument("--family", choices=[*FAMILIES], action="append", help="default: both")
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="default: both")
    parser.add_argument("--policy", choices=[*POLICIES], action="append", help="default: default")
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--tasks", type=int, default=256)
    parser.add_argument("--rate", type=float, default=600.0, help="requests a second, about")
    options = parser.parse_args()
    runs = [
        Run(
            family=family,
            backend=backend,
            policy=policy,
            seconds=options.seconds,
            seed=options.seed,
            threads=options.threads,
            tasks=options.tasks,
            rate=options.rate,
        )
        for family in options.family or FAMILIES
        for backend in options.backend or BACKENDS
        for policy in options.policy or ["default"]
    ]
    return int(sum([_told(run) for run in runs]) > 0)


def _told(run: Run) -> int:
    """Run, print, and give the number of broken promises."""
    print(f"== {run}", flush=True)
    findings = hammer(run)
    for line in findings.figures():
        print(f"   {line}")
    for flaw in findings.flaws[:20]:
        print("\n   BROKEN: " + flaw.replace("\n", "\n   "))
    print(f"   {len(findings.flaws)} promises broken\n", flush=True)
    return len(findings.flaws)


if __name__ == "__main__":
    sys.exit(main())
