"""Errors under a status of 200: what the caller gets, what it means, and what is told of it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from stream_calls import ASKED, CHAT, RESPONSES, alike, at_once, bare, receive, states, stream
from worlds import World

from azure_failover.emulator import Fleet, faults

PATHS = [CHAT, RESPONSES]
THROTTLE: dict[str, Any] = {"code": "rate_limit_exceeded", "error_type": "too_many_requests"}
MISSING: dict[str, Any] = {"code": "DeploymentNotFound", "error_type": "invalid_request_error"}

# trio warns of the HTTP libraries' own generators when a stream is closed early.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def in_band(at: int = 0, **told: Any) -> faults.BreakStream:
    """An error event after so many events of a stream."""
    return faults.BreakStream(at, "error", **told)


def throttles(path: str) -> list[tuple[faults.Fault, float | None]]:
    """Give the ways in which a stream is throttled, and for how long each asks to wait."""
    return [
        (faults.ThrottledStream(retry_after=1), 1.0),
        (in_band(1 if path == RESPONSES else 0, **THROTTLE), None),
        (in_band(2, retry_after=1, **THROTTLE), 1.0),
        (in_band(1, code=None, error_type="too_many_requests"), None),
    ]


@pytest.mark.parametrize("path", PATHS, ids=["chat", "responses"])
@pytest.mark.parametrize("way", range(4))
def test_a_throttled_stream_is_returned_by_default(
    world: World, fleet: Fleet, path: str, way: int
) -> None:
    """What Azure said comes as it came, with its status 200; the endpoint counts as throttled."""
    east = fleet["eastus"]
    east.fault, wait = throttles(path)[way]
    with world.session(at_once(fleet)) as session:
        found = stream(session, east, path)
        status = session.transport.status().endpoints[0]
    assert found.error is None
    assert found.response.status_code == 200
    assert alike(found.body) == alike(bare(east, path))
    assert b"too_many_requests" in found.body
    (entry,) = found.ledger.entries
    assert (entry.endpoint, entry.status) == ("eastus", 200)
    assert "hides 429" in str(entry)
    assert status.state == "healthy"
    if wait is not None:
        assert status.throttled_for is not None
        assert 0 < status.throttled_for <= wait
    assert not fleet["westus"].requests


@pytest.mark.parametrize("path", PATHS, ids=["chat", "responses"])
@pytest.mark.parametrize("way", range(4))
def test_a_throttled_stream_fails_over_if_the_policy_says_so(
    world: World, fleet: Fleet, path: str, way: int
) -> None:
    """``on_throttle="failover"``: the caller sees the backup's stream and nothing else."""
    east = fleet["eastus"]
    east.fault, _ = throttles(path)[way]
    with world.session(at_once(fleet, on_throttle="failover")) as session:
        found = stream(session, east, path)
        assert states(session)["eastus"] == "healthy"
    assert found.error is None
    assert alike(found.body) == alike(bare(fleet["westus"], path))
    first, second = found.ledger.entries
    assert "hides 429" in str(first)
    assert (second.endpoint, second.status) == ("westus", 200)


@pytest.mark.parametrize("path", PATHS, ids=["chat", "responses"])
def test_a_throttled_stream_waits_if_the_policy_says_so(
    world: World, fleet: Fleet, path: str
) -> None:
    """``on_throttle="wait"``: the same endpoint is asked again after the time it asked for."""
    east = fleet["eastus"]
    east.fault = in_band(retry_after=0, times=1, **THROTTLE)
    with world.session(at_once(fleet, on_throttle="wait")) as session:
        found = stream(session, east, path)
    assert found.error is None
    assert found.told == [("eastus", "answered"), ("eastus", "answered")]
    assert alike(found.body) == alike(bare(east, path))


def test_a_throttled_stream_that_does_not_say_for_how_long_is_returned_instead(
    world: World, fleet: Fleet
) -> None:
    """``on_throttle="wait"`` without a hint: there is nothing to wait for."""
    fleet["eastus"].fault = in_band(**THROTTLE)
    with world.session(at_once(fleet, on_throttle="wait")) as session:
        found = stream(session, fleet["eastus"])
    assert found.told == [("eastus", "answered")]
    assert b"rate_limit_exceeded" in found.body


@pytest.mark.parametrize("path", PATHS, ids=["chat", "responses"])
@pytest.mark.parametrize("policy", ["return", "failover"])
def test_a_missing_deployment_may_be_told_in_a_stream(
    world: World, fleet: Fleet, path: str, policy: str
) -> None:
    """It is what a 404 with that code would be: by policy, alive, and flagged."""
    east = fleet["eastus"]
    east.fault = in_band(1, **MISSING)
    with world.session(at_once(fleet, on_misconfigured=policy)) as session:
        found = stream(session, east, path)
        status = session.transport.status().endpoints[0]
    assert found.error is None
    assert status.state == "healthy"
    assert "DeploymentNotFound" in (status.misconfigured or "")
    served = "westus" if policy == "failover" else "eastus"
    assert found.ledger.endpoint == served
    assert alike(found.body) == alike(bare(fleet[served], path))


