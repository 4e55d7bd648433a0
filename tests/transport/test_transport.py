"""How the mounted transport behaves beyond failing over: bodies, streams, options, origins."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import attrs
import httpx
import httpx2
import pytest
from scripted import Clock, Closings, Raise, Status, scripted
from worlds import WORLDS, World

import azure_failover.httpx2
from azure_failover import ConfigError, FailoverOptions, FailoverTransport, ledger_of
from azure_failover.emulator import Fleet, faults

CHAT = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21"
HELLO = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}
STREAMED = HELLO | {"stream": True}
CONFIG = {
    "endpoint": "https://a.example",
    "api_key": "KEY-OF-A",
    "deployment_name": "gpt",
    "backups": [{"endpoint": "https://b.example", "api_key": "KEY-OF-B", "deployment_name": "b"}],
}


def one_after_the_other(answers: list[Any]) -> Status:
    """Give the next answer of a script, or raise it."""
    answer = answers.pop(0)
    if isinstance(answer, Exception):
        raise answer
    assert isinstance(answer, Status)
    return answer


def test_one_transport_serves_threads_and_tasks(fleet: Fleet) -> None:
    """The same object is mounted under a sync and an async client, and shares what it knows."""
    fleet["eastus"].fault = faults.Status(503)
    transport = FailoverTransport(fleet.config())
    sync, tasks = WORLDS[0], WORLDS[1]
    with sync.client(transport) as one, tasks.client(transport) as other:
        assert one.post(fleet["eastus"].url + CHAT, json=HELLO).status_code == 200
        response = other.post(fleet["eastus"].url + CHAT, json=HELLO)
    ledger = ledger_of(response)
    assert ledger is not None
    assert ledger.entries[0].outcome == "skipped"


def test_a_v1_request_moves_with_its_model_renamed(world: World) -> None:
    """On v1 URLs the deployment stands in the body alone."""
    sent: list[Any] = []

    def play(request: Any) -> Status:
        sent.append(request)
        return Status(503 if request.url.host == "a.example" else 200)

    with world.session(CONFIG, transport=scripted(world.family, play)) as session:
        session.post(
            "https://a.example/openai/v1/chat/completions",
            content=b'{ "model" : "gpt", "x": {"model": "gpt"} }',
            headers={"authorization": "Bearer sdk", "content-type": "application/json"},
        )
    assert [str(request.url) for request in sent] == [
        "https://a.example/openai/v1/chat/completions",
        "https://b.example/openai/v1/chat/completions",
    ]
    assert [request.content for request in sent] == [
        b'{ "model" : "gpt", "x": {"model": "gpt"} }',
        b'{ "model" : "b", "x": {"model": "gpt"} }',
    ]


def test_a_one_shot_body_is_replayed_with_its_length() -> None:
    """A generator is read once; each attempt gets the same bytes with a Content-Length."""
    sent: list[httpx.Request] = []

    def play(request: httpx.Request) -> Status:
        sent.append(request)
        return Status(503 if request.url.host == "a.example" else 200)

    def body() -> Iterator[bytes]:
        yield b'{"model": '
        yield b'"gpt"}'

    with WORLDS[0].session(CONFIG, transport=scripted(httpx, play)) as session:
        session.post("https://a.example" + CHAT, content=body())
    assert [request.content for request in sent] == [b'{"model": "gpt"}', b'{"model": "b"}']
    for request in sent:
        assert request.headers["content-length"] == str(len(request.content))
        assert "transfer-encoding" not in request.headers


def test_a_multipart_body_passes_through_as_it_is(world: World) -> None:
    """A form is replayed byte for byte."""
    sent: list[Any] = []

    def play(request: Any) -> Status:
        sent.append(request)
        return Status(503 if request.url.host == "a.example" else 200)

    with world.session(CONFIG, transport=scripted(world.family, play)) as session:
        session.post(
            "https://a.example/openai/deployments/gpt/audio/transcriptions?api-version=1",
            files={"file": ("a.wav", b'"model": "gpt"')},
            data={"language": "en"},
        )
    assert sent[0].content == sent[1].content
    assert b'"model": "gpt"' in sent[1].content


def test_a_compressed_answer_can_be_read_in_every_way(world: World) -> None:
    """The body that was read inside the attempt is handed on encoded as it came."""
    packed = gzip.compress(b'{"ok": true}')
    inner = scripted(world.family, lambda _: Status(200, body=packed, encoding="gzip"))
    with world.session(CONFIG, transport=inner) as session:
        assert session.post("https://a.example" + CHAT, json={}).json() == {"ok": True}
        _, raw = session.stream("https://a.example" + CHAT, json={})
    assert raw == packed


def test_a_missing_deployment_is_seen_in_a_compressed_answer_too(world: World) -> None:
    packed = gzip.compress(b'{"error": {"code": "DeploymentNotFound"}}')
    inner = scripted(world.family, lambda _: Status(404, body=packed, encoding="gzip"))
    with world.session(CONFIG, transport=inner) as session:
        session.post("https://a.example" + CHAT, json={})
        assert session.transport.status().endpoints[0].misconfigured == "404 DeploymentNotFound"


def test_an_answer_that_is_compressed_wrongly_is_handed_on_as_it_came(world: World) -> None:
    """What to do with it is the caller's to decide, as it is without the transport."""
    inner = scripted(world.family, lambda _: Status(404, body=b"no gzip", encoding="gzip"))
    with world.session(CONFIG, transport=inner) as session:
        response, raw = session.stream("https://a.example" + CHAT, json={})
        assert session.transport.status().failed_endpoints == ()
    assert (response.status_code, raw) == (404, b"no gzip")


