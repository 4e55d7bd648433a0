"""Streams of both clients over real sockets, against emulated regions that break in the middle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scripted_streams import COLOURS, run

from azure_failover import Finished, StreamBrokenError, StreamRestarted, TextDelta
from azure_failover.emulator import Fleet, faults

pytestmark = [
    pytest.mark.parametrize("colour", COLOURS),
    # httpx's generators leave those that they iterate to be collected, which trio remarks upon.
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]
SAID = " ".join(f"word{number}" for number in range(40))
MIDDLE = 4000
"""Bytes after which a stream that says all that has begun, and is not over."""
BREAKS = [
    faults.ResetInBody(MIDDLE),
    faults.Truncate(MIDDLE),
    faults.EndInBody(MIDDLE),
    faults.HangInBody(MIDDLE),
]


def sockets() -> int:
    """Count what this process holds open."""
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: type(fault).__name__)
def test_a_chat_that_breaks_in_the_middle_is_whole_in_the_end(
    colour: str, fleet: Fleet, fault: faults.Fault
) -> None:
    """Promise 5: the whole answer of one endpoint, and one word about the other."""
    fleet["eastus"].fault = fault

    async def scenario(client: Any) -> None:
        async with client.stream(SAID, timeout=1.5) as stream:
            events = [event async for event in stream]
            (restarted,) = stream.restarts
            number = events.index(restarted)
            before = "".join(event.text for event in events[:number])
            assert f"eastus: {SAID}".startswith(before)
            assert before == restarted.discarded_text
            assert before
            after = [event.text for event in events if isinstance(event, TextDelta)][number:]
            assert "".join(after) == stream.text == f"westus: {SAID}"
            assert sum(isinstance(event, StreamRestarted) for event in events) == 1
            assert isinstance(events[-1], Finished)
            assert events[-1].usage is not None
            answer = await stream.completion()
            assert answer.text == stream.text
            assert answer.usage == events[-1].usage
        assert client.status().failed_endpoints == (fleet["eastus"].url,)

    run(colour, scenario, config=fleet.config())
    assert [len(region.requests) for region in fleet.regions] == [1, 1, 0]


@pytest.mark.parametrize("fault", BREAKS[:3], ids=lambda fault: type(fault).__name__)
def test_a_response_that_breaks_in_the_middle_begins_again(
    colour: str, fleet: Fleet, fault: faults.Fault
) -> None:
    fleet["eastus"].fault = fault

    async def scenario(client: Any) -> None:
        payload = {"model": "gpt-4.1-mini", "input": SAID}
        async with client.stream_request("responses", payload) as stream:
            events: list[Any] = [event async for event in stream]
        number = events.index(stream.restarts[0])
        kinds = [event.event for event in events[number + 1 :]]
        assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
        assert "westus: word0" in events[-1].data

    run(colour, scenario, config=fleet.config())


def test_when_all_break_the_error_tells_of_each(colour: str, fleet: Fleet) -> None:
    for region in fleet.regions:
        region.fault = faults.ResetInBody(MIDDLE)

    async def scenario(client: Any) -> None:
        async with client.stream(SAID) as stream:
            with pytest.raises(StreamBrokenError) as caught:
                await stream.completion()
        assert len(stream.restarts) == 2
        assert caught.value.ledger is not None
        tried = [entry.endpoint for entry in caught.value.ledger.attempts]
        assert tried == ["eastus", "westus", "northeurope"]

    run(colour, scenario, config=fleet.config())


def test_a_stream_that_was_read_to_its_end_leaves_its_connection_to_the_next(
    colour: str, fleet: Fleet
) -> None:
    async def scenario(client: Any) -> None:
        for _ in range(5):
            async with client.stream(SAID) as stream:
                assert (await stream.completion()).text == f"eastus: {SAID}"

    run(colour, scenario, config=fleet.config())
    assert len({record.connection for record in fleet["eastus"].requests}) == 1


def test_streams_that_are_left_early_leave_no_socket_behind(colour: str, fleet: Fleet) -> None:
    """Promise 12: no connection leaks."""

    async def scenario(client: Any) -> None:
        async def leave() -> None:
            async with client.stream(SAID) as stream:
                await anext(stream)

        for _ in range(5):
            await leave()
        before = sockets()
        for _ in range(50):
            await leave()
        assert sockets() <= before + 3
        assert client.status().failed_endpoints == ()
        assert (await client.chat("Hello")).endpoint == "eastus"

    run(colour, scenario, config=fleet.config())
