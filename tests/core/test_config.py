"""What is wrong with a configuration: where, what, and what would be right."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from pathlib import Path
from typing import Any

import attrs
import pytest

from azure_failover import (
    AttemptTimeout,
    Config,
    ConfigError,
    Endpoint,
    Policy,
    Problem,
    Secret,
)
from azure_failover.core.body import rename_deployment

VALID: dict[str, Any] = {
    "endpoint": "https://east.openai.azure.com",
    "api_key": "key",
    "deployment_name": "gpt",
}
WEST = "https://west.openai.azure.com"


def problems_of(data: Any) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        Config.from_dict(data, env={})
    return caught.value.problems


def only_problem(data: Any) -> Problem:
    problems = problems_of(data)
    assert len(problems) == 1, problems
    return problems[0]


def backed(**backup: Any) -> dict[str, Any]:
    return {**VALID, "backups": [{"endpoint": WEST, **backup}]}


ADDRESS = "https://my-resource.openai.azure.com"
WRONG: dict[str, tuple[Any, str, str, str]] = {
    # name: (configuration, path, what, a part of the remedy)
    "a key that does not exist": (
        {**VALID, "colour": "red"},
        "colour",
        "is not a known key",
        "the keys are endpoint, api_key, deployment_name",
    ),
    "a misspelt key": (
        {**VALID, "timout": 3},
        "timout",
        "is not a known key",
        "did you mean timeout?",
    ),
    "a key in capitals": (
        {**VALID, "API_VERSION": "2024-10-21"},
        "API_VERSION",
        "is not a known key",
        "did you mean api_version?",
    ),
    "a misspelt key of a backup": (
        backed(deployment="x"),
        "backups[0].deployment",
        "is not a known key",
        "did you mean deployments?",
    ),
    "a misspelt key of the policy": (
        {**VALID, "policy": {"fail_back": "never"}},
        "policy.fail_back",
        "is not a known key",
        "did you mean failback?",
    ),
    "a key that is no text": ({**VALID, 5: 1}, "5", "is not a known key", "the keys are"),
    "a key that cannot be printed": (
        {**VALID, "\x1b[2J": 1},
        r"'\x1b[2J'",
        "is not a known key",
        "the keys are",
    ),
    "a list": ([VALID], "config", "is a list, not a mapping", "give a dict with endpoint"),
    "a number": (5, "config", "is a number, not a mapping", "give a dict with endpoint"),
    "a date": (
        dt.date(2024, 10, 21),
        "config",
        "is a date, not a mapping",
        "give a dict with endpoint",
    ),
    "an object": (object(), "config", "is of type object, not a mapping", "give a dict"),
    "no endpoint": (
        {"api_key": "k", "deployment_name": "d"},
        "endpoint",
        "is missing",
        f"such as {ADDRESS}, or set AZURE_OPENAI_ENDPOINT",
    ),
    "no key": (
        {"endpoint": WEST, "deployment_name": "d"},
        "api_key",
        "is missing",
        "'Keys and Endpoint', or set AZURE_OPENAI_KEY",
    ),
    "no deployment": (
        {"endpoint": WEST, "api_key": "k"},
        "deployment_name",
        "is missing",
        "such as gpt-4.1-mini, or set AZURE_OPENAI_DEPLOYMENT",
    ),
    "a backup without an endpoint": (
        {**VALID, "backups": [{"deployment_name": "d"}]},
        "backups[0].endpoint",
        "is missing",
        ADDRESS,
    ),
    "an empty backup": ({**VALID, "backups": [{}]}, "backups[0].endpoint", "is missing", ADDRESS),
    "a backup that is an address": (
        {**VALID, "backups": [WEST]},
        "backups[0]",
        "is text, not a mapping",
        'write {"endpoint": "https://…"}',
    ),
    "a backup that is null": (
        {**VALID, "backups": [None]},
        "backups[0]",
        "is null, not a mapping",
        'write {"endpoint": "https://…"}',
    ),
    "backups that are a mapping": (
        {**VALID, "backups": {"endpoint": WEST}},
        "backups",
        "is a mapping, not a list",
        '[{"endpoint": "https://…"}]',
    ),
    "backups that are null": (
        {**VALID, "backups": None},
        "backups",
        "is null, not a list",
        '[{"endpoint": "https://…"}]',
    ),
    "a policy that is text": (
        {**VALID, "policy": "never"},
        "policy",
        "is text, not a mapping",
        '{"failback": "auto"}',
    ),
    "an address without a scheme": (
        {**VALID, "endpoint": "east.openai.azure.com"},
        "endpoint",
        "is not an http(s) URL",
        ADDRESS,
    ),
    "an address of another scheme": (
        {**VALID, "endpoint": "ftp://east.openai.azure.com"},
        "endpoint",
        "is not an http(s) URL",
        ADDRESS,
    ),
    "an address that cannot be parsed": (
        {**VALID, "endpoint": "https://[::1"},
        "endpoint",
        "is not a URL",
        ADDRESS,
    ),
    "an address with a port out of range": (
        {**VALID, "endpoint": "https://east:99999"},
        "endpoint",
        "is not a URL",
        ADDRESS,
    ),
    "an address with port 0": (
        {**VALID, "endpoint": "https://east:0"},
        "endpoint",
        "has no usable host name",
        ADDRESS,
    ),
    "an address without a host": (
        {**VALID, "endpoint": "https:///openai"},
        "endpoint",
        "has no usable host name",
        ADDRESS,
    ),
    "an address with user information": (
        {**VALID, "endpoint": "https://me:key@east.openai.azure.com"},
        "endpoint",
        "holds user information",
        "remove it; the key goes into api_key",
    ),
    "an address with a query": (
        {**VALID, "endpoint": f"{WEST}?api-version=1"},
        "endpoint",
        "has a query",
        "remove it; the version goes into api_version",
    ),
    "an address with a fragment": (
        {**VALID, "endpoint": f"{WEST}/#top"},
        "endpoint",
        "has a fragment",
        "remove everything from # on",
    ),
    "an address with a deployment": (
        {**VALID, "endpoint": f"{WEST}/openai/deployments/gpt"},
        "endpoint",
        "names a deployment",
        "the name goes into deployment_name",
    ),
    "an address that ends in /openai twice": (
        {**VALID, "endpoint": f"{WEST}/openai/openai"},
        "endpoint",
        "ends in /openai twice",
        "write /openai once",
    ),
    "an address with a path that climbs": (
        {**VALID, "endpoint": f"{WEST}/gw/../x"},
        "endpoint",
        "has a path that is not plain",
        "percent-encode it",
    ),
    "an address with white space": (
        {**VALID, "endpoint": f"{WEST}\n"},
        "endpoint",
        "holds white space or control characters",
        ADDRESS,
    ),
    "plain http": (
        {**VALID, "endpoint": "http://east.openai.azure.com"},
        "endpoint",
        "is plain http, which would show the key to the network",
        "set allow_insecure = true",
    ),
    "plain http to an address": (
        {**VALID, "endpoint": "http://10.0.0.1:8080"},
        "endpoint",
        "is plain http, which would show the key to the network",
        "write https",
    ),
    "plain http of a backup": (
        backed(endpoint="http://west.openai.azure.com"),
        "backups[0].endpoint",
        "is plain http, which would show the key to the network",
        "write https",
    ),
    "the same endpoint and deployment twice": (
        backed(endpoint="https://EAST.openai.azure.com:443/openai/"),
        "backups[0].endpoint",
        "is the same endpoint and deployment as the primary",
        "remove it or change one of the two",
    ),
    "the same backup twice": (
        {**VALID, "backups": [{"endpoint": WEST}, {"endpoint": WEST}]},
        "backups[1].endpoint",
        "is the same endpoint and deployment as backups[0]",
        "remove it or change one of the two",
    ),
    "the same name twice": (
        {**backed(name="one"), "name": "one"},
        "backups[0].name",
        "is the name of the primary too",
        "give each endpoint a name of its own",
    ),
    "a key with a line break": (
        {**VALID, "api_key": "key\n"},
        "api_key",
        "has white space at an end (a line break read from a file?)",
        "'Keys and Endpoint'",
    ),
    "a key with a control character": (
        {**VALID, "api_key": "k\x00y"},
        "api_key",
        "holds control characters, spaces or non-ASCII characters",
        "'Keys and Endpoint'",
    ),
    "a key with a typographic dash": (
        backed(api_key="k\u2013y"),
        "backups[0].api_key",
        "holds control characters, spaces or non-ASCII characters",
        "'Keys and Endpoint'",
    ),
    "an empty key": ({**VALID, "api_key": ""}, "api_key", "is empty", "'Keys and Endpoint'"),
    "an empty endpoint": ({**VALID, "endpoint": ""}, "endpoint", "is empty", ADDRESS),
    "an empty deployment": (
        {**VALID, "deployment_name": ""},
        "deployment_name",
        "is empty",
        "such as gpt-4.1-mini",
    ),
    "an empty version of a backup": (
        backed(api_version=""),
        "backups[0].api_version",
        "is empty",
        '"2024-10-21"',
    ),
    "a version with a space": (
        {**VALID, "api_version": "2024 10"},
        "api_version",
        "is not an api-version",
        '"2024-10-21"',
    ),
    "a deployment with white space around it": (
        {**VALID, "deployment_name": " gpt"},
        "deployment_name",
        "has control characters or white space around it",
        "such as gpt-4.1-mini",
    ),
    "a name that is not ASCII": (
        {**VALID, "name": "größe"},
        "name",
        "is not ASCII",
        "visible ASCII characters",
    ),
    "a null": ({**VALID, "api_version": None}, "api_version", "is null", "or leave it out"),
    "a null in a backup": (backed(timeout=None), "backups[0].timeout", "is null", "such as 60"),
    "a null in the policy": (
        {**VALID, "policy": {"pause": None}},
        "policy.pause",
        "is null, not a number",
        "see the documentation of Policy",
    ),
    "a key that is bytes": (
        {**VALID, "api_key": b"key"},
        "api_key",
        "is bytes, not text",
        "'Keys and Endpoint'",
    ),
    "a deployment that is a number": (
        {**VALID, "deployment_name": 4},
        "deployment_name",
        "is a number, not text",
        "such as gpt-4.1-mini",
    ),
    "a timeout that is text": (
        {**VALID, "timeout": "60"},
        "timeout",
        "is text, not a number",
        "such as 60",
    ),
    "a timeout that is true": (
        {**VALID, "timeout": True},
        "timeout",
        "is true or false, not a number",
        "such as 60",
    ),
    "a timeout of 0": (
        {**VALID, "timeout": 0},
        "timeout",
        "is not a positive number of seconds",
        "such as 10.0",
    ),
    "an infinite timeout": (
        {**VALID, "timeout": float("inf")},
        "timeout",
        "is not a positive number of seconds",
        "such as 10.0",
    ),
    "a timeout beyond all floats": (
        {**VALID, "timeout": 10**400},
        "timeout",
        "is not a positive number of seconds",
        "such as 10.0",
    ),
    "a permission that is text": (
        {**VALID, "allow_insecure": "yes"},
        "allow_insecure",
        "is text, not true or false",
        "or leave it out",
    ),
    "a version that is a TOML date": (
        {**VALID, "api_version": dt.date(2024, 10, 21)},
        "api_version",
        "is a date, not text (put it in quotes)",
        '"2024-10-21"',
    ),
    "deployments that are a list": (
        backed(deployments=["gpt"]),
        "backups[0].deployments",
        "is a list, not a mapping",
        "map names of the primary's deployments",
    ),
    "deployments with a number": (
        backed(deployments={"gpt-5": 5}),
        "backups[0].deployments",
        "holds something that is not text",
        "map names of the primary's deployments",
    ),
    "deployments with an empty name": (
        backed(deployments={"gpt-5": ""}),
        "backups[0].deployments",
        "is empty",
        "map names of the primary's deployments",
    ),
    "deployments of the primary": (
        {**VALID, "deployments": {"a": "b"}},
        "deployments",
        "belongs to backups: it says what they call the primary's deployments",
        "move it into the backups",
    ),
    "deployments that contradict deployment_name": (
        backed(deployments={"gpt": "b"}, deployment_name="a"),
        "backups[0].deployments",
        "names the primary's deployment_name, and differs from deployment_name here",
        "say it in deployment_name alone",
    ),
    "a tier that is no whole number": (
        {**VALID, "tier": 0.5},
        "tier",
        "is a number, not a whole number",
        "lower tiers are tried first",
    ),
    "a tier of a backup below 0": (
        backed(tier=-1),
        "backups[0].tier",
        "is below 0",
        "give a whole number from 0",
    ),
    "a weight of 0": ({**VALID, "weight": 0}, "weight", "is not a positive number", "such as 2.5"),
    "a weight of a backup that is text": (
        backed(weight="2"),
        "backups[0].weight",
        "is text, not a number",
        "such as 2.5",
    ),
    "a weight without end": (
        backed(weight=float("inf")),
        "backups[0].weight",
        "is not a positive number",
        "such as 2.5",
    ),
    "a strategy that does not exist": (
        {**VALID, "policy": {"strategy": "random"}},
        "policy.strategy",
        "is none of its choices",
        'give one of "priority", "round_robin", "weighted", "latency"',
    ),
    "a ramp below 0": (
        {**VALID, "policy": {"failback_ramp": -1}},
        "policy.failback_ramp",
        "is not a number of seconds",
        "0 returns at once",
    ),
    "a ramp that is null": (
        {**VALID, "policy": {"failback_ramp": None}},
        "policy.failback_ramp",
        "is null, not a number",
        "such as 60",
    ),
    "a hedge after an unknown quantile": (
        {**VALID, "policy": {"hedge_after": "p99"}},
        "policy.hedge_after",
        'is text, neither a number nor "p95"',
        "false for never",
    ),
    "a hedge that is switched on without a time": (
        {**VALID, "policy": {"hedge_after": True}},
        "policy.hedge_after",
        'is true or false, neither a number nor "p95"',
        "false for never",
    ),
    "a probe's hedge in no time": (
        {**VALID, "policy": {"hedge_probes_after": 0}},
        "policy.hedge_probes_after",
        "is not a positive number of seconds",
        "give one",
    ),
    "a number for a switch": (
        {**VALID, "policy": {"detect_silence": 1}},
        "policy.detect_silence",
        "is a number, not true or false",
        "true or false",
    ),
    "a choice that does not exist": (
        {**VALID, "policy": {"failback": "soon"}},
        "policy.failback",
        "is none of its choices",
        'give one of "auto", "never"',
    ),
    "a choice that is no text": (
        {**VALID, "policy": {"on_throttle": ["wait"]}},
        "policy.on_throttle",
        "is none of its choices",
        'give one of "return", "failover", "wait"',
    ),
    "a deadline of -1": (
        {**VALID, "policy": {"deadline": -1}},
        "policy.deadline",
        "is not a positive number of seconds",
        "such as 10.0",
    ),
    "an attempt's time that is text": (
        {**VALID, "policy": {"attempt_timeout": "5"}},
        "policy.attempt_timeout",
        "is text, not a number or a mapping",
        '{"connect": 5, "read": 30}',
    ),
    "an attempt's time that is true": (
        {**VALID, "policy": {"attempt_timeout": True}},
        "policy.attempt_timeout",
        "is true or false, not a number or a mapping",
        '{"connect": 5, "read": 30}',
    ),
    "an attempt's time of 0": (
        {**VALID, "policy": {"attempt_timeout": 0}},
        "policy.attempt_timeout",
        "is not a positive number of seconds",
        "such as 10.0",
    ),
    "a phase of 0 s": (
        {**VALID, "policy": {"attempt_timeout": {"read": 0}}},
        "policy.attempt_timeout.read",
        "is not a positive number of seconds",
        "such as 10.0",
    ),
    "a phase that is text": (
        {**VALID, "policy": {"attempt_timeout": {"pool": "1"}}},
        "policy.attempt_timeout.pool",
        "is text, not a number",
        "",
    ),
    "a misspelt phase": (
        {**VALID, "policy": {"attempt_timeout": {"conect": 1}}},
        "policy.attempt_timeout.conect",
        "is not a known key",
        "did you mean connect?",
    ),
    "a phase that stands in the policy": (
        {**VALID, "policy": {"connect_timeout": 1}},
        "policy.connect_timeout",
        "is not a known key",
        "did you mean attempt_timeout.connect?",
    ),
    "a buffer below 0": (
        {**VALID, "policy": {"buffer_limit": -1}},
        "policy.buffer_limit",
        "is below 0",
        "0 buffers nothing",
    ),
    "a buffer of true": (
        {**VALID, "policy": {"buffer_limit": True}},
        "policy.buffer_limit",
        "is true or false, not a whole number",
        "such as 33554432",
    ),
    "a buffer of half a byte": (
        {**VALID, "policy": {"buffer_limit": 0.5}},
        "policy.buffer_limit",
        "is a number, not a whole number",
        "such as 33554432",
    ),
    "a reserve below 0": (
        {**VALID, "policy": {"reserve": -1}},
        "policy.reserve",
        "is not a number of seconds, 0 or more",
        "such as 10",
    ),
    "a retry budget above the traffic": (
        {**VALID, "policy": {"retry_budget": 1.5}},
        "policy.retry_budget",
        "is not a share from 0 to 1",
        "such as 0.2",
    ),
    "a retry budget that is text": (
        {**VALID, "policy": {"retry_budget": "20 %"}},
        "policy.retry_budget",
        "is text, not a number",
        "",
    ),
    "a longest pause that is the shorter one": (
        {**VALID, "policy": {"pause": 10, "max_pause": 5}},
        "policy.max_pause",
        "is shorter than pause",
        "make it the longer one",
    ),
    "max_retries that is no number": (
        {**VALID, "max_retries": "3"},
        "max_retries",
        "is not a whole number",
        "each endpoint is tried once",
    ),
    "max_retries of a backup below 0": (
        backed(max_retries=-1),
        "backups[0].max_retries",
        "is not a whole number",
        "each endpoint is tried once",
    ),
}


@pytest.mark.parametrize(
    ("data", "path", "what", "remedy"), [pytest.param(*WRONG[name], id=name) for name in WRONG]
)
def test_a_problem_says_where_what_and_what_would_be_right(
    data: Any,
    path: str,
    what: str,
    remedy: str,
) -> None:
    """House style 5: each error names the field, the fault and the remedy."""
    problem = only_problem(data)
    assert problem.path == path
    assert problem.what == what
    assert remedy in problem.remedy
    assert problem.remedy
    assert str(problem) == f"{path}: {what}; {problem.remedy}"


def test_all_problems_of_a_broken_configuration_are_told_at_once() -> None:
    """No problem hides another: who fixes all that is listed is done."""
    problems = problems_of(
        {
            "endpoint": "http://east.openai.azure.com",
            "api_key": "k\n",
            "timeout": "fast",
            "colour": 1,
            "backups": [
                {"endpoint": "nonsense", "api_version": dt.date(2024, 10, 21)},
                7,
                {"deployments": {"a": 1}, "allow_insecure": 0},
            ],
            "policy": {"failback": "soon", "pause": 0, "deadlin": 1},
        }
    )
    assert {problem.path for problem in problems} == {
        "endpoint",
        "api_key",
        "timeout",
        "colour",
        "deployment_name",
        "backups[0].endpoint",
        "backups[0].api_version",
        "backups[1]",
        "backups[2].endpoint",
        "backups[2].deployments",
        "backups[2].allow_insecure",
        "policy.failback",
        "policy.pause",
        "policy.deadlin",
    }
    assert len(problems) == 14


def test_the_message_counts_and_lists_the_problems() -> None:
    """The message alone is enough to mend a configuration."""
    with pytest.raises(ConfigError) as caught:
        Config.from_dict({**VALID, "timeout": 0, "api_key": ""}, env={})
    first, *lines = str(caught.value).splitlines()
    assert first == "2 problems in the configuration:"
    assert lines == [f"  {problem}" for problem in caught.value.problems]
    with pytest.raises(ConfigError, match=r"^1 problem in the configuration:\n  timeout: is not"):
        Config.from_dict({**VALID, "timeout": 0}, env={})


def test_a_fault_that_a_backup_inherits_is_told_once() -> None:
    """What the primary has wrong is the primary's problem, however many backups inherit it."""
    assert only_problem({**backed(), "deployment_name": ""}).path == "deployment_name"


