"""How the tests of streams call a fleet, and how they tell whose stream it is that came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

import attrs
import httpx
from worlds import NO_TRUST, Session

from azure_failover import Ledger, ledger_of
from azure_failover.emulator import Fleet, Region

MODEL: Final = "gpt-4.1-mini"
CHAT: Final = f"/openai/deployments/{MODEL}/chat/completions?api-version=2024-10-21"
RESPONSES: Final = "/openai/v1/responses"
ASKED: Final[Mapping[str, Mapping[str, Any]]] = {
    CHAT: {"messages": [{"role": "user", "content": "one two"}], "stream": True},
    RESPONSES: {"model": MODEL, "input": "one two", "stream": True},
}
COUNTS: Final[Mapping[str, int]] = {CHAT: 7, RESPONSES: 11}
"""How many events a whole stream has."""
CONTENT: Final = 2
"""The place of the first event with content, of either kind."""
LAST: Final[Mapping[str, bytes]] = {CHAT: b"[DONE]", RESPONSES: b"response.completed"}
_IDS: Final = re.compile(rb"(chatcmpl-[a-z]+-|resp_|msg_)[0-9a-f]+")


@attrs.frozen
class Received:
    """What a caller got of a stream: its head, its bytes, and what ended it too early."""

    response: Any
    body: bytes
    error: Exception | None

    @property
    def told(self) -> list[tuple[str, str]]:
        """The ledger as pairs of endpoint and outcome."""
        return [(entry.endpoint, entry.outcome) for entry in self.ledger.entries]

    @property
    def ledger(self) -> Ledger:
        """What was tried."""
        ledger = ledger_of(self.response if self.response is not None else self.error)
        assert ledger is not None
        return ledger


def receive(session: Session, url: str, *, chunks: int | None = None, **options: Any) -> Received:
    """POST and read so many pieces of the body, or as far as it comes."""
    request = session.client.build_request("POST", url, **options)
    family, body = session.world.family, bytearray()
    found: list[Any] = [None, None]

    def read() -> None:
        found[0] = session.client.send(request, stream=True)
        with closing(found[0]) as response:
            if chunks == 0:
                return
            for number, chunk in enumerate(response.iter_raw(), 1):
                body.extend(chunk)
                if number == chunks:
                    return

    async def aread() -> None:
        found[0] = response = await session.client.send(request, stream=True)
        try:
            number = 0
            if chunks == 0:
                return
            async for chunk in response.aiter_raw():
                body.extend(chunk)
                number += 1
                if number == chunks:
                    return
        finally:
            await response.aclose()

    try:
        if session.portal is None:
            read()
        else:
            session.portal.call(aread)
    except family.TransportError as error:
        found[1] = error
    return Received(found[0], bytes(body), found[1])


def stream(session: Session, region: Region, path: str = CHAT, **more: Any) -> Received:
    """Ask a region for a stream of two words."""
    chunks = more.pop("chunks", None)
    return receive(session, region.url + path, chunks=chunks, json={**ASKED[path], **more})


def bare(region: Region, path: str = CHAT) -> bytes:
    """Give what plain httpx gets from a region, as far as it comes."""
    body = bytearray()
    url, headers = region.url + path, {"api-key": region.api_key}
    with (
        httpx.Client(timeout=5, trust_env=False, verify=NO_TRUST) as client,
        client.stream("POST", url, json=ASKED[path], headers=headers) as response,
    ):
        for chunk in response.iter_raw():
            body += chunk
    return bytes(body)


def alike(body: bytes) -> bytes:
    """Leave out what differs from answer to answer of the same region: ids."""
    return _IDS.sub(rb"\1X", body)


def states(session: Session) -> dict[str, str]:
    """Tell how each endpoint does."""
    return {each.name: each.state for each in session.transport.status().endpoints}


def at_once(fleet: Fleet, **policy: Any) -> dict[str, Any]:
    """Configure a fleet with a policy."""
    return dict(fleet.config()) | {"policy": policy}