@pytest.mark.parametrize("path", PATHS, ids=["chat", "responses"])
@pytest.mark.parametrize("code", ["content_filter", "context_length_exceeded", "invalid_prompt"])
def test_an_error_that_is_the_callers_own_is_delivered(
    world: World, fleet: Fleet, path: str, code: str
) -> None:
    """Promise 2: what a 4xx would be never moves on, and blames no endpoint."""
    east = fleet["eastus"]
    east.fault = in_band(code=code, error_type="invalid_request_error")
    policy = {"on_throttle": "failover", "on_misconfigured": "failover"}
    with world.session(at_once(fleet, **policy)) as session:
        found = stream(session, east, path)
        assert states(session) == dict.fromkeys(["eastus", "westus", "northeurope"], "healthy")
    assert found.error is None
    assert alike(found.body) == alike(bare(east, path))
    assert found.told == [("eastus", "answered")]
    assert f"hides 400: {code}" in str(found.ledger.entries[0])


@pytest.mark.parametrize("path", PATHS, ids=["chat", "responses"])
def test_the_last_endpoints_error_comes_as_it_came(world: World, fleet: Fleet, path: str) -> None:
    """With nothing left, the caller gets the answer there was, and the ledger says all."""
    for region in fleet:
        region.fault = in_band(1, message=f"{region.name} is out")
    with world.session(at_once(fleet)) as session:
        found = stream(session, fleet["eastus"], path)
        assert set(states(session).values()) == {"failed"}
    assert found.error is None
    assert alike(found.body) == alike(bare(fleet["northeurope"], path))
    assert [entry.endpoint for entry in found.ledger.entries] == ["eastus", "westus", "northeurope"]
    assert found.ledger.is_exhausted
    assert found.response.headers["x-should-retry"] == "false"


def test_an_error_that_its_last_endpoint_breaks_off_is_raised(world: World, fleet: Fleet) -> None:
    """The last endpoint's stream ends before it says anything."""
    for region in fleet:
        region.fault = faults.BreakStream(1, "end")
    with world.session(at_once(fleet)) as session:
        found = stream(session, fleet["eastus"])
    assert isinstance(found.error, world.family.RemoteProtocolError)
    assert "before its first content" in str(found.error)
    assert [entry.outcome for entry in found.ledger.entries] == ["failed"] * 3


@pytest.mark.parametrize("path", PATHS, ids=["chat", "responses"])
def test_an_error_behind_content_is_passed_on_and_counts(
    world: World, fleet: Fleet, path: str
) -> None:
    """Promise 5: nothing is replayed; the endpoint fails, and the ledger says where."""
    east = fleet["eastus"]
    east.fault = in_band(4)
    with world.session(at_once(fleet)) as session:
        found = stream(session, east, path)
        assert states(session)["eastus"] == "failed"
    assert found.error is None
    assert alike(found.body) == alike(bare(east, path))
    (entry,) = found.ledger.entries
    assert (entry.status, entry.error) == (200, "server_error")
    assert entry.phase is not None
    assert entry.phase.value == "body"


def test_a_content_filter_behind_content_blames_nobody(world: World, fleet: Fleet) -> None:
    fleet["eastus"].fault = in_band(4, code="content_filter")
    with world.session(at_once(fleet)) as session:
        found = stream(session, fleet["eastus"])
        assert states(session)["eastus"] == "healthy"
    assert b"content_filter" in found.body
    assert found.ledger.entries[0].error == "content_filter"


def test_an_error_behind_content_is_noted_though_the_caller_leaves_with_it(
    world: World, fleet: Fleet
) -> None:
    """SDKs raise when they see it, and close the stream."""
    fleet["eastus"].fault = in_band(4)
    fleet["eastus"].shape = attrs.evolve(fleet["eastus"].shape, join=None)
    with world.session(at_once(fleet)) as session:
        found = stream(session, fleet["eastus"], chunks=1)
        assert states(session)["eastus"] == "failed"
    assert b"server_error" in found.body


def test_no_key_shows_in_what_is_told_of_an_error(world: World, fleet: Fleet) -> None:
    """Promise 6: an error's code may quote the request."""
    key = fleet["eastus"].api_key
    for region in fleet:
        region.fault = in_band(code=f"bad {key}", error_type="x")
    with world.session(at_once(fleet)) as session:
        found = stream(session, fleet["eastus"])
        told = f"{found.ledger} {session.transport.status()}"
    assert key not in told


def test_a_stream_that_nobody_asked_for_is_judged_as_well(world: World, fleet: Fleet) -> None:
    """What counts is what comes, not what was asked for."""
    fleet["eastus"].fault = faults.Status(
        200, {"content-type": "text/event-stream"}, b'data: {"error": {"code": "500"}}\n\n'
    )
    asked = {key: value for key, value in ASKED[CHAT].items() if key != "stream"}
    with world.session(at_once(fleet)) as session:
        found = receive(session, fleet["eastus"].url + CHAT, json=asked)
    assert found.told == [("eastus", "answered"), ("westus", "answered")]
    assert found.response.headers["content-type"].startswith("application/json")
