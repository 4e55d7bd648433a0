"""Promise 6: a credential is never logged, never in an error, a repr or a traceback's locals."""

from __future__ import annotations

import io
import logging
import traceback
from typing import Any

import pytest
from rich.console import Console
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


class Plain(Traceback):
    """A traceback without colours: to find them takes rich seconds, frame by frame."""

    @classmethod
    def _guess_lexer(cls, filename: str, code: str) -> str:  # noqa: ARG003  (rich's signature)
        return "text"


def rendered(error: BaseException) -> str:
    """Show an exception as the handlers that print local variables would, but for our frame."""
    assert error.__traceback__ is not None
    error = error.with_traceback(error.__traceback__.tb_next)
    out = io.StringIO()
    console = Console(file=out, width=500, no_color=True)
    console.print(Plain.from_exception(type(error), error, error.__traceback__, show_locals=True))
    lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    return out.getvalue() + "".join(lines) + repr(error) + str(error)


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


def test_the_emulated_region_got_the_key_that_nobody_saw() -> None:
    """The tests above would pass over a key that was never sent."""
    with regions() as fleet, Client(fleet.config()) as client:
        assert client.chat("Hello").text == "eastus: Hello"
        eastus: Region = fleet["eastus"]
        assert eastus.requests[0].api_key == KEY
