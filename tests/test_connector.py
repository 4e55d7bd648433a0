"""The connector's attributes, status and configuration, over scripted answers."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, strategies as st

from azure_failover import (
    AllEndpointsFailed,
    AzureConnector,
    ConfigError,
    Endpoint,
    LLMFactory,
    RequestError,
    Runtime,
    Secret,
    ServiceUnavailableError,
    SyncAzureConnector,
)

EAST, WEST, NORTH = (f"https://{name}.openai.azure.com" for name in ("east", "west", "north"))
CONFIG: dict[str, Any] = {
    "api_key": "S3CRET-KEY-EAST",
    "endpoint": EAST + "/",
    "deployment_name": "gpt",
    "backups": [
        {"endpoint": WEST},
        {"endpoint": NORTH, "deployment_name": "gpt-north", "api_key": "S3CRET-KEY-NORTH"},
    ],
}
CHAT = {"messages": [{"role": "user", "content": "Hello"}]}
INFO_KEYS = {"endpoint", "deployment_name", "api_key", "api_version", "index", "type"}
STATUS_KEYS = {
    "total_endpoints",
    "current_index",
    "current_endpoint",
    "current_type",
    "failed_endpoints",
    "has_backups",
    "available_backups",
}


class Cloud:
    """Answers each request with the status of its host, and keeps it."""

    def __init__(self) -> None:
        self.statuses: dict[str, int] = {}
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status = self.statuses.get(request.url.host.split(".")[0], 200)
        told = {"error": {"code": str(status), "message": "as it was told"}}
        return httpx.Response(status, json=told if status >= 400 else {"choices": []})

    @property
    def asked(self) -> list[tuple[str, str, str]]:
        """Host, deployment and key of each request."""
        return [
            (
                request.url.host.split(".")[0],
                request.url.path.split("/")[3],
                request.headers["api-key"].removeprefix("S3CRET-KEY-"),
            )
            for request in self.requests
        ]


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def connector(cloud: Cloud) -> Iterator[SyncAzureConnector]:
    with SyncAzureConnector(CONFIG, transport=httpx.MockTransport(cloud)) as made:
        yield made


def made(cloud: Cloud, config: Any = CONFIG, **more: Any) -> SyncAzureConnector:
    return SyncAzureConnector({**config, **more}, transport=httpx.MockTransport(cloud))


def test_info_and_status_have_exactly_the_documented_keys(connector: SyncAzureConnector) -> None:
    assert connector.get_current_endpoint_info() == {
        "endpoint": EAST,
        "deployment_name": "gpt",
        "api_key": "***",
        "api_version": "2024-10-21",
        "index": 0,
        "type": "primary",
    }
    assert connector.get_backup_status() == {
        "total_endpoints": 3,
        "current_index": 0,
        "current_endpoint": EAST,
        "current_type": "primary",
        "failed_endpoints": [],
        "has_backups": True,
        "available_backups": 2,
    }
    json.dumps([connector.get_current_endpoint_info(), connector.get_backup_status()])


def test_after_a_failover_attributes_and_status_tell_of_the_backup(
    connector: SyncAzureConnector, cloud: Cloud
) -> None:
    """What monitoring looks at: an index above 0 is a backup."""
    cloud.statuses = {"east": 503, "west": 503}
    connector.request("chat/completions", CHAT)
    assert connector.current_config_index == connector.get_backup_status()["current_index"] == 2
    assert connector.failed_endpoints == [EAST, WEST]
    assert (connector.endpoint, connector.deployment_name) == (NORTH, "gpt-north")
    assert connector.api_key == Secret("S3CRET-KEY-NORTH")
    assert connector.get_current_endpoint_info()["type"] == "backup"
    connector.reset()
    assert (connector.endpoint, connector.current_config_index) == (EAST, 0)
    assert not connector.failed_endpoints


def test_a_failed_primary_is_won_back_by_default(cloud: Cloud) -> None:
    """There is a way back, unless the policy says never."""
    for failback, index in (("auto", 0), ("never", 1)):
        now = [0.0]
        connector = SyncAzureConnector(
            {**CONFIG, "policy": {"failback": failback}},
            transport=httpx.MockTransport(cloud),
            runtime=Runtime(clock=lambda now=now: now[0]),  # type: ignore[misc]
        )
        cloud.statuses = {"east": 503}
        connector.request("chat/completions", CHAT)
        assert connector.current_config_index == 1
        cloud.statuses, now[0] = {}, 1000.0
        connector.request("chat/completions", CHAT)
        assert connector.current_config_index == index


def test_all_configs_tell_type_and_index_and_no_key(connector: SyncAzureConnector) -> None:
    configs = connector.get_all_configs()
    assert connector._get_all_configs() == configs  # pyright: ignore[reportPrivateUsage]
    assert [(each["type"], each["index"], each["endpoint"]) for each in configs] == [
        ("primary", 0, EAST),
        ("backup", 1, WEST),
        ("backup", 2, NORTH),
    ]
    assert configs[2]["api_key"].reveal() == "S3CRET-KEY-NORTH"
    assert "S3CRET" not in f"{configs} {configs[0]['api_key']} {connector.backup_configs!r}"


def test_each_endpoint_can_be_tested_by_setting_attributes(
    connector: SyncAzureConnector, cloud: Cloud
) -> None:
    """The loop of the original's documentation: exactly the target is asked, each with its key."""
    cloud.statuses = {"west": 503, "north": 401}
    outcomes: list[object] = []
    for config in connector.get_all_configs():
        connector.endpoint = config["endpoint"]
        connector.deployment_name = config["deployment_name"]
        connector.api_key = config["api_key"]
        assert connector.get_current_endpoint_info()["index"] == config["index"]
        assert connector.get_backup_status()["current_type"] == config["type"]
        try:
            outcomes.append(connector.test_connection())
        except RequestError as error:
            outcomes.append(type(error).__name__)
    assert outcomes == [True, "ServiceUnavailableError", "AuthenticationError"]
    assert cloud.asked == [
        ("east", "gpt", "EAST"),
        ("west", "gpt", "EAST"),
        ("north", "gpt-north", "NORTH"),
    ]


