"""Where the mounted transport sends a request: pins, forms of URLs, one-shot bodies, explain()."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from scripted import Outcome, Raise, Status, scripted
from worlds import World

from azure_failover import ConfigError, failover_options, ledger_of

A, B, C = "https://a.example", "https://b.example", "https://c.example"
CONFIG: dict[str, Any] = {
    "endpoint": A,
    "api_key": "KEY-OF-A",
    "deployment_name": "gpt",
    "backups": [{"endpoint": B, "api_key": "KEY-OF-B"}, {"endpoint": C, "api_key": "KEY-OF-C"}],
}
V1 = "/openai/v1"
CHAT = f"{V1}/chat/completions"
SSE = "text/event-stream"


class Fates:
    """An inner transport whose hosts have fates; keeps what was sent."""

    def __init__(self, **fates: Outcome) -> None:
        self.fates = fates
        self.sent: list[Any] = []

    def __call__(self, request: Any) -> Outcome:
        self.sent.append(request)
        return self.fates.get(request.url.host[0], Status(200))

    @property
    def hosts(self) -> str:
        """The first letters of the hosts that were asked, in order."""
        return "".join(request.url.host[0] for request in self.sent)


def answer(**fields: object) -> Status:
    return Status(200, body=json.dumps(fields).encode())


# State stays where it was made.


def test_a_follow_up_goes_to_the_endpoint_that_made_the_response(world: World) -> None:
    """Promise 8: learned from a JSON answer of a backup; the primary is back and is not asked."""
    fates = Fates(a=Status(503), b=answer(id="resp_1", output=[{"id": "msg_1"}]))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        session.post(A + V1 + "/responses", json={"model": "gpt", "input": "Hi"})
        fates.fates["a"] = Status(200)
        session.transport.reset()
        session.post(A + V1 + "/responses", json={"previous_response_id": "resp_1"})
        session.get(A + V1 + "/responses/resp_1/input_items")
        session.post(A + V1 + "/responses", json={"input": [{"type": "message", "id": "msg_1"}]})
        session.post(A + V1 + "/responses", json={"model": "gpt", "input": "Anew"})
    assert fates.hosts == "ab" + "bbb" + "a"


def test_the_maker_of_a_streamed_response_is_learned(world: World) -> None:
    """Promise 8: from the events of a stream, however they are cut."""
    events = b'event: response.created\ndata: {"response": {"id": "resp_1"}}\n\ndata: [DONE]\n\n'
    fates = Fates(a=Status(503), b=Status(200, body=events, kind=SSE))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        _, raw = session.stream(A + V1 + "/responses", json={"input": "Hi", "stream": True})
        session.transport.reset()
        session.get(A + V1 + "/responses/resp_1")
    assert raw == events
    assert fates.hosts == "abb"


@pytest.mark.parametrize("fate", [Status(503), Status(404), Raise("ConnectError")])
def test_a_pinned_request_fails_with_its_true_error(world: World, fate: Outcome) -> None:
    """Promise 8: one attempt at the endpoint that holds the state, whatever it says."""
    fates = Fates(b=answer(id="file-1"), a=Status(503))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        session.post(A + V1 + "/embeddings", json={})
        session.post(A + V1 + "/files", content=b"x")
        fates.fates["b"] = fate
        if isinstance(fate, Status):
            response = session.get(A + V1 + "/files/file-1")
            assert response.status_code == fate.code
            assert "x-should-retry" not in response.headers
        else:
            with pytest.raises(world.family.ConnectError):
                session.get(A + V1 + "/files/file-1")
    assert fates.hosts == "ab" + "b" + "b"


def test_state_of_unknown_making_is_asked_for_where_the_url_says(world: World) -> None:
    """A blip of the primary must not turn a thread of last week into a 404 of the backup."""
    fates = Fates(a=Status(503))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        session.post(A + V1 + "/embeddings", json={})
        response = session.get(A + V1 + "/threads/thread_1")
        session.get(B + V1 + "/threads/thread_1")
    assert response.status_code == 503
    assert fates.hosts == "ab" + "a" + "b"


def test_the_url_names_its_endpoint_by_prefix_and_deployment(world: World) -> None:
    """Endpoints may share an origin: a gateway in front of all, or two deployments."""
    config = {
        "endpoint": A + "/one",
        "api_key": "KEY-1",
        "deployment_name": "gpt",
        "backups": [
            {"endpoint": A + "/one", "api_key": "KEY-2", "deployment_name": "b"},
            {"endpoint": A + "/two", "api_key": "KEY-3"},
        ],
    }
    fates = Fates()
    with world.session(config, transport=scripted(world.family, fates)) as session:
        for path in ("/one/openai/deployments/b", "/one/openai", "/two/openai/v1"):
            session.get(f"{A}{path}/threads/thread_1")
    assert [request.headers["api-key"] for request in fates.sent] == ["KEY-2", "KEY-1", "KEY-3"]
    assert [request.url.path.split("/")[1] for request in fates.sent] == ["one", "one", "two"]


def test_unknown_operations_stay_on_the_endpoint_in_use(world: World) -> None:
    """Promise 8, the safe default: no failover, but also no use of a failed primary."""
    fates = Fates(a=Status(503))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        assert session.post(A + V1 + "/brand/new", json={}).status_code == 503
        session.post(A + V1 + "/brand/new", json={})
    assert fates.hosts == "a" + "b"


def test_a_stored_chat_is_found_again(world: World) -> None:
    fates = Fates(a=Status(503), b=answer(id="chatcmpl-1"))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        session.post(A + CHAT, json={"model": "gpt", "store": True, "messages": []})
        session.transport.reset()
        session.get(A + CHAT + "/chatcmpl-1")
    assert fates.hosts == "abb"


def test_a_chat_about_earlier_audio_goes_to_the_endpoint_that_made_it(world: World) -> None:
    """Promise 8, though the primary is well: what a backup holds was made while it was not."""
    spoken = {"choices": [{"message": {"audio": {"id": "audio_1"}}}]}
    fates = Fates(a=Status(503), b=answer(**spoken))
    ask: dict[str, Any] = {"model": "gpt", "audio": {"voice": "alloy"}, "messages": []}
    again = ask | {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        session.post(A + CHAT, json=ask)
        fates.fates["a"] = Status(200)
        session.transport.reset()
        session.post(A + CHAT, json=again)
        session.post(A + CHAT, json=ask)
    assert fates.hosts == "ab" + "b" + "a"


# Forms of URLs.


def test_a_request_goes_only_to_endpoints_that_speak_its_form(world: World) -> None:
    first, second = CONFIG["backups"]
    backups = [first | {"api": "dated"}, second | {"api": "any"}]
    fates = Fates(a=Status(503))
    config = CONFIG | {"api": "v1", "backups": backups}
    with world.session(config, transport=scripted(world.family, fates)) as session:
        response = session.post(A + CHAT, json={"model": "gpt"})
        session.post(A + "/openai/deployments/gpt/chat/completions?api-version=1", json={})
    assert fates.hosts == "ac" + "b"
    ledger = ledger_of(response)
    assert ledger is not None
    assert [(entry.endpoint, entry.outcome) for entry in ledger.entries] == [
        ("b", "skipped"),
        ("a", "answered"),
        ("c", "answered"),
    ]
    assert ledger.entries[0].error == "does not speak v1 URLs"


def test_a_form_that_no_endpoint_speaks_is_an_error_of_the_family(world: World) -> None:
    fates = Fates()
    inner = scripted(world.family, fates)
    with (
        world.session(CONFIG | {"api": "v1"}, transport=inner) as session,
        pytest.raises(world.family.UnsupportedProtocol, match="does not speak dated URLs"),
    ):
        session.get(A + "/openai/models?api-version=1")
    assert fates.sent == []


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        (
            "/one/openai/deployments/gpt/embeddings?api-version=1",
            "/two/x/openai/deployments/other/embeddings?api-version=1",
        ),
        (
            "/one/openai/deployments/gpt/responses?api-version=1",
            "/two/x/openai/deployments/other/responses?api-version=1",
        ),
        ("/one/openai/models?api-version=1", "/two/x/openai/models?api-version=1"),
        ("/one/openai/v1/embeddings", "/two/x/openai/v1/embeddings"),
        (
            "/one/openai/v1/embeddings?api-version=preview",
            "/two/x/openai/v1/embeddings?api-version=preview",
        ),
    ],
)
def test_each_endpoint_keeps_its_gateways_prefix(world: World, sent: str, arrived: str) -> None:
    """Prefixes of gateways and Foundry projects differ per endpoint; so do deployments."""
    config = {
        "endpoint": A + "/one",
        "api_key": "k",
        "deployment_name": "gpt",
        "backups": [{"endpoint": B + "/two/x", "deployment_name": "other"}],
    }
    fates = Fates(a=Status(503))
    method = "GET" if "models" in sent else "POST"
    with world.session(config, transport=scripted(world.family, fates)) as session:
        session.send(session.client.build_request(method, A + sent, json={"model": "gpt"}))
    assert fates.hosts == "ab"
    assert fates.sent[1].url.raw_path.decode() == arrived
    assert json.loads(fates.sent[1].content) == {"model": "other"}


# Bodies.

OTHER_NAME = CONFIG | {"backups": [CONFIG["backups"][0] | {"deployment_name": "other"}]}


def test_a_compressed_body_goes_only_where_it_need_not_be_rewritten(world: World) -> None:
    """Promise 7: what cannot be read may name the deployment."""
    fates = Fates(a=Status(503))
    packed = gzip.compress(b'{"model": "gpt"}')
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    with world.session(OTHER_NAME, transport=scripted(world.family, fates)) as session:
        assert session.post(A + CHAT, content=packed, headers=headers).status_code == 503
    assert [request.content for request in fates.sent] == [packed]


def test_the_model_of_a_realtime_session_is_renamed(world: World) -> None:
    """A new session is made at the endpoint in use, by the name that it has there."""
    fates = Fates(a=Status(503))
    secret = {"session": {"type": "realtime", "model": "gpt"}}
    with world.session(OTHER_NAME, transport=scripted(world.family, fates)) as session:
        session.post(A + V1 + "/embeddings", json={"model": "gpt"})
        session.post(A + V1 + "/realtime/client_secrets", json=secret)
    assert fates.hosts == "ab" + "b"
    assert json.loads(fates.sent[2].content)["session"]["model"] == "other"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"model": "gpt", ', "application/json"),
        (b'["model", "gpt"', "application/json"),
        (b"--x\r\nbroken model", "multipart/form-data; boundary=x"),
        (b'\xff\xfe{"model"', "application/json"),
    ],
)
def test_a_body_that_cannot_be_rewritten_goes_only_where_it_need_not_be(
    world: World, body: bytes, kind: str
) -> None:
    """Promise 7: unchanged to the endpoint with the same deployment, and never elsewhere."""
    fates = Fates(a=Status(503))
    with world.session(OTHER_NAME, transport=scripted(world.family, fates)) as session:
        response = session.post(A + CHAT, content=body, headers={"content-type": kind})
    assert response.status_code == 503
    assert [request.content for request in fates.sent] == [body]
    ledger = ledger_of(response)
    assert ledger is not None
    assert "cannot be rewritten" in str(ledger)


def test_a_malformed_body_moves_where_names_are_the_same(world: World) -> None:
    fates = Fates(a=Status(503))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        response = session.post(A + CHAT, content=b'{"model": "gpt", ')
    assert response.status_code == 200
    assert {request.content for request in fates.sent} == {b'{"model": "gpt", '}


def test_the_form_field_model_is_renamed_and_the_file_is_not(world: World) -> None:
    fates = Fates(a=Status(503))
    with world.session(OTHER_NAME, transport=scripted(world.family, fates)) as session:
        session.post(
            A + V1 + "/audio/transcriptions",
            files={"file": ("a.wav", b'\r\n--x\r\nname="model"\r\n\r\ngpt\r\n')},
            data={"model": "gpt", "language": "en"},
        )
    first, second = (request.content for request in fates.sent)
    assert first.count(b"gpt") == 2
    assert second == first.replace(b'name="model"\r\n\r\ngpt', b'name="model"\r\n\r\nother', 1)
    assert fates.sent[1].headers["content-length"] == str(len(second))


def chunks(world: World, pieces: list[bytes], taken: list[int]) -> Any:
    """Give a body that can be read once, as the world's callers write it."""

    def produce() -> Iterator[bytes]:
        for piece in pieces:
            taken.append(len(piece))
            yield piece

    async def aproduce() -> AsyncIterator[bytes]:
        for piece in produce():
            yield piece

    return produce() if world.colour == "sync" else aproduce()