@pytest.mark.parametrize(
    "endpoint",
    ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:5", "http://a.localhost"],
)
def test_plain_http_to_the_loopback_is_allowed(endpoint: str) -> None:
    """Promise 6: a key never crosses a network in the clear; the loopback is none."""
    assert Config.from_dict({**VALID, "endpoint": endpoint}, env={}).primary.endpoint == endpoint


def test_plain_http_elsewhere_is_allowed_by_those_who_mean_it() -> None:
    """``allow_insecure`` is inherited like every other field."""
    data = {**backed(endpoint="http://b.example"), "allow_insecure": True}
    assert Config.from_dict(data, env={}).backups[0].endpoint == "http://b.example"


@pytest.mark.parametrize(
    ("address", "normal", "label"),
    [
        ("https://East.OpenAI.Azure.com/", "https://east.openai.azure.com", "east"),
        ("https://x.azure-api.net/team/openai/v1/", "https://x.azure-api.net/team", "x"),
        ("https://10.1.2.3:8443", "https://10.1.2.3:8443", "10.1.2.3:8443"),
        ("https://[2001:DB8::1]:443/openai", "https://[2001:db8::1]", "[2001:db8::1]"),
        ("https://internal", "https://internal", "internal"),
    ],
)
def test_an_address_is_kept_in_its_normal_form_and_gives_a_name(
    address: str, normal: str, label: str
) -> None:
    config = Config.from_dict({**VALID, "endpoint": address}, env={})
    assert config.primary.endpoint == normal
    assert config.primary.name == label
    assert config.primary.base.origin + config.primary.base.path == normal


