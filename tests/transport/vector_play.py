"""Plays a vector in one world: carries out its events, and has each phase's outcome checked."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from itertools import cycle
from math import inf
from typing import Any, Final, assert_never
from urllib.parse import urlsplit

from vector_check import Flown, Scene, check
from vector_endpoints import TAG, Cast
from vector_format import (
    Asked,
    Cancel,
    Elapse,
    Endpoints,
    Event,
    Finish,
    Request,
    Reset,
    Start,
    Vector,
)
from vector_stage import Stage
from vector_tasks import TaskStage
from vector_threads import ThreadStage
from worlds import World

from azure_failover import Config

OPERATIONS: Final = {
    "chat": "POST /openai/deployments/gpt/chat/completions",
    "embeddings": "POST /openai/deployments/gpt/embeddings",
    "responses": "POST /openai/v1/responses",
}
"""Short names; any other operation is written as method and path."""
AFTERMATH: Final = 1000.0
"""Seconds after which attempts that nobody waits for have ended, too."""


def play(vector: Vector, world: World) -> None:
    """Play a vector.

    Raises:
        AssertionError: Says in which phase what differs from its outcome.
    """
    stage = ThreadStage() if world.colour == "sync" else TaskStage(world.colour)
    stage.run(_Play(vector, world, stage).perform)


class _Warnings(logging.Handler):
    """Collects what the package warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class _Play:
    """One vector in one world."""

    def __init__(self, vector: Vector, world: World, stage: Stage) -> None:
        self._vector = vector
        self._world = world
        self._stage = stage
        config = Config.from_dict(vector.given.dict_form(), env={})
        self._origins = {each.name: each.base.origin for each in config.endpoints}
        hosts = {urlsplit(origin).netloc: name for name, origin in self._origins.items()}
        assert len(hosts) == len(config.endpoints), "each endpoint needs a host of its own"
        self._cast = Cast(stage, hosts)
        luck = cycle(vector.given.luck)
        self._transport = world.transport(
            config,
            transport=self._cast.transport(world.family),
            runtime=stage.runtime(lambda: next(luck)),
        )
        client = world.family.Client if world.colour == "sync" else world.family.AsyncClient
        self._client = client(transport=self._transport, timeout=None, trust_env=False)
        self._flown: dict[str, Flown] = {}
        self._warnings = _Warnings()

    async def perform(self) -> None:
        """Play all phases."""
        logger = logging.getLogger("azure_failover")
        logger.addHandler(self._warnings)
        try:
            for number, phase in enumerate(self._vector.phases, 1):
                before = len(self._cast.arrivals)
                over = {name for name, flown in self._flown.items() if flown.is_over}
                self._warnings.texts.clear()
                for event in phase.events:
                    await self._carry_out(event)
                scene = Scene(
                    ended={n: f for n, f in self._flown.items() if f.is_over and n not in over},
                    under_way=[n for n, f in self._flown.items() if not f.is_over],
                    reached=[each.endpoint for each in self._cast.arrivals[before:]],
                    status=self._transport.status(),
                    warnings=self._warnings.texts,
                )
                check(phase.outcome, scene, f"phase {number}")
            await self._check_the_end()
        finally:
            logger.removeHandler(self._warnings)

    async def _carry_out(self, event: Event) -> None:
        match event:
            case Endpoints():
                self._cast.plan(event.endpoints)
            case Elapse():
                await self._stage.elapse(event.elapse)
            case Request():
                for _ in range(event.count):
                    name = f"{event.request} {len(self._flown) + 1}"
                    await self._start(name, event.request, event)
                    await self._stage.finish(name)
            case Start():
                for number in range(1, event.count + 1):
                    name = event.start if event.count == 1 else f"{event.start}-{number}"
                    await self._start(name, event.operation, event)
            case Finish():
                for _ in range(event.count):
                    await self._finish(event)
            case Cancel():
                await self._stage.cancel(event.cancel)
            case Reset():
                self._transport.reset()
            case _:
                assert_never(event)

    async def _finish(self, event: Finish) -> None:
        waiting = [
            each
            for each in self._cast.arrivals
            if each.is_waiting
            and (each.request == event.finish or each.request.startswith(f"{event.finish}-"))
            and event.at in (None, each.endpoint)
        ]
        assert waiting, f"{event.finish} waits for no endpoint"
        waiting[0].instead = event.does
        await self._stage.open(waiting[0].gate)

    async def _start(self, name: str, operation: str, asked: Asked) -> None:
        assert name not in self._flown, f"there is a request {name} already"
        request = self._request(name, operation, asked)
        flown = self._flown[name] = Flown(self._stage.now)

        async def job() -> None:
            try:
                flown.response = await self._answer(request, asked, flown)
            except Exception as error:  # noqa: BLE001  (every end is looked at)
                flown.error = error
            except BaseException:
                flown.is_cancelled = True
                raise
            finally:
                flown.ended = self._stage.now

        await self._stage.start(name, job)

    def _request(self, name: str, operation: str, asked: Asked) -> Any:
        method, path = OPERATIONS.get(operation, operation).split()
        origin = next(iter(self._origins.values())) if asked.to is None else self._origins[asked.to]
        content: Any = None
        if method != "GET":
            stream = {"stream": True} if asked.stream else {}
            content = json.dumps({"model": "gpt", **stream, **asked.body}).encode()
        if asked.once:
            content = iter([content]) if self._world.colour == "sync" else _one_by_one([content])
        query = "" if "/v1/" in path else "?api-version=2024-10-21"
        return self._client.build_request(
            method,
            f"{origin}{path}{query}",
            content=content,
            headers={"content-type": "application/json"},
            timeout=asked.timeout,
            extensions={TAG: name, "failover": dict(asked.options)},
        )

    async def _answer(self, request: Any, asked: Asked, flown: Flown) -> Any:
        """Send a request; read the answer, or so many pieces of it."""
        left = inf if asked.reads is None else asked.reads
        if self._world.colour == "sync":
            response = self._client.send(request, stream=True)
            try:
                pieces = response.iter_raw()
                while left > 0 and (piece := next(pieces, None)) is not None:
                    flown.pieces.append(piece)
                    left -= 1
            finally:
                response.close()
            return response
        response = await self._client.send(request, stream=True)
        try:
            pieces = response.aiter_raw()
            while left > 0 and (piece := await anext(pieces, None)) is not None:
                flown.pieces.append(piece)
                left -= 1
        finally:
            await response.aclose()
        return response

    async def _check_the_end(self) -> None:
        """What is so at the end of every vector, whatever it is about."""
        left = [name for name, flown in self._flown.items() if not flown.is_over]
        assert not left, f"{left} are still under way at the end"
        await self._stage.elapse(AFTERMATH)
        for arrival in self._cast.arrivals:
            assert arrival.closings in (None, 1), f"{arrival} was closed {arrival.closings} times"
        for name, flown in self._flown.items():
            if flown.ledger is not None:
                came = [each.endpoint for each in self._cast.arrivals if each.request == name]
                told = [entry.endpoint for entry in flown.ledger.attempts]
                assert came == told, f"{name} reached {came}, and its ledger says {told}"
                _, tellers = flown.got
                wrong = tellers - {flown.ledger.endpoint}
                assert not wrong, f"{name} got events of {wrong}"


async def _one_by_one(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
