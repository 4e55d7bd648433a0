"""The subjects of one scenario, each in its process, and what they do; slices take turns."""

from __future__ import annotations

import contextlib
import sys
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import attrs

from versus.answers import PRIMARY
from versus.child import Child, ChildFailedError
from versus.record import Measured, Series, quotients
from versus.roster import Card
from versus.stage import Targets

COLOURS: Final = ("sync", "async")
PATIENT: Final = 30.0
"""The timeouts of clients whose endpoints are well, in seconds."""
CONNECTIONS: Final = 300
"""More than there ever are calls at a time: nobody waits for a connection."""
GRACE: Final = 60.0
"""How many seconds an order may take beyond the patience that it names."""


@attrs.frozen(kw_only=True)
class Sizes:
    """How much is measured; the defaults are those of a full run.

    Attributes:
        slices: Slices of each subject in memory.
        crews: In how many processes, one after the other: see :meth:`Team.renew`.
        layered: Seconds for the layers of each of ours.
        loopback: Slices over sockets, one call at a time.
        brief: Seconds that these take, of ``calls`` calls at most.
        calls: See above, and how many calls warm a subject up.
        throughput: How many calls run at a time; of these, how many slices, of how many calls at
            least. With 256 connections httpx is slow, and a quick run does without.
        shifts: In how many processes, one after the other, these are made.
        long: Seconds that these slices take.
        outages: How often an endpoint dies, in each way and shape.
        holes: The same, where each attempt waits for a timeout.
        sequential: Calls one after the other during an outage.
        side_by_side: Calls during an outage, 64 at a time.
        timeout: Of clients whose primary may die, to connect and to read, in seconds: short, so
            that who has no memory comes to an end.
        patience: Seconds that a subject gets for the calls of an outage.
        recoveries: How often a primary comes back.
        outage: For how many seconds it was away.
        watched: Seconds to see it used again.
        streams: Streams for each figure.
        tokens: Events of a stream whose CPU is measured.
        requests: How many, in blocks of ``block``, while memory is watched.
        block: See above.
        spell: Seconds that a subject gets for them, in each colour.
        imports: Fresh interpreters of each kind.
    """

    slices: int = 400
    crews: int = 8
    layered: float = 60.0
    loopback: int = 100
    brief: float = 0.03
    calls: int = 100
    throughput: Mapping[int, tuple[int, int]] = attrs.field(
        factory=lambda: {1: (60, 40), 32: (60, 64), 256: (12, 256)}
    )
    shifts: int = 4
    long: float = 0.12
    outages: int = 5
    holes: int = 1
    sequential: int = 200
    side_by_side: int = 640
    timeout: float = 1.0
    patience: float = 12.0
    recoveries: int = 2
    outage: float = 4.0
    watched: float = 20.0
    streams: int = 60
    tokens: int = 400
    requests: int = 20_000
    block: int = 1000
    spell: float = 40.0
    imports: int = 12


QUICK: Final = Sizes(
    slices=8,
    crews=2,
    layered=0.0,
    loopback=2,
    calls=5,
    throughput={1: (1, 5), 32: (1, 32)},
    shifts=1,
    long=0.0,
    outages=1,
    holes=1,
    sequential=6,
    side_by_side=32,
    timeout=0.3,
    patience=0.5,
    recoveries=1,
    outage=1.0,
    watched=2.0,
    streams=2,
    tokens=100,
    requests=80,
    block=40,
    imports=1,
)


class _OutError(Exception):
    """Somebody is asked who is out."""


