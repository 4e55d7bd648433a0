"""What holds for every configuration: inheritance, normal form, names."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from core_strategies import (
    CREDENTIAL,
    KINDS,
    OWN_FIELDS,
    PATHS,
    Data,
    addresses,
    config_dicts,
    sync_token,
)
from examples import examples
from hypothesis import given, settings, strategies as st

from azure_failover import Config, ConfigError, Endpoint, Problem, Secret
from azure_failover.core._base_url import BaseUrl, BaseUrlProblem
from azure_failover.core.config import DEFAULT_API_VERSION

QUICK = settings(max_examples=examples(50), deadline=None)


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
            if field == "key_header":
                expected = str(expected).lower()
            assert plain(backup, field) == expected
        assert backup.deployments == given_here.get("deployments", {})


def credential_of(endpoint: Endpoint) -> tuple[str, object]:
    """Give the kind and the value of an endpoint's only credential; the value by identity."""
    found = [
        (kind, plain(endpoint, kind) if kind == "api_key" else id(getattr(endpoint, kind)))
        for kind in KINDS[:3]
        if getattr(endpoint, kind) is not None
    ]
    if endpoint.auth == "client":
        found.append(("auth", "client"))
    (only,) = found
    return only


def credential_in(data: Data) -> tuple[str, object] | None:
    for kind in KINDS[:3]:
        if kind in data:
            return kind, data[kind] if kind == "api_key" else id(data[kind])
    return ("auth", "client") if data.get("auth") == "client" else None


@QUICK
@given(config_dicts())
def test_each_endpoint_has_one_credential_its_own_or_the_primarys(data: Data) -> None:
    """Promise 6: the kind of credential is inherited as a unit; what is said replaces all of it."""
    config = Config.from_dict(data, env={})
    assert credential_of(config.primary) == credential_in(data)
    for given_here, backup in zip(data.get("backups", []), config.backups, strict=True):
        assert credential_of(backup) == (credential_in(given_here) or credential_of(config.primary))


SECOND: Data = {"api_key": "key", "token_provider": sync_token, "credential": CREDENTIAL}


@QUICK
@given(config_dicts(), st.sets(st.sampled_from(KINDS), min_size=2), st.integers(0, 3))
def test_a_second_credential_for_one_endpoint_is_refused(
    data: Data, kinds: set[str], index: int
) -> None:
    """Promise 6: one credential per endpoint, whatever the others have."""
    tables = [data, *data.get("backups", [])]
    index %= len(tables)
    tables[index] |= {kind: SECOND.get(kind, "client") for kind in kinds}
    if "auth" not in kinds:
        tables[index].pop("auth", None)
    (problem,) = problems_of(data)
    kinds |= {*KINDS[:3]} & {*tables[index]}
    said = [kind for kind in KINDS if kind in kinds]
    labels = ['auth = "client"' if kind == "auth" else kind for kind in said]
    assert problem.path == (f"backups[{index - 1}]." if index else "") + said[-1]
    what = f"stands beside {' and '.join(labels[:-1])}; an endpoint has one credential"
    assert (problem.what, problem.remedy) == (what, f"keep one of {', '.join(labels)}")


def problems_of(data: Data) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        Config.from_dict(data, env={})
    return caught.value.problems


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


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from(("https://h", "http://[::1]:8080", "https://H.example:443")), PATHS)
def test_the_normal_form_of_an_address_is_stable(origin: str, path: str) -> None:
    """What was parsed once is parsed again to the same: the normal form is a fixed point."""
    base = BaseUrl.parse(f"{origin}{path}")
    if isinstance(base, BaseUrl):
        assert BaseUrl.parse(str(base)) == base


@settings(max_examples=examples(100), deadline=None)
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
@given(
    config_dicts(max_backups=1, is_keyed=True),
    st.sampled_from(("endpoint", "api_key", "deployment_name")),
)
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
