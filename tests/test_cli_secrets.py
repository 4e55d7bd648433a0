"""No command ever prints a key, whatever the configuration is and whatever endpoints say."""

from __future__ import annotations

import base64
import json
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cli_world import run, toml
from examples import examples
from hypothesis import HealthCheck, given, settings, strategies as st
from worlds import NO_TRUST

from azure_failover._cli.surroundings import Surroundings
from azure_failover.emulator import Fleet, faults

KEYS = st.text(string.ascii_letters + string.digits + "-_=+/.~", min_size=12, max_size=60)
WORDS = st.sampled_from(["", "the key ", "x" * 150, "\x00\x1b[31m", "\n", "é… "])
PLACES = st.sampled_from(["message", "code", "type", "body", "region", "retry", "kind", "choice"])
COMMANDS = [
    "check",
    "check --json",
    "check --chat",
    "check --chat --json",
    "watch --count 1",
    "chat Hello",
    "explain /openai/v1/models",
]
STATUSES = st.sampled_from([200, 201, 302, 400, 401, 403, 404, 408, 418, 422, 429, 500, 503])


@pytest.fixture(scope="module")
def two() -> Iterator[Fleet]:
    with Fleet(["eastus", "westus"]) as fleet:
        yield fleet


def leaking(status: int, place: str, text: str) -> faults.Status:
    """Make an endpoint that says its own key somewhere in its answer."""
    error = {"message": "no", "code": "c", "type": "t"}
    body: Any = {"error": error | ({place: text} if place in error else {})}
    if place == "body":
        body = text
    if place == "choice":
        body = {"choices": [{"message": {"content": text}}]}
    sent = text.encode("ascii", "replace").decode().replace("\n", " ").replace("\x00", " ")
    named = {"region": "x-ms-region", "retry": "retry-after", "kind": "content-type"}
    headers = {named[place]: sent.replace("\x1b", " ").strip()} if place in named else {}
    return faults.Status(status, headers, body)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(60))
@given(
    keys=st.tuples(KEYS, KEYS),
    status=STATUSES,
    place=PLACES,
    words=st.tuples(WORDS, WORDS),
    command=st.sampled_from(COMMANDS),
    inherits=st.booleans(),
)
def test_no_endpoint_makes_a_command_print_a_key(
    two: Fleet,
    tmp_path: Path,
    keys: tuple[str, str],
    status: int,
    place: str,
    words: tuple[str, str],
    command: str,
    inherits: bool,
) -> None:
    """Each endpoint's answer quotes the keys of both."""
    config = two.config()
    config["api_key"] = keys[0]
    config["backups"][0]["api_key"] = keys[1]
    if inherits:
        del config["backups"][0]["api_key"]
    for region in two:
        region.fault = leaking(status, place, f"{words[0]}{keys[0]}{words[1]} {keys[1]}")
    file = tmp_path / "fleet.toml"
    file.write_text(toml(config), "utf-8")
    result = run(*command.split(), "-c", str(file))
    assert result.exit_code in (0, 1)
    used = keys[:1] if inherits else keys
    assert not [key for key in used if key in result.output + result.stderr]
    assert not [key for key in used if json.dumps(key)[1:-1] in result.output]
    assert "\x1b" not in result.output


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(50))
@given(
    keys=st.tuples(KEYS, KEYS),
    options=st.sampled_from(["", "--json", "--all"]),
    flaw=st.sampled_from(["", " ", "\n", "\x7f", "é"]),
    unknown=st.booleans(),
)
def test_config_never_prints_a_key(
    tmp_path: Path, keys: tuple[str, str], options: str, flaw: str, unknown: bool
) -> None:
    """Whether the configuration can be used or not."""
    config: dict[str, Any] = {
        "endpoint": "https://eastus.openai.azure.com",
        "api_key": keys[0],
        "deployment_name": "d",
        "backups": [{"endpoint": "https://westus.openai.azure.com", "api_key": keys[1] + flaw}],
    }
    if unknown:
        config["key"] = keys[0]
    file = tmp_path / "fleet.toml"
    file.write_text(toml(config), "utf-8")
    result = run("config", "-c", str(file), *options.split())
    assert result.exit_code == (2 if flaw or unknown else 0)
    assert not [key for key in keys if key in result.output + result.stderr]
    assert not [key for key in keys if base64.b64encode(key.encode()).decode() in result.output]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(key=KEYS, place=st.sampled_from(["api-key", "authorization", "query", "body", "other"]))
def test_the_emulator_prints_no_key_that_a_request_brings(
    tmp_path: Path, key: str, place: str
) -> None:
    """It prints the keys that it made up for its regions, and no other: whoever asks may err."""
    reach = tmp_path / "reach.toml"
    headers = {place: key} if place in ("api-key", "authorization") else {}
    headers |= {"x-key": key} if place == "other" else {}
    looks = iter([True, True, False])

    def ask(_: float) -> None:
        if not next(looks):
            raise KeyboardInterrupt
        base = tomllib.loads(reach.read_text("utf-8"))["endpoint"]
        url = f"{base}/openai/deployments/d/chat/completions"
        params = {"api-version": "v", **({"api-key": key} if place == "query" else {})}
        body = {"messages": [{"role": "user", "content": key if place == "body" else "Hello"}]}
        with httpx.Client(trust_env=False, verify=NO_TRUST) as http:
            http.post(url, params=params, headers=headers, json=body)

    result = run("emulator", "--write", str(reach), obj=Surroundings(sleep=ask))
    assert "POST chat/completions d" in result.output
    assert key not in result.output + result.stderr
    assert quote(key, safe="") not in result.output


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(keys=st.tuples(KEYS, KEYS), as_regions=st.booleans(), wrong=st.booleans())
def test_the_emulator_prints_no_key_of_a_file_that_it_cannot_serve(
    tmp_path: Path, keys: tuple[str, str], as_regions: bool, wrong: bool
) -> None:
    """Such as the configuration of real endpoints."""
    tables = [{"endpoint": keys[1] if wrong else "https://e.example", "api_key": keys[1]}]
    config = {"endpoint": "https://e.example", "api_key": keys[0], "deployment_name": keys[0]}
    text = toml({**config, "backups": tables})
    file = tmp_path / "fleet.toml"
    file.write_text(text.replace("backups", "regions") if as_regions else text, "utf-8")
    result = run("emulator", str(file))
    assert result.exit_code == 2
    assert not [key for key in keys if key in result.output + result.stderr]