@pytest.mark.parametrize(
    "status", [Status(404), Status(200, retry_after="7")], ids=["error", "success"]
)
def test_a_body_that_was_not_waited_for_is_handed_on_as_it_comes(
    world: World, status: Status
) -> None:
    """An error page, or a success that asks for patience; either proves the endpoint alive."""
    page = attrs.evolve(status, kind="text/html", body=b"<h1>Later</h1>")
    answers = [Status(503), Status(200), page]
    clock = Clock()
    inner = scripted(world.family, lambda _: one_after_the_other(answers))
    with world.session(CONFIG, transport=inner, runtime=clock.runtime()) as session:
        session.post("https://a.example" + CHAT, json={})
        clock.now += 5
        response, raw = session.stream("https://a.example" + CHAT, json={})
        assert session.transport.status().current_type == "primary"
    assert (response.status_code, raw) == (page.code, page.body)
    assert response.headers["x-failover-endpoint"] == "a"


def test_elapsed_is_known_as_without_the_transport(world: World, fleet: Fleet) -> None:
    with world.session(fleet.config()) as session:
        response = session.post(fleet["eastus"].url + CHAT, json=HELLO)
    assert response.elapsed.total_seconds() > 0


def test_a_stream_is_handed_on_byte_for_byte(world: World, fleet: Fleet) -> None:
    with world.session(fleet.config()) as session:
        response, raw = session.stream(fleet["eastus"].url + CHAT, json=STREAMED)
        status = session.transport.status()
    assert response.headers["content-type"].startswith("text/event-stream")
    assert raw.endswith(b"data: [DONE]\n\n")
    assert status.failed_endpoints == ()


def test_a_stream_that_fails_before_its_headers_moves_on(world: World, fleet: Fleet) -> None:
    fleet["eastus"].fault = faults.ResetBeforeHeaders()
    with world.session(fleet.config()) as session:
        response, raw = session.stream(fleet["eastus"].url + CHAT, json=STREAMED)
    assert response.headers["x-failover-endpoint"] == "westus"
    assert raw.endswith(b"data: [DONE]\n\n")


def test_a_stream_that_breaks_is_an_error_and_fails_the_endpoint(
    world: World, fleet: Fleet
) -> None:
    """Promise 5: a cut stream is an error, never a short answer; nothing is replayed."""
    fleet["eastus"].fault = faults.ResetInBody(1000)
    with world.session(fleet.config()) as session:
        with pytest.raises(world.family.ReadError) as caught:
            session.stream(fleet["eastus"].url + CHAT, json=STREAMED)
        status = session.transport.status()
    assert status.failed_endpoints == (fleet["eastus"].url,)
    assert not fleet["westus"].requests
    ledger = ledger_of(caught.value)
    assert ledger is not None
    assert "ReadError" in str(ledger.entries[0])