def test_max_retries_of_the_former_system_is_accepted_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A configuration of the former system works on, and says what no longer has an effect."""
    Config.from_dict({**VALID, "max_retries": 3}, env={})
    Config.from_dict(backed(max_retries=1), env={})
    assert Config.from_dict({**VALID, "max_retries": 0}, env={}) == Config.from_dict(VALID, env={})
    assert [record.getMessage() for record in caplog.records] == [
        "max_retries has no effect: each endpoint is tried once per request",
        "backups[0].max_retries has no effect: each endpoint is tried once per request",
    ]


def test_a_policy_may_be_a_finished_object() -> None:
    policy = Policy(failback="never", deadline=30.0)
    assert Config.from_dict({**VALID, "policy": policy}, env={}).policy is policy


def test_a_key_may_be_a_secret_already() -> None:
    config = Config.from_dict({**VALID, "api_key": Secret("key")}, env={})
    assert config.primary.api_key == Secret("key")


def test_a_finished_configuration_is_taken_as_it_is() -> None:
    config = Config.from_dict(VALID, env={})
    assert Config.of(config) is config


# Finished objects.


def endpoint(**changes: Any) -> Endpoint:
    fields: dict[str, Any] = {**VALID, **changes}
    return Endpoint(**fields)


def test_finished_endpoints_make_a_configuration() -> None:
    """Built from objects or from a dict, a configuration is the same."""
    config = Config((endpoint(), endpoint(endpoint=WEST)))
    assert config == Config.from_dict(backed(), env={})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"timeout": -1.0}, "timeout: is not a positive number of seconds"),
        ({"timeout": 10**400}, "timeout: is not a positive number of seconds"),
        ({"timeout": True}, "timeout: is not a positive number of seconds"),
        ({"timeout": "60"}, "timeout: is not a positive number of seconds"),
        ({"endpoint": "east"}, "endpoint: is not an http"),
        ({"name": "a\nb"}, "name: has control characters"),
        ({"tier": True}, "tier: is not a whole number; give a whole number from 0"),
        ({"tier": 1.0}, "tier: is not a whole number; give a whole number from 0"),
        ({"weight": True}, "weight: is not a positive number; give a positive number"),
        ({"weight": float("nan")}, "weight: is not a positive number; give a positive number"),
    ],
)
def test_an_endpoint_object_is_checked_as_well(change: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=f"in Endpoint.*\n  {what}"):
        endpoint(**change)


def test_a_policy_object_is_checked_as_well() -> None:
    with pytest.raises(ConfigError, match="1 problem in Policy:\n  failback: is none of its"):
        Policy(failback="soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigError, match="max_pause: is shorter than pause"):
        Policy(pause=400.0)


def test_an_attempts_time_is_one_number_or_one_for_each_phase() -> None:
    """A number stands for all phases; a phase that a mapping leaves out has its default."""

    def read(value: object) -> AttemptTimeout:
        policy = {"attempt_timeout": value}
        return Config.from_dict({**VALID, "policy": policy}, env={}).policy.attempt_timeout

    assert read(7) == AttemptTimeout(connect=7, read=7, write=7, pool=7)
    assert read({"read": 30, "pool": None}) == AttemptTimeout(read=30)
    assert read(AttemptTimeout(write=3)) == AttemptTimeout(connect=5.0, write=3)
    assert read({}) == AttemptTimeout() == Policy().attempt_timeout


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"attempt_timeout": 5}, "attempt_timeout: is not an AttemptTimeout; give one, such as"),
        ({"buffer_limit": 1.5}, "buffer_limit: is not a whole number; give a number of bytes"),
        ({"buffer_limit": True}, "buffer_limit: is not a whole number; give a number of bytes"),
        ({"buffer_limit": -1}, "buffer_limit: is below 0; give a number of bytes"),
        ({"reserve": float("inf")}, "reserve: is not a number of seconds, 0 or more; give one"),
        ({"reserve": True}, "reserve: is not a number of seconds, 0 or more; give one"),
        ({"retry_budget": float("nan")}, "retry_budget: is not a share from 0 to 1; give one"),
        ({"retry_budget": -0.1}, "retry_budget: is not a share from 0 to 1; give one"),
        ({"strategy": "random"}, "strategy: is none of its choices"),
        ({"hedge_after": 0.0}, 'hedge_after: is neither a positive number of seconds nor "p95"'),
        ({"hedge_after": []}, 'hedge_after: is neither a positive number of seconds nor "p95"'),
        ({"hedge_probes_after": "p95"}, "hedge_probes_after: is not a positive number of seconds"),
        ({"detect_silence": None}, "detect_silence: is neither true nor false"),
        ({"failback_ramp": float("inf")}, "failback_ramp: is not a number of seconds; give"),
        ({"failback_ramp": False}, "failback_ramp: is not a number of seconds; give"),
        ({"hedge_after": "p99"}, 'hedge_after: is neither a positive number of seconds nor "p95"'),
        ({"hedge_after": True}, 'hedge_after: is neither a positive number of seconds nor "p95"'),
        ({"detect_silence": 1}, "detect_silence: is neither true nor false; give true or false"),
    ],
)
def test_a_policy_objects_limits_are_checked_as_well(change: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=f"1 problem in Policy:\n  {what}"):
        Policy(**change)


def test_a_phase_of_no_time_is_refused() -> None:
    with pytest.raises(ConfigError, match="in AttemptTimeout:\n  read: is not a positive number"):
        AttemptTimeout(read=0)


@pytest.mark.parametrize(
    ("endpoints", "path"),
    [
        ((), "endpoints"),
        ((endpoint(), endpoint()), "backups[0].endpoint"),
        ((endpoint(name="x"), endpoint(endpoint=WEST, name="x")), "backups[0].name"),
        ((endpoint(deployments={"a": "b"}),), "deployments"),
    ],
)
def test_finished_endpoints_must_go_together(endpoints: tuple[Endpoint, ...], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(endpoints)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_an_endpoint_is_told_apart_by_its_deployment_too() -> None:
    """The same resource may serve twice under two deployments."""
    config = Config.from_dict(backed(endpoint=VALID["endpoint"], deployment_name="other"), env={})
    assert [found.name for found in config.endpoints] == ["east", "east-2"]


def test_renames_reach_into_bodies() -> None:
    """Promise 7: what a configuration maps is what a body's ``model`` becomes."""
    data = backed(deployment_name="mini", deployments={"big": "large"})
    names = Config.from_dict(data, env={}).renames(1)
    assert rename_deployment(b'{"model": "big"}', names) == b'{"model": "large"}'
    assert rename_deployment(b'{"model": "gpt"}', names) == b'{"model": "mini"}'


