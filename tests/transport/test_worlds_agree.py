"""Promises 6, 11 and 12 as properties over scripts of events, in every world."""

from __future__ import annotations

from typing import Any

import httpx
from examples import examples
from hypothesis import given, settings, strategies as st
from scripted import Clock, Closings, Outcome, Raise, Status, call, scripted
from worlds import WORLDS, World

from azure_failover import Ledger, ledger_of

HOSTS = ("a.example", "b.example", "c.example")
CONFIG = {
    "endpoint": f"https://{HOSTS[0]}",
    "api_key": "KEY-OF-A",
    "deployment_name": "gpt",
    "backups": [
        {"endpoint": f"https://{HOSTS[1]}/gateway", "api_key": "KEY-OF-B", "name": "b"},
        {"endpoint": f"https://{HOSTS[2]}", "api_key": "KEY-OF-C", "deployment_name": "mini/c"},
    ],
}
KEYS = {HOSTS[0]: "KEY-OF-A", HOSTS[1]: "KEY-OF-B", HOSTS[2]: "KEY-OF-C"}
CHAT = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"

outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.sampled_from([Status(200), Status(200), Status(200)]),
    st.builds(
        Status,
        st.sampled_from([200, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504, 529]),
        st.sampled_from([None, "1", "7"]),
    ),
    st.builds(
        Raise,
        st.sampled_from(
            [
                "ConnectError",
                "ConnectTimeout",
                "PoolTimeout",
                "ReadTimeout",
                "WriteTimeout",
                "ReadError",
                "WriteError",
                "RemoteProtocolError",
                "LocalProtocolError",
                "ProxyError",
            ]
        ),
    ),
    st.builds(
        Raise, st.sampled_from(["ReadError", "ReadTimeout", "RemoteProtocolError"]), st.just("body")
    ),
)
scripts = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.3, 1.1, 5.0, 400.0]), st.tuples(outcomes, outcomes, outcomes)
    ),
    min_size=1,
    max_size=5,
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "failback": st.sampled_from(["auto", "never"]),
        "on_throttle": st.sampled_from(["return", "failover", "wait"]),
        "on_misconfigured": st.sampled_from(["return", "failover"]),
        "deadline": st.sampled_from([0.5, 30.0]),
        "strategy": st.sampled_from(["round_robin", "weighted", "latency"]),
        "failback_ramp": st.sampled_from([0.5, 60.0]),
    },
)
headers = st.dictionaries(
    st.sampled_from(
        ["api-key", "Api-Key", "Authorization", "Ocp-Apim-Subscription-Key", "x-other"]
    ),
    st.sampled_from(["FOREIGN-1", "Bearer FOREIGN-2", "KEY-OF-A"]),
    max_size=4,
)
queries = st.sampled_from(
    ["", "&api-key=FOREIGN-3", "&API-Key=FOREIGN-4&x=1", "&subscription-key=FOREIGN-5"]
)


def perform(
    world: World,
    script: list[tuple[float, tuple[Outcome, ...]]],
    policy: dict[str, Any],
    given_headers: dict[str, str],
    query: str,
) -> tuple[list[tuple[Any, Ledger]], list[Any], Closings, list[tuple[Any, bytes, Any, bytes]]]:
    """Run a script; give what came of each request, what was sent, closings and requests."""
    clock, closings = Clock(), Closings()
    sent: list[Any] = []
    turn: list[int] = [-1]

    def play(request: Any) -> Outcome:
        sent.append(request)
        return script[turn[0]][1][HOSTS.index(request.url.host)]

    made: list[tuple[Any, bytes, Any, bytes]] = []

    def maker(number: int) -> Any:
        turn[0] = number
        clock.now += script[number][0]
        request = world.family.Request(
            "POST",
            f"https://{HOSTS[0]}{CHAT}{query}",
            headers=given_headers,
            json={"model": "gpt", "n": number},
            extensions={"timeout": {"connect": 1.0, "read": 2.0, "write": 3.0, "pool": None}},
        )
        made.append((request, str(request.url).encode(), list(request.headers.raw), request.read()))
        return request

    transport = world.transport(
        CONFIG | {"policy": policy},
        transport=scripted(world.family, play, closings),
        runtime=clock.runtime(),
    )
    results = call(
        world,
        transport,
        [lambda number=number: maker(number) for number in range(len(script))],  # type: ignore[misc]
    )
    told: list[tuple[Any, Ledger]] = []
    for result in results:
        ledger = ledger_of(result)
        assert ledger is not None
        what = (
            (result.status_code, result.content, result.headers.get("x-should-retry"))
            if hasattr(result, "status_code")
            else (type(result).__name__, str(result))
        )
        told.append((what, ledger))
    return told, sent, closings, made