# trio warns of the HTTP libraries' own generators when a stream is closed early.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stream_closed_early_says_nothing_bad(world: World, fleet: Fleet) -> None:
    """Closed after content: a success. Closed before: neutral. Neither fails the endpoint."""
    with world.session(fleet.config()) as session:
        for chunks in (0, 1):
            session.stream(fleet["eastus"].url + CHAT, chunks=chunks, json=STREAMED)
        assert session.transport.status().failed_endpoints == ()


@pytest.mark.anyio
@pytest.mark.parametrize("family", [httpx, httpx2])
async def test_who_leaves_a_stream_midway_leaves_no_iteration_below_it(family: Any) -> None:
    """What lies below ours ends with it, as httpx2 has it; trio warns of what is collected."""
    ended: list[str] = []

    class Body(family.AsyncByteStream):  # type: ignore[misc]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                yield b"data: 1\n\n"
                yield b"data: 2\n\n"
            finally:
                ended.append("iteration")

    class Inner(family.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, _: Any) -> Any:
            return family.Response(200, stream=Body())

    make = next(world.transport for world in WORLDS if world.family is family)
    transport = make(CONFIG, transport=Inner())
    request = family.Request("POST", "https://a.example" + CHAT, json=STREAMED)
    response = await transport.handle_async_request(request)
    async with aclosing(aiter(response.stream)) as chunks:
        assert await anext(chunks) == b"data: 1\n\n"
    assert ended == ["iteration"]
    await response.aclose()


def test_a_failed_primary_is_won_back_by_one_probe(world: World) -> None:
    """Promise 4: after the pause, one request tries the primary; if it serves, all return."""
    clock = Clock()
    down = True
    seen: list[str] = []

    def play(request: Any) -> Status:
        seen.append(request.url.host)
        return Status(503 if down and request.url.host == "a.example" else 200)

    inner = scripted(world.family, play)
    with world.session(CONFIG, transport=inner, runtime=clock.runtime()) as session:
        session.post("https://a.example" + CHAT, json={})
        session.post("https://a.example" + CHAT, json={})
        down = False
        clock.now += 1.2
        session.post("https://a.example" + CHAT, json={})
        session.post("https://a.example" + CHAT, json={})
        assert session.transport.status().current_type == "primary"
    assert seen == ["a.example", "b.example", "b.example", "a.example", "a.example"]


def test_a_request_may_refuse_to_move(world: World) -> None:
    """``auto_failover=False`` tries the endpoint in use, and only that."""
    seen: list[str] = []

    def play(request: Any) -> Status:
        seen.append(request.url.host)
        return Status(503)

    options = {"failover": {"auto_failover": False}}
    with world.session(CONFIG, transport=scripted(world.family, play)) as session:
        for _ in range(2):
            response = session.post("https://a.example" + CHAT, json={}, extensions=options)
            assert response.status_code == 503
            assert "x-should-retry" not in response.headers
    assert seen == ["a.example", "b.example"]


def test_a_deadline_that_is_over_raises_the_familys_timeout(world: World) -> None:
    """Promise 9: a backup gets its share of the time, and nothing starts after the deadline."""
    clock = Clock()
    seen: list[str] = []

    def play(request: Any) -> Raise:
        seen.append(request.url.host)
        clock.now += request.extensions["timeout"]["read"]
        return Raise("ReadTimeout")

    inner = scripted(world.family, play)
    options = {"failover": FailoverOptions(deadline=2.0)}
    with (
        world.session(CONFIG, transport=inner, runtime=clock.runtime()) as session,
        pytest.raises(world.family.ReadTimeout),
    ):
        session.post("https://a.example" + CHAT, json={}, extensions=options)
    assert seen == ["a.example", "b.example"]
    assert clock.now == pytest.approx(1002.0)


