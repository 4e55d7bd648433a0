"""Strategies, tiers and the ramp, as a mounted transport shows them in every world."""

from __future__ import annotations

import random
from typing import Any

import attrs
import pytest
from scripted import Clock, Outcome, Status, scripted
from worlds import World

from azure_failover import Runtime, ledger_of

A, B, C = "https://a.example", "https://b.example", "https://c.example"
CHAT = A + "/openai/v1/chat/completions"


def config(*, tiers: str = "000", weights: tuple[float, ...] = (1, 1, 1), **policy: Any) -> Any:
    primary, *backups = (
        {"endpoint": url, "api_key": "KEY", "tier": int(tier), "weight": weight}
        for url, tier, weight in zip((A, B, C), tiers, weights, strict=True)
    )
    return {**primary, "deployment_name": "gpt", "backups": backups, "policy": policy}


class Stage:
    """Regions that answer as they are told, in their time, and a clock that stands else."""

    def __init__(self, world: World, seed: int | None = None) -> None:
        self.world = world
        self.fates: dict[str, Outcome] = {}
        self.seconds: dict[str, float] = {}
        self.clock = Clock()
        self.hosts = ""
        self.luck = random.Random(seed) if seed is not None else None

    def play(self, request: Any) -> Outcome:
        host = request.url.host[0]
        self.hosts += host
        self.clock.now += self.seconds.get(host, 0.0)
        return self.fates.get(host, Status(200))

    def session(self, configuration: Any) -> Any:
        runtime: Runtime = self.clock.runtime()
        if self.luck is not None:
            runtime = attrs.evolve(runtime, random=self.luck.random)
        return self.world.session(
            configuration, transport=scripted(self.world.family, self.play), runtime=runtime
        )


def test_round_robin_gives_each_endpoint_its_turn(world: World) -> None:
    """Also when one fails: its turns go to the others, and come back with it."""
    stage = Stage(world)
    with stage.session(config(strategy="round_robin")) as session:
        for _ in range(6):
            response = session.post(CHAT, json={})
            assert response.headers["x-failover-endpoint"] == stage.hosts[-1]
        assert stage.hosts == "abcabc"
        stage.fates["b"], stage.hosts = Status(503), ""
        for _ in range(13):
            assert session.post(CHAT, json={}).status_code == 200
        assert stage.hosts.count("b") == 1
        assert abs(stage.hosts.count("a") - stage.hosts.count("c")) <= 1


def test_weights_share_the_requests_out(world: World) -> None:
    """Luck comes from the runtime: the same seed, the same endpoints, in every world."""
    stage = Stage(world, seed=11)
    with stage.session(config(strategy="weighted", weights=(7, 2, 1))) as session:
        for _ in range(200):
            session.post(CHAT, json={})
    assert [stage.hosts.count(host) for host in "abc"] == [136, 46, 18]


WHOLE = b'data: {"choices": [{"delta": {"content": "x"}}]}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/json", b"{}"), ("text/event-stream", WHOLE)],
    ids=("json", "sse"),
)
def test_requests_go_where_the_answer_comes_sooner(world: World, kind: str, body: bytes) -> None:
    """Each endpoint is tried; then the slowest is never first, of two that are compared."""
    stage = Stage(world, seed=5)
    stage.seconds = {"a": 2.0, "b": 0.3, "c": 0.6}
    stage.fates |= {host: Status(200, kind=kind, body=body) for host in "abc"}
    with stage.session(config(strategy="latency")) as session:
        for _ in range(30):
            session.post(CHAT, json={})
        assert {*stage.hosts[:8]} == {*"abc"}
        assert stage.hosts[8:].count("a") == 0
        assert stage.hosts.count("b") > stage.hosts.count("c")


@pytest.mark.parametrize("strategy", ["priority", "round_robin", "weighted", "latency"])
def test_a_lower_tier_serves_until_none_of_it_is_left(world: World, strategy: str) -> None:
    """Provisioned throughput first, then pay-as-you-go, though that is configured first."""
    stage = Stage(world, seed=1)
    with stage.session(config(tiers="100", strategy=strategy)) as session:
        for _ in range(8):
            session.post(CHAT, json={})
        assert "a" not in stage.hosts
        assert session.transport.status().current_index == 1
        stage.fates |= {"b": Status(503), "c": Status(503)}
        stage.hosts = ""
        assert session.post(CHAT, json={}).headers["x-failover-endpoint"] == "a"
        assert sorted(stage.hosts) == ["a", "b", "c"]
        assert stage.hosts[-1] == "a"


def test_a_recovered_primary_is_not_flooded(world: World) -> None:
    """The ramp lets a tenth of the requests back at first, then more, then all."""
    stage = Stage(world, seed=3)
    with stage.session(config(failback_ramp=100.0)) as session:
        stage.fates["a"] = Status(503)
        session.post(CHAT, json={})
        del stage.fates["a"]
        stage.clock.now += 2.0
        session.post(CHAT, json={})
        assert stage.hosts == "aba"
        shares: list[float] = []
        for wait in (0.0, 50.0, 50.0):
            stage.clock.now, stage.hosts = stage.clock.now + wait, ""
            shares.append(session.transport.status().endpoints[0].share)
            for _ in range(100):
                response = session.post(CHAT, json={})
                ledger = ledger_of(response)
                assert ledger is not None
                if response.headers["x-failover-endpoint"] == "b":
                    assert str(ledger.entries[0]) == "a: skipped, returning slowly after a failure"
            assert abs(stage.hosts.count("a") / 100 - shares[-1]) < 0.12
    assert [round(share, 2) for share in shares] == [0.1, 0.55, 1.0]


def test_what_was_made_at_an_endpoint_is_asked_for_there_whoevers_turn_it_is(
    world: World,
) -> None:
    """Promise 8: turns are for requests that may go anywhere."""
    stage = Stage(world)
    with stage.session(config(strategy="round_robin")) as session:
        for host in "abc":
            stage.fates[host] = Status(200, body=b'{"id": "resp_%c"}' % ord(host))
            session.post(A + "/openai/v1/responses", json={"input": "Hi"})
        for host in "cab":
            session.get(A + f"/openai/v1/responses/resp_{host}")
        session.post(CHAT, json={})
    assert stage.hosts == "abc" + "cab" + "a"


def test_an_explanation_shows_the_next_order_and_takes_no_turn(world: World) -> None:
    """``explain()`` consumes nothing: the request after it goes where it said."""
    stage = Stage(world)
    with stage.session(config(tiers="001", strategy="round_robin")) as session:
        for expected in ("abc", "bac", "abc"):
            request = session.client.build_request("POST", CHAT, json={})
            for _ in range(2):
                stops = session.transport.explain(request).stops
                assert "".join(stop.endpoint for stop in stops) == expected
            session.post(CHAT, json={})
    assert stage.hosts == "aba"