@settings(max_examples=examples(75), deadline=None)
@given(scripts, policies, headers, queries)
def test_every_world_takes_the_same_decisions(
    script: list[tuple[float, tuple[Outcome, ...]]],
    policy: dict[str, Any],
    given_headers: dict[str, str],
    query: str,
) -> None:
    """Promise 11: the same script gives the same outcomes and the same ledgers everywhere."""
    first, *others = [perform(world, script, policy, given_headers, query)[0] for world in WORLDS]
    for other in others:
        assert other == first


@settings(max_examples=examples(60), deadline=None)
@given(scripts, policies, headers, queries, st.sampled_from([WORLDS[0], WORLDS[3]]))
def test_a_key_goes_to_its_own_endpoint_and_is_the_only_credential(
    script: list[tuple[float, tuple[Outcome, ...]]],
    policy: dict[str, Any],
    given_headers: dict[str, str],
    query: str,
    world: World,
) -> None:
    """Promise 6: each request carries one credential, and it is its target's own."""
    _, sent, _, _ = perform(world, script, policy, given_headers, query)
    for request in sent:
        own = KEYS[request.url.host]
        assert request.headers.get_list("api-key") == [own]
        assert "authorization" not in request.headers
        assert "ocp-apim-subscription-key" not in request.headers
        everything = f"{request.url} {dict(request.headers) | {'x-other': ''}} {request.content!r}"
        assert "FOREIGN" not in everything
        assert not any(key in everything for key in KEYS.values() if key != own)


@settings(max_examples=examples(60), deadline=None)
@given(scripts, policies, st.sampled_from([WORLDS[0], WORLDS[3]]))
def test_requests_are_not_changed_and_responses_are_closed_once(
    script: list[tuple[float, tuple[Outcome, ...]]], policy: dict[str, Any], world: World
) -> None:
    """Promise 12: incoming requests stay as they were; each body is closed exactly once."""
    _, _, closings, made = perform(world, script, policy, {"api-key": "FOREIGN"}, "")
    assert all(count == 1 for count in closings.counts)
    for request, url, raw, body in made:
        assert str(request.url).encode() == url
        assert list(request.headers.raw) == raw
        assert request.read() == body
        assert set(request.extensions) == {"timeout"}
        assert request.extensions["timeout"]["pool"] is None


@settings(max_examples=examples(60), deadline=None)
@given(scripts, st.sampled_from([WORLDS[0], WORLDS[3]]))
def test_host_content_length_and_deployment_agree_with_the_target(
    script: list[tuple[float, tuple[Outcome, ...]]], world: World
) -> None:
    """Promise 7: the mapped deployment is renamed in path and body, and lengths agree."""
    _, sent, _, _ = perform(world, script, {}, {}, "")
    for request in sent:
        name, segment = {HOSTS[2]: ("mini/c", "mini%2Fc")}.get(request.url.host, ("gpt", "gpt"))
        prefix = "/gateway" if request.url.host == HOSTS[1] else ""
        assert request.headers["host"] == request.url.host
        assert request.headers["content-length"] == str(len(request.content))
        assert request.url.raw_path.decode() == prefix + CHAT.replace("/gpt/", f"/{segment}/")
        assert httpx.Response(200, content=request.content).json()["model"] == name
