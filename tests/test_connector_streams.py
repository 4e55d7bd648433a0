"""The connectors' lines over scripted bodies, and both connectors over real sockets."""

from __future__ import annotations

import gc
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

import anyio
import httpx
import pytest
from scripted_streams import COLOURS, CONFIG, DONE, Script, chunk, event, whole

from azure_failover import (
    AuthenticationError,
    AzureConnector,
    ConfigError,
    ConnectionFailedError,
    InvalidResponseError,
    NotFoundError,
    RateLimitError,
    ServiceUnavailableError,
    StreamBrokenError,
    StreamRestarted,
    SyncAzureConnector,
)
from azure_failover.emulator import Fleet, faults

# httpx's generators leave those that they iterate to be collected, which trio remarks upon.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

CHAT = {"messages": [{"role": "user", "content": "Hello you"}]}
BROKEN: list[Any] = [chunk("one "), chunk("two"), httpx.ReadError("reset")]


class Blocking:
    """What a sync connector gives, called as what an async one does."""

    inner: Any

    def __init__(self, inner: Any) -> None:
        object.__setattr__(self, "inner", inner)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.inner, name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def stream_request(self, *args: Any, **params: Any) -> Blocking:
        return Blocking(self.inner.stream_request(*args, **params))

    async def request(self, *args: Any, **params: Any) -> Any:
        return self.inner.request(*args, **params)

    async def test_connection(self, **params: Any) -> Any:
        return self.inner.test_connection(**params)

    async def aclose(self) -> None:
        self.inner.close()

    async def __aenter__(self) -> Self:
        assert self.inner.__enter__() is self.inner
        return self

    async def __aexit__(self, *error: object) -> None:
        self.inner.__exit__(*error)

    def __aiter__(self) -> Blocking:
        assert iter(self.inner) is self.inner
        return self

    async def __anext__(self) -> Any:
        try:
            return next(self.inner)
        except StopIteration:
            raise StopAsyncIteration from None


def run(
    colour: str,
    scenario: Callable[[Any], Awaitable[None]],
    script: Script | None = None,
    config: Any = CONFIG,
) -> None:
    """Run a scenario, written for tasks, with a connector of a colour."""
    options: Any = {} if script is None else {"transport": httpx.MockTransport(script)}

    async def main() -> None:
        made: Any = (
            Blocking(SyncAzureConnector(config, **options))
            if colour == "sync"
            else AzureConnector(config, **options)
        )
        async with made as connector:
            await scenario(connector)

    anyio.run(main, backend="trio" if colour == "trio" else "asyncio")


async def lines_of(stream: Any) -> list[str]:
    return [line async for line in stream]


def words(lines: list[str]) -> str:
    """Put a text together as users of the original do."""
    found: list[str] = []
    for line in lines:
        if line.startswith("data: ") and line != "data: [DONE]":
            choices = json.loads(line.removeprefix("data: "))["choices"]
            found += [choice["delta"].get("content") or "" for choice in choices]
    return "".join(found)


