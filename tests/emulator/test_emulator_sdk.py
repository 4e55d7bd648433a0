"""The openai SDK, where it is installed, reads the emulator's answers as its own types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from azure_failover.emulator import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "gpt-4.1-mini"


@pytest.fixture(scope="module", params=["dated", "v1"])
def sdk(request: pytest.FixtureRequest) -> Iterator[Any]:
    openai: Any = pytest.importorskip("openai")
    with Fleet(["eastus"]) as fleet:
        (east,) = fleet
        common = {"api_key": east.api_key, "max_retries": 0}
        if request.param == "v1":
            client = openai.OpenAI(base_url=f"{east.endpoint}/openai/v1/", **common)
        else:
            client = openai.AzureOpenAI(
                azure_endpoint=east.endpoint, api_version="2025-04-01-preview", **common
            )
        with client:
            yield client


def test_a_response_is_parsed_plain_and_streamed(sdk: Any) -> None:
    asked = {"model": MODEL, "input": "hey", "include": ["reasoning.encrypted_content"]}
    made = sdk.responses.create(**asked)
    assert made.output_text == "eastus: hey"
    assert [item.type for item in made.output] == ["reasoning", "message"]
    assert sdk.responses.retrieve(made.id).output_text == "eastus: hey"
    with sdk.responses.stream(**asked) as stream:
        assert stream.get_final_response().output_text == "eastus: hey"


def test_streams_of_every_kind_are_parsed(sdk: Any) -> None:
    made = sdk.completions.create(model=MODEL, prompt="hey", stream=True)
    assert "".join(part.choices[0].text for part in made if part.choices) == "eastus: hey"
    messages = [{"role": "user", "content": "call look"}]
    tools: Any = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
    with sdk.chat.completions.stream(model=MODEL, messages=messages, tools=tools) as stream:
        (choice,) = stream.get_final_completion().choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls[0].function.name == "look"
    assert '"said": "call look"' in choice.message.tool_calls[0].function.arguments
    flat: Any = {"type": "function", "name": "look", "parameters": {}, "strict": False}
    with sdk.responses.stream(model=MODEL, input="call look", tools=[flat]) as stream:
        (item,) = stream.get_final_response().output
    assert (item.type, item.name) == ("function_call", "look")
    assert '"said": "call look"' in item.arguments


def test_a_refusal_is_raised_with_its_code(sdk: Any) -> None:
    refusal: Any = pytest.importorskip("openai").BadRequestError
    with pytest.raises(refusal) as caught:
        sdk.responses.create(model=MODEL, input="hey", previous_response_id="resp_0")
    assert caught.value.code == "previous_response_not_found"


def test_forms_and_files_are_parsed(sdk: Any) -> None:
    sound = ("a.mp3", b"\x00")
    assert sdk.audio.transcriptions.create(model=MODEL, file=sound).text == "eastus: a.mp3"
    assert sdk.images.generate(model=MODEL, prompt="p").data[0].b64_json
    file = sdk.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    assert sdk.files.retrieve(file.id) == file
    assert sdk.files.content(file.id).read() == b"{}"
    assert [listed.id for listed in sdk.files.list()] == [file.id]
    embedded = sdk.embeddings.create(model="text-embedding-3-small", input="x")
    assert len(embedded.data[0].embedding) == 1536
