"""No key is ever shown: not in an error, not in a repr, not in a traceback with local variables."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import httpx
import pytest
from core_strategies import (
    ASYNC_CREDENTIAL,
    CREDENTIAL,
    CREDENTIALS,
    KEYS,
    PROVIDERS,
    SHOWN,
    Data,
    config_dicts,
)
from examples import examples
from hypothesis import given, settings, strategies as st
from rich.console import Console
from rich.traceback import Traceback

from azure_failover import (
    AsyncClient,
    Client,
    Config,
    ConfigError,
    Endpoint,
    FailoverTransport,
    Secret,
)
from azure_failover.httpx2 import FailoverTransport as FailoverTransport2

SOURCES: dict[str, Callable[..., object]] = {
    "Config.of": Config.of,
    "Config.from_dict": Config.from_dict,
    "FailoverTransport": FailoverTransport,
    "FailoverTransport of httpx2": FailoverTransport2,
    "Client": Client,
    "AsyncClient": AsyncClient,
}


class Sealed:
    """Holds an argument without showing it, so that only our own frames can give it away."""

    def __init__(self, content: Any) -> None:
        self._content = content

    def opened(self) -> Any:
        return self._content


def refusal(call: Callable[..., object], sealed: Sealed, **options: object) -> ConfigError:
    """Call with the sealed argument, and give the error with its traceback."""
    try:
        call(sealed.opened(), **options)
    except ConfigError as error:
        return error
    raise AssertionError("accepted")


def _printed(value: object) -> str:
    """Print a value as debuggers do: an object that is not finished yet may have no repr."""
    try:
        return repr(value)
    except AttributeError as error:
        return str(error)


def all_that_shows(error: BaseException) -> str:
    """Give everything that a log, a debugger or a traceback with locals would print."""
    shown = [str(error), repr(error), repr(error.args), repr(vars(error))]
    step: TracebackType | None = error.__traceback__
    while step is not None:
        shown += [_printed(value) for value in step.tb_frame.f_locals.values()]
        step = step.tb_next
    for link in (error.__cause__, error.__context__):
        if link is not None:
            shown.append(all_that_shows(link))
    return "\n".join(shown)


WRAPPINGS: tuple[Callable[[str], Any], ...] = (
    lambda key: key,
    lambda key: f"{key}\n",
    lambda key: f"https://user:{key}@east.openai.azure.com",
    lambda key: f"https://east.openai.azure.com?api-key={key}",
    lambda key: f"https://east.openai.azure.com/{key} ",
    lambda key: f"https://{key}/openai/deployments/x",
    lambda key: key.encode(),
    lambda key: [key],
    lambda key: {"api_key": key},
    lambda key: {"x": {"y": key}},
    lambda key: ({"endpoint": key},),
    Secret,
    lambda _: CREDENTIAL,
    lambda key: partial(print, key),
)
"""How a key may come to stand somewhere."""
PLACES = (
    "endpoint",
    "api_key",
    "deployment_name",
    "api_version",
    "timeout",
    "name",
    "deployments",
    "allow_insecure",
    "max_retries",
    "backups",
    "policy",
    "token_provider",
    "credential",
    "scope",
    "key_header",
    "auth",
    "api",
    "api-key",
    "apiKey",
    "headers",
)
POLICY_PLACES = (
    "failback",
    "deadline",
    "pause",
    "on_throttle",
    "api_key",
    "timeout",
    "attempt_timeout",
    "buffer_limit",
)


@st.composite
def broken_dicts(draw: st.DrawFn) -> tuple[Data, list[str]]:
    """Draw a configuration with keys in right and in wrong places, and at least one problem."""
    data = draw(config_dicts(max_backups=2))
    tables = [data, *data.get("backups", [])]
    keys: list[str] = [SHOWN, *(table["api_key"] for table in tables if "api_key" in table)]
    for _ in range(draw(st.integers(1, 3))):
        key = draw(KEYS)
        keys.append(key)
        value = draw(st.sampled_from(WRAPPINGS))(key)
        backups, policy = data.get("backups"), data.get("policy")
        nested: list[object] = [policy]
        if isinstance(backups, list):
            nested += cast("list[object]", backups)
        targets = [data, *(cast("Data", one) for one in nested if isinstance(one, dict))]
        target = draw(st.sampled_from(targets))
        target[draw(st.sampled_from(PLACES + POLICY_PLACES))] = value
    data["surely_unknown"] = {"key": draw(st.sampled_from(keys))}
    return data, keys


@settings(max_examples=examples(80), deadline=None)
@given(broken_dicts())
@pytest.mark.filterwarnings("ignore:.*max_retries:UserWarning")
def test_no_error_shows_a_key_wherever_it_stands(broken: tuple[Data, list[str]]) -> None:
    """Promise 6: a key in any field, right or wrong, is in no message and no frame's locals."""
    data, keys = broken
    sealed = Sealed(data)
    for call in (Config.of, FailoverTransport, Client):
        shown = all_that_shows(refusal(call, sealed)).casefold()
        assert not [key for key in keys if key.casefold() in shown]