class Team:
    """Workers that can be asked, and what came of it.

    Who fails once is out for the rest of the scenario; the reason is kept as a note.
    """

    def __init__(self, cards: Iterable[Card], pythons: Mapping[str, str], home: Path) -> None:
        self.cards = {card.name: card for card in cards}
        self._pythons = pythons
        self._home = home
        self._workers: dict[str, Child] = {}
        self._samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._notes: dict[str, dict[str, str]] = defaultdict(dict)
        self._paired: set[str] = set()

    def __enter__(self) -> Self:
        self._start(self.cards)
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self, names: Iterable[str]) -> None:
        for name in names:
            command = [self._pythons[name], "-m", "versus.worker", name]
            self._workers[name] = Child(command, self._home / f"{name}.log")
        for name in self.alive():
            with self.trial(name):
                about = self.answer(name, GRACE)
                self.cards[name] = attrs.evolve(self.cards[name], **about)

    def _stop(self) -> None:
        for worker in self._workers.values():
            worker.close()

    def renew(self) -> None:
        """Go on with new processes; clients are gone.

        Where things lie in memory is a process's luck, and makes it a percent or two faster or
        slower than another that does the same, as long as it lives.
        """
        names = self.alive()
        self._stop()
        self._workers.clear()
        self._start(names)

    @contextlib.contextmanager
    def trial(self, name: str) -> Generator[None]:
        """Let a subject fail without harm to the others."""
        try:
            yield
        except _OutError:
            pass
        except ChildFailedError as error:
            print(f"  {name} failed: {error}", file=sys.stderr, flush=True)
            self._notes[name]["failed"] = str(error)
            if name in self._workers:
                self._workers.pop(name).close()

    def _worker(self, name: str) -> Child:
        if name not in self._workers:
            raise _OutError(name)
        return self._workers[name]

    def alive(self) -> list[str]:
        """Give who has not failed yet."""
        return list(self._workers)

    def turns(self, rounds: int, names: Iterable[str] | None = None) -> Iterator[str]:
        """Give each subject once a round, in an order that rotates, unless it has failed."""
        order = self.alive() if names is None else list(names)
        for number in range(rounds):
            for place in range(len(order)):
                name = order[(number + place) % len(order)]
                if name in self._workers:
                    yield name

    def ask(self, name: str, do: str, *, patience: float = 0.0, **rest: Any) -> Any:
        """Order something, and wait."""
        return self._worker(name).ask(do, within=patience + GRACE, **rest)

    def order(self, name: str, do: str, **rest: Any) -> None:
        """Order something, to be answered later."""
        self._worker(name).order(do, **rest)

    def answer(self, name: str, patience: float) -> Any:
        """Wait for the answer to the last order."""
        return self._worker(name).answer(patience + GRACE)

    def python(self, name: str) -> str:
        """Give the interpreter of a subject's environment."""
        return self._pythons[name]

    def open(self, name: str, colour: str, targets: Targets, **rest: Any) -> None:
        """Open a client: see :class:`versus.contract.Setting`. In memory if ``memory`` is true."""
        setting: dict[str, Any] = {
            "connect": PATIENT,
            "read": PATIENT,
            "connections": CONNECTIONS,
            "certificates": None,
            "memory": False,
            **rest,
        }
        self.ask(name, "open", colour=colour, targets=targets, **setting)

    def calls(
        self, name: str, colour: str, count: int, *, at_once: int = 1, patience: float = 60.0
    ) -> Any:
        """Make calls: see :meth:`versus.worker.Worker.calls`."""
        return self.ask(
            name,
            "calls",
            colour=colour,
            count=count,
            at_once=at_once,
            seconds=patience,
            patience=patience,
        )

    def healthy_calls(self, name: str, colour: str, count: int, *, at_once: int = 1) -> Any:
        """Make calls of which none must be lost, nor go elsewhere than to the primary.

        Raises:
            ChildFailedError: Some call was lost, or answered by the backup without need.
        """
        made = self.calls(name, colour, count, at_once=at_once)
        if made["lost"]:
            raise ChildFailedError(f"lost {made['lost']} of {made['made']} healthy calls")
        if not self.cards[name].is_base and made["answers"].keys() != {PRIMARY}:
            raise ChildFailedError(f"healthy calls were answered by {made['answers']}")
        return made

    def add(self, name: str, figure: str, *samples: float) -> None:
        """Keep samples of a figure."""
        self._samples[name][figure] += samples

    def add_turn(self, name: str, figure: str, sample: float) -> None:
        """Keep the sample of a turn, which is to be compared with those of the same turn."""
        self._paired.add(figure)
        self.add(name, figure, sample)

    def note(self, name: str, what: str, text: str) -> None:
        """Keep a note."""
        self._notes[name][what] = text

    def measured(self, run: str) -> dict[str, Measured]:
        """Sum up what has been kept, and forget it: the next scenario may begin."""
        found = {
            name: Measured(
                run=run,
                figures={
                    figure: Series.of(samples) for figure, samples in self._samples[name].items()
                },
                times=self._times(name),
                notes=dict(self._notes[name]),
            )
            for name in self.cards
            if name in self._samples or name in self._notes
        }
        self._samples.clear()
        self._notes.clear()
        self._paired.clear()
        return found

    def _times(self, name: str) -> dict[str, Series]:
        """Compare the figures that were kept by turns with those of what a subject builds on."""
        floor = self._samples.get(self.cards[name].floor or "", {})
        return {
            figure: Series.of(found)
            for figure, samples in self._samples[name].items()
            if figure in self._paired and (found := quotients(samples, floor.get(figure, ())))
        }