LIMITED = CONFIG | {"policy": {"buffer_limit": 10}}


def test_a_one_shot_body_within_the_limit_is_replayed(world: World) -> None:
    taken: list[int] = []
    fates = Fates(a=Status(503))
    with world.session(LIMITED, transport=scripted(world.family, fates)) as session:
        response = session.post(A + CHAT, content=chunks(world, [b"12345", b"67890"], taken))
    assert response.status_code == 200
    assert [request.content for request in fates.sent] == [b"1234567890"] * 2
    assert all("transfer-encoding" not in request.headers for request in fates.sent)
    assert taken == [5, 5]


def test_a_longer_one_is_sent_once_and_its_answer_counts(world: World) -> None:
    """Above the limit nothing is repeated, since the body is gone."""
    taken: list[int] = []
    read: list[bytes] = []
    fates = Fates(a=Status(503))
    inner = consuming(world, fates, read)
    with world.session(LIMITED, transport=inner) as session:
        response = session.post(A + CHAT, content=chunks(world, [b"123456"] * 3, taken))
    assert response.status_code == 503
    assert fates.hosts == "a"
    assert read == [b"123456"] * 3
    assert fates.sent[0].headers["transfer-encoding"] == "chunked"


def test_one_that_announces_to_be_longer_is_not_kept(world: World) -> None:
    """Not a piece of it is read before it is sent."""
    taken: list[int] = []
    at_sending: list[int] = []

    def play(_: Any) -> Status:
        at_sending.append(len(taken))
        return Status(200)

    inner = scripted(world.family, play)
    with world.session(LIMITED, transport=inner) as session:
        content = chunks(world, [b"123456"] * 3, taken)
        session.post(A + CHAT, content=content, headers={"content-length": "18"})
    assert at_sending == [0]