def test_a_body_that_takes_all_the_time_leaves_none_for_an_endpoint(world: World) -> None:
    """Promise 9: the deadline counts from the call on, and the reading of its body."""
    clock = Clock()

    def body() -> Iterator[bytes]:
        clock.now += 3.0
        yield b"{}"

    async def abody() -> AsyncIterator[bytes]:
        for chunk in body():
            yield chunk

    content = body() if world.colour == "sync" else abody()
    inner = scripted(world.family, lambda _: Status(200))
    options = {"failover": FailoverOptions(deadline=2.0)}
    with (
        world.session(CONFIG, transport=inner, runtime=clock.runtime()) as session,
        pytest.raises(world.family.ReadTimeout, match="left no time to try an endpoint") as caught,
    ):
        session.post("https://a.example" + CHAT, content=content, extensions=options)
    ledger = ledger_of(caught.value)
    assert ledger is not None
    assert ledger.attempts == ()


def test_an_attempt_never_waits_longer_than_its_caller(world: World) -> None:
    """Timeouts are the shortest of the caller's, the endpoint's and the deadline's."""
    seen: list[Any] = []

    def play(request: Any) -> Status:
        seen.append(request.extensions["timeout"])
        return Status(200)

    config = CONFIG | {"timeout": 20, "policy": {"attempt_timeout": {"connect": 3}}}
    with world.session(
        config, transport=scripted(world.family, play), timeout=600, runtime=Clock().runtime()
    ) as session:
        session.post("https://a.example" + CHAT, json={})
        session.post("https://a.example" + CHAT, json={}, timeout=7)
        session.post("https://a.example" + CHAT, json={}, timeout=None)
        session.post("https://a.example" + CHAT, json={}, extensions={"failover": {"deadline": 6}})
        session.post("https://a.example" + CHAT, json={}, extensions={"failover": {"timeout": 90}})
    assert [(limits["connect"], limits["read"]) for limits in seen] == [
        (3, 20),
        (3, 7),
        (3, 20),
        (3, 4),
        (3, 90),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"auto_failver": False},
            "auto_failver: is not a known option; did you mean auto_failover?",
        ),
        ({"deadline": 0}, "deadline: is not a positive number of seconds"),
        ({"auto_failover": "no"}, "auto_failover: is not a boolean"),
        ({"on_stream_break": "again"}, "on_stream_break: is none of its choices"),
        ({"timeout": "5"}, "timeout: is not a positive number of seconds"),
        ({"avoid": "b"}, "avoid: is not a collection of names"),
        ({"avoid": ["c"]}, "avoid: 'c' is no endpoint's name; the endpoints are a, b"),
        ("no", "failover: is a str; give a mapping"),
    ],
)
def test_options_that_do_not_exist_are_refused(options: object, message: str) -> None:
    with (
        WORLDS[0].session(CONFIG, transport=scripted(httpx, lambda _: Status(200))) as session,
        pytest.raises(ConfigError, match=message.replace("?", r"\?")),
    ):
        session.post("https://a.example" + CHAT, json={}, extensions={"failover": options})


