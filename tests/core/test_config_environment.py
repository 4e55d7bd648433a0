"""The configuration that the environment holds."""

from __future__ import annotations

from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings, strategies as st

from azure_failover import Config, ConfigError, Problem, Secret

ENV = {
    "AZURE_OPENAI_ENDPOINT": "https://east.openai.azure.com",
    "AZURE_OPENAI_KEY": "key",
    "AZURE_OPENAI_DEPLOYMENT": "gpt",
}
DATA: dict[str, Any] = {
    "endpoint": "https://east.openai.azure.com",
    "api_key": "key",
    "deployment_name": "gpt",
}
BACKUP = "AZURE_OPENAI_BACKUP_"


def problems_of(env: dict[str, str]) -> dict[str, Problem]:
    with pytest.raises(ConfigError, match=r"problems? in the environment:") as caught:
        Config.from_env(env)
    return {problem.path: problem for problem in caught.value.problems}


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in ENV.items() if key != name}


def test_the_environment_alone_makes_a_configuration() -> None:
    """The same values give the same configuration, wherever they come from."""
    assert Config.from_env(ENV) == Config.from_dict(DATA, env={})


def test_no_source_means_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    for name in ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"):
        monkeypatch.delenv(name, raising=False)
    assert Config.of() == Config.of(None) == Config.from_env() == Config.from_env(ENV)


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (("AZURE_OPENAI_KEY", "AZURE_OPENAI_API_KEY"), "api_key"),
        (("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME"), "deployment_name"),
        (("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"), "api_version"),
        (("AZURE_OPENAI_ENDPOINT",), "endpoint"),
    ],
)
def test_each_alias_is_read_and_the_first_that_is_set_counts(
    names: tuple[str, ...], field: str
) -> None:
    """The names that users already have all work; the first in the list wins."""
    rest = {name: value for name, value in ENV.items() if name not in names}
    values = [f"https://v{number}" for number in range(len(names))]
    if field == "api_version":
        values = ["2024-10-21", "2025-04-01-preview"]
    for name, value in zip(names, values, strict=True):
        found = getattr(Config.from_env({**rest, name: value}).primary, field)
        assert (found.reveal() if field == "api_key" else found) == value
    both = getattr(
        Config.from_env({**rest, **dict(zip(names, values, strict=True))}).primary, field
    )
    assert (both.reveal() if field == "api_key" else both) == values[0]


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.integers(0, 200), unique=True, min_size=1, max_size=5))
def test_backups_come_in_the_order_of_their_numbers(numbers: list[int]) -> None:
    """Numbers are numbers: 10 comes after 9, and gaps do not matter."""
    env = {f"{BACKUP}{number}_ENDPOINT": f"https://b{number}" for number in numbers}
    config = Config.from_env({**ENV, **env})
    assert [backup.name for backup in config.backups] == [f"b{n}" for n in sorted(numbers)]


def test_a_backup_reads_its_own_variables_and_inherits_the_rest() -> None:
    config = Config.from_env(
        {
            **ENV,
            f"{BACKUP}9_ENDPOINT": "https://nine",
            f"{BACKUP}10_ENDPOINT": "https://ten",
            f"{BACKUP}10_KEY": "other",
            f"{BACKUP}10_DEPLOYMENT": "mine",
            f"{BACKUP}10_API_VERSION": "2024-06-01",
        }
    )
    nine, ten = config.backups
    assert (nine.name, nine.api_key, nine.deployment_name) == ("nine", Secret("key"), "gpt")
    assert (ten.name, ten.api_key, ten.deployment_name) == ("ten", Secret("other"), "mine")
    assert (nine.api_version, ten.api_version) == (None, "2024-06-01")


def test_the_long_names_of_a_backup_work_too() -> None:
    env = {
        f"{BACKUP}1_ENDPOINT": "https://b",
        f"{BACKUP}1_API_KEY": "other",
        f"{BACKUP}1_DEPLOYMENT_NAME": "mine",
    }
    (backup,) = Config.from_env({**ENV, **env}).backups
    assert (backup.api_key, backup.deployment_name) == (Secret("other"), "mine")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        (f"{BACKUP}1_ENDPIONT", f"did you mean {BACKUP}1_ENDPOINT?"),
        (f"{BACKUP}12_KEYS", f"did you mean {BACKUP}12_KEY?"),
        (f"{BACKUP}1_XYZZY", f"did you mean {BACKUP}1_ENDPOINT?"),
        (f"{BACKUP}1", f"did you mean {BACKUP}1_ENDPOINT?"),
        (f"{BACKUP}ENDPOINT", f"number the backups: {BACKUP}1_ENDPOINT"),
        (f"{BACKUP}²_ENDPOINT", f"number the backups: {BACKUP}1_ENDPOINT"),
    ],
)
def test_an_unknown_variable_gets_a_suggestion(name: str, remedy: str) -> None:
    """A typing error in a variable's name is told, not ignored."""
    problems = problems_of({**ENV, name: "x"})
    assert problems[name].what == "is not a known variable"
    assert problems[name].remedy == remedy