def test_a_longer_one_moves_on_if_nothing_of_it_was_sent(world: World) -> None:
    taken: list[int] = []
    read: list[bytes] = []
    fates = Fates(a=Raise("ConnectError"))
    inner = consuming(world, fates, read)
    with world.session(LIMITED, transport=inner) as session:
        response = session.post(A + CHAT, content=chunks(world, [b"123456"] * 3, taken))
    assert response.status_code == 200
    assert fates.hosts == "ab"
    assert read == [b"123456"] * 3


def test_a_longer_one_that_broke_while_it_was_sent_is_not_repeated(world: World) -> None:
    read: list[bytes] = []
    fates = Fates(a=Raise("ReadError", where="sent"))
    inner = consuming(world, fates, read)
    with (
        world.session(LIMITED, transport=inner) as session,
        pytest.raises(world.family.ReadError),
    ):
        session.post(A + CHAT, content=chunks(world, [b"123456"] * 3, []))
    assert fates.hosts == "a"


def test_a_longer_one_goes_only_where_the_deployment_has_the_same_name(world: World) -> None:
    """Promise 7: what was not read cannot be rewritten."""
    fates = Fates(a=Raise("ConnectError"))
    config = OTHER_NAME | {"policy": {"buffer_limit": 10}}
    with (
        world.session(config, transport=consuming(world, fates, [])) as session,
        pytest.raises(world.family.ConnectError),
    ):
        session.post(A + CHAT, content=chunks(world, [b"123456"] * 3, []))
    assert fates.hosts == "a"


