"""``config``: what it shows, where values come from, and what it warns of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cli_world import agrees, run, toml

from azure_failover import Config, Endpoint
from azure_failover._cli import origins
from azure_failover._cli.cautions import Caution, cautions, region_of
from azure_failover._cli.origins import Origin

KEY, OTHER = "first-secret-0001", "second-secret-0002"
CONFIG: Mapping[str, Any] = {
    "endpoint": "https://eastus-primary.openai.azure.com",
    "api_key": KEY,
    "deployment_name": "gpt-4.1-mini",
    "api_version": "2024-10-21",
    "backups": [
        {"endpoint": "https://contoso-eastus.openai.azure.com"},
        {
            "endpoint": "https://other.openai.azure.com",
            "deployment_name": "my-gpt",
            "api_key": OTHER,
            "api_version": "2025-04-01-preview",
            "tier": 1,
        },
    ],
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    policy = "\n[policy]\ndeadline = 30\nattempt_timeout = { connect = 2 }\n"
    (tmp_path / "fleet.toml").write_text(toml(CONFIG) + policy, "utf-8")
    return tmp_path


@pytest.mark.parametrize("options", ["", "--all", "--json", "--strict"])
@pytest.mark.usefixtures("here")
def test_it_shows_what_will_be_used_and_where_it_comes_from(options: str) -> None:
    result = run("config", "-c", "fleet.toml", *options.split())
    assert KEY not in result.output
    assert OTHER not in result.output
    agrees("config", f"a file {options}".strip(), result)


def test_a_good_configuration_has_no_warnings(here: Path) -> None:
    backup = {"endpoint": "https://westus.openai.azure.com", "api_key": OTHER}
    config = {**CONFIG, "backups": [backup]}
    (here / "good.toml").write_text(toml(config), "utf-8")
    agrees("config", "nothing to warn of", run("config", "-c", "good.toml", "--strict"))


def test_the_environment_is_shown_with_its_variables() -> None:
    result = run(
        "config",
        AZURE_OPENAI_ENDPOINT="https://eastus.openai.azure.com",
        AZURE_OPENAI_API_KEY=KEY,
        AZURE_OPENAI_DEPLOYMENT="gpt-4.1-mini",
        AZURE_OPENAI_BACKUP_1_ENDPOINT="https://westus.openai.azure.com",
        AZURE_OPENAI_BACKUP_2_ENDPOINT="https://other.openai.azure.com",
        AZURE_OPENAI_BACKUP_2_KEY=OTHER,
    )
    agrees("config", "the environment", result)


@pytest.mark.parametrize(
    ("case", "arguments"),
    [
        ("no configuration", ["config"]),
        ("no such file", ["config", "-c", "nowhere.toml"]),
        ("no text", ["config", "-c", "binary.toml"]),
        ("no TOML", ["config", "-c", "broken.toml"]),
        ("many problems", ["config", "-c", "wrong.toml"]),
        ("a token provider", ["check", "-c", "token.toml"]),
    ],
)
def test_every_error_is_a_line_and_a_remedy(here: Path, case: str, arguments: list[str]) -> None:
    (here / "broken.toml").write_text(f"api_key = {KEY}", "utf-8")
    wrong = {**CONFIG, "endpont": "x", "api_key": f" {KEY}", "deployment_name": 7}
    (here / "wrong.toml").write_text(toml(wrong), "utf-8")
    (here / "binary.toml").write_bytes(b"\xff\xfe")
    (here / "token.toml").write_text(toml({**CONFIG, "token_provider": "x"}), "utf-8")
    result = run(*arguments)
    assert result.exit_code == 2
    assert KEY not in result.output
    agrees("errors", case, result, is_log=True)


USAGE = [
    ["config", "--jsn"],
    ["confg"],
    ["check", "--timeout", "0"],
    ["check", "--timeout", "nan"],
    ["chat", "Hello", "--timeout", "inf"],
    ["watch", "--interval", "inf"],
    ["watch", "--interval", "soon"],
]


@pytest.mark.parametrize("arguments", USAGE)
def test_an_error_of_usage_takes_one_line_too(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    (line,) = result.output.splitlines()
    assert line.startswith("Error: ")
    assert "; see cli" in line


def test_without_a_command_it_shows_its_help() -> None:
    result = run()
    assert result.exit_code == 0
    assert result.output == run("--help").output
    assert "\nCommands:\n" in result.output


@pytest.mark.skipif(sys.platform == "win32", reason="a named pipe")
def test_a_file_may_be_a_pipe_that_can_be_read_once(here: Path) -> None:
    """As ``--config <(decrypt fleet.toml)`` makes one."""
    os.mkfifo(here / "pipe")
    text = (here / "fleet.toml").read_text("utf-8")
    with ThreadPoolExecutor(1) as pool:
        pool.submit((here / "pipe").write_text, text, "utf-8")
        result = run("config", "-c", "pipe")
    expected = run("config", "-c", "fleet.toml").output.replace("from fleet.toml", "from pipe")
    assert result.output == expected


@pytest.mark.usefixtures("here")
def test_what_nobody_foresaw_is_a_line_unless_debug_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    def fail(*_: object) -> None:
        raise KeyError(KEY)

    monkeypatch.setattr(origins, "of_a_file", fail)
    result = run("config", "-c", "fleet.toml")
    agrees("errors", "unforeseen", result)
    assert isinstance(run("config", "-c", "fleet.toml", "--debug").exception, KeyError)
    assert isinstance(run("--debug", "config", "-c", "fleet.toml").exception, KeyError)


def test_debug_shows_what_is_behind_a_complaint() -> None:
    assert isinstance(run("config", "-c", "nowhere.toml").exception, SystemExit)
    assert isinstance(run("config", "-c", "nowhere.toml", "--debug").exception, OSError)


@pytest.mark.parametrize("text", [f"api_key = {KEY}", f'api_key = "{KEY} "\nendpoint = 3'])
def test_a_traceback_shows_no_key(here: Path, text: str) -> None:
    """As it is printed by Python."""
    (here / "wrong.toml").write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "azure_failover", "config", "-c", "wrong.toml", "--debug"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" in done.stderr
    assert KEY not in done.stderr


@pytest.mark.parametrize(
    ("host", "name", "region"),
    [
        ("eastus.openai.azure.com", "", "eastus"),
        ("eastus2-prod.openai.azure.com", "", "eastus2"),
        ("contoso-west-europe-1.openai.azure.com", "", "westeurope"),
        ("contosoeastus2.openai.azure.com", "", "eastus2"),
        ("northcentralus.api.cognitive.microsoft.com", "", "northcentralus"),
        ("contoso.openai.azure.com", "", None),
        ("contoso.openai.azure.com", "swedencentral", "swedencentral"),
        ("127.0.0.1", "uksouth", "uksouth"),
        ("127.0.0.1", "", None),
    ],
)
def test_a_region_is_read_from_the_host_or_the_name(
    host: str, name: str, region: str | None
) -> None:
    endpoint = Endpoint(endpoint=f"https://{host}", api_key="k", deployment_name="d", name=name)
    assert region_of(endpoint) == region


def found(config: Mapping[str, Any]) -> dict[str, Caution]:
    told = origins.of_a_file(config, {})
    inherits = [each["api_key"].kind == "inherited" for each in told]
    return {each.rule: each for each in cautions(Config.from_dict(config, env={}), inherits)}


EAST = {"endpoint": "https://eastus.openai.azure.com", "api_key": KEY, "deployment_name": "d"}
WEST = {"endpoint": "https://westus.openai.azure.com", "api_key": OTHER}


@pytest.mark.parametrize(
    ("rule", "backups"),
    [
        ("one_endpoint", []),
        ("same_region", [{**WEST, "endpoint": "https://eastus-2.openai.azure.com"}]),
        ("inherited_key", [{"endpoint": WEST["endpoint"]}]),
        ("mixed_versions", [{**WEST, "api_version": "2025-04-01-preview"}]),
        ("deployment_names", [{**WEST, "deployment_name": "e"}]),
        (None, [WEST]),
        (None, [{**WEST, "auth": "client", "api_key": None}]),
        (None, [{"endpoint": EAST["endpoint"] + "/other-gateway", "name": "other"}, WEST]),
        (None, [{**WEST, "api": "v1", "api_version": "2025-04-01-preview"}]),
    ],
)
def test_each_rule_finds_its_own_and_nothing_else(
    rule: str | None, backups: list[dict[str, Any]]
) -> None:
    known = [{key: value for key, value in each.items() if value is not None} for each in backups]
    rules = set(found({**EAST, "backups": known}))
    same: set[str] = {"same_region"} if len(backups) == 2 else set()  # two gateways of one host
    assert rules == ({rule} if rule else same)


def test_origins_follow_the_rules_of_inheritance() -> None:
    env = {"AZURE_OPENAI_KEY": KEY, "AZURE_OPENAI_API_KEY": "x", "OPENAI_API_VERSION": "v"}
    data = {**EAST, "tier": 2, "backups": [WEST, {"endpoint": "https://c", "auth": "client"}]}
    del data["api_key"]
    primary, west, third = origins.of_a_file(data, env)
    assert primary["api_key"] == Origin("environment", "AZURE_OPENAI_KEY")
    assert primary["api_version"] == Origin("environment", "OPENAI_API_VERSION")
    assert [each["tier"].kind for each in (primary, west)] == ["given", "inherited"]
    assert [each["endpoint"].kind for each in (primary, west, third)] == ["given"] * 3
    assert [each["timeout"].kind for each in (primary, west)] == ["default", "default"]
    assert (west["api_key"].kind, west["api_version"].kind) == ("given", "inherited")
    assert (third["api_key"].kind, third["auth"].kind) == ("default", "given")


def test_of_two_variables_for_one_field_the_first_counts() -> None:
    prefix = "AZURE_OPENAI_BACKUP_1"
    env = {f"{prefix}_ENDPOINT": "x", f"{prefix}_API_KEY": "a", f"{prefix}_KEY": "b"}
    _, backup = origins.of_the_environment(env)
    assert backup["api_key"] == Origin("environment", f"{prefix}_KEY")


@pytest.mark.usefixtures("here")
def test_json_has_an_origin_for_every_field() -> None:
    said = json.loads(run("config", "-c", "fleet.toml", "--json").output)
    for endpoint in said["endpoints"]:
        fields = set(endpoint) - {"type", "origins"}
        assert fields <= set(endpoint["origins"])