def test_a_target_that_fails_is_not_left(connector: SyncAzureConnector, cloud: Cloud) -> None:
    """Until reset() nothing else is asked, not even with failover."""
    cloud.statuses = {"west": 503}
    connector.endpoint = WEST
    for _ in range(2):
        with pytest.raises(ServiceUnavailableError):
            connector.request("chat/completions", CHAT)
    assert [host for host, *_ in cloud.asked] == ["west", "west"]
    assert connector.get_backup_status()["failed_endpoints"] == []
    connector.reset()
    connector.request("chat/completions", CHAT)
    assert cloud.asked[-1][0] == "east"


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"endpoint": WEST}, ("west", "gpt", "EAST")),
        ({"endpoint": NORTH + "/"}, ("north", "gpt-north", "NORTH")),
        ({"endpoint": "https://mine.example"}, ("mine", "gpt", "EAST")),
        ({"deployment_name": "other"}, ("east", "other", "EAST")),
        ({"api_key": "S3CRET-KEY-NEW"}, ("east", "gpt", "NEW")),
        ({"endpoint": NORTH, "deployment_name": "other"}, ("north", "other", "NORTH")),
        ({"api_key": "S3CRET-KEY-NEW", "endpoint": NORTH}, ("north", "gpt-north", "NEW")),
        ({"endpoint": NORTH, "api_key": "S3CRET-KEY-NEW", "deployment_name": "x"},
         ("north", "x", "NEW")),
        ({"api_key": "S3CRET-KEY-NEW", "api_version": "2025-01-01"}, ("east", "gpt", "NEW")),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_set_is_what_is_configured_for_the_address(
    connector: SyncAzureConnector, cloud: Cloud, settings: dict[str, str], asked: object
) -> None:
    """Promise 6: the key of one configured endpoint never goes to another by itself."""
    for name, value in settings.items():
        setattr(connector, name, value)
    assert not cloud.requests
    connector.request("chat/completions", CHAT)
    assert cloud.asked == [asked]
    version = settings.get("api_version", "2024-10-21")
    assert cloud.requests[0].url.params["api-version"] == connector.api_version == version


def test_a_target_that_is_not_configured_has_no_place(connector: SyncAzureConnector) -> None:
    connector.endpoint = "https://mine.example"
    info, status = connector.get_current_endpoint_info(), connector.get_backup_status()
    assert (info["type"], info["index"]) == ("custom", -1)
    assert (status["current_type"], status["current_index"]) == ("custom", -1)
    assert status["current_endpoint"] == connector.endpoint == "https://mine.example"
    assert (status["total_endpoints"], connector.current_config_index) == (3, -1)