def test_a_foreign_origin_passes_through_untouched_with_one_warning(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Promise 6: none of our credentials goes to an origin that is not configured."""
    sent: list[Any] = []

    def play(request: Any) -> Status:
        sent.append(request)
        return Status(503)

    with (
        caplog.at_level(logging.WARNING, "azure_failover"),
        world.session(CONFIG, transport=scripted(world.family, play)) as session,
    ):
        responses = [
            session.post(
                "https://elsewhere.example/x", json={}, headers={"authorization": "Bearer mine"}
            )
            for _ in range(2)
        ]
    assert [response.status_code for response in responses] == [503, 503]
    assert "x-failover-endpoint" not in responses[0].headers
    assert [request.headers["authorization"] for request in sent] == ["Bearer mine"] * 2
    assert all("api-key" not in request.headers for request in sent)
    assert [record.getMessage() for record in caplog.records] == [
        "a request for https://elsewhere.example goes there as it is: none of the endpoints"
    ]


def test_what_is_none_of_our_business_is_raised_as_it_is(world: World) -> None:
    """A bug in the inner transport is not an outage: it surfaces, and no endpoint is failed."""

    def handle(_: Any) -> Any:
        raise RuntimeError("a bug")

    inner = world.family.MockTransport(handle)
    with world.session(CONFIG, transport=inner) as session:
        with pytest.raises(RuntimeError, match="a bug"):
            session.post("https://a.example" + CHAT, json={})
        assert session.transport.status().failed_endpoints == ()


def test_a_probe_that_ends_in_a_bug_frees_its_place(world: World) -> None:
    """A probe is released whatever is raised; the next request probes again."""
    clock = Clock()
    answers: list[Any] = [Status(503), Status(200), RuntimeError("a bug"), Status(200)]

    inner = scripted(world.family, lambda _: one_after_the_other(answers))
    with world.session(CONFIG, transport=inner, runtime=clock.runtime()) as session:
        session.post("https://a.example" + CHAT, json={})
        clock.now += 5
        with pytest.raises(RuntimeError, match="a bug"):
            session.post("https://a.example" + CHAT, json={})
        assert session.transport.status().endpoints[0].state == "failed"
        response = session.post("https://a.example" + CHAT, json={})
    assert response.headers["x-failover-endpoint"] == "a"


def test_a_bug_in_the_usual_request_gives_its_ticket_back(world: World) -> None:
    """Neutral: a start that came to nothing cannot vouch for the endpoint later."""
    answers: list[Any] = [Status(200), RuntimeError("a bug"), Status(503), Status(200)]

    inner = scripted(world.family, lambda _: one_after_the_other(answers))
    with world.session(CONFIG, transport=inner) as session:
        session.post("https://a.example" + CHAT, json={})
        with pytest.raises(RuntimeError, match="a bug"):
            session.post("https://a.example" + CHAT, json={})
        session.post("https://a.example" + CHAT, json={})
        assert session.transport.status().failed_endpoints == ("https://a.example",)


def test_an_os_error_from_below_is_a_connection_error_of_the_family(world: World) -> None:
    """What leaks through the HTTP library moves on, and is raised as the family's."""

    def handle(_: Any) -> Any:
        raise ConnectionResetError("below")

    inner = world.family.MockTransport(handle)
    with (
        world.session(CONFIG, transport=inner) as session,
        pytest.raises(world.family.ConnectError, match="ConnectionResetError: below") as caught,
    ):
        session.post("https://a.example" + CHAT, json={})
    ledger = ledger_of(caught.value)
    assert ledger is not None
    assert len(ledger.attempts) == 2


def test_a_transport_of_the_wrong_family_is_refused() -> None:
    with pytest.raises(TypeError, match="no transport of httpx$"):
        FailoverTransport(CONFIG, transport=httpx2.HTTPTransport())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no transport of httpx2$"):
        azure_failover.httpx2.FailoverTransport(
            CONFIG,
            transport=httpx.HTTPTransport(),  # type: ignore[arg-type]
        )


@pytest.mark.parametrize("world", [WORLDS[0], WORLDS[1]], ids=str)
def test_a_transport_of_the_wrong_colour_is_refused(world: World) -> None:
    only = httpx.AsyncHTTPTransport() if world.colour == "sync" else httpx.HTTPTransport()
    transport = FailoverTransport(CONFIG, transport=only)
    request = httpx.Request("GET", "https://a.example/openai/models")
    send: Callable[[httpx.Request], object] = transport.handle_request
    if world.colour != "sync":
        send = lambda request: anyio.run(partial(transport.handle_async_request, request))  # noqa: E731
    with pytest.raises(TypeError, match="only; give one for"):
        send(request)


def test_proxies_of_the_environment_count_per_endpoint(
    world: World, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mounted transport honours HTTP_PROXY and NO_PROXY, as the client without it does."""
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    proxy = fleet["northeurope"]
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", fleet["westus"].url.removeprefix("http://"))
    with world.session(fleet.config()) as session:
        session.post(fleet["eastus"].url + CHAT, json=HELLO)
    assert [record.target for record in proxy.requests] == [fleet["eastus"].url + CHAT]
    proxy.clear()
    with world.session(fleet.config(), trust_env=False) as session:
        session.post(fleet["eastus"].url + CHAT, json=HELLO)
    assert not proxy.requests


def test_a_callers_trace_is_called_as_well(world: World, fleet: Fleet) -> None:
    steps: list[str] = []

    async def follow(name: str, _: Any) -> None:
        steps.append(name)

    def note(name: str, _: Any) -> None:
        steps.append(name)

    trace = note if world.colour == "sync" else follow
    with world.session(fleet.config()) as session:
        session.post(fleet["eastus"].url + CHAT, json=HELLO, extensions={"trace": trace})
    assert "http11.receive_response_headers.complete" in steps


def test_a_trace_of_ours_ends_when_it_has_seen_enough(world: World) -> None:
    """Each further step would cost as much as the rest of the healthy path."""
    left: list[bool] = []

    def play(request: Any) -> Status:
        trace, info = request.extensions["trace"], {"request": request}
        for name in ("connection.connect_tcp.started", "http11.send_request_headers.started"):
            done = trace(name, info)
            if done is not None:  # a coroutine that waits for nothing
                with pytest.raises(StopIteration):
                    done.send(None)
            left.append("trace" in request.extensions)
        return Status(200)

    with world.session(CONFIG, transport=scripted(world.family, play)) as session:
        session.post("https://a.example" + CHAT, json=HELLO)
    assert left == [True, False]


def test_one_warning_when_an_endpoint_fails_and_one_info_when_it_returns(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    down = True

    def play(request: Any) -> Status:
        return Status(503 if down and request.url.host == "a.example" else 200)

    inner = scripted(world.family, play)
    with (
        caplog.at_level(logging.INFO, "azure_failover"),
        world.session(CONFIG, transport=inner, runtime=clock.runtime()) as session,
    ):
        for _ in range(3):
            session.post("https://a.example" + CHAT, json={})
        down = False
        clock.now += 5
        session.post("https://a.example" + CHAT, json={})
        session.post("https://a.example" + CHAT, json={})
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "endpoint a failed (503), passed over for 1.1 s"),
        ("INFO", "endpoint a serves again"),
    ]


def test_a_misconfigured_endpoint_is_flagged_once_and_loudly(
    caplog: pytest.LogCaptureFixture, fleet: Fleet
) -> None:
    config = fleet.config() | {"api_key": "wrong"}
    with (
        caplog.at_level(logging.WARNING, "azure_failover"),
        WORLDS[0].session(config) as session,
    ):
        for _ in range(2):
            assert session.post(fleet["eastus"].url + CHAT, json=HELLO).status_code == 401
        status = session.transport.status()
    assert status.endpoints[0].misconfigured == "401"
    assert [record.getMessage() for record in caplog.records] == [
        "endpoint eastus refuses us (401): check its key, firewall and deployment"
    ]
    assert json.dumps(str(status)).count("wrong") == 0


@pytest.mark.parametrize("part", ["", "_binding"])
def test_the_two_faces_differ_in_nothing_but_their_family(part: str) -> None:
    """Promise 11: what is mended in one family's face is mended in the other's."""
    folder = Path(azure_failover.httpx2.__file__).parent / "transport"
    httpx_face = (folder / f"_httpx{part}.py").read_text("utf-8")
    httpx2_face = (folder / f"_httpx2{part}.py").read_text("utf-8")
    assert httpx2_face.replace("httpx2", "httpx") == httpx_face


def test_a_throttled_request_waits_if_the_policy_says_so(world: World) -> None:
    """``on_throttle="wait"``: the same endpoint once more, after the time that it asked for."""
    clock = Clock()
    answers: list[Any] = [Status(429, retry_after="7"), Status(200), Status(429, retry_after="500")]
    inner = scripted(world.family, lambda _: one_after_the_other(answers))
    config = CONFIG | {"policy": {"on_throttle": "wait"}}
    with world.session(config, transport=inner, runtime=clock.runtime()) as session:
        first = session.post("https://a.example" + CHAT, json={})
        second = session.post("https://a.example" + CHAT, json={})
    assert (first.status_code, first.headers["x-failover-attempts"]) == (200, "2")
    assert clock.now == 1007.0
    assert second.status_code == 429


def test_a_rate_limit_s_reset_is_waited_for(world: World) -> None:
    """Azure may say only when its limit is reset: that of the limit that is spent counts."""
    clock = Clock()
    limits = {
        "x-ratelimit-remaining-requests": "40",
        "x-ratelimit-reset-requests": "50",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "7",
    }
    answers: list[Any] = [(429, limits), (200, limits), (503, limits), (200, {})]

    def handle(_: Any) -> Any:
        code, headers = answers.pop(0)
        return world.family.Response(code, headers=headers, json={})

    config = CONFIG | {"policy": {"on_throttle": "wait"}}
    inner = world.family.MockTransport(handle)
    with world.session(config, transport=inner, runtime=clock.runtime()) as session:
        response = session.post("https://a.example" + CHAT, json={})
        assert (response.status_code, clock.now) == (200, 1007.0)
        response = session.post("https://a.example" + CHAT, json={})
        pause = session.transport.status().endpoints[0].retry_in
    assert (response.headers["x-failover-endpoint"], clock.now) == ("b", 1007.0)
    assert pause < 2, "a reset is no Retry-After of a 503"


def test_a_spent_retry_budget_is_warned_of_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger of each request tells it; the log tells it once, at the budget's end."""
    clock = Clock()
    codes = iter(range(10**6))

    def play(_: Any) -> Status:
        return Status(429, retry_after="0") if next(codes) % 2 == 0 else Status(200)

    config = CONFIG | {"policy": {"on_throttle": "wait", "retry_budget": 0.01}}
    inner = scripted(world.family, play)
    with (
        caplog.at_level(logging.INFO, "azure_failover"),
        world.session(config, transport=inner, runtime=clock.runtime()) as session,
    ):
        responses = [session.post("https://a.example" + CHAT, json={}) for _ in range(20)]
    assert [response.status_code for response in responses[:11]] == [200] * 10 + [429]
    assert "retry budget spent" in str(ledger_of(responses[10]))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "no second attempt at endpoint a: the retry budget is spent")
    ]