@settings(max_examples=examples(50), deadline=None)
@given(config_dicts())
def test_no_configuration_shows_its_keys(data: Data) -> None:
    """Promise 6: neither repr nor the dict form show a key, unless it is asked to."""
    config = Config.from_dict(data, env={})
    secrets = [endpoint.api_key for endpoint in config.endpoints]
    keys = [None if secret is None else secret.reveal() for secret in secrets]
    shown = repr((config, str(config), config.to_dict(), config.endpoints, config.primary.api_key))
    shown += f"{config} {config.primary} {Secret('K3Y'):>9} {config.async_only()}"
    assert not [key for key in (*keys, "K3Y") if key and key in shown]
    written = config.to_dict()
    for field in ("api_key", "token_provider", "credential"):
        found = [getattr(endpoint, field) is not None for endpoint in config.endpoints]
        tables = [written, *written["backups"]]
        assert [table.get(field) == "***" for table in tables] == found
    revealed = config.to_dict(reveal_secrets=True)
    assert [table.get("api_key") for table in (revealed, *revealed["backups"])] == keys


KEY = "K3Yabcdefghijklmnop"
BROKEN: Data = {
    "endpoint": f"https://u:{KEY}@east",
    "api_key": f"{KEY} ",
    "deployment_name": "gpt",
    "timeout": KEY,
    "backups": [{"endpoint": "https://west", "api_kye": KEY}, KEY],
    "policy": {"deadline": KEY},
}


def rendered(error: ConfigError) -> str:
    out = io.StringIO()
    traceback = Traceback.from_exception(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        width=500,
        locals_max_length=1_000_000,
        locals_max_string=1_000_000,
    )
    Console(file=out, width=500).print(traceback)
    return out.getvalue()


@pytest.mark.parametrize("name", SOURCES)
def test_a_traceback_with_locals_shows_no_key(name: str) -> None:
    """Promise 6: what rich prints of our frames holds no key, whoever read the configuration."""
    text = rendered(refusal(SOURCES[name], Sealed(BROKEN)))
    assert "locals" in text
    assert "ConfigError" in text
    assert KEY not in text


def test_a_traceback_shows_no_key_of_the_environment() -> None:
    """Promise 6, for variables."""
    env = {
        "AZURE_OPENAI_KEY": f"{KEY}\n",
        "AZURE_OPENAI_ENDPOINT": KEY,
        "AZURE_OPENAI_BACKUP_1_KEY": KEY,
        "AZURE_OPENAI_BACKUP_1_NONSENSE": KEY,
    }
    error = refusal(Config.from_env, Sealed(env))
    assert KEY not in rendered(error) + all_that_shows(error)


def test_a_traceback_shows_no_key_of_the_environment_behind_a_dict() -> None:
    error = refusal(Config.from_dict, Sealed({}), env={"AZURE_OPENAI_KEY": f"{KEY}\n"})
    own = all_that_shows(error.with_traceback(None))
    assert KEY not in own


@pytest.mark.parametrize(
    "text",
    [
        f'api_key = "{KEY}"',
        f'api_key = "{KEY}',
        f"api_key = {KEY}",
        f'api_key = "{KEY}"\napi_key = "{KEY}"',
        f"[{KEY}]\n[{KEY}]",
        f'api_key = "{KEY}"\ntimeout = ' + "9" * 5000,
        f'api_key = "{KEY}"\na = ' + "[" * 100_000,
    ],
    ids=["incomplete", "open", "bare", "twice", "tables", "a huge number", "deep"],
)
def test_a_traceback_shows_no_key_of_a_file(tmp_path: Path, text: str) -> None:
    """Promise 6, for TOML files, readable or not."""
    path = tmp_path / "failover.toml"
    path.write_text(text, encoding="utf-8")
    for call in (Config.from_toml, Config.of, Client):
        error = refusal(call, Sealed(path))
        assert KEY not in rendered(error) + all_that_shows(error)


