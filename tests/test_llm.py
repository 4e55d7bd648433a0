"""The factory's names, and what its LLMs ask and answer, on asyncio and trio."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, strategies as st
from scripted_streams import CONFIG, Script, chunk, event, whole

from azure_failover import (
    AllEndpointsFailed,
    AzureConnector,
    AzureLLM,
    Config,
    ConfigError,
    LLMChunk,
    LLMFactory,
    LLMResponse,
    StreamBrokenError,
    StreamRestarted,
    UnknownModelError,
    create_context,
)
from azure_failover._models import takes_max_completion_tokens
from azure_failover.emulator import Fleet, faults

# httpx's generators leave those that they iterate to be collected, which trio remarks upon.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

HELLO = [{"role": "user", "content": "Hello you"}]
BROKEN: list[Any] = [chunk("one "), chunk("two"), httpx.ReadError("reset")]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variables of the machine, and no name that a test registers stays."""
    for variable in ("DEPLOYMENT", "DEPLOYMENT_NAME", "KEY", "API_KEY", "ENDPOINT"):
        monkeypatch.delenv(f"AZURE_OPENAI_{variable}", raising=False)
    before = {*LLMFactory.available()}
    yield
    for name in {*LLMFactory.available()} - before:
        LLMFactory.unregister(name)


def scripted(name: str = "azure-gpt-4.1-mini", config: Any = CONFIG, **answers: Any) -> Any:
    script = Script(**answers)
    return LLMFactory.create_llm(name, config, transport=httpx.MockTransport(script)), script


def answer(**message: Any) -> httpx.Response:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
    return httpx.Response(200, json={"id": "1", "model": "gpt", "choices": [choice]})


@pytest.mark.anyio
async def test_an_llm_answers_and_fails_over(fleet: Fleet) -> None:
    """The example of the original's documentation."""
    fleet["eastus"].fault = faults.Status(503)
    async with LLMFactory.create_llm("azure-gpt-4.1-mini", connector_config=fleet.config()) as llm:
        response = await llm.get_answer(HELLO, create_context(user_id="u", session_id="s"))
        assert isinstance(response, LLMResponse)
        assert (response.content, response.role) == ("westus: Hello you", "assistant")
        assert (response.finish_reason, response.endpoint) == ("stop", "westus")
        assert response.usage is not None
        assert response.usage.total_tokens > 0
        assert [entry.endpoint for entry in response.completion.ledger.attempts] == [
            "eastus",
            "westus",
        ]
        assert (await llm.get_answer("Hi")).content == "westus: Hi"
        assert llm.connector.get_backup_status()["failed_endpoints"] == [fleet["eastus"].url]
    with pytest.raises(RuntimeError, match="closed"):
        await llm.get_answer("Hi")


@pytest.mark.anyio
async def test_an_answer_comes_in_chunks_of_which_the_last_is_final(fleet: Fleet) -> None:
    async with LLMFactory.create_llm("azure-gpt-4.1-mini", fleet.config()) as llm:
        chunks = [each async for each in llm.stream_answer(HELLO, create_context())]
        assert "".join(each.content for each in chunks) == "eastus: Hello you"
        assert [each.is_final for each in chunks] == [False] * (len(chunks) - 1) + [True]
        last = chunks[-1]
        assert (last.content, last.finish_reason, last.endpoint) == ("", "stop", "eastus")
        assert last.usage is not None
        assert {each.finish_reason for each in chunks[:-1]} == {None}
        async for each in llm.stream_answer("Hi"):
            if each.is_final:
                break
        async with llm.stream_answer("Hi") as pieces:
            assert (await anext(pieces)).content == "eastus:"


@pytest.mark.anyio
async def test_a_stream_that_breaks_is_never_repeated_unasked() -> None:
    """Promise 5."""
    llm, script = scripted(east=BROKEN, west=whole("uno"))
    chunks: list[LLMChunk] = []
    with pytest.raises(StreamBrokenError) as caught:  # noqa: PT012
        async for each in llm.stream_answer(HELLO):
            chunks.append(each)  # noqa: PERF401
    assert [each.content for each in chunks] == ["one ", "two"]
    assert not any(each.is_final for each in chunks)
    assert caught.value.text == "one two"
    assert script.asked == ["east"]


@pytest.mark.anyio
async def test_who_listens_is_told_of_a_restart() -> None:
    llm, script = scripted(east=BROKEN, west=whole("uno"))
    chunks: list[LLMChunk] = []
    told: list[StreamRestarted] = []

    def forget(restarted: StreamRestarted) -> None:
        told.append(restarted)
        chunks.clear()

    async for each in llm.stream_answer(HELLO, on_restart=forget):
        chunks.append(each)  # noqa: PERF401
    assert [(each.content, each.endpoint) for each in chunks] == [("uno", "west"), ("", "west")]
    assert [each.discarded_text for each in told] == ["one two"]
    assert script.closings == [1, 1]


