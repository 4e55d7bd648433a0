"""What is told while it happens: to the hook, and in the log."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from scripted import Clock, Raise, Status, scripted
from worlds import WORLDS, World

from azure_failover import FailoverTransport, Phase
from azure_failover.events import (
    AttemptFailed,
    EndpointFailed,
    EndpointMisconfigured,
    EndpointRecovered,
    Exhausted,
    FailedOver,
    FailoverEvent,
    ProbeStarted,
    RetryRefused,
)

CHAT = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
CONFIG: dict[str, Any] = {
    "api_key": "secret-of-a",
    "endpoint": "https://a.example",
    "deployment_name": "gpt",
    "backups": [{"endpoint": "https://b.example", "api_key": "secret-of-b"}],
}
BROKEN = b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n'


class Told:
    """A hook that keeps what it is told, over endpoints that do as they are told."""

    def __init__(self, world: World, config: dict[str, Any] | None = None) -> None:
        self.events: list[FailoverEvent] = []
        self.fates: dict[str, Any] = {}
        self.clock = Clock()
        inner = scripted(
            world.family, lambda request: self.fates.get(request.url.host, Status(200))
        )
        self.session = world.session(
            config or CONFIG,
            transport=inner,
            runtime=self.clock.runtime(),
            on_event=self.events.append,
        )

    def take(self) -> list[FailoverEvent]:
        events, self.events[:] = [*self.events], []
        return events


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_a_failure_a_move_a_probe_and_a_return_are_told_in_order(world: World) -> None:
    told = Told(world)
    with told.session as session:
        url = "https://a.example" + CHAT
        session.post(url, json={})
        assert told.take() == [], "a healthy request is no news"
        told.fates["a.example"] = Status(503)
        session.post(url, json={})
        failure = AttemptFailed(endpoint="a", status=503, error=None, phase=None, elapsed=0.0)
        *news, failed = told.take()
        assert news == [failure, FailedOver(endpoint="b", origin="a")]
        assert isinstance(failed, EndpointFailed)
        assert (failed.endpoint, failed.reason) == ("a", "503")
        session.post(url, json={})
        assert told.take() == [], "what is passed over is in the ledger"
        told.clock.now += 2.0
        session.post(url, json={})
        *news, still = told.take()
        assert news == [ProbeStarted("a"), failure, FailedOver(endpoint="b", origin="a")]
        assert isinstance(still, EndpointFailed)
        assert still.by_probe
        told.clock.now += 20.0
        told.fates.clear()
        session.post(url, json={})
        assert told.take() == [ProbeStarted("a"), EndpointRecovered("a")]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_it_is_told_that_nothing_is_left(world: World) -> None:
    told = Told(world)
    with told.session as session:
        told.fates |= {"a.example": Raise("ConnectError"), "b.example": Status(500)}
        response = session.post("https://a.example" + CHAT, json={})
        assert told.take()[-1] == Exhausted(response.extensions["failover"])
        told.fates["b.example"] = Raise("ReadTimeout")
        with pytest.raises(world.family.TimeoutException):
            session.post("https://a.example" + CHAT, json={})
        last = told.take()[-1]
        assert isinstance(last, Exhausted)
        assert [entry.endpoint for entry in last.ledger.attempts] == ["a", "b"]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_a_stream_that_breaks_later_is_told_then(world: World) -> None:
    told = Told(world)
    told.fates["a.example"] = Status(200, body=BROKEN, kind="text/event-stream")
    with told.session as session:
        with pytest.raises(world.family.RemoteProtocolError):
            session.stream("https://a.example" + CHAT, json={"stream": True})
        failure, endpoint = told.take()
    assert isinstance(failure, AttemptFailed)
    assert (failure.status, failure.phase) == (200, Phase.BODY)
    assert "without data: [DONE]" in (failure.error or "")
    assert isinstance(endpoint, EndpointFailed)


@pytest.mark.parametrize(
    ("status", "policy", "kinds"),
    [
        (429, {}, [AttemptFailed]),
        (401, {}, [AttemptFailed, EndpointMisconfigured]),
        (400, {}, []),
        (429, {"on_throttle": "wait", "retry_budget": 0}, [AttemptFailed, RetryRefused]),
    ],
)
def test_answers_that_are_the_callers_are_told_as_what_they_are(
    status: int, policy: dict[str, Any], kinds: list[type]
) -> None:
    told = Told(WORLDS[0], CONFIG | {"policy": policy})
    told.fates["a.example"] = Status(status, retry_after="1")
    with told.session as session:
        session.post("https://a.example" + CHAT, json={})
    assert [type(event) for event in told.take()] == kinds


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_a_hook_that_raises_breaks_no_request(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(_: FailoverEvent) -> None:
        raise RuntimeError("the hook's own trouble")

    inner = scripted(
        world.family, lambda request: Status(503 if request.url.host[0] == "a" else 200)
    )
    with world.session(CONFIG, transport=inner, on_event=hook) as session:
        assert session.post("https://a.example" + CHAT, json={}).status_code == 200
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert {record.getMessage() for record in errors} == {
        "on_event raised for AttemptFailed",
        "on_event raised for EndpointFailed",
        "on_event raised for FailedOver",
    }
    assert errors[0].exc_info is not None


def test_records_carry_their_fields_for_programs(caplog: pytest.LogCaptureFixture) -> None:
    told = Told(WORLDS[0])
    told.fates["a.example"] = Status(503)
    with caplog.at_level(logging.DEBUG, "azure_failover"), told.session as session:
        session.post("https://a.example" + CHAT, json={})
    fields = [
        {key: value for key, value in vars(record).items() if key.startswith("failover_")}
        for record in caplog.records
    ]
    assert [record.levelname for record in caplog.records] == ["DEBUG", "DEBUG", "WARNING"]
    assert fields[2] == {
        "failover_event": "EndpointFailed",
        "failover_endpoint": "a",
        "failover_reason": "503",
        "failover_pause": pytest.approx(1.1),
        "failover_by_probe": False,
        "failover_by_silence": False,
    }
    assert fields[1] == {
        "failover_event": "FailedOver",
        "failover_endpoint": "b",
        "failover_origin": "a",
    }
    assert "secret" not in caplog.text


def test_a_healthy_request_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    told = Told(WORLDS[0])
    with caplog.at_level(logging.DEBUG, "azure_failover"), told.session as session:
        session.post("https://a.example" + CHAT, json={})
    assert [record for record in caplog.records if record.name.startswith("azure_failover")] == []


async def awaited(_: FailoverEvent) -> None:
    """Nobody awaits it."""


@pytest.mark.parametrize(
    ("hook", "remedy"), [(awaited, "give a plain one"), ("log", "a function of one event")]
)
def test_a_hook_that_cannot_be_called_is_refused(hook: Any, remedy: str) -> None:
    with pytest.raises(TypeError, match=remedy):
        FailoverTransport(
            CONFIG, on_event=hook, transport=httpx.MockTransport(lambda _: httpx.Response(200))
        )
