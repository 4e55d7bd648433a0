"""Promise 6: one credential per request, the target's own, whatever came in and whoever made it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import anyio
import attrs
import pytest
from examples import examples
from hypothesis import given, settings, strategies as st
from scripted import Raise, Status, scripted
from worlds import WORLDS, World

from azure_failover import AsyncClient, Client, Config, ConfigError, ledger_of

A, B = "https://a.example", "https://b.example"
CHAT = "/openai/deployments/gpt/chat/completions?api-version=1"
SENT_BY_SDK = ("api-key", "authorization", "ocp-apim-subscription-key", "x-gateway-key")
PLACES = frozenset({*SENT_BY_SDK, "?api-key", "?subscription-key"})


@attrs.frozen
class AccessToken:
    token: str
    expires_on: int = 0


class Credential:
    """What azure-identity gives, as far as it is used."""

    __hash__ = None  # type: ignore[assignment]  # some are not hashable

    def __init__(self, token: str) -> None:
        self.token = token
        self.scopes: list[tuple[str, ...]] = []

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.scopes.append(scopes)
        return AccessToken(self.token)


class AsyncCredential(Credential):
    async def get_token(self, *scopes: str, **_: object) -> AccessToken:  # type: ignore[override]
        self.scopes.append(scopes)
        return AccessToken(self.token)


def provider(token: str) -> Callable[[], str]:
    return lambda: token


async def waiting(token: str) -> str:
    return token


def async_provider(token: str) -> Callable[[], Any]:
    async def provide() -> str:
        return token

    return provide


@attrs.frozen
class Kind:
    """One way to give an endpoint a credential, and what must arrive there."""

    fields: dict[str, Any]
    place: str
    value: str
    is_async: bool = False


def kinds(name: str) -> tuple[Kind, ...]:
    token, bearer = f"TOKEN-OF-{name}", f"Bearer TOKEN-OF-{name}"
    return (
        Kind({"api_key": f"KEY-OF-{name}"}, "api-key", f"KEY-OF-{name}"),
        Kind(
            {"api_key": f"KEY-OF-{name}", "key_header": "X-Gateway-Key"},
            "x-gateway-key",
            f"KEY-OF-{name}",
        ),
        Kind(
            {"api_key": f"KEY-OF-{name}", "key_header": "Ocp-Apim-Subscription-Key"},
            "ocp-apim-subscription-key",
            f"KEY-OF-{name}",
        ),
        Kind({"token_provider": provider(token)}, "authorization", bearer),
        Kind({"credential": Credential(token)}, "authorization", bearer),
        Kind({"token_provider": async_provider(token)}, "authorization", bearer, is_async=True),
        Kind({"credential": AsyncCredential(token)}, "authorization", bearer, is_async=True),
    )


def found(request: Any) -> list[tuple[str, str]]:
    """List the credentials that a request carries, wherever."""
    headers = [(name, value) for name, value in request.headers.multi_items() if name in PLACES]
    query = parse_qsl(request.url.query.decode(), keep_blank_values=True)
    return headers + [(f"?{name}", value) for name, value in query if f"?{name}" in PLACES]


def config_of(primary: Kind, backup: Kind) -> dict[str, Any]:
    return {
        "endpoint": A,
        "deployment_name": "gpt",
        **primary.fields,
        "backups": [{"endpoint": B, "key_header": "api-key", **backup.fields}],
    }


@settings(max_examples=examples(60))
@given(
    st.sampled_from(WORLDS),
    st.sampled_from(kinds("A")),
    st.sampled_from(kinds("B")),
    st.dictionaries(st.sampled_from(SENT_BY_SDK), st.sampled_from(("sdk-key", "Bearer sdk"))),
    st.sampled_from(("", "&api-key=sdk", "&subscription-key=sdk&api-key=x")),
)
def test_exactly_one_credential_arrives_and_it_is_the_targets(
    world: World, primary: Kind, backup: Kind, headers: dict[str, str], query: str
) -> None:
    """Promise 6, for any mix of keys, providers and incoming credentials."""
    if world.colour == "sync" and (primary.is_async or backup.is_async):
        return
    if "x-gateway-key" not in {primary.place, backup.place}:
        headers.pop("x-gateway-key", None)  # to them, this is not a credential
    sent: list[Any] = []

    def play(request: Any) -> Status:
        sent.append(request)
        return Status(503 if request.url.host == "a.example" else 200)

    with world.session(
        config_of(primary, backup), transport=scripted(world.family, play)
    ) as session:
        response = session.post(A + CHAT + query, json={"model": "gpt"}, headers=headers)
    assert response.status_code == 200
    assert [found(request) for request in sent] == [
        [(primary.place, primary.value)],
        [(backup.place, backup.value)],
    ]


CLIENT_AUTH = {
    "endpoint": A,
    "deployment_name": "gpt",
    "auth": "client",
    "backups": [{"endpoint": B}],
}


def test_the_clients_own_credential_stays_if_it_is_meant_to(world: World) -> None:
    """``auth="client"``: sent to every configured origin as it came, and the query too."""
    sent: list[Any] = []

    def play(request: Any) -> Status:
        sent.append(request)
        return Status(503 if request.url.host == "a.example" else 200)

    with world.session(CLIENT_AUTH, transport=scripted(world.family, play)) as session:
        headers = {"api-key": "sdk", "authorization": "Bearer sdk"}
        session.post(A + CHAT + "&subscription-key=s", json={}, headers=headers)
    assert [request.url.host for request in sent] == ["a.example", "b.example"]
    for request in sent:
        assert dict(found(request)) == {**headers, "?subscription-key": "s"}


def test_each_attempt_asks_its_own_endpoints_provider(world: World) -> None:
    """An SDK asks its provider once per call; here each endpoint is asked for each attempt."""
    asked: list[str] = []

    def of(name: str) -> Callable[[], str]:
        def provide() -> str:
            asked.append(name)
            return name

        return provide

    config = {
        "endpoint": A,
        "deployment_name": "gpt",
        "token_provider": of("a"),
        "backups": [{"endpoint": B, "token_provider": of("b")}],
    }
    fates = {"a.example": 503}
    inner = scripted(world.family, lambda request: Status(fates.get(request.url.host, 200)))
    with world.session(config, transport=inner) as session:
        session.post(A + CHAT, json={})
        session.post(A + CHAT, json={})
        fates.clear()
        session.transport.reset()
        session.post(A + CHAT, json={})
    assert asked == ["a", "b", "b", "a"]


def test_a_scope_can_be_chosen_per_endpoint(world: World) -> None:
    credential = Credential("t")
    config = {
        "endpoint": A,
        "deployment_name": "gpt",
        "credential": credential,
        "backups": [{"endpoint": B, "scope": "https://ai.azure.com/.default"}],
    }
    inner = scripted(
        world.family, lambda request: Status(503 if request.url.host == "a.example" else 200)
    )
    with world.session(config, transport=inner) as session:
        session.post(A + CHAT, json={})
    assert credential.scopes == [
        ("https://cognitiveservices.azure.com/.default",),
        ("https://ai.azure.com/.default",),
    ]


class ProviderError(Exception):
    """Stands for azure-identity's ClientAuthenticationError, and quotes the token."""