def consuming(world: World, fates: Fates, read: list[bytes]) -> Any:
    """Make a transport that reads the body of each request that it does not refuse."""
    family: Any = world.family
    inner = scripted(family, fates)

    def is_refused(request: Any) -> bool:
        fate = fates.fates.get(request.url.host[0])
        return isinstance(fate, Raise) and fate.where == "headers"

    class Consuming(family.BaseTransport, family.AsyncBaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            if not is_refused(request):
                read.extend(request.stream)
            return inner.handle_request(request)

        async def handle_async_request(self, request: Any) -> Any:
            if not is_refused(request):
                read.extend([chunk async for chunk in request.stream])
            return inner.handle_request(request)

    return Consuming()


# Other origins.


def test_a_strict_transport_refuses_foreign_origins(world: World) -> None:
    fates = Fates()
    inner = scripted(world.family, fates)
    with (
        world.session(CONFIG, transport=inner, strict=True) as session,
        pytest.raises(world.family.UnsupportedProtocol, match=r"https://z\.example is none of"),
    ):
        session.get("https://z.example/secret-path")
    assert fates.sent == []


@pytest.mark.parametrize(
    "location", ["https://z.example/x", "//z.example/x", "https://Z.example:443/"]
)
def test_a_redirect_carries_no_key_to_another_origin(world: World, location: str) -> None:
    """Promise 6: httpx takes only ``Authorization`` off a redirected request."""
    fates = Fates(a=Status(307, location=location))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        session.client.follow_redirects = True
        session.post(
            A + CHAT,
            json={},
            headers={"api-key": "sdk", "ocp-apim-subscription-key": "sdk", "x-other": "kept"},
        )
    assert fates.hosts == "az"
    headers = fates.sent[1].headers
    assert headers["x-other"] == "kept"
    assert not {"api-key", "ocp-apim-subscription-key", "authorization"} & {*headers}


def test_a_redirect_within_an_endpoint_keeps_its_key(world: World) -> None:
    """It is a request like any other: the endpoint's own key goes with it."""
    fates = Fates(a=Status(307, location="/openai/v1/there"))

    def play(request: Any) -> Outcome:
        outcome = fates(request)
        return Status(200) if request.url.path.endswith("there") else outcome

    with world.session(CONFIG, transport=scripted(world.family, play)) as session:
        session.client.follow_redirects = True
        assert session.post(A + CHAT, json={}).status_code == 200
    assert [request.headers["api-key"] for request in fates.sent] == ["KEY-OF-A"] * 2


def test_a_redirect_to_nowhere_is_the_clients_to_refuse(world: World) -> None:
    fates = Fates(a=Status(307, location="https://a.example:nowhere/"))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        session.client.follow_redirects = True
        with pytest.raises(world.family.RemoteProtocolError, match="[Ii]nvalid URL"):
            session.post(A + CHAT, json={})
        assert session.transport.status().failed_endpoints == ()
    assert fates.hosts == "a"


@pytest.mark.parametrize("value", ["KEY-OF-B", "Bearer KEY-OF-B"])
def test_our_keys_never_go_to_a_foreign_origin(world: World, value: str) -> None:
    """Promise 6, even if the caller puts one there; credentials of others pass."""
    fates = Fates()
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        headers = {"api-key": "of-z", "authorization": value}
        session.get("https://z.example/", headers=headers)
    assert fates.sent[0].headers["api-key"] == "of-z"
    assert "authorization" not in fates.sent[0].headers


# What the layer above may say and hear.


def test_a_request_may_avoid_endpoints(world: World) -> None:
    """Not even as a last resort is one asked that it names."""
    fates = Fates(c=Status(503))
    inner = scripted(world.family, fates)
    with world.session(CONFIG, transport=inner) as session:
        avoiding = {"failover": {"avoid": ["a", "b"]}}
        response = session.post(A + CHAT, json={}, extensions=avoiding)
        assert session.post(A + CHAT, json={}).status_code == 200
        with (
            failover_options(avoid={"a", "b", "c"}),
            pytest.raises(world.family.UnsupportedProtocol, match="a: skipped, is to be avoided"),
        ):
            session.post(A + CHAT, json={})
    assert response.status_code == 503
    assert fates.hosts == "ca"
    ledger = ledger_of(response)
    assert ledger is not None
    assert [(entry.endpoint, entry.outcome) for entry in ledger.entries] == [
        ("a", "skipped"),
        ("b", "skipped"),
        ("c", "answered"),
    ]


def test_options_around_a_call_count_for_all_requests_in_it(world: World) -> None:
    """For callers who cannot reach ``request.extensions``; the request's own ones come first."""
    fates = Fates(a=Status(503))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        with failover_options(auto_failover=False), failover_options(timeout=1.5):
            assert session.post(A + CHAT, json={}).status_code == 503
            session.transport.reset()
            moving = {"failover": {"auto_failover": True}}
            assert session.post(A + CHAT, json={}, extensions=moving).status_code == 200
        session.transport.reset()
        assert session.post(A + CHAT, json={}).status_code == 200
    assert fates.hosts == "a" + "ab" + "ab"
    read = [request.extensions["timeout"]["read"] for request in fates.sent]
    assert read == [1.5, 1.5, 1.5, 5.0, 5.0]


def test_options_that_do_not_exist_are_refused_where_they_are_set() -> None:
    with pytest.raises(ConfigError, match="did you mean deadline"), failover_options(dedline=1):  # type: ignore[call-arg]
        pass


def test_a_layer_above_that_retries_is_warned_of_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Promise 9: an SDK that retries multiplies our attempts."""
    fates = Fates(a=Status(503), b=Status(503), c=Status(503))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        session.post(A + CHAT, json={}, headers={"x-stainless-retry-count": "0"})
        assert "max_retries=0" not in caplog.text
        for count in ("1", "2"):
            session.post(A + CHAT, json={}, headers={"x-stainless-retry-count": count})
    assert caplog.text.count("max_retries=0") == 1


def test_an_answer_that_came_tells_the_layer_above_to_stop(world: World) -> None:
    """Promise 9: also if the last endpoint that was asked gave none."""
    fates = Fates(a=Status(500), b=Status(503), c=Raise("ReadError"))
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        response = session.post(A + CHAT, json={})
    assert fates.hosts == "abc"
    assert response.status_code == 503
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["x-failover-endpoint"] == "b"
    assert response.headers["x-failover-attempts"] == "3"


# What explain() says.


def test_explain_tells_the_order_and_sends_nothing(world: World) -> None:
    fates = Fates(a=Status(503))
    config = OTHER_NAME | {"backups": [OTHER_NAME["backups"][0], CONFIG["backups"][1]]}
    with world.session(config, transport=scripted(world.family, fates)) as session:
        session.post(A + CHAT, json={"model": "gpt"})
        before = session.transport.status()
        url = A + "/openai/deployments/gpt/embeddings?api-version=1&api-key=secret"
        request = session.client.build_request("POST", url, json={"model": "gpt"})
        explanation = session.transport.explain(request)
        assert session.transport.status().failed_endpoints == before.failed_endpoints
    assert fates.hosts == "ab"
    assert explanation.may_move
    assert [stop.endpoint for stop in explanation.stops] == ["b", "c", "a"]
    assert explanation.stops[0].url == f"{B}/openai/deployments/other/embeddings?api-version=1"
    assert explanation.stops[2].note.startswith("failed, to be probed in")
    assert "secret" not in str(explanation)
    assert str(explanation).splitlines()[0] == "embeddings: holds no state: may fail over"


def test_explain_leaves_a_body_alone_that_can_be_read_only_once(world: World) -> None:
    taken: list[int] = []
    fates = Fates()
    with world.session(CONFIG, transport=scripted(world.family, fates)) as session:
        content = chunks(world, [b'{"model": "gpt"}'], taken)
        request = session.client.build_request("POST", A + CHAT, content=content)
        explanation = session.transport.explain(request)
        assert taken == []
        session.send(request)
    assert [stop.endpoint for stop in explanation.stops] == ["a", "b", "c"]
    assert fates.sent[0].content == b'{"model": "gpt"}'


def test_explain_tells_why_a_request_may_not_move(world: World) -> None:
    with world.session(
        CONFIG | {"api": "v1"}, transport=scripted(world.family, Fates())
    ) as session:
        explain, build = session.transport.explain, session.client.build_request
        pinned = explain(build("POST", A + V1 + "/responses", json={"previous_response_id": "r"}))
        barred = explain(build("GET", A + "/openai/models?api-version=1"))
        foreign = explain(build("GET", "https://z.example/"))
        state = explain(build("POST", A + V1 + "/files", content=b""))
    assert [stop.endpoint for stop in pinned.stops] == ["a"]
    assert "previous_response_id" in pinned.reason
    assert barred.stops == ()
    assert {stop.note for stop in barred.barred} == {"does not speak dated URLs"}
    assert (foreign.form, foreign.may_move) == ("foreign", False)
    assert "passed on" in str(foreign)
    assert (state.may_move, len(state.stops), len(state.barred)) == (False, 1, 2)