def test_none_takes_back_a_key_and_a_version(connector: SyncAzureConnector, cloud: Cloud) -> None:
    connector.api_key, connector.api_version = "S3CRET-KEY-NEW", "2025-01-01"
    connector.api_key = connector.api_version = None
    connector.request("chat/completions", CHAT)
    assert cloud.asked == [("east", "gpt", "EAST")]
    assert connector.api_version == "2024-10-21"


def test_a_key_replaces_any_other_credential(cloud: Cloud) -> None:
    config = {"endpoint": EAST, "deployment_name": "gpt", "token_provider": lambda: "token"}
    connector = made(cloud, config)
    assert connector.api_key is connector.get_current_endpoint_info()["api_key"] is None
    connector.api_key = connector.get_all_configs()[0]["api_key"]
    connector.request("chat/completions", CHAT)
    connector.api_key = "S3CRET-KEY-NEW"
    connector.request("chat/completions", CHAT)
    before, after = (request.headers for request in cloud.requests)
    assert (before["authorization"], "api-key" in before) == ("Bearer token", False)
    assert (after["api-key"], "authorization" in after) == ("S3CRET-KEY-NEW", False)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("endpoint", "ftp://x", "endpoint: "),
        ("endpoint", "http://mine.example", "is plain http"),
        ("endpoint", None, "endpoint: is not text"),
        ("deployment_name", "", "deployment_name: is empty"),
        ("api_key", "S3CRET KEY", "api_key: holds control characters"),
        ("api_key", 5, "api_key: is not text"),
        ("api_version", "x y", "api_version: is not an api-version"),
    ],
)
def test_a_target_that_cannot_be_is_refused_where_it_is_set(
    connector: SyncAzureConnector, name: str, value: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        setattr(connector, name, value)
    assert "S3CRET" not in str(caught.value)
    assert connector.get_current_endpoint_info()["index"] == 0
    assert connector.client.config.endpoints[1:]


def test_the_log_tells_once_that_calls_are_directed(
    connector: SyncAzureConnector, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "azure_failover"):
        connector.endpoint = WEST
        connector.api_key = "S3CRET-KEY-NEW"
        connector.deployment_name = "other"
    assert caplog.messages == [f"calls go to {WEST} alone until reset()"]


def test_setting_the_index_passes_over_those_before_it(
    connector: SyncAzureConnector, cloud: Cloud
) -> None:
    connector.endpoint = "https://mine.example"
    connector.current_config_index = 2
    assert connector.endpoint == NORTH
    assert connector.failed_endpoints == [EAST, WEST]
    connector.request("chat/completions", CHAT)
    connector.current_config_index = 0
    assert connector.failed_endpoints == []
    connector.request("chat/completions", CHAT)
    assert [host for host, *_ in cloud.asked] == ["north", "east"]
    for index in (-1, 3):
        with pytest.raises(IndexError, match="give one from 0 to 2"):
            connector.current_config_index = index


def test_the_index_goes_by_tiers_as_requests_do(cloud: Cloud) -> None:
    backups = [{"endpoint": WEST, "tier": 0}, {"endpoint": NORTH, "tier": 0}]
    connector = made(cloud, tier=1, backups=backups)
    for index in (0, 1, 2):
        connector.current_config_index = index
        assert connector.current_config_index == index
        assert connector.client.status().current_index == index


def test_failed_endpoints_can_be_set_and_changed(
    connector: SyncAzureConnector, cloud: Cloud
) -> None:
    """As users of the original come back to the primary, and keep away from it."""
    connector.failed_endpoints = [EAST + "/"]
    assert connector.failed_endpoints == connector.get_backup_status()["failed_endpoints"] == [EAST]
    connector.failed_endpoints.append(NORTH)
    assert connector.client.status().failed_endpoints == (EAST, NORTH)
    connector.request("chat/completions", CHAT)
    assert cloud.asked[-1][0] == "west"
    connector.failed_endpoints.remove(EAST)
    assert (connector.failed_endpoints, connector.current_config_index) == ([NORTH], 0)
    cloud.statuses = {"east": 503}
    connector.request("chat/completions", CHAT)
    live = connector.failed_endpoints
    assert live[:] == [EAST, NORTH]
    live.clear()
    assert (live, len(live), repr(live), ", ".join(live)) == ([], 0, "[]", "")
    assert connector.failed_endpoints == live
    with pytest.raises(ValueError, match="'https://mine.example' is none of the endpoints"):
        live.append("https://mine.example")
    connector.failed_endpoints = WEST
    assert live == [WEST]


def test_marking_counts_whatever_else_is_under_way(connector: SyncAzureConnector) -> None:
    """One failure alone would not fail an endpoint that just served many requests."""
    for _ in range(100):
        connector.request("chat/completions", CHAT)
    connector.failed_endpoints = [EAST, WEST, NORTH]
    assert connector.failed_endpoints == [EAST, WEST, NORTH]
    last_errors = {each.last_error for each in connector.client.status().endpoints}
    assert last_errors == {"marked as failed by the application"}
    connector.request("chat/completions", CHAT)  # promise 3: never withheld


def test_backups_can_be_set_and_changed(connector: SyncAzureConnector, cloud: Cloud) -> None:
    """A backup that is left as it reads keeps what its dict does not show."""
    backups = [{"endpoint": WEST, "timeout": 5.0, "name": "w", "deployments": {"a": "b"}}]
    connector.backup_configs = backups
    connector.backup_configs.append({"endpoint": "https://mine.example"})
    assert [each["endpoint"] for each in connector.backup_configs] == [WEST, "https://mine.example"]
    west, mine = connector.config.backups
    assert (west.timeout, west.name, west.deployments) == (5.0, "w", {"a": "b"})
    assert mine.api_key == Secret("S3CRET-KEY-EAST")
    cloud.statuses = {"east": 503, "west": 503}
    connector.request("chat/completions", CHAT)
    assert [host for host, *_ in cloud.asked] == ["east", "west", "mine"]
    assert connector.get_backup_status()["available_backups"] == 2
    connector.backup_configs[0] = {"endpoint": NORTH}
    assert connector.failed_endpoints == []
    del connector.backup_configs[0]
    connector.backup_configs.clear()
    assert connector.get_backup_status()["has_backups"] is False
    with pytest.raises(ConfigError, match=r"backups\[0\].endpoint: is missing"):
        connector.backup_configs.append({})
    cloud.statuses["north"] = 503
    with pytest.raises(AllEndpointsFailed):
        made(cloud).request("chat/completions", CHAT)


def test_timeout_and_max_retries_are_taken_as_before(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    connector = made(cloud, timeout=7, max_retries=3)
    connector.request("chat/completions", CHAT)
    connector.request("chat/completions", CHAT, timeout=2)
    assert [r.extensions["timeout"]["read"] for r in cloud.requests] == [7, 2]
    assert "max_retries has no effect" in caplog.text


def test_without_auto_failover_only_the_endpoint_in_use_is_tried(
    connector: SyncAzureConnector, cloud: Cloud
) -> None:
    cloud.statuses = {"east": 503}
    with pytest.raises(ServiceUnavailableError):
        connector.request("chat/completions", CHAT, auto_failover=False)
    assert len(cloud.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "is_fine"),
    [
        (400, {"error": {"message": "[] is too short - 'messages'", "code": None}}, True),
        (400, {"error": {"code": "OperationNotSupported", "message": "no chats"}}, True),
        (200, {"choices": []}, True),
        (400, {"error": {"message": "Unsupported api-version '1'."}}, False),
        (400, {"error": {"message": "Could not find an existing deployment to match"}}, False),
        (400, "<html>", False),
        (400, {"error": "no"}, False),
        (404, {"error": {"code": "DeploymentNotFound"}}, False),
        (429, {"error": {"code": "429"}}, False),
        (200, "<html>", False),
    ],
)
def test_a_connection_is_fine_if_only_the_missing_messages_are_refused(
    status: int, body: Any, is_fine: bool
) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        if isinstance(body, str):
            return httpx.Response(status, text=body)
        return httpx.Response(status, json=body)

    connector = SyncAzureConnector(CONFIG, transport=httpx.MockTransport(answer))
    if is_fine:
        assert connector.test_connection() is True
    else:
        with pytest.raises(RequestError):
            connector.test_connection()
    assert [json.loads(request.content) for request in sent] == [{"messages": []}]


def test_any_endpoint_can_be_tested_without_directing_other_calls(
    connector: SyncAzureConnector, cloud: Cloud
) -> None:
    cloud.statuses = {"west": 503}
    with pytest.raises(ServiceUnavailableError):
        connector.test_connection(index=1, timeout=3)
    assert connector.test_connection(index=2)
    assert connector.failed_endpoints == [WEST]
    assert connector.current_config_index == 0
    assert [host for host, *_ in cloud.asked] == ["west", "north"]
    with pytest.raises(IndexError, match="there is no endpoint 3"):
        connector.test_connection(index=3)


def test_what_the_primary_leaves_out_comes_from_the_environment(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Explicit configuration wins, partial mixes work, and the errors are those of Config."""
    for variable in ("API_KEY", "DEPLOYMENT_NAME", "API_VERSION"):
        monkeypatch.delenv(f"AZURE_OPENAI_{variable}", raising=False)
    monkeypatch.setenv("AZURE_OPENAI_KEY", "S3CRET-KEY-ENV")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://env.openai.azure.com/")
    monkeypatch.setenv("AZURE_OPENAI_DEPLOYMENT", "gpt-env")
    for config, asked in (
        (None, ("env", "gpt-env", "ENV")),
        ({}, ("env", "gpt-env", "ENV")),
        ({"deployment_name": "mine"}, ("env", "mine", "ENV")),
        ({"endpoint": EAST, "backups": [{"endpoint": WEST}]}, ("east", "gpt-env", "ENV")),
        (CONFIG, ("east", "gpt", "EAST")),
    ):
        with SyncAzureConnector(config, transport=httpx.MockTransport(cloud)) as connector:
            connector.request("chat/completions", CHAT)
        assert cloud.asked[-1] == asked
    monkeypatch.delenv("AZURE_OPENAI_KEY")
    with pytest.raises(ConfigError, match="api_key: is missing; .* or set AZURE_OPENAI_KEY"):
        SyncAzureConnector({"endpoint": EAST})


def test_a_closed_connector_says_so_and_still_tells_its_status(
    connector: SyncAzureConnector,
) -> None:
    connector.close()
    with pytest.raises(RuntimeError, match="the connector is closed"):
        connector.request("models")
    assert connector.get_backup_status()["current_index"] == 0
    assert repr(connector) == "<SyncAzureConnector east, west, north>"
    assert repr(SyncAzureConnector.__new__(SyncAzureConnector)) == "<SyncAzureConnector >"


def test_finished_objects_serve_as_configuration(cloud: Cloud) -> None:
    """A backup without a version of its own is told with that which is sent there."""
    from azure_failover import Config

    ends = [
        Endpoint(
            endpoint=EAST, deployment_name="a", api_key="S3CRET-KEY-A", api_version="2025-01-01"
        ),
        Endpoint(endpoint=WEST, deployment_name="b", api_key="S3CRET-KEY-B"),
    ]
    connector = SyncAzureConnector(Config(tuple(ends)), transport=httpx.MockTransport(cloud))
    assert connector.get_all_configs()[1]["api_version"] == "2025-01-01"
    connector.endpoint = WEST
    connector.request("chat/completions", CHAT)
    assert cloud.asked == [("west", "b", "B")]
    assert cloud.requests[0].url.params["api-version"] == connector.api_version == "2025-01-01"


def set_two(connector: SyncAzureConnector) -> None:
    connector.api_key = "S3CRET-KEY"
    connector.endpoint = "x y"


BAD: dict[str, Any] = {"endpoit": EAST, "api_key": "S3CRET-KEY-BAD"}
WRONG: list[Callable[[Any], object]] = [
    lambda _: SyncAzureConnector(BAD),
    lambda _: AzureConnector(BAD),
    lambda _: LLMFactory.create_llm("azure-gpt-4o", BAD),
    lambda _: LLMFactory.create_llm("azure-none", BAD),
    lambda c: setattr(c, "api_key", "S3CRET KEY"),
    lambda c: setattr(c, "backup_configs", [BAD]),
    lambda c: c.backup_configs.append(BAD),
    lambda c: c.backup_configs.insert(0, BAD),
    lambda c: c.backup_configs.__setitem__(0, BAD),
    lambda c: c.backup_configs.__setitem__(slice(0, 1), [BAD]),
    set_two,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_no_error_of_a_setting_shows_a_key(connector: SyncAzureConnector, wrong: Any) -> None:
    """Promise 6: not even a traceback that prints the local variables of our frames."""
    with pytest.raises(ValueError, match="problem|no LLM") as caught:
        wrong(connector)
    trace = caught.value.__traceback__
    shown = ""
    while trace is not None:
        if "azure_failover" in trace.tb_frame.f_globals["__name__"]:
            shown += repr(trace.tb_frame.f_locals)
        trace = trace.tb_next
    assert shown
    assert "S3CRET" not in f"{shown} {caught.value}"


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("ask"), st.lists(st.sampled_from([200, 429, 503]), min_size=3, max_size=3)
        ),
        st.tuples(st.just("index"), st.integers(0, 2)),
        st.tuples(st.just("failed"), st.lists(st.sampled_from([EAST, WEST, NORTH]))),
        st.tuples(
            st.just("endpoint"), st.sampled_from([EAST, WEST, NORTH, "https://mine.example"])
        ),
        st.tuples(st.just("api_key"), st.sampled_from(["S3CRET-KEY-1", "S3CRET-KEY-2", None])),
        st.tuples(st.just("backups"), st.lists(st.sampled_from([WEST, NORTH]), unique=True)),
        st.tuples(st.just("wait"), st.floats(0, 400)),
        st.tuples(st.just("reset"), st.none()),
    ),
    max_size=12,
)


@given(steps=STEPS)
def test_status_agrees_with_the_client_and_nothing_shows_a_key(
    steps: list[tuple[str, Any]],
) -> None:
    """Promises 6 and 10: whatever is asked and set, the connector tells what the client does."""
    cloud, now, records = Cloud(), [0.0], list[str]()
    handler = logging.Handler()
    handler.emit = lambda record: records.append(f"{record.getMessage()} {record.__dict__}")  # type: ignore[method-assign]
    logger = logging.getLogger("azure_failover")
    logger.addHandler(handler)
    connector = SyncAzureConnector(
        CONFIG, transport=httpx.MockTransport(cloud), runtime=Runtime(clock=lambda: now[0])
    )
    is_directed = False
    try:
        for action, value in steps:
            take(connector, cloud, now, action, value)
            is_directed = action in ("endpoint", "api_key") or (
                is_directed and action in ("ask", "failed", "wait")
            )
            check(connector, is_directed=is_directed)
    finally:
        logger.removeHandler(handler)
    assert "S3CRET" not in "".join(records)


def take(
    connector: SyncAzureConnector, cloud: Cloud, now: list[float], action: str, value: Any
) -> None:
    match action:
        case "ask":
            ask(connector, cloud, value)
        case "index":
            total = connector.get_backup_status()["total_endpoints"]
            connector.current_config_index = min(value, total - 1)
        case "failed":
            known = [each["endpoint"] for each in connector.get_all_configs()]
            connector.failed_endpoints = [each for each in value if each in known]
        case "backups":
            connector.backup_configs = [{"endpoint": each} for each in value]
        case "wait":
            now[0] += value
        case "reset":
            connector.reset()
        case _:
            setattr(connector, action, value)


def ask(connector: SyncAzureConnector, cloud: Cloud, statuses: list[int]) -> None:
    """Send a request, which keeps to the target if there is one, and raises no key."""
    cloud.statuses = dict(zip(("east", "west", "north"), statuses, strict=True))
    cloud.requests.clear()
    target, raised = connector.endpoint, ""
    try:
        connector.request("chat/completions", CHAT)
    except RequestError as error:
        raised = f"{error!r} {error}"
    assert "S3CRET" not in raised
    if len(connector.client.config.endpoints) == 1:
        assert {f"https://{request.url.host}" for request in cloud.requests} == {target}


def check(connector: SyncAzureConnector, *, is_directed: bool) -> None:
    told, info = connector.get_backup_status(), connector.get_current_endpoint_info()
    configs = connector.get_all_configs()
    assert set(told) == STATUS_KEYS
    assert set(info) == INFO_KEYS
    assert (told["current_endpoint"], told["current_index"], told["current_type"]) == (
        info["endpoint"],
        info["index"],
        info["type"],
    )
    assert (info["endpoint"], info["deployment_name"], info["api_version"]) == (
        connector.endpoint,
        connector.deployment_name,
        connector.api_version,
    )
    assert told["current_index"] == connector.current_config_index
    assert told["failed_endpoints"] == connector.failed_endpoints
    assert told["total_endpoints"] == len(configs)
    assert told["available_backups"] == len(connector.backup_configs)
    if not is_directed:
        status = connector.client.status()
        for key in STATUS_KEYS - {"failed_endpoints"}:
            assert told[key] == getattr(status, key)
        assert told["failed_endpoints"] == [*status.failed_endpoints]
        assert info["endpoint"] == configs[told["current_index"]]["endpoint"]
    shown = f"{told} {info} {configs} {connector!r} {connector.api_key} {connector.api_key!r}"
    shown += f"{connector.backup_configs} {connector.client!r} {vars(connector)}"
    assert "S3CRET" not in shown
