"""The thread under the fleet, where something is wrong with it: a private part, its own laws."""

from __future__ import annotations

import asyncio
import threading

import pytest

from azure_failover.emulator._loop import LoopThread


async def nothing() -> None:
    pass


def test_what_keeps_it_from_opening_is_raised_by_the_start() -> None:
    closed: list[bool] = []

    def opened() -> None:
        raise OSError("no port is left")

    async def closing() -> None:
        closed.append(True)

    before = threading.active_count()
    with pytest.raises(OSError, match="no port"):
        LoopThread(opened=opened, closing=closing).start()
    assert closed == [True]
    assert threading.active_count() == before


def test_what_fails_on_the_loop_is_returned_by_the_stop() -> None:
    def fail() -> None:
        raise LookupError("lost")

    def schedule() -> None:
        asyncio.get_running_loop().call_soon(fail)

    async def closing() -> None:
        raise OSError("stuck")

    thread = LoopThread(opened=lambda: None, closing=closing)
    thread.start()
    thread.command(schedule, nothing)
    thread.command(lambda: None, nothing)
    assert [type(error) for error in thread.stop()] == [LookupError, OSError]
    assert thread.stop() == []


def test_a_command_that_fails_raises_in_the_thread_that_gave_it() -> None:
    def fail() -> None:
        raise LookupError("lost")

    thread = LoopThread(opened=lambda: None, closing=nothing)
    thread.start()
    with pytest.raises(LookupError, match="lost"):
        thread.command(fail, nothing)
    assert thread.stop() == []
