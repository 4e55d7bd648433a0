"""Promise 6: a credential is never logged, never in an error, a repr or a traceback's locals."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest
from rich.traceback import Traceback
from worlds import World

from azure_failover import AsyncClient, AzureFailoverError, Client, ledger_of
from azure_failover.emulator import Fleet, Region, RegionSpec, faults

CHAT = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21"
HELLO = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}
KEY = "S3CRET-KEY-THAT-MUST-NOT-SHOW"

SILENT = [
    faults.Refuse(),
    faults.Hang(),
    faults.ResetBeforeHeaders(),
    faults.ResetInBody(5),
    faults.Garbage(),
]
ECHOES = [
    faults.Status(503, body=f"echo of {KEY}".encode()),
    faults.Status(401, body=f'{{"error": {{"code": "401", "message": "bad {KEY}"}}}}'.encode()),
]


def rendered(error: BaseException) -> str:
    """Give what handlers that print local variables would show of an exception, our frame apart.

    Of rich, this is all that it prints, before it lays it out in tables, which takes seconds.
    """
    assert error.__traceback__ is not None
    error = error.with_traceback(error.__traceback__.tb_next)
    seen_by_rich = Traceback.extract(type(error), error, error.__traceback__, show_locals=True)
    lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    return repr(seen_by_rich) + "".join(lines) + repr(error) + str(error)


def regions() -> Fleet:
    return Fleet([RegionSpec("eastus", api_key=KEY), RegionSpec("westus", api_key=KEY)])


@pytest.mark.parametrize("fault", [*SILENT, *ECHOES], ids=lambda fault: type(fault).__name__)
def test_no_failure_of_a_request_shows_a_key(
    world: World, fault: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """No traceback with local variables, no note and no log record of ours holds the key."""
    with regions() as fleet, caplog.at_level(logging.DEBUG):
        for region in fleet.regions:
            region.fault = fault
        url = fleet["eastus"].url + CHAT
        with world.session(fleet.config(), timeout=0.3) as session:
            try:
                response = session.post(url, json=HELLO, headers={"x-a": "b"})
            except world.family.TransportError as error:
                shown = rendered(error)
            else:
                shown = f"{response!r} {response.extensions} {dict(response.headers)}"
                shown += str(ledger_of(response))
            shown += repr(session.transport.status()) + repr(session.transport.config)
    assert KEY not in shown
    assert KEY not in caplog.text


@pytest.mark.parametrize("fault", SILENT, ids=lambda fault: type(fault).__name__)
def test_no_error_of_the_client_shows_a_key(fault: Any) -> None:
    with regions() as fleet:
        for region in fleet.regions:
            region.fault = fault
        with Client(fleet.config()) as client:
            with pytest.raises(AzureFailoverError) as caught:
                client.chat("Hello", timeout=0.3)
            shown = rendered(caught.value) + repr(client) + repr(client.status())
    assert KEY not in shown


@pytest.mark.parametrize("fault", ECHOES, ids=lambda fault: type(fault).__name__)
def test_a_server_that_echoes_the_key_does_not_get_it_into_a_message(fault: Any) -> None:
    with regions() as fleet:
        for region in fleet.regions:
            region.fault = fault
        with Client(fleet.config()) as client:
            with pytest.raises(AzureFailoverError) as caught:
                client.chat("Hello")
            cause = caught.value.__cause__
            shown = f"{caught.value!r} {caught.value} {cause!r} {cause} {client.status()}"
    assert KEY not in shown


@pytest.mark.anyio
@pytest.mark.parametrize("fault", SILENT[:3], ids=lambda fault: type(fault).__name__)
async def test_no_error_of_the_async_client_shows_a_key(fault: Any) -> None:
    with regions() as fleet:
        for region in fleet.regions:
            region.fault = fault
        async with AsyncClient(fleet.config()) as client:
            with pytest.raises(AzureFailoverError) as caught:
                await client.chat("Hello", timeout=0.3)
            assert KEY not in rendered(caught.value)


def test_a_key_in_a_local_variable_would_be_found() -> None:
    """The tests above would pass over a rendering that shows no variables."""

    def fail(headers: dict[str, str]) -> None:
        raise AzureFailoverError(f"with {len(headers)} headers")

    with pytest.raises(AzureFailoverError) as caught:
        fail({"api-key": KEY})
    assert rendered(caught.value).count(KEY) == 2  # as rich shows it, and as traceback does


def test_the_emulated_region_got_the_key_that_nobody_saw() -> None:
    """The tests above would pass over a key that was never sent."""
    with regions() as fleet, Client(fleet.config()) as client:
        assert client.chat("Hello").text == "eastus: Hello"
        eastus: Region = fleet["eastus"]
        assert eastus.requests[0].api_key == KEY