def test_an_error_survives_a_pickle() -> None:
    """An error crosses a process boundary with all it has to say."""
    with pytest.raises(ConfigError) as caught:
        Config.from_dict({}, env={})
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  (our own bytes)
    assert isinstance(again, ConfigError)
    assert (again.problems, again.source, str(again)) == (
        caught.value.problems,
        caught.value.source,
        str(caught.value),
    )
    assert isinstance(caught.value, ValueError)


def test_a_configuration_cannot_be_changed() -> None:
    config = copy.copy(Config.from_dict(VALID, env={}))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config.endpoints = ()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


# TOML files.


def write(folder: Path, text: str) -> Path:
    path = folder / "failover.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problem_of_toml(path: Path | str) -> Problem:
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(path, env={})
    (problem,) = caught.value.problems
    return problem


TOML = """
endpoint = "https://east.openai.azure.com"
api_key = "key"
deployment_name = "gpt"

[[backups]]
endpoint = "https://west.openai.azure.com"

[policy]
failback = "never"
"""


def test_a_toml_file_has_the_keys_of_the_dict(tmp_path: Path) -> None:
    """The file form and the dict form say the same."""
    expected = Config.from_dict({**backed(), "policy": {"failback": "never"}}, env={})
    assert Config.from_toml(write(tmp_path, TOML), env={}) == expected
    assert Config.from_toml(str(write(tmp_path, TOML)), env={}) == expected