@pytest.fixture(params=COLOURS)
def colour(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_a_stream_gives_the_lines_of_its_events(colour: str) -> None:
    """Without blank lines and comments, and with the mark at the end."""
    body = [b": hi\r\n\r\n", *whole("Hello", " you")]
    script = Script(east=body)

    async def scenario(connector: Any) -> None:
        lines = await lines_of(connector.stream_request("chat/completions", CHAT))
        assert all(line.startswith("data: ") and "\n" not in line for line in lines)
        assert words(lines) == "Hello you"
        assert lines.index("data: [DONE]") == len(lines) - 1

    run(colour, scenario, script)
    assert json.loads(script.requests[0].content)["stream"] is True
    assert script.closings == [1]


def test_named_events_keep_their_names(colour: str) -> None:
    """An operation without a mark gets none; data of several lines stays several lines."""
    body = [
        event({"type": "response.created"}, "response.created"),
        b"event: response.output_text.delta\n",
        b'data: {"type":\ndata: "response.output_text.delta"}\n\n',
        event({"type": "response.completed"}, "response.completed"),
    ]
    script = Script(east=body)

    async def scenario(connector: Any) -> None:
        stream = connector.stream_request("responses", {"input": "Hello", "store": False})
        lines = await lines_of(stream)
        assert lines == [
            "event: response.created",
            'data: {"type": "response.created"}',
            "event: response.output_text.delta",
            'data: {"type":',
            'data: "response.output_text.delta"}',
            "event: response.completed",
            'data: {"type": "response.completed"}',
        ]

    run(colour, scenario, script)


def test_before_its_first_content_a_stream_fails_over_unseen(colour: str) -> None:
    script = Script(east=[event({"choices": []}), httpx.ReadError("reset")], west=whole("uno"))

    async def scenario(connector: Any) -> None:
        assert words(await lines_of(connector.stream_request("chat/completions", CHAT))) == "uno"
        assert connector.current_config_index == 1

    run(colour, scenario, script)
    assert script.asked == ["east", "west"]


def test_text_is_never_repeated_behind_the_readers_back(colour: str) -> None:
    """Promise 5: who does not listen for restarts gets an error, and no second request is made."""
    script = Script(east=BROKEN, west=whole("uno"))

    async def scenario(connector: Any) -> None:
        lines: list[str] = []
        stream = connector.stream_request("chat/completions", CHAT)
        with pytest.raises(StreamBrokenError, match='on_stream_break is "raise"'):  # noqa: PT012
            async for line in stream:
                lines.append(line)  # noqa: PERF401  (what came counts)
        assert words(lines) == "one two"
        assert "data: [DONE]" not in lines
        assert await lines_of(stream) == []

    run(colour, scenario, script)
    assert script.asked == ["east"]
    assert script.closings == [1]


def test_who_listens_is_told_before_the_answer_begins_again(colour: str) -> None:
    script = Script(east=BROKEN, west=whole("uno", " dos"))

    async def scenario(connector: Any) -> None:
        lines: list[str] = []
        told: list[StreamRestarted] = []

        def forget(restarted: StreamRestarted) -> None:
            told.append(restarted)
            lines.clear()

        async for line in connector.stream_request("chat/completions", CHAT, on_restart=forget):
            lines.append(line)  # noqa: PERF401
        assert words(lines) == "uno dos"
        assert [(each.broken_endpoint, each.endpoint) for each in told] == [("east", "west")]

    run(colour, scenario, script)
    assert script.closings == [1, 1]


def test_the_policy_may_forbid_restarts_to_all(colour: str) -> None:
    script = Script(east=BROKEN, west=whole("uno"))

    async def scenario(connector: Any) -> None:
        stream = connector.stream_request("chat/completions", CHAT, on_restart=print)
        with pytest.raises(StreamBrokenError, match='on_stream_break is "raise"'):
            await lines_of(stream)

    run(colour, scenario, script, CONFIG | {"policy": {"on_stream_break": "raise"}})


def test_a_listener_that_nobody_would_await_is_refused(colour: str) -> None:
    async def listen(restarted: StreamRestarted) -> None:
        raise AssertionError(restarted)

    async def scenario(connector: Any) -> None:
        with pytest.raises(TypeError, match="nobody awaits it"):
            connector.stream_request("chat/completions", CHAT, on_restart=listen)

    run(colour, scenario, Script())


def test_what_a_listener_raises_ends_the_stream(colour: str) -> None:
    script = Script(east=BROKEN, west=whole("uno"))

    def fail(restarted: StreamRestarted) -> None:
        raise LookupError(restarted.endpoint)

    async def scenario(connector: Any) -> None:
        with pytest.raises(LookupError, match="west"):
            await lines_of(connector.stream_request("chat/completions", CHAT, on_restart=fail))

    run(colour, scenario, script)
    assert script.closings == [1, 1]


def test_a_loop_that_ends_at_the_mark_leaves_nothing_open(colour: str) -> None:
    """As users of the original end theirs."""
    script = Script(east=whole("Hello"))

    async def scenario(connector: Any) -> None:
        async for line in connector.stream_request("chat/completions", CHAT):
            if line == "data: [DONE]":
                break
        assert script.closings == [1]
        gc.collect()

    run(colour, scenario, script)


def test_a_block_closes_what_is_left(colour: str) -> None:
    script = Script(east=whole("one", "two", "three"))

    async def scenario(connector: Any) -> None:
        async with connector.stream_request("chat/completions", CHAT) as lines:
            assert (await anext(lines)).startswith("data: ")
        assert script.closings == [1]
        assert await lines_of(lines) == []
        untouched = connector.stream_request("chat/completions", CHAT)
        await untouched.aclose()
        assert await lines_of(untouched) == []

    run(colour, scenario, script)
    assert script.asked == ["east"]


def test_a_block_closed_behind_the_end_gives_no_mark(colour: str) -> None:
    async def scenario(connector: Any) -> None:
        lines = connector.stream_request("chat/completions", CHAT)
        async for line in lines:
            assert line != DONE.decode().strip()
            if '"stop"' in line:
                break
        await lines.aclose()
        assert await lines_of(lines) == []

    run(colour, scenario, Script(east=whole("one")))


def test_a_directed_stream_keeps_to_its_target(colour: str) -> None:
    script = Script(west=[chunk("one"), httpx.ReadError("reset")])

    async def scenario(connector: Any) -> None:
        connector.endpoint = "https://west.openai.azure.com"
        with pytest.raises(StreamBrokenError, match="no endpoint is left"):
            await lines_of(connector.stream_request("chat/completions", CHAT, on_restart=print))

    run(colour, scenario, script)
    assert script.asked == ["west"]


def test_a_stream_that_is_none_is_an_error(colour: str) -> None:
    script = Script(east=httpx.Response(200, json={"choices": []}))

    async def scenario(connector: Any) -> None:
        with pytest.raises(InvalidResponseError, match="no event stream"):
            await lines_of(connector.stream_request("chat/completions", CHAT))

    run(colour, scenario, script)


# Over real sockets.


def test_the_loop_of_the_documentation_finds_what_is_wrong_with_each_endpoint(
    colour: str, fleet: Fleet
) -> None:
    """Also of a host that is not configured; nothing of it is a chat that costs anything."""
    with Fleet(["mine"]) as others:
        mine = others["mine"]
        fleet["westus"].fault = faults.Status(503)
        fleet["northeurope"].fault = faults.Refuse()

        async def scenario(connector: Any) -> None:
            outcomes: list[object] = []
            configs = [
                *connector._get_all_configs(),
                {"endpoint": mine.url, "deployment_name": "gpt-4.1-mini", "api_key": mine.api_key},
                {"endpoint": mine.url, "deployment_name": "gpt-4.1-mini", "api_key": "wrong"},
                {"endpoint": mine.url, "deployment_name": "none", "api_key": mine.api_key},
            ]
            for config in configs:
                connector.endpoint = config["endpoint"]
                connector.deployment_name = config["deployment_name"]
                connector.api_key = config["api_key"]
                try:
                    outcomes.append(await connector.test_connection())
                except Exception as error:  # noqa: BLE001  (as it is documented)
                    outcomes.append(type(error))
            assert outcomes == [
                True,
                ServiceUnavailableError,
                ConnectionFailedError,
                True,
                AuthenticationError,
                NotFoundError,
            ]
            answer = await connector.request("models")
            assert "none" not in str(answer)
            connector.reset()
            assert (await connector.request("chat/completions", CHAT))["choices"]

        run(colour, scenario, config=fleet.config())
        assert len(mine.requests) == 4
        assert [request.route for request in fleet.requests].count("chat/completions") == 3


def test_a_test_of_a_throttled_or_misversioned_endpoint_raises(colour: str, fleet: Fleet) -> None:
    async def scenario(connector: Any) -> None:
        connector.api_version = "latest"
        with pytest.raises(Exception, match="Unsupported api-version"):
            await connector.test_connection()
        connector.reset()
        fleet["eastus"].fault = faults.Status(429)
        with pytest.raises(RateLimitError):
            await connector.test_connection()

    run(colour, scenario, config=fleet.config())


@pytest.mark.parametrize("how", ["reset", "close", "end", "hang"])
def test_real_breaks_are_told_or_begin_again(colour: str, fleet: Fleet, how: Any) -> None:
    async def scenario(connector: Any) -> None:
        fleet["eastus"].fault = faults.BreakStream(4, how)
        with pytest.raises(StreamBrokenError):
            await lines_of(connector.stream_request("chat/completions", CHAT, timeout=0.3))
        lines: list[str] = []

        def forget(_: StreamRestarted) -> None:
            lines.clear()

        connector.reset()
        async for line in connector.stream_request(
            "chat/completions", CHAT, timeout=0.3, on_restart=forget
        ):
            lines.append(line)  # noqa: PERF401
        assert words(lines) == "westus: Hello you"

    run(colour, scenario, config=fleet.config())


def test_a_loop_that_is_left_gives_its_connection_back(fleet: Fleet) -> None:
    """On asyncio at the latest when the stream is collected."""

    async def main() -> None:
        async with AzureConnector(fleet.config()) as connector:
            stream = connector.stream_request("chat/completions", CHAT)
            async for line in stream:
                if '"content"' in line:
                    break
            del stream
            gc.collect()
            await anyio.wait_all_tasks_blocked()
            assert fleet["eastus"].connections == 0

    anyio.run(main)


def test_targets_share_the_connections_of_the_connector(colour: str, fleet: Fleet) -> None:
    async def scenario(connector: Any) -> None:
        for _ in range(3):
            connector.endpoint = fleet["westus"].url
            connector.api_key = fleet["westus"].api_key
            await connector.test_connection()
            connector.reset()
            await connector.test_connection(index=1)
        connector.backup_configs.pop()
        await connector.test_connection(index=1)

    run(colour, scenario, config=fleet.config())
    assert fleet["westus"].accepted == 1


def test_a_connector_for_threads_takes_no_tokens_that_must_be_awaited() -> None:
    async def token() -> str:
        return "token"

    config = {"endpoint": "https://a.example", "deployment_name": "gpt", "token_provider": token}
    with pytest.raises(ConfigError, match="use AsyncClient"):
        SyncAzureConnector(config)
    assert AzureConnector(config).get_current_endpoint_info()["api_key"] is None


@pytest.mark.parametrize("kind", [AzureConnector, SyncAzureConnector])
def test_a_configuration_that_is_wrong_is_refused(kind: Any) -> None:
    with pytest.raises(ConfigError, match="did you mean endpoint"):
        kind({"endpoit": "https://a.example"})