def test_a_ledger_is_found_on_what_an_sdk_makes_of_a_response() -> None:
    """``ledger_of`` follows an SDK's error to the response or to the error that caused it."""

    class SdkError(Exception):
        response: httpx.Response | None = None

    with WORLDS[0].session(CONFIG, transport=scripted(httpx, lambda _: Status(400))) as session:
        response = session.post("https://a.example" + CHAT, json={})
    with_response, with_cause = SdkError(), SdkError()
    with_response.response = response
    with_cause.__cause__ = with_response
    ledger = ledger_of(response)
    assert ledger is not None
    assert ledger_of(with_response) == ledger
    assert ledger_of(with_cause) == ledger
    assert ledger_of(SdkError()) is None
    assert ledger_of(httpx.Response(200)) is None
    assert ledger_of(None) is None


def test_a_losing_answer_that_was_not_read_is_closed_once(world: World) -> None:
    """Promise 12: an HTML error page of a loser is closed unread, and only once."""
    closings = Closings()
    answers: list[Any] = [Status(503, kind="text/html"), Status(200)]
    inner = scripted(world.family, lambda _: one_after_the_other(answers), closings)
    with world.session(CONFIG, transport=inner) as session:
        assert session.post("https://a.example" + CHAT, json={}).status_code == 200
        assert closings.counts == [1, 1]


def test_what_is_raised_carries_no_frames_of_the_http_library(world: World, fleet: Fleet) -> None:
    """Promise 6: those frames' local variables hold the bytes of the request's headers."""
    for region in fleet.regions:
        region.fault = faults.Refuse()
    with (
        world.session(fleet.config()) as session,
        pytest.raises(world.family.ConnectError) as caught,
    ):
        session.post(fleet["eastus"].url + CHAT, json=HELLO)
    cause = caught.value.__cause__
    assert cause is not None
    assert cause.__traceback__ is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_probe_whose_body_is_abandoned_frees_its_place(world: World) -> None:
    """A body that is closed before any of it came proves nothing, and releases the probe."""
    clock = Clock()
    answers: list[Any] = [Status(503), Status(200), Status(302, kind="text/html")]
    inner = scripted(world.family, lambda _: one_after_the_other(answers))
    with world.session(CONFIG, transport=inner, runtime=clock.runtime()) as session:
        session.post("https://a.example" + CHAT, json={})
        clock.now += 5
        session.stream("https://a.example" + CHAT, chunks=0, json={})
        assert session.transport.status().endpoints[0].state == "failed"
