"""Contexts: their ids reach Azure and the log records, and nothing else."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from scripted_streams import CONFIG, Script, chunk, whole

from azure_failover import (
    AsyncClient,
    AzureConnector,
    Client,
    ContextFilter,
    LLMFactory,
    RequestContext,
    create_context,
)
from azure_failover.emulator import Fleet, faults

# httpx's generators leave those that they iterate to be collected, which trio remarks upon.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

HEADER = "x-ms-client-request-id"


class Kept(logging.Handler):
    """Keeps records."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    logger, handler = logging.getLogger("azure_failover"), Kept()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_each_context_has_an_id_of_its_own() -> None:
    first, second = create_context(user_id="u", session_id="s"), create_context()
    assert re.fullmatch(r"[0-9a-f-]{36}", first.request_id)
    assert first.request_id != second.request_id
    assert (first.user_id, first.session_id, second.user_id) == ("u", "s", None)
    assert create_context(request_id="mine") == RequestContext(request_id="mine")


@pytest.mark.parametrize("wrong", ["", " a", "a\r\nx: y", "é", "a" * 257, 5])
def test_an_id_that_cannot_be_sent_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="request_id cannot be sent in a header"):
        create_context(request_id=wrong)


@pytest.mark.anyio
async def test_the_ids_reach_every_attempt_and_every_record(fleet: Fleet, kept: Kept) -> None:
    """The user and the session stay here."""
    fleet["eastus"].fault = faults.Status(503)
    ctx = create_context(user_id="the-user", session_id="the-session", request_id="the-request")
    async with LLMFactory.create_llm("azure-gpt-4.1-mini", fleet.config()) as llm:
        await llm.get_answer("Hello", ctx)
        await llm.get_answer("Hello")
    first, second, third = fleet.requests
    assert (first.header(HEADER), second.header(HEADER)) == ("the-request", "the-request")
    assert third.header(HEADER) is None
    for request in fleet.requests:
        assert "the-user" not in f"{request.headers} {request.body!r}"
        assert "the-session" not in f"{request.headers} {request.body!r}"
    warning = next(record for record in kept.records if record.levelno == logging.WARNING)
    assert (warning.request_id, warning.user_id, warning.session_id) == (
        "the-request",
        "the-user",
        "the-session",
    )


@pytest.mark.anyio
async def test_the_ids_reach_all_of_a_stream_and_leave_the_reader_alone(kept: Kept) -> None:
    """Between two chunks the reader's own calls have the reader's own context."""
    broken: list[Any] = [chunk("one "), httpx.ReadError("reset")]
    script = Script(east=broken, west=whole("uno"))
    llm = LLMFactory.create_llm("azure-gpt-4o", CONFIG, transport=httpx.MockTransport(script))
    log = logging.getLogger("azure_failover")
    restarts: list[object] = []
    async for _ in llm.stream_answer(
        "Hello", create_context(request_id="streamed"), on_restart=restarts.append
    ):
        log.warning("from the reader")
    assert len(restarts) == 1
    assert [request.headers[HEADER] for request in script.requests] == ["streamed"] * 2
    seen = {(record.getMessage(), record.request_id) for record in kept.records}
    assert ("from the reader", None) in seen
    assert {request_id for text, request_id in seen if text.startswith("endpoint")} == {"streamed"}


@pytest.mark.anyio
async def test_a_context_stands_around_any_client(fleet: Fleet) -> None:
    with create_context(request_id="outer").applied():
        async with AsyncClient(fleet.config()) as client:
            await client.chat("Hello")
            with create_context(request_id="inner").applied():
                await client.embed("a", deployment="text-embedding-3-small")
            async with client.stream("Hello") as stream:
                await stream.completion()
        async with AzureConnector(fleet.config()) as connector:
            await connector.request("models")
        with Client(fleet.config()) as blocking:
            blocking.chat("Hello")
    seen = [request.header(HEADER) for request in fleet.requests]
    assert seen == ["outer", "inner", "outer", "outer", "outer"]


@pytest.mark.anyio
async def test_tasks_that_run_at_the_same_time_keep_their_own(fleet: Fleet) -> None:
    async with LLMFactory.create_llm("azure-gpt-4.1-mini", fleet.config()) as llm:

        async def ask(number: int) -> None:
            ctx = create_context(request_id=f"request-{number}")
            await llm.get_answer(f"Say {number}", ctx)

        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(ask, number)
    for request in fleet.requests:
        asked = str(request.header(HEADER)).replace("request-", "Say ")
        assert request.json()["messages"][0]["content"] == asked
    assert len({request.header(HEADER) for request in fleet.requests}) == 8


def test_the_filter_completes_records_of_other_loggers() -> None:
    """What the logger said itself stays."""
    own, said = logging.makeLogRecord({"msg": "a"}), logging.makeLogRecord({"user_id": "mine"})
    with create_context(user_id="u", request_id="r").applied():
        assert all(ContextFilter().filter(record) for record in (own, said))
    fields = own.__dict__
    assert (fields["request_id"], fields["user_id"], fields["session_id"]) == ("r", "u", None)
    assert said.__dict__["user_id"] == "mine"