def test_a_toml_file_can_switch_hedges_off(tmp_path: Path) -> None:
    """TOML has no null: there false says never, and so it does in a dict."""
    text = TOML + 'hedge_after = "p95"\nhedge_probes_after = false\ndetect_silence = false\n'
    policy = Config.from_toml(write(tmp_path, text), env={}).policy
    assert (policy.hedge_after, policy.hedge_probes_after) == ("p95", None)
    assert not policy.detect_silence
    off = {**VALID, "policy": {"hedge_after": False, "hedge_probes_after": None}}
    policy = Config.from_dict(off, env={}).policy
    assert (policy.hedge_after, policy.hedge_probes_after) == (None, None)


def test_a_toml_file_says_tiers_weights_and_the_strategy(tmp_path: Path) -> None:
    """What a backup leaves out it has from the primary, as with every other key."""
    text = (
        TOML.replace("[[backups]]", "tier = 1\nweight = 3\n[[backups]]")
        + 'strategy = "weighted"\nfailback_ramp = 60\n'
        + f'[[backups]]\nendpoint = "{WEST}/gateway"\ntier = 0\nweight = 0.5\n'
    )
    config = Config.from_toml(write(tmp_path, text), env={})
    assert [(found.tier, found.weight) for found in config.endpoints] == [(1, 3), (1, 3), (0, 0.5)]
    assert (config.policy.strategy, config.policy.failback_ramp) == ("weighted", 60.0)


