"""Who waits at an endpoint that falls silent is cut, and nobody else; and who looks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import anyio.lowlevel
import attrs
import httpx
import pytest
from scripted import Clock

from azure_failover import FailoverTransport, ledger_of
from azure_failover.core.config import read_config
from azure_failover.core.errors import ConfigError
from azure_failover.core.events import EndpointFailed, Event
from azure_failover.core.fleet import Fleet
from azure_failover.core.pace import CROWD, KNOWN
from azure_failover.core.verdict import Effect
from azure_failover.transport._runtime import Runtime
from azure_failover.transport._silence import Alarm, Lookout

CHAT = (
    "https://east.openai.azure.com/openai/deployments/gpt-4.1-mini/chat/completions"
    "?api-version=2024-10-21"
)
CONFIG = {
    "endpoint": "https://east.openai.azure.com",
    "api_key": "k",
    "deployment_name": "gpt-4.1-mini",
    "backups": [{"endpoint": "https://west.openai.azure.com"}],
}


async def waits(alarm: Alarm, index: int = 0) -> str:
    """Wait at an endpoint; tell whether that was cut."""

    async def wait() -> str:
        await anyio.sleep(30)
        return "waited"

    told = await alarm.cut(index, wait(), lambda: "cut")
    await anyio.lowlevel.checkpoint()  # nothing of the cut is left over
    return told


@pytest.mark.anyio
async def test_the_alarm_cuts_those_who_wait_there() -> None:
    alarm, told = Alarm(2), list[str]()

    async def wait(index: int) -> None:
        told.append(f"{index} {await waits(alarm, index)}")

    async with anyio.create_task_group() as tasks:
        for index in (0, 0, 1):
            tasks.start_soon(wait, index)
        await anyio.wait_all_tasks_blocked()
        alarm.ring(0)
        await anyio.wait_all_tasks_blocked()
        assert told == ["0 cut", "0 cut"]
        alarm.ring(0)  # nobody is there any more
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_who_leaves_in_time_is_not_cut() -> None:
    alarm = Alarm(1)
    await alarm.cut(0, anyio.lowlevel.checkpoint(), pytest.fail)
    alarm.ring(0)
    await anyio.lowlevel.checkpoint()


@pytest.mark.anyio
async def test_another_loop_is_not_cut_from_here() -> None:
    alarm, told = Alarm(1), list[str]()

    async def wait() -> None:
        told.append(await waits(alarm))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        thread = threading.Thread(target=alarm.ring, args=(0,))
        thread.start()
        thread.join()
        await anyio.wait_all_tasks_blocked()
        assert told == []
        alarm.ring(0)
        await anyio.wait_all_tasks_blocked()
        assert told == ["cut"]


@pytest.mark.anyio
async def test_a_scope_around_still_cuts_when_the_alarm_rings_too() -> None:
    alarm = Alarm(1)
    with anyio.CancelScope() as around:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waits, alarm)
            await anyio.wait_all_tasks_blocked()
            alarm.ring(0)
            around.cancel()
    assert around.cancelled_caught
    await anyio.lowlevel.checkpoint()


async def started(work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("rings", [False, True])
def test_who_is_cancelled_stays_cancelled(*, rings: bool) -> None:
    """By a caller who does not know of the alarm, before it or after it."""

    async def main(order: tuple[str, ...]) -> None:
        alarm = Alarm(1)
        task = await started(waits(alarm))
        for what in order:
            if what == "cancel":
                task.cancel()
            else:
                alarm.ring(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main(("cancel",)))
    if rings:
        asyncio.run(main(("cancel", "ring")))
        asyncio.run(main(("ring", "cancel")))


def test_a_timeout_around_still_strikes_after_a_cut() -> None:
    async def main() -> None:
        alarm = Alarm(1)

        async def limited() -> str:
            async with asyncio.timeout(60):
                return await waits(alarm)

        task = await started(limited())
        alarm.ring(0)
        assert await task == "cut"
        assert task.cancelling() == 0

    asyncio.run(main())


def test_who_swallows_the_cut_is_not_cut_later() -> None:
    """An attempt may end in its own way while it is cut; then that counts."""

    async def main() -> None:
        alarm = Alarm(1)

        async def stubborn() -> str:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                return "answered"
            raise AssertionError("not reached")

        task = await started(alarm.cut(0, stubborn(), lambda: "cut"))
        alarm.ring(0)
        assert await task == "answered"
        assert task.cancelling() == 0

    asyncio.run(main())


def test_who_gives_a_connection_back_is_left_to_do_so() -> None:
    """A cut would reach into what the pool shields, and the connection would be lost."""

    async def main() -> None:
        alarm = Alarm(1)

        class Stream:
            async def aclose(self) -> None:
                await asyncio.sleep(0.01)

        async def gives_back() -> str:
            await Stream().aclose()
            return "answered"

        task = await started(alarm.cut(0, gives_back(), lambda: "cut"))
        alarm.ring(0)
        assert await task == "answered"

    asyncio.run(main())


# Who looks.


@attrs.define
class Timers:
    """Timers that go off when told to, and a clock."""

    now: float = 0.0
    due: list[tuple[float, Callable[[], None]]] = attrs.field(
        factory=list[tuple[float, Callable[[], None]]]
    )

    def call_later(self, seconds: float, call: Callable[[], None]) -> Any:
        timer = (self.now + seconds, call)
        self.due.append(timer)
        return Handle(self, timer)

    def go_off(self) -> None:
        """Let the next one go off."""
        self.now, call = self.due.pop(0)
        call()

    def runtime(self) -> Runtime:
        return Runtime(clock=lambda: self.now, random=lambda: 0.5, call_later=self.call_later)


@attrs.frozen
class Handle:
    """What calls a timer off."""

    timers: Timers
    timer: tuple[float, Callable[[], None]]

    def cancel(self) -> None:
        if self.timer in self.timers.due:
            self.timers.due.remove(self.timer)


def crowded_fleet() -> Fleet:
    """Give a fleet that knows what is usual, and whose primary has a crowd waiting."""
    config = read_config(CONFIG)
    assert not isinstance(config, ConfigError)
    fleet = Fleet(config, random=lambda: 0.5)
    for _ in range(KNOWN):
        ticket = fleet.first(0.0)
        assert ticket is not None
        assert fleet.landed(ticket, 0.0, 0.5) is None
    for _ in range(CROWD):
        assert fleet.first(0.0) is not None
    assert fleet.first(0.0) is None, "the next is to keep watch"
    return fleet


def test_a_lookout_looks_until_it_is_silent_and_cuts_all() -> None:
    fleet, timers, told, cut = crowded_fleet(), Timers(), list[Event](), list[int]()
    ticket = fleet.first(0.0, watches=True)
    assert ticket is not None
    assert ticket.is_sentry
    early = fleet.first(0.1)
    assert early is not None, "one sentry is enough"
    lookout = Lookout(fleet, timers.runtime(), told.extend, cut.append, ticket)
    timers.go_off()  # nothing was heard since the crowd began: it looks now and then
    assert (told, cut, len(timers.due)) == ([], [], 1)
    fleet.landed(early, timers.now, 0.5)
    timers.go_off()
    while not told:
        timers.go_off()
    (event,) = told
    assert isinstance(event, EndpointFailed)
    assert event.by_silence
    assert cut == [0]
    assert timers.due == []
    lookout.end()


def test_a_lookout_ends_with_its_attempt() -> None:
    fleet, timers = crowded_fleet(), Timers()
    ticket = fleet.first(0.0, watches=True)
    assert ticket is not None
    lookout = Lookout(fleet, timers.runtime(), list[Event]().extend, list[int]().append, ticket)
    lookout.end()
    assert timers.due == []
    again = Lookout(fleet, timers.runtime(), list[Event]().extend, list[int]().append, ticket)
    fleet.note(0, ticket, Effect.NEUTRAL, 0.0)
    timers.go_off()
    assert timers.due == [], "it waits no more, so there is nothing to look for"
    again.end()


def test_a_lookout_cuts_those_of_its_loop_when_another_told_of_the_silence() -> None:
    fleet, timers, told, cut = crowded_fleet(), Timers(), list[Event](), list[int]()
    ticket = fleet.first(0.0, watches=True)
    answered = fleet.first(0.0)
    assert ticket is not None
    assert answered is not None
    Lookout(fleet, timers.runtime(), told.extend, cut.append, ticket)
    fleet.landed(answered, 0.5, 0.5)
    assert fleet.listen(0, ticket, 1000.0) is not None
    timers.go_off()
    assert (told, cut) == ([], [0])


def test_the_sentry_of_a_crowd_of_tasks_is_cut_too_and_moves_on() -> None:
    """All of them, by one timer; and no timer is left over."""
    hangs = asyncio.Event()
    waiting: list[str] = []

    class Inner(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host.startswith("east"):
                waiting.append("east")
                if len(waiting) == KNOWN + 1:  # the last that is answered, when all others wait
                    await asyncio.sleep(0.01)
                elif len(waiting) > KNOWN:
                    await hangs.wait()
                else:
                    await asyncio.sleep(0)
            return httpx.Response(200, json={})

    class Late:
        """Timers of the loop, of which each goes off as soon as all wait."""

        def __init__(self) -> None:
            self.handles: list[asyncio.TimerHandle] = []

        def call_later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
            def go_off() -> None:
                clock.now += seconds
                call()

            self.handles.append(asyncio.get_running_loop().call_later(0.02, go_off))
            return self.handles[-1]

    clock, late = Clock(), Late()
    runtime = attrs.evolve(clock.runtime(), call_later=late.call_later)

    async def main() -> list[httpx.Response]:
        transport = FailoverTransport(CONFIG, transport=Inner(), runtime=runtime)
        async with httpx.AsyncClient(transport=transport) as client:

            async def burst() -> list[httpx.Response]:
                return await asyncio.gather(*(client.post(CHAT, json={}) for _ in range(CROWD * 2)))

            for _ in range(KNOWN // (CROWD * 2)):
                await burst()
            return await burst()

    first, *others = asyncio.run(main())
    assert first.headers["x-failover-endpoint"] == "east"
    for response in others:
        assert response.headers["x-failover-endpoint"] == "west"
        assert "cut: the endpoint has fallen silent" in str(ledger_of(response))
    assert len(late.handles) == 1, "one sentry, who looked once"