def failing() -> str:
    raise ProviderError("TOKEN-SECRET was refused")


@pytest.mark.parametrize(
    "bad",
    [failing, lambda: "", lambda: "TOKEN-SECRET\n", lambda: None, lambda: AccessToken("")],
)
def test_a_provider_that_fails_is_a_failed_attempt(
    world: World, bad: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The request moves on, the endpoint is marked, and nothing shows what the provider said."""
    caplog.set_level(logging.DEBUG)
    config = {
        "endpoint": A,
        "deployment_name": "gpt",
        "token_provider": bad,
        "backups": [{"endpoint": B, "api_key": "KEY-OF-B"}],
    }
    with world.session(config, transport=scripted(world.family, lambda _: Status(200))) as session:
        response = session.post(A + CHAT, json={})
        status = session.transport.status()
    ledger = ledger_of(response)
    assert ledger is not None
    assert [(entry.endpoint, entry.outcome) for entry in ledger.entries] == [
        ("a", "failed"),
        ("b", "answered"),
    ]
    assert "token provider of a" in str(ledger)
    assert status.failed_endpoints == (A,)
    assert "SECRET" not in f"{ledger!r} {status!r} {caplog.text}"


def test_a_failing_provider_of_all_raises_the_familys_error(world: World) -> None:
    config = {"endpoint": A, "deployment_name": "gpt", "token_provider": failing}
    with (
        world.session(config, transport=scripted(world.family, lambda _: Status(200))) as session,
        pytest.raises(world.family.ConnectError, match="token provider of a raised") as caught,
    ):
        session.post(A + CHAT, json={})
    assert isinstance(caught.value.__cause__, ProviderError)
    assert "SECRET" not in str(ledger_of(caught.value))


@pytest.mark.parametrize("world", [world for world in WORLDS if world.colour != "sync"], ids=str)
def test_a_blocking_provider_does_not_hold_up_the_loop(world: World) -> None:
    """It runs in a worker thread."""
    threads: list[int] = []

    def provide() -> str:
        threads.append(threading.get_ident())
        return "token"

    config = {"endpoint": A, "deployment_name": "gpt", "token_provider": provide}
    loop: list[int] = []

    def play(_: Any) -> Status:
        loop.append(threading.get_ident())
        return Status(200)

    with world.session(config, transport=scripted(world.family, play)) as session:
        session.post(A + CHAT, json={})
    assert threads != loop


@pytest.mark.parametrize("world", [world for world in WORLDS if world.colour != "sync"], ids=str)
def test_a_task_waits_no_longer_for_a_token_than_for_an_answer(world: World) -> None:
    """A provider that hangs costs one attempt, not the request."""

    async def hang() -> str:
        await anyio.sleep_forever()
        raise AssertionError

    backup = {"endpoint": B, "api_key": "KEY-OF-B"}
    config = {"endpoint": A, "deployment_name": "gpt", "token_provider": hang, "timeout": 0.01}
    inner = scripted(world.family, lambda _: Status(200))
    with world.session(config | {"backups": [backup]}, transport=inner) as session:
        response = session.post(A + CHAT, json={})
    ledger = ledger_of(response)
    assert ledger is not None
    assert [entry.endpoint for entry in ledger.entries] == ["a", "b"]
    assert "raised TimeoutError" in str(ledger)


ASYNC: tuple[dict[str, Any], ...] = (
    {"token_provider": async_provider("t")},
    {"credential": AsyncCredential("t")},
)


@pytest.mark.parametrize("fields", ASYNC)
def test_an_async_provider_is_refused_by_a_client_for_threads(fields: dict[str, Any]) -> None:
    """At once, with the field and the remedy."""
    config = {"endpoint": A, "deployment_name": "gpt", **fields}
    (field,) = fields
    with pytest.raises(ConfigError, match=rf"{field}: is async"):
        Client(config)
    assert AsyncClient(config).config.primary.name == "a"


@pytest.mark.parametrize("world", [world for world in WORLDS if world.colour == "sync"], ids=str)
@pytest.mark.parametrize("fields", [*ASYNC, {"token_provider": lambda: waiting("t")}])
def test_an_async_provider_under_a_thread_is_a_clear_error(
    world: World, fields: dict[str, Any]
) -> None:
    """A mounted transport learns only from its first request in which world it is."""
    config = {"endpoint": A, "deployment_name": "gpt", **fields}
    with (
        world.session(config, transport=scripted(world.family, lambda _: Status(200))) as session,
        pytest.raises(ConfigError, match="async"),
    ):
        session.post(A + CHAT, json={})


def test_a_token_is_found_in_no_error_and_no_ledger(world: World) -> None:
    config = Config.from_dict(
        {"endpoint": A, "deployment_name": "gpt", "token_provider": provider("TOKEN-SECRET")}
    )
    inner = scripted(world.family, lambda _: Raise("ConnectError"))
    with (
        world.session(config, transport=inner) as session,
        pytest.raises(world.family.ConnectError) as caught,
    ):
        session.post(A + CHAT, json={})
    error: BaseException | None = caught.value
    while error is not None:
        assert "SECRET" not in f"{error!r} {getattr(error, '__notes__', '')}"
        trace = error.__traceback__
        while trace is not None:
            if "azure_failover" in trace.tb_frame.f_code.co_filename:
                assert "SECRET" not in repr(trace.tb_frame.f_locals)
            trace = trace.tb_next
        error = error.__cause__ or error.__context__