def test_an_error_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'api_key = "key"')
    with pytest.raises(ConfigError, match="2 problems in the configuration file .*failover.toml:"):
        Config.from_toml(path, env={})


def test_a_bare_date_in_toml_asks_for_quotes(tmp_path: Path) -> None:
    problem = problem_of_toml(write(tmp_path, "api_version = 2024-10-21" + TOML))
    assert problem.path == "api_version"
    assert problem.what == "is a date, not text (put it in quotes)"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("endpoint = east", "is not valid TOML (at line 1, column 12)"),
        ("\nendpoint", "is not valid TOML (at end of document)"),
        ("a = [[[", "is not valid TOML (at end of document)"),
        ("timeout = " + "9" * 5000, "is not valid TOML"),
        ("a = " + "[" * 100_000, "is not valid TOML"),
    ],
    ids=["no quotes", "no value", "not closed", "a number without end", "nested without end"],
)
def test_what_is_not_toml_is_told_by_its_place(tmp_path: Path, text: str, what: str) -> None:
    problem = problem_of_toml(write(tmp_path, text))
    assert problem.path == "file"
    assert problem.what == what
    assert "[[backups]]" in problem.remedy


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    missing = problem_of_toml(tmp_path / "missing.toml")
    assert (missing.path, missing.what) == ("file", "cannot be read: No such file or directory")
    assert problem_of_toml(tmp_path).what == "cannot be read: Is a directory"
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    assert problem_of_toml(binary).what == "cannot be read: is not UTF-8"


@pytest.mark.parametrize("url", ["https://east.openai.azure.com", "HTTP://east"])
def test_an_address_in_place_of_a_path_is_told(url: str) -> None:
    problem = problem_of_toml(url)
    assert (problem.path, problem.what) == ("config", "is a URL, not a path")
    assert "a dict with endpoint" in problem.remedy


def test_any_source_is_told_by_its_type(tmp_path: Path) -> None:
    """``Config.of`` takes a dict, a path or a finished configuration."""
    expected = Config.from_dict(VALID, env={})
    assert Config.of(VALID) == expected
    assert Config.of(write(tmp_path, TOML.partition("[[")[0])) == expected


@pytest.mark.parametrize("name", ["", "westus"])
def test_an_error_of_an_endpoint_says_its_name_if_it_has_one(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Endpoint(endpoint="https://w.example", deployment_name="", api_key="k", name=name)
    assert caught.value.source == ("Endpoint 'westus'" if name else "Endpoint")
