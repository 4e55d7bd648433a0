"""One subject in a process of its own: ``python -m versus.worker NAME``.

Takes orders as lines of JSON on stdin and answers each with one line. Between orders it does
nothing, so that the slices of several workers can be interleaved. Imports no more of the harness
than its subject may.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.metadata
import json
import os
import platform
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TextIO, cast

from versus import crowd, layers, usage
from versus.contract import AsyncCaller, Caller, Setting, Subject, Target
from versus.memory import memory_transport
from versus.tally import Call, Stream, Tally

SHOWN = ("azure-failover", "httpx", "httpx2", "openai")
"""Whose versions are told wherever they are installed, besides those of what is required."""


class Worker:
    """Does what it is ordered to, with clients that stay open between orders."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._runner = asyncio.Runner()
        self._callers: dict[str, Caller] = {}
        self._async_callers: dict[str, AsyncCaller] = {}
        self._connects: Counter[str] = Counter()
        self._watches = False

    def end(self) -> None:
        """Close the event loop; clients must be closed."""
        self._runner.close()

    def about(self) -> dict[str, Any]:
        """Give the versions that matter."""
        required = [re.split(r"[^\w.-]", each)[0] for each in self._subject.REQUIRES]
        versions: dict[str, str] = {}
        for name in (*required, *SHOWN):
            try:
                versions[name] = importlib.metadata.version(name)
            except (importlib.metadata.PackageNotFoundError, ValueError):
                continue
        return {"versions": versions, "python": platform.python_version()}

    def open(self, colour: str, targets: list[list[str]], *, memory: bool, **rest: Any) -> None:
        """Open a client, ``sync`` or ``async``."""
        family = self._subject.FAMILY
        setting = Setting(
            targets=[Target(url, key) for url, key in targets],
            inner=memory_transport(family) if memory and family else None,
            **rest,
        )
        if colour == "sync":
            self._callers[colour] = self._subject.sync(setting)
            return

        async def opened() -> AsyncCaller:
            return self._subject.asynchronous(setting)

        self._async_callers[colour] = self._runner.run(opened())

    def layers(self, targets: list[list[str]], seconds: float) -> dict[str, list[float]]:
        """Give what the usual case of ours is made of: see :mod:`versus.layers`."""
        setting = Setting([Target(url, key) for url, key in targets], 1.0, 1.0, 1)
        return layers.measured(self._subject, setting, seconds)

    def crowd(self, targets: list[list[str]], seconds: float) -> dict[str, list[float]]:
        """Give what one of many calls through ours is made of: see :mod:`versus.crowd`."""
        setting = Setting([Target(url, key) for url, key in targets], 1.0, 1.0, crowd.AT_ONCE)
        return self._runner.run(crowd.measured(self._subject, setting, seconds))

    def close(self, colour: str) -> None:
        """Close a client."""
        if colour == "sync":
            self._callers.pop(colour).close()
            return
        caller = self._async_callers.pop(colour)

        async def closed() -> None:
            await caller.close()
            await asyncio.sleep(0)

        self._runner.run(closed())

    def calls(self, colour: str, count: int, at_once: int, seconds: float) -> Any:
        """Make calls, until they are made or the seconds are over."""
        ends = time.monotonic() + seconds
        tally = Tally()
        begin = time.perf_counter(), time.process_time()
        if colour == "sync":
            call = self._callers[colour].call
            while tally.made < count and time.monotonic() < ends:
                with Call(tally) as made:
                    made.text = call()
        else:
            acall = self._async_callers[colour].call
            self._runner.run(self._lanes(acall, tally, count, at_once, ends))
        wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
        return {"wall": wall, "cpu": cpu, **tally.told()}

    async def _lanes(
        self, call: Callable[[], Any], tally: Tally, count: int, lanes: int, ends: float
    ) -> None:
        begun = 0

        async def lane() -> None:
            nonlocal begun
            while begun < count and time.monotonic() < ends:
                begun += 1
                with Call(tally) as made:
                    made.text = await call()

        if lanes == 1:
            await lane()
        else:
            await asyncio.gather(*(lane() for _ in range(lanes)))

    def poll(self, until: float, back: float, pause: float) -> list[list[Any]]:
        """Call now and again; give when calls that came after ``back`` began, and who answered."""
        call = self._callers["sync"].call
        seen: list[list[Any]] = []
        while (now := time.monotonic()) < until:
            tally = Tally()
            with Call(tally) as made:
                made.text = call()
            answered = next(iter(tally.answers), "")
            seen.append([now, answered])
            if now >= back and answered == "primary":
                break
            time.sleep(pause)
        return seen

    def streams(self, colour: str, count: int) -> list[Any]:
        """Read streams; give what each was like."""
        if colour == "sync":
            return [self._stream() for _ in range(count)]
        return [self._runner.run(self._astream()) for _ in range(count)]

    def _stream(self) -> Any:
        with Stream() as seen:
            for piece in self._callers["sync"].stream():
                seen.take(piece)
        return seen.told()

    async def _astream(self) -> Any:
        with Stream() as seen:
            async for piece in self._async_callers["async"].stream():
                seen.take(piece)
        return seen.told()

    def usage(self) -> dict[str, float]:
        """Give memory in bytes, and sockets."""
        gc.collect()
        return {"rss": usage.rss(), "sockets": usage.sockets()}

    def connects(self) -> dict[str, int]:
        """Give how often it has tried to connect to each port since it was last asked."""
        if not self._watches:
            self._watches = True
            sys.addaudithook(self._heed)
        counted = dict(self._connects)
        self._connects.clear()
        return counted

    def _heed(self, event: str, arguments: tuple[Any, ...]) -> None:
        match event, arguments:
            case "socket.connect", (_, (_, int(port), *_)):
                self._connects[str(port)] += 1
            case _:
                return


def obey(worker: Worker, orders: TextIO, answers: TextIO) -> None:
    """Do what each line says, and answer."""
    for line in orders:
        order = json.loads(line)
        do: Callable[..., Any] = getattr(worker, order.pop("do"))
        try:
            answer = {"ok": do(**order)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the harness wants to know
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    worker.end()


def main() -> None:
    """Load the subject and obey, with stdout for answers alone: some libraries print."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        subject = cast("Subject", importlib.import_module(f"versus.subjects.{sys.argv[1]}"))
        worker = Worker(subject)
    except Exception as error:  # noqa: BLE001 - as above
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
        return
    answers.write(json.dumps({"ok": worker.about()}) + "\n")
    answers.flush()
    obey(worker, sys.stdin, answers)


if __name__ == "__main__":
    main()