@pytest.mark.parametrize("name", [*ENV, "OPENAI_API_VERSION", f"{BACKUP}1_ENDPOINT"])
def test_a_variable_that_is_set_but_empty_is_told(name: str) -> None:
    """An empty variable is a mistake in a script, not a value that was left out."""
    problem = problems_of({**ENV, name: ""})[name]
    assert problem.what == "is set but empty"
    assert problem.remedy == "unset it or give it a value"


@pytest.mark.parametrize("name", [*ENV])
def test_a_missing_variable_is_told_by_its_name(name: str) -> None:
    problem = problems_of(without(name))[name]
    assert problem.what == "is missing"
    assert problem.remedy.startswith("set it: ")
    assert "or set" not in problem.remedy


def test_a_wrong_value_is_told_by_the_name_of_its_variable() -> None:
    """A problem is called as the user calls it, alias or not."""
    problems = problems_of(
        {
            "AZURE_OPENAI_ENDPOINT": "east",
            "AZURE_OPENAI_API_KEY": "a b",
            "AZURE_OPENAI_DEPLOYMENT_NAME": " gpt",
            "OPENAI_API_VERSION": "?",
            f"{BACKUP}7_ENDPOINT": "west",
            f"{BACKUP}7_API_KEY": "a b",
            f"{BACKUP}8_KEY": "key",
        }
    )
    assert {*problems} == {
        "AZURE_OPENAI_ENDPOINT",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_DEPLOYMENT_NAME",
        "OPENAI_API_VERSION",
        f"{BACKUP}7_ENDPOINT",
        f"{BACKUP}7_API_KEY",
        f"{BACKUP}8_ENDPOINT",
    }
    assert problems[f"{BACKUP}8_ENDPOINT"].what == "is missing"


def test_a_dict_may_leave_out_what_the_environment_has() -> None:
    """The environment fills in what the primary leaves out, and nothing more."""
    data = {"backups": [{"endpoint": "https://west"}]}
    config = Config.from_dict(data, env={**ENV, f"{BACKUP}1_ENDPOINT": "https://north"})
    assert config == Config.from_dict({**DATA, **data}, env={})


def test_what_is_said_explicitly_wins() -> None:
    env = {
        "AZURE_OPENAI_ENDPOINT": "nonsense",
        "AZURE_OPENAI_KEY": "a b",
        "AZURE_OPENAI_DEPLOYMENT": "other",
        "OPENAI_API_VERSION": "2024-06-01",
    }
    data = {**DATA, "api_version": "2024-10-21"}
    assert Config.from_dict(data, env=env) == Config.from_dict(data, env={})


def test_a_wrong_variable_behind_a_dict_is_told_by_its_name() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_dict({"deployment_name": "d"}, env={**ENV, "AZURE_OPENAI_KEY": "a b"})
    assert [problem.path for problem in caught.value.problems] == ["AZURE_OPENAI_KEY"]


@pytest.mark.parametrize(
    ("first", "alias", "field"),
    [
        ("KEY", "API_KEY", "api_key"),
        ("DEPLOYMENT", "DEPLOYMENT_NAME", "deployment_name"),
    ],
)
def test_a_backups_aliases_have_the_precedence_of_the_primarys(
    first: str, alias: str, field: str
) -> None:
    """Of two names for one field the shorter one counts, for the primary and for backups."""
    env = {
        "AZURE_OPENAI_ENDPOINT": "https://a.example",
        "AZURE_OPENAI_KEY": "key",
        "AZURE_OPENAI_DEPLOYMENT": "gpt",
        "AZURE_OPENAI_BACKUP_1_ENDPOINT": "https://b.example",
        f"AZURE_OPENAI_BACKUP_1_{first}": "first",
        f"AZURE_OPENAI_BACKUP_1_{alias}": "alias",
    }
    value = getattr(Config.from_env(env).backups[0], field)
    assert value in ("first", Secret("first"))
