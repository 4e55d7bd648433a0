"""Credentials of endpoints: kinds, their inheritance and errors, sources of tokens, headers."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from core_strategies import (
    ASYNC_CREDENTIAL,
    CREDENTIAL,
    OTHER_CREDENTIAL,
    SHOWN,
    Token,
    async_token,
    sync_token,
)
from hypothesis import given, strategies as st

from azure_failover import AsyncClient, Client, Config, ConfigError, Endpoint, Problem, Secret
from azure_failover.core.config import sync_problems
from azure_failover.core.credentials import is_async_source, read_token, token_source

WEST = "https://west.openai.azure.com"
PLACE: dict[str, Any] = {"endpoint": "https://east.openai.azure.com", "deployment_name": "gpt"}
KEYED: dict[str, Any] = {**PLACE, "api_key": "key"}
CLIENTS: dict[str, Any] = {**PLACE, "auth": "client"}
KEY_ADVICE = "give the key from the resource's page 'Keys and Endpoint'"
OTHERS = 'or give token_provider, credential or auth = "client"'


class Awkward:
    """Has properties that raise, as the stubs of lazy libraries do."""

    @property
    def get_token(self) -> object:
        raise RuntimeError(SHOWN)

    token = get_token


def problems_of(data: Any, env: dict[str, str] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        Config.from_dict(data, env=env or {})
    return caught.value.problems


def backed(primary: dict[str, Any], **backup: Any) -> dict[str, Any]:
    return {**primary, "backups": [{"endpoint": WEST, **backup}]}


WRONG: dict[str, tuple[dict[str, Any], str, str, str]] = {
    # name: (configuration, path, what, a part of the remedy)
    "no credential": (PLACE, "api_key", "is missing", f"{KEY_ADVICE}, or set AZURE_OPENAI_KEY"),
    "no credential, and what else there is": (PLACE, "api_key", "is missing", OTHERS),
    "no credential of its own": (
        {**PLACE, "auth": "endpoint"},
        "api_key",
        "is missing",
        OTHERS,
    ),
    "nothing to inherit": (
        backed(CLIENTS, auth="endpoint"),
        "backups[0].auth",
        'is "endpoint", and the primary has no credential to inherit',
        "give api_key, token_provider, credential here",
    ),
    "a key and a provider": (
        {**KEYED, "token_provider": sync_token},
        "token_provider",
        "stands beside api_key; an endpoint has one credential",
        "keep one of api_key, token_provider",
    ),
    "all kinds at once": (
        {**KEYED, **CLIENTS, "token_provider": sync_token, "credential": CREDENTIAL},
        "auth",
        "stands beside api_key and token_provider and credential; an endpoint has one credential",
        'keep one of api_key, token_provider, credential, auth = "client"',
    ),
    "a key and the client's credential, at a backup": (
        backed(KEYED, api_key="other", auth="client"),
        "backups[0].auth",
        "stands beside api_key; an endpoint has one credential",
        'keep one of api_key, auth = "client"',
    ),
    "a provider that is text": (
        {**PLACE, "token_provider": "K3Y"},
        "token_provider",
        "is text, not callable",
        "azure.identity.get_bearer_token_provider",
    ),
    "a provider that is a secret": (
        {**PLACE, "token_provider": Secret("K3Y")},
        "token_provider",
        "is of type Secret, not callable",
        "azure.identity.get_bearer_token_provider",
    ),
    "a provider that is null": (
        {**PLACE, "token_provider": None},
        "token_provider",
        "is null",
        "give a function without arguments",
    ),
    "a credential that is null": (
        backed(KEYED, credential=None),
        "backups[0].credential",
        "is null",
        "DefaultAzureCredential()",
    ),
    "a credential that is a function": (
        {**PLACE, "credential": sync_token},
        "credential",
        "is of type function, no object with get_token",
        "a function goes into token_provider",
    ),
    "a credential that is a class": (
        {**PLACE, "credential": type(CREDENTIAL)},
        "credential",
        "is of type type, no object with get_token",
        "such as DefaultAzureCredential()",
    ),
    "a credential that raises": (
        {**PLACE, "credential": Awkward()},
        "credential",
        "is of type Awkward, no object with get_token",
        "such as DefaultAzureCredential()",
    ),
    "an auth that does not exist": (
        {**PLACE, "auth": "sdk"},
        "auth",
        "is none of its choices",
        'give one of "endpoint", "client"',
    ),
    "an auth that is no text": (
        {**PLACE, "auth": ["client"]},
        "auth",
        "is none of its choices",
        'give one of "endpoint", "client"',
    ),
    "an auth that is null": ({**PLACE, "auth": None}, "auth", "is null", '"client"'),
    "an api that does not exist": (
        backed(KEYED, api="v2"),
        "backups[0].api",
        "is none of its choices",
        'give one of "any", "v1", "dated"',
    ),
    "an empty scope": ({**KEYED, "scope": ""}, "scope", "is empty", "/.default"),
    "a scope with a line break": (
        {**KEYED, "scope": "x\n"},
        "scope",
        "has control characters or white space around it",
        "/.default",
    ),
    "several scopes": ({**KEYED, "scope": ["a"]}, "scope", "is a list, not text", "/.default"),
    "an empty header": (
        {**KEYED, "key_header": ""},
        "key_header",
        "is not the name of a header",
        "such as api-key",
    ),
    "a header with a colon": (
        backed(KEYED, key_header="api-key:"),
        "backups[0].key_header",
        "is not the name of a header",
        "such as api-key",
    ),
    "a header that is not ASCII": (
        {**KEYED, "key_header": "schlüssel"},
        "key_header",
        "is not the name of a header",
        "such as api-key",
    ),
    "the header of tokens": (
        {**KEYED, "key_header": "Authorization"},
        "key_header",
        "is the header of tokens",
        "for a bearer token give token_provider in place of api_key",
    ),
}


@pytest.mark.parametrize(
    ("data", "path", "what", "remedy"), [pytest.param(*WRONG[name], id=name) for name in WRONG]
)
def test_a_problem_says_where_what_and_what_would_be_right(
    data: dict[str, Any], path: str, what: str, remedy: str
) -> None:
    """House style 5: each error names the field, the fault and the remedy, and hides no other."""
    (problem,) = problems_of(data)
    assert (problem.path, problem.what) == (path, what)
    assert remedy in problem.remedy


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Proxy-X", "TE"])
def test_a_key_cannot_travel_in_a_header_that_http_needs(name: str) -> None:
    (problem,) = problems_of({**KEYED, "key_header": name})
    assert (problem.path, problem.what) == ("key_header", "is a header with another purpose")


def test_a_second_credential_hides_no_other_problem() -> None:
    """A value of the wrong type still counts as a credential that was given."""
    paths = [problem.path for problem in problems_of({**KEYED, "token_provider": "x"})]
    assert paths == ["token_provider", "token_provider"]


# Inheritance.


def test_a_backup_with_a_key_does_not_keep_the_primarys_provider() -> None:
    config = Config.from_dict(
        backed({**PLACE, "token_provider": sync_token}, api_key="key"), env={}
    )
    (backup,) = config.backups
    assert backup.api_key == Secret("key")
    assert (backup.token_provider, backup.credential, backup.auth) == (None, None, "endpoint")


@pytest.mark.parametrize("primary", [KEYED, {**PLACE, "token_provider": sync_token}])
def test_a_backup_may_take_the_clients_credential_alone(primary: dict[str, Any]) -> None:
    config = Config.from_dict(backed(primary, auth="client"), env={})
    assert config.backups[0].auth == "client"
    assert config.backups[0].api_key is None
    assert config.backups[0].token_provider is None


def test_a_backup_of_a_primary_with_the_clients_credential_inherits_that() -> None:
    config = Config.from_dict(backed(CLIENTS), env={})
    assert config.backups[0].auth == "client"
    own = Config.from_dict(backed(CLIENTS, auth="endpoint", credential=CREDENTIAL), env={})
    assert (own.backups[0].auth, own.backups[0].credential) == ("endpoint", CREDENTIAL)


def test_scope_header_and_api_are_inherited_one_by_one() -> None:
    """What a credential is used with outlives the credential."""
    primary = {**KEYED, "scope": "s", "key_header": "X-Gateway-Key", "api": "dated"}
    config = Config.from_dict(backed(primary, credential=CREDENTIAL, scope="t"), env={})
    backup = config.backups[0]
    assert (backup.scope, backup.key_header, backup.api) == ("t", "x-gateway-key", "dated")
    assert config.primary.scope == "s"


# The environment.


@pytest.mark.parametrize(
    "own", [{"token_provider": sync_token}, {"credential": CREDENTIAL}, {"auth": "client"}]
)
def test_the_key_of_the_environment_is_left_where_the_primary_has_another_credential(
    own: dict[str, Any],
) -> None:
    env = {"AZURE_OPENAI_KEY": "key", "AZURE_OPENAI_ENDPOINT": "https://east"}
    config = Config.from_dict({"deployment_name": "gpt", **own}, env=env)
    assert config.primary.api_key is None
    assert config.primary.name == "east"


def test_the_key_of_the_environment_is_taken_where_the_primary_asks_for_no_other() -> None:
    config = Config.from_dict({**PLACE, "auth": "endpoint"}, env={"AZURE_OPENAI_KEY": "key"})
    assert config.primary.api_key == Secret("key")


def test_a_token_in_the_environment_is_mentioned_and_not_read() -> None:
    """A token from a variable expires while the process runs."""
    advice = "; AZURE_OPENAI_AD_TOKEN is not read, since a token expires: give a token_provider"
    env = {"AZURE_OPENAI_AD_TOKEN": "K3Y"}
    (problem,) = problems_of(PLACE, env)
    assert problem.remedy == f"{KEY_ADVICE}, or set AZURE_OPENAI_KEY, {OTHERS}{advice}"
    with pytest.raises(ConfigError) as caught:
        Config.from_env(
            env | {"AZURE_OPENAI_ENDPOINT": WEST, "AZURE_OPENAI_DEPLOYMENT": "gpt"},
        )
    assert str(caught.value.problems[0]) == (
        f"AZURE_OPENAI_KEY: is missing; set it: {KEY_ADVICE}{advice}"
    )
    assert advice not in problems_of(PLACE, {"AZURE_OPENAI_AD_TOKEN": ""})[0].remedy
    assert Config.from_dict(KEYED, env=env) == Config.from_dict(KEYED, env={})


# TOML files.


def test_a_file_holds_all_but_functions_and_objects(tmp_path: Path) -> None:
    path = tmp_path / "failover.toml"
    path.write_text(
        'endpoint = "https://east.openai.azure.com"\ndeployment_name = "gpt"\nauth = "client"\n'
        'api = "v1"\nscope = "s"\nkey_header = "X-Key"\n'
        "[policy]\nattempt_timeout = {connect = 2, read = 30.5}\nbuffer_limit = 0\n",
        encoding="utf-8",
    )
    config = Config.from_toml(path, env={"AZURE_OPENAI_KEY": "key"})
    primary, limits = config.primary, config.policy.attempt_timeout
    assert (primary.auth, primary.api, primary.scope) == ("client", "v1", "s")
    assert primary.key_header == "x-key"
    assert (limits.connect, limits.read, limits.write, limits.pool) == (2, 30.5, None, None)
    assert config.policy.buffer_limit == 0


@pytest.mark.parametrize("field", ["token_provider", "credential"])
def test_a_file_that_names_a_source_is_told_what_to_do_instead(tmp_path: Path, field: str) -> None:
    path = tmp_path / "failover.toml"
    path.write_text(f'{field} = "package:name"\n[[backups]]\n{field} = 5\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"file .*failover.toml") as caught:
        Config.from_toml(path, env={"AZURE_OPENAI_ENDPOINT": WEST, "AZURE_OPENAI_DEPLOYMENT": "g"})
    problems = {problem.path: problem for problem in caught.value.problems}
    assert problems[field].what.startswith("is text, no")
    for name in (field, f"backups[0].{field}"):
        assert problems[name].remedy == (
            "a file cannot hold it: read the file by tomllib, put the object into the dict, "
            "and give the dict"
        )
    assert "a file" not in problems["backups[0].endpoint"].remedy


# Finished objects.


@pytest.mark.parametrize(
    "own",
    [
        {"api_key": "key"},
        {"api_key": Secret("key")},
        {"token_provider": sync_token},
        {"credential": CREDENTIAL},
        {"auth": "client"},
    ],
)
def test_an_endpoint_object_may_have_any_credential(own: dict[str, Any]) -> None:
    fields: dict[str, Any] = {**PLACE, **own}
    assert Config((Endpoint(**fields),)) == Config.from_dict(fields, env={})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"api_key": None}, f"api_key: is missing; {KEY_ADVICE}, {OTHERS}"),
        ({"auth": "client"}, "auth: stands beside api_key; an endpoint has one credential"),
        ({"api_key": 5}, "api_key: is not text"),
        ({"api_key": None, "token_provider": 5}, "token_provider: is not callable"),
        ({"api_key": None, "credential": 5}, "credential: is no object with get_token"),
        ({"auth": "sdk"}, "auth: is none of its choices"),
        ({"api": None}, "api: is none of its choices"),
        ({"key_header": 5}, "key_header: is not the name of a header"),
        ({"scope": 5}, "scope: is not text"),
        ({"endpoint": 5}, "endpoint: is not text"),
        ({"name": 5}, "name: is not text"),
        ({"api_version": 5}, "api_version: is not an api-version"),
        ({"deployments": 5}, "deployments: is not a mapping"),
    ],
)
def test_an_endpoint_object_is_checked_as_well(change: dict[str, Any], message: str) -> None:
    """A wrong type is a problem like any other: nothing raises while a credential is in sight."""
    fields: dict[str, Any] = {**KEYED, **change}
    with pytest.raises(ConfigError) as caught:
        Endpoint(**fields)
    (problem,) = caught.value.problems
    assert str(problem).startswith(message)


class Source:
    """Makes a new method each time that one is looked up."""

    __hash__ = None  # type: ignore[assignment]

    def fetch(self) -> str:
        return "token"


def test_endpoints_with_the_same_source_are_the_same() -> None:
    """Sources are compared by identity, so they need neither ``==`` nor a hash."""
    source, fields = Source(), PLACE
    one = Endpoint(**fields, token_provider=source.fetch)
    assert one == Endpoint(**fields, token_provider=source.fetch)
    assert hash(one) == hash(Endpoint(**fields, token_provider=source.fetch))
    assert one != Endpoint(**fields, token_provider=Source().fetch)
    assert Endpoint(**fields, credential=CREDENTIAL) == Endpoint(**fields, credential=CREDENTIAL)
    assert Endpoint(**fields, credential=CREDENTIAL) != Endpoint(
        **fields, credential=OTHER_CREDENTIAL
    )
    assert len({one, Endpoint(**fields, credential=CREDENTIAL), Endpoint(**KEYED)}) == 3


def test_a_repr_says_that_there_is_a_source_and_not_which() -> None:
    fields: dict[str, Any] = PLACE
    shown = repr(Endpoint(**fields, credential=CREDENTIAL))
    assert "credential='***'" in shown
    assert "token_provider=None" in shown
    assert SHOWN not in shown


# Sources of tokens.


def passed_on() -> Awaitable[str]:
    return async_token()


def endpoint(**own: Any) -> Endpoint:
    fields: dict[str, Any] = {**PLACE, **own}
    return Endpoint(**fields)


def test_a_key_and_the_clients_credential_have_no_source() -> None:
    assert token_source(endpoint(api_key="key")) is None
    assert token_source(endpoint(auth="client")) is None
    assert not is_async_source(endpoint(api_key="key"))
    assert not is_async_source(endpoint(auth="client"))


def test_a_source_asks_the_provider_or_the_credential_with_its_scope() -> None:
    provider = token_source(endpoint(token_provider=sync_token))
    credential = token_source(endpoint(credential=CREDENTIAL, scope="s"))
    assert provider is not None
    assert credential is not None
    assert provider() == "token"
    assert credential() == Token("for:s")
    assert SHOWN not in repr(credential)
    assert repr(provider) == "TokenSource('***')"


def test_what_a_source_raises_is_not_caught_here() -> None:
    """The transport decides what a failure means; no frame of ours shows the source."""

    def fails() -> str:
        raise RuntimeError

    source = token_source(endpoint(token_provider=functools.partial(fails)))
    assert source is not None
    with pytest.raises(RuntimeError) as caught:
        source()
    frame = caught.traceback[-2].frame
    assert frame.code.name == "__call__"
    assert "fails" not in repr(frame.f_locals)


@pytest.mark.parametrize(
    ("own", "is_async"),
    [
        ({"token_provider": sync_token}, False),
        ({"token_provider": async_token}, True),
        ({"token_provider": functools.partial(async_token)}, True),
        ({"token_provider": functools.partial(functools.partial(async_token))}, True),
        ({"token_provider": functools.partial(ASYNC_CREDENTIAL)}, True),
        ({"token_provider": functools.partial(ASYNC_CREDENTIAL.get_token, "s")}, True),
        ({"token_provider": functools.partial(sync_token)}, False),
        ({"token_provider": CREDENTIAL}, False),
        ({"token_provider": ASYNC_CREDENTIAL}, True),
        ({"token_provider": ASYNC_CREDENTIAL.__call__}, True),
        ({"token_provider": passed_on}, False),
        ({"credential": CREDENTIAL}, False),
        ({"credential": ASYNC_CREDENTIAL}, True),
    ],
)
def test_an_async_source_is_known_before_it_is_called(own: dict[str, Any], is_async: bool) -> None:
    assert is_async_source(endpoint(**own)) is is_async


def test_an_awaited_token_is_read_like_any_other() -> None:
    source = token_source(endpoint(credential=ASYNC_CREDENTIAL, scope="s"))
    assert source is not None
    coroutine = source()
    assert inspect.iscoroutine(coroutine)
    with pytest.raises(StopIteration) as caught:
        coroutine.send(None)
    assert read_token(caught.value.value) == Secret("awaited:s")


@pytest.mark.parametrize("result", ["token", Token("token")])
def test_a_token_is_a_text_or_an_object_with_one(result: object) -> None:
    assert read_token(result) == Secret("token")


@pytest.mark.parametrize(
    "result",
    ["", " token", "Bearer token", "to\nken", "tökën", None, 5, b"token", Token(""), Awkward()],
)
def test_what_no_header_can_carry_is_no_token(result: object) -> None:
    assert read_token(result) is None


@given(st.text() | st.builds(Token, st.text()))
def test_reading_a_token_never_raises(result: object) -> None:
    token = read_token(result)
    assert token is None or token.reveal().isprintable()


# Threads and tasks.


def async_config() -> dict[str, Any]:
    return {
        **PLACE,
        "token_provider": async_token,
        "backups": [
            {"endpoint": WEST},
            {"endpoint": "https://north", "credential": ASYNC_CREDENTIAL},
            {"endpoint": "https://south", "api_key": "key"},
        ],
    }


def test_a_client_for_threads_refuses_sources_for_tasks() -> None:
    """A source that must be awaited cannot serve threads: each is told once, at construction."""
    what = "is async, and this client is for threads; use AsyncClient, or give"
    with pytest.raises(ConfigError) as caught:
        Client(async_config())
    assert [str(problem) for problem in caught.value.problems] == [
        f"token_provider: {what} a provider that is not async",
        f"backups[1].credential: {what} a credential of azure.identity, not of azure.identity.aio",
    ]


def test_a_client_for_tasks_takes_both_kinds_of_sources() -> None:
    AsyncClient(async_config())
    AsyncClient({**PLACE, "credential": CREDENTIAL})


def test_the_endpoints_for_tasks_alone_are_named() -> None:
    assert Config.from_dict(async_config(), env={}).async_only() == ("east", "west", "north")
    usual = Config.from_dict(backed({**PLACE, "credential": CREDENTIAL}), env={})
    assert usual.async_only() == ()
    assert sync_problems(usual) == []


# Headers.


def test_a_request_keeps_no_credential_but_the_endpoints_own() -> None:
    """Promise 6: all headers that any endpoint reads a credential from go, but for its own."""
    config = Config.from_dict(
        {
            **KEYED,
            "key_header": "X-Gateway-Key",
            "backups": [
                {"endpoint": WEST, "key_header": "api-key"},
                {"endpoint": "https://north", "credential": CREDENTIAL, "key_header": "X-North"},
                {"endpoint": "https://south", "auth": "client"},
            ],
        },
        env={},
    )
    assert [{*config.foreign_headers(index)} for index in range(4)] == [
        {"api-key", "authorization", "ocp-apim-subscription-key", "x-north"},
        {"authorization", "ocp-apim-subscription-key", "x-gateway-key", "x-north"},
        {"api-key", "ocp-apim-subscription-key", "x-gateway-key", "x-north"},
        set(),
    ]


def test_redacting_needs_no_key() -> None:
    config = Config.from_dict(backed({**PLACE, "credential": CREDENTIAL}, api_key="K3Y"), env={})
    assert config.redact("a K3Y here") == "a *** here"
