"""What holds for every configuration: inheritance, normal form, names."""

from __future__ import annotations

import copy
import pickle
from typing import Any

from core_strategies import OWN_FIELDS, PATHS, Data, addresses, config_dicts
from hypothesis import given, settings, strategies as st

from azure_failover import Config, Endpoint, Secret
from azure_failover.core._base_url import BaseUrl, BaseUrlProblem
from azure_failover.core.config import DEFAULT_API_VERSION

QUICK = settings(max_examples=60, deadline=None)


def plain(endpoint: Endpoint, field: str) -> object:
    value: object = getattr(endpoint, field)
    return value.reveal() if isinstance(value, Secret) else value


@QUICK
@given(config_dicts())
def test_a_backup_inherits_exactly_what_it_leaves_out(data: Data) -> None:
    """Each field of a backup is its own if given, and the primary's if left out."""
    config = Config.from_dict(data, env={})
    for given_here, backup in zip(data.get("backups", []), config.backups, strict=True):
        for field in OWN_FIELDS:
            expected = given_here[field] if field in given_here else plain(config.primary, field)
            assert plain(backup, field) == expected
        assert backup.deployments == given_here.get("deployments", {})


@QUICK
@given(config_dicts())
def test_reading_a_written_configuration_changes_nothing(data: Data) -> None:
    """Inheritance is idempotent: what was inherited is written out, and reads back the same."""
    config = Config.from_dict(data, env={})
    again = Config.from_dict(config.to_dict(reveal_secrets=True), env={})
    assert again == config
    assert Config.from_dict(again.to_dict(reveal_secrets=True), env={}) == config
    assert again.to_dict() == config.to_dict()


@st.composite
def reordered(draw: st.DrawFn, data: st.SearchStrategy[Data]) -> tuple[Data, Data]:
    original = draw(data)

    def shuffled(mapping: Data) -> Data:
        return {key: mapping[key] for key in draw(st.permutations(sorted(mapping)))}

    other = shuffled(original)
    if "backups" in other:
        other["backups"] = [shuffled(backup) for backup in other["backups"]]
    if "policy" in other:
        other["policy"] = shuffled(other["policy"])
    return original, other


@QUICK
@given(reordered(config_dicts()))
def test_the_order_of_keys_is_irrelevant(pair: tuple[Data, Data]) -> None:
    """A configuration is a mapping: only the order of the backups counts."""
    one, other = pair
    assert Config.from_dict(one, env={}) == Config.from_dict(other, env={})


@QUICK
@given(config_dicts())
def test_reading_leaves_the_dict_as_it_was(data: Data) -> None:
    """The caller's dict belongs to the caller."""
    before = copy.deepcopy(data)
    Config.from_dict(data, env={})
    assert data == before


@QUICK
@given(config_dicts())
def test_a_configuration_can_be_hashed_copied_and_pickled(data: Data) -> None:
    """A configuration is a value: copies are equal and hash alike."""
    config = Config.from_dict(data, env={})
    restored: Config = pickle.loads(pickle.dumps(config))  # noqa: S301  (our own bytes)
    assert copy.deepcopy(config) == restored == config
    assert hash(restored) == hash(config)


@QUICK
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(("", "a", "b-2"))), max_size=5))
def test_names_are_unique(hosts: list[tuple[str, str]]) -> None:
    """Every endpoint has a name of its own: one that is given stays, the others make way."""
    given_names: set[str] = set()
    backups: list[Data] = []
    for number, (label, name) in enumerate(hosts):
        backup = {"endpoint": f"https://{label}.r{number}.example"}
        if name and name not in given_names:
            given_names.add(name)
            backup["name"] = name
        backups.append(backup)
    config = Config.from_dict(
        {
            "endpoint": "https://a.example",
            "api_key": "k",
            "deployment_name": "d",
            "backups": backups,
        },
        env={},
    )
    names = [endpoint.name for endpoint in config.endpoints]
    assert len({*names}) == len(names)
    assert all(names)
    for given_here, found in zip(backups, config.backups, strict=True):
        assert found.name == given_here.get("name", found.name)


@QUICK
@given(addresses())
def test_an_address_means_the_same_with_and_without_its_api_path(address: str) -> None:
    """``/openai``, ``/openai/v1`` and slashes at the end are ours to add, so they are dropped."""
    base = BaseUrl.parse(address)
    assert isinstance(base, BaseUrl)
    for end in ("", "/", "/openai", "/openai/", "/openai/v1", "/openai/v1/"):
        assert BaseUrl.parse(f"{base}{end}") == base


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(("https://h", "http://[::1]:8080", "https://H.example:443")), PATHS)
def test_the_normal_form_of_an_address_is_stable(origin: str, path: str) -> None:
    """What was parsed once is parsed again to the same: the normal form is a fixed point."""
    base = BaseUrl.parse(f"{origin}{path}")
    if isinstance(base, BaseUrl):
        assert BaseUrl.parse(str(base)) == base


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.text(max_size=30).map(lambda text: f"https://{text}"))
def test_any_text_is_an_address_or_a_problem(text: str) -> None:
    """Nothing that a user may write as an address raises, and no problem quotes it."""
    parsed = BaseUrl.parse(text)
    if isinstance(parsed, BaseUrlProblem):
        assert parsed.what
    else:
        assert BaseUrl.parse(str(parsed)) == parsed


@QUICK
@given(config_dicts())
def test_only_deployments_that_differ_are_renamed(data: Data) -> None:
    """Promise 7: the primary's deployment and the mapped ones are renamed, and no other."""
    config = Config.from_dict(data, env={})
    for index, endpoint in enumerate(config.endpoints):
        names = config.renames(index)
        here = config.primary.deployment_name
        assert names.get(here, here) == endpoint.deployment_name
        assert {*names} <= {here, *endpoint.deployments}
        assert all(name != there for name, there in names.items())
    assert config.renames(0) == {}


@QUICK
@given(config_dicts(max_backups=1), st.sampled_from(("endpoint", "api_key", "deployment_name")))
def test_a_field_that_the_dict_leaves_out_comes_from_the_environment(
    data: Data, field: str
) -> None:
    """Moving a primary's field from the dict to the environment changes nothing."""
    variable = {
        "endpoint": "AZURE_OPENAI_ENDPOINT",
        "api_key": "AZURE_OPENAI_KEY",
        "deployment_name": "AZURE_OPENAI_DEPLOYMENT",
    }[field]
    rest: dict[str, Any] = {key: value for key, value in data.items() if key != field}
    assert Config.from_dict(rest, env={variable: data[field]}) == Config.from_dict(data, env={})


def test_the_default_api_version_is_a_dated_one() -> None:
    """A request without a version gets the newest dated general-availability version."""
    assert DEFAULT_API_VERSION == "2024-10-21"