@pytest.mark.anyio
async def test_a_stream_gives_the_text_of_the_first_choice_alone() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    tools = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
    llm, _ = scripted(east=[chunk("a"), chunk("b", index=1), event(tools), *whole("c")])
    chunks = [each async for each in llm.stream_answer(HELLO, n=2)]
    assert "".join(each.content for each in chunks) == "ac"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "given", "sent"),
    [
        ("azure-gpt-4.1-mini", {"max_tokens": 5}, {"max_tokens": 5}),
        ("azure-o4-mini", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("azure-gpt-5-mini", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("azure-gpt-5", {"max_completion_tokens": 6}, {"max_completion_tokens": 6}),
        ("azure-o1", {"max_tokens": 5, "max_completion_tokens": 6}, {"max_completion_tokens": 6}),
        ("azure-gpt-5.1", {"temperature": 1}, {"temperature": 1}),
    ],
)
async def test_the_limit_is_called_what_the_model_calls_it(
    name: str, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    llm, script = scripted(name, east=answer(content="Hi"))
    await llm.get_answer(HELLO, **given)
    script.answers["east"] = whole("Hi")
    assert [each async for each in llm.stream_answer(HELLO, **given)][-1].is_final
    for request in script.requests:
        body = json.loads(request.content)
        assert {key: body[key] for key in body if key.startswith(("max", "temp"))} == sent
        assert body["messages"] == HELLO


@pytest.mark.parametrize(
    "name",
    ["o1", "o1-preview", "o3", "o3-mini", "o4-mini", "gpt-5", "gpt-5-chat", "gpt-5.1", "gpt-5.5",
     "gpt-6", "gpt-10-mini", "azure-o3", "azure-gpt-5-nano"],
)  # fmt: skip
def test_models_that_refuse_max_tokens_are_known(name: str) -> None:
    assert takes_max_completion_tokens(name)


@pytest.mark.parametrize(
    "name",
    ["gpt-35-turbo", "gpt-35-turbo-16k", "gpt-4", "gpt-4-32k", "gpt-4o", "gpt-4.1",
     "gpt-4.5-preview", "gpt-oss-120b", "model-router", "our-o3", "omni", "azure-gpt-4o-mini"],
)  # fmt: skip
def test_models_that_take_max_tokens_are_left_alone(name: str) -> None:
    assert not takes_max_completion_tokens(name)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("given", "variables", "deployment"),
    [
        ({"deployment_name": "mine"}, {}, "mine"),
        ({}, {}, "gpt-4.1-mini"),
        ({}, {"AZURE_OPENAI_DEPLOYMENT": "env"}, "env"),
        ({}, {"AZURE_OPENAI_DEPLOYMENT_NAME": "env"}, "env"),
        ({"deployment_name": "mine"}, {"AZURE_OPENAI_DEPLOYMENT": "env"}, "mine"),
    ],
)
async def test_the_deployment_is_the_configured_one_or_named_as_the_model(
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    variables: dict[str, str],
    deployment: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    config = {"endpoint": "https://east.openai.azure.com", "api_key": "key", **given}
    llm, script = scripted(config=config, east=answer(content="Hi"))
    assert (await llm.get_answer("Hi")).content == "Hi"
    assert script.requests[0].url.path.split("/")[3] == deployment


def test_an_llm_is_configured_in_every_form(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Without a configuration by the environment alone; a finished one is taken as it is."""
    monkeypatch.setenv("AZURE_OPENAI_KEY", "key")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://env.openai.azure.com")
    monkeypatch.setenv("AZURE_OPENAI_BACKUP_1_ENDPOINT", "https://west.openai.azure.com")
    llm = LLMFactory.create_llm("azure-o3")
    assert [each.deployment_name for each in llm.connector.config.endpoints] == ["o3", "o3"]
    assert llm.connector.get_backup_status()["available_backups"] == 1
    file = tmp_path / "fleet.toml"
    file.write_text('endpoint = "https://file.openai.azure.com"')
    llm = LLMFactory.create_llm("azure-o3", str(file))
    assert (llm.connector.endpoint, llm.connector.deployment_name) == (
        "https://file.openai.azure.com",
        "o3",
    )
    config = Config.of(CONFIG)
    assert LLMFactory.create_llm("azure-o3", config).connector.config == config
    assert repr(llm) == "<AzureLLM azure-o3 over <AzureConnector file>>"
    with pytest.raises(ConfigError, match="did you mean endpoint"):
        LLMFactory.create_llm("azure-o3", {"endpoit": "x"})


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("azure-gpt-4.1-mni", "azure-gpt-4.1-mini"),
        ("gpt-4o", "azure-gpt-4o"),
        ("Azure-GPT-5", "azure-gpt-5"),
        ("azure-o4mini", "azure-o4-mini"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownModelError, match="did you mean") as caught:
        LLMFactory.create_llm(name, CONFIG)
    assert caught.value.near_misses[0] == nearest
    assert caught.value.name == name
    assert f"LLMFactory.register({name!r})" in str(caught.value)
    assert "key-east" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("name", ["gpt-4.1-mini", "Azure-GPT-4.1-mini"])
def test_a_name_that_is_only_written_differently_has_one_near_miss(name: str) -> None:
    with pytest.raises(UnknownModelError, match="did you mean azure-gpt-4.1-mini\\? ") as caught:
        LLMFactory.create_llm(name, CONFIG)
    assert caught.value.near_misses == ("azure-gpt-4.1-mini",)


@pytest.mark.parametrize("wrong", [None, 4, b"azure-gpt-4o"])
def test_a_name_that_is_no_text_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="name= is no text"):
        LLMFactory.create_llm(wrong, CONFIG)


@pytest.mark.anyio
@pytest.mark.parametrize("wrong", [{"user_id": "u"}, "u", create_context])
async def test_what_is_no_context_is_refused_before_anything_is_sent(wrong: Any) -> None:
    async with LLMFactory.create_llm("azure-gpt-4o", CONFIG) as llm:
        with pytest.raises(TypeError, match="ctx is no RequestContext but .*: give create_context"):
            await llm.get_answer("Hello", wrong)
        with pytest.raises(TypeError, match="ctx is no RequestContext but"):
            llm.stream_answer("Hello", wrong)


def test_a_name_like_no_other_has_no_near_misses() -> None:
    with pytest.raises(UnknownModelError, match="LLM '@@': LLMFactory.available") as caught:
        LLMFactory.create_llm("@@")
    assert caught.value.near_misses == ()


@given(st.text())
def test_any_name_is_known_or_refused_by_name(name: str) -> None:
    if name in LLMFactory.available():
        assert LLMFactory.create_llm(name, CONFIG).name == name
    else:
        with pytest.raises(UnknownModelError):
            LLMFactory.create_llm(name, CONFIG)


@pytest.mark.anyio
async def test_names_can_be_added() -> None:
    class Shouting(AzureLLM):
        async def get_answer(self, *args: Any, **params: Any) -> LLMResponse:
            return await super().get_answer(*args, **params)

    LLMFactory.register("azure-ours")
    LLMFactory.register("azure-our-reasoner", max_completion_tokens=True)
    LLMFactory.register("azure-loud", Shouting)
    assert {"azure-ours", "azure-our-reasoner", "azure-loud"} < {*LLMFactory.available()}
    assert list(LLMFactory.available()) == sorted(LLMFactory.available())
    ours = {key: value for key, value in CONFIG.items() if key != "deployment_name"}
    llm, script = scripted("azure-our-reasoner", ours, east=answer(content="Hi"))
    await llm.get_answer("Hi", max_tokens=5)
    assert json.loads(script.requests[0].content)["max_completion_tokens"] == 5
    assert script.requests[0].url.path.split("/")[3] == "our-reasoner"
    assert isinstance(scripted("azure-loud")[0], Shouting)
    with pytest.raises(ValueError, match="already"):
        LLMFactory.register("azure-ours")
    LLMFactory.register("azure-ours", Shouting, replace=True)
    assert isinstance(scripted("azure-ours")[0], Shouting)
    with pytest.raises(ValueError, match="is no name"):
        LLMFactory.register(" azure")
    with pytest.raises(ValueError, match="leave it to build"):
        LLMFactory.register("azure-x", Shouting, max_completion_tokens=True)
    LLMFactory.unregister("azure-ours")
    with pytest.raises(UnknownModelError, match="there is no LLM .azure-ours.: LLMFactory"):
        LLMFactory.unregister("azure-ours")


@pytest.mark.anyio
async def test_an_llm_goes_where_its_connector_is_directed() -> None:
    llm, script = scripted(west=answer(content="Hi"))
    llm.connector.endpoint = "https://west.openai.azure.com"
    assert (await llm.get_answer("Hi", timeout=3, auto_failover=False)).endpoint == "west"
    assert script.asked == ["west"]
    assert script.requests[0].extensions["timeout"]["read"] == 3


@pytest.mark.anyio
async def test_a_tool_call_is_in_the_completion() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    llm, _ = scripted(east=answer(content=None, tool_calls=[call]))
    response = await llm.get_answer(HELLO)
    assert (response.content, response.usage) == ("", None)
    assert response.completion.message.tool_calls[0].function.name == "f"


@pytest.mark.anyio
async def test_nothing_of_an_llm_shows_a_key(caplog: pytest.LogCaptureFixture) -> None:
    """Promise 6."""
    down = httpx.Response(503, text="echo of key-east")
    llm, script = scripted(east=down, west=down, north=down)
    with caplog.at_level(logging.DEBUG), pytest.raises(AllEndpointsFailed) as caught:
        await llm.get_answer(HELLO, create_context())
    script.answers["east"] = answer(content="Hi")
    response = await llm.get_answer(HELLO)
    cause = caught.value.__cause__
    shown = f"{llm!r} {vars(llm)} {response!r} {response.completion} {caught.value} {cause!r}"
    assert "key-east" not in shown + caplog.text
    assert script.requests[-1].headers["api-key"] == "key-east"


@pytest.mark.anyio
async def test_any_connector_serves_an_llm() -> None:
    script = Script(east=answer(content="Hi"))
    async with AzureConnector(CONFIG, transport=httpx.MockTransport(script)) as connector:
        llm = AzureLLM("azure-gpt-4o", connector)
        assert (await llm.get_answer("Hi")).content == "Hi"