@pytest.mark.parametrize(
    "text",
    [
        f'api_key = "{KEY}"\nendpoint = "https://east"\n',
        f"api_key = '{KEY}'",
        f'{{"api_key": "{KEY}"}}',
        f"https://user:{KEY}@east.openai.azure.com",
    ],
    ids=["TOML", "a line of TOML", "JSON", "an address"],
)
def test_text_in_place_of_a_path_is_not_quoted(text: str) -> None:
    """Promise 6: who passes a file's text instead of its path is not shown the text."""
    error = refusal(Config.of, Sealed(text))
    assert KEY not in all_that_shows(error)


@pytest.mark.parametrize("value", [KEY, f"{KEY}\n", "größe", ""])
def test_a_secret_shows_itself_only_when_asked(value: str) -> None:
    """Promise 6: repr, str, f-strings and format specs mask a key."""
    secret = Secret(value)
    assert repr(secret) == "Secret('***')"
    assert (str(secret), f"{secret}", f"{secret:>5}", f"{secret!s}") == (
        "***",
        "***",
        "  ***",
        "***",
    )
    assert secret.reveal() == value
    assert bool(secret) == bool(value)


def test_secrets_compare_by_their_text_and_never_with_text() -> None:
    assert Secret("a") == Secret(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@given(st.lists(KEYS, min_size=1, max_size=3), st.text(max_size=10))
@settings(max_examples=examples(50), deadline=None)
def test_redacted_text_holds_no_key(keys: list[str], between: str) -> None:
    """Promise 6: text from outside is masked before it is kept, even if one key begins another."""
    keys = [*keys, keys[0] + "tail"]
    config = Config(
        tuple(
            Endpoint(endpoint=f"https://r{index}", api_key=Secret(key), deployment_name="d")
            for index, key in enumerate(keys)
        )
    )
    text = between.join(reversed(keys))
    redacted = config.redact(f"<{text}>")
    assert redacted == "<" + between.join(["***"] * len(keys)) + ">"


def test_a_transport_shows_no_key() -> None:
    """Promise 6, for what users print when they debug."""
    data = {"endpoint": "https://east.example", "api_key": KEY, "deployment_name": "gpt"}
    transport = FailoverTransport(
        data, transport=httpx.MockTransport(lambda _: httpx.Response(200))
    )
    with Client(data) as client:
        shown = f"{transport!r} {client!r} {client.config!r} {client.status()!r}"
    assert KEY not in shown


def refusal_of_endpoint(sealed: Sealed) -> Exception:
    try:
        Endpoint(**sealed.opened())
    except (ConfigError, TypeError) as error:
        return error
    raise AssertionError("accepted")


@settings(max_examples=examples(50), deadline=None)
@given(PROVIDERS | st.just(partial(print, SHOWN)), CREDENTIALS, st.data())
def test_no_frame_of_an_endpoint_shows_a_provider_or_a_credential(
    provider: Any, credential: Any, data: st.DataObject
) -> None:
    """Promise 6: whatever is wrong with its fields, a refused endpoint shows no credential."""
    fields: dict[str, Any] = {"endpoint": "https://east", "deployment_name": "gpt"}
    places = [*PLACES[2:8], "endpoint", "scope", "key_header", "auth", "api", "colour"]
    for place in data.draw(st.sets(st.sampled_from(places))):
        fields[place] = data.draw(st.sampled_from((None, 5, "", "\n", [], {"a": 5}, b"x")))
    if data.draw(st.booleans()):
        fields.pop("endpoint")
    sources = {"token_provider": provider, "credential": credential, "api_key": f"{KEY} "}
    shown = all_that_shows(refusal_of_endpoint(Sealed({**fields, **sources})))
    assert SHOWN not in shown
    assert KEY not in shown


@pytest.mark.parametrize("field", ["token_provider", "credential"])
def test_a_client_for_threads_that_refuses_tasks_shows_no_source(field: str) -> None:
    """Promise 6, for the error that an async source gives."""
    data = {"endpoint": "https://east", "deployment_name": "gpt", field: ASYNC_CREDENTIAL}
    error = refusal(Client, Sealed(data))
    assert SHOWN not in all_that_shows(error) + rendered(error)


def test_an_endpoint_that_is_refused_leaves_no_key_in_its_frames() -> None:
    """The constructor forgets the plain key before it checks anything."""
    with pytest.raises(ConfigError) as caught:
        made_wrong()
    assert caught.value.__traceback__ is not None
    frame = caught.value.__traceback__.tb_next
    assert frame is not None
    frame = frame.tb_next
    while frame is not None:
        assert "K3Y" not in repr(frame.tb_frame.f_locals)
        frame = frame.tb_next


def made_wrong() -> Endpoint:
    return Endpoint(endpoint="", deployment_name="", api_key=f"K3Y{1} ")
