"""What binds a request to one resource: found where it counts, and nowhere else."""

from __future__ import annotations

import json
from typing import Any, Literal, cast

import pytest
from examples import examples
from hypothesis import example, given, settings, strategies as st

from azure_failover.core.pins import IdScanner, Marks, pin_marks, referenced_ids

Data = dict[str, Any]
Kind = Literal["responses", "chat"]

KEYS = st.sampled_from(
    (
        "previous_response_id",
        "conversation",
        "prompt",
        "input",
        "content",
        "output",
        "encrypted_content",
        "file",
        "file_id",
        "file_ids",
        "tools",
        "container",
        "vector_store_ids",
        "id",
        "type",
        "messages",
        "audio",
        "parameters",
    )
)
TEXTS = st.sampled_from(
    ("", "resp_1", "msg_1", "item_reference", "file-1", "auto", "größe", '"id":"x"')
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
REQUESTS = st.dictionaries(KEYS, VALUES, max_size=5)


def marks(data: object, kind: Kind = "responses") -> Marks | None:
    return pin_marks(json.dumps(data).encode(), kind)


def item(**fields: object) -> Data:
    return {"input": [{"role": "user", "content": "Hi"}, fields]}


def part(**fields: object) -> Data:
    return item(role="user", content=[{"type": "input_text", "text": "Hi"}, fields])


def tool(**fields: object) -> Data:
    return {"input": "Hi", "tools": [{"type": "function", "name": "f"}, fields]}


@pytest.mark.parametrize(
    ("request_", "ids", "what"),
    [
        ({"previous_response_id": "resp_1"}, ["resp_1"], "previous_response_id"),
        ({"conversation": "conv_1"}, ["conv_1"], "conversation"),
        ({"conversation": {"id": "conv_1"}}, ["conv_1"], "conversation"),
        ({"prompt": {"id": "pmpt_1", "version": "2"}}, ["pmpt_1"], "prompt"),
        (
            {"prompt": {"variables": {"a": "x", "b": {"type": "input_file", "file_id": "f"}}}},
            ["f"],
            "file_id",
        ),
        (item(type="item_reference", id="any"), ["any"], "item_reference"),
        (item(id="any"), ["any"], "item_reference"),
        (item(type=None, id="any"), ["any"], "item_reference"),
        (item(type="message", role="assistant", id="msg_1"), ["msg_1"], "id of an input item"),
        (item(role="assistant", id="msg_1"), ["msg_1"], "id of an input item"),
        (item(type="function_call", id="fc_1", call_id="c"), ["fc_1"], "id of an input item"),
        (
            item(type="reasoning", id="rs_1", encrypted_content="gAAA"),
            ["rs_1"],
            "id of an input item",
        ),
        (item(type="reasoning", encrypted_content="gAAA"), [], "encrypted_content"),
        (part(type="encrypted_content", encrypted_content="gAAA"), [], "encrypted_content"),
        (part(type="input_file", file_id="file-1"), ["file-1"], "file_id"),
        (part(type="input_image", file_id="file-1"), ["file-1"], "file_id"),
        (
            item(type="function_call_output", output=[{"type": "input_file", "file_id": "f"}]),
            ["f"],
            "file_id",
        ),
        (
            item(type="computer_call_output", output={"file_id": "f"}),
            ["f"],
            "file_id",
        ),
        (tool(type="file_search", vector_store_ids=["vs_1", "vs_2"]), ["vs_1", "vs_2"], None),
        (tool(type="code_interpreter", container="cntr_1"), ["cntr_1"], "container"),
        (
            tool(type="code_interpreter", container={"type": "auto", "file_ids": ["f"]}),
            ["f"],
            "file_ids",
        ),
        (
            tool(type="shell", environment={"type": "container_reference", "container_id": "c"}),
            ["c"],
            "container",
        ),
        (
            tool(type="shell", environment={"type": "container_auto", "file_ids": ["f"]}),
            ["f"],
            "file_ids",
        ),
        (tool(type="image_generation", input_image_mask={"file_id": "f"}), ["f"], "file_id"),
        (
            {
                **tool(type="file_search", vector_store_ids=["vs_1"]),
                **part(type="input_file", file_id="file-1"),
                "previous_response_id": "resp_1",
                "conversation": "resp_1",
            },
            ["resp_1", "file-1", "vs_1"],
            "previous_response_id",
        ),
    ],
)
def test_a_response_stays_where_its_state_is(
    request_: Data, ids: list[str], what: str | None
) -> None:
    """Promise 8: each kind of marker is found; the most specific one comes first."""
    assert marks(request_) == Marks(tuple(ids), what or "vector_store_ids")
    assert marks({"model": "gpt", **request_, "store": True}) == marks(request_)


@pytest.mark.parametrize(
    "request_",
    [
        {"input": "Hi"},
        {"previous_response_id": None, "conversation": None, "prompt": None},
        {"previous_response_id": "", "conversation": {"id": None}, "prompt": {"variables": None}},
        {"previous_response_id": 1, "input": {"id": "msg_1"}, "tools": "container"},
        {"input": "previous_response_id", "metadata": {"id": "msg_1", "file_id": "x"}},
        {"input": '{"previous_response_id": "resp_1"}'},
        item(type="reasoning", id="reasoning-1", encrypted_content=None),
        item(type="message", role="user", id="mine"),
        item(type="function_call_output", call_id="fc_1", output='{"file_id": "f"}'),
        item(type="item_reference", id=None),
        part(type="input_image", image_url="data:,", file_id=None),
        part(type="output_text", annotations=[{"type": "file_citation", "file_id": "f"}]),
        tool(type="code_interpreter", container={"type": "auto"}),
        tool(type="code_interpreter", container={"type": "auto", "file_ids": []}),
        tool(type="file_search", vector_store_ids=[]),
        tool(
            type="function",
            parameters={
                "properties": {"previous_response_id": {"default": "x"}, "id": {"const": "msg_1"}},
                "required": ["id", "file_id", "container"],
                "default": {"id": "msg_1", "container": "c", "file_ids": ["f"]},
            },
        ),
        [{"previous_response_id": "resp_1"}],
    ],
)
def test_words_elsewhere_bind_nothing(request_: object) -> None:
    """A schema, a text or metadata may use the words; null refers to nothing."""
    assert marks(request_) is None


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}],
            Marks(("file-1",), "file_id"),
        ),
        (
            [{"role": "user", "content": [{"type": "image_file", "file_id": "file-1"}]}],
            Marks(("file-1",), "file_id"),
        ),
        (
            [
                {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]},
                {"role": "assistant", "audio": {"id": "audio_1"}},
            ],
            Marks(("audio_1", "file-1"), "audio"),
        ),
        ([{"role": "assistant", "audio": None, "content": "file_id"}], None),
        ([{"role": "user", "content": [{"file": {"file_data": "x", "file_id": None}}]}], None),
        ([{"role": "assistant", "tool_calls": [{"id": "call_1"}]}], None),
    ],
)
def test_a_chat_stays_where_its_files_and_audio_are(
    messages: list[Data], expected: Marks | None
) -> None:
    """Promise 8 for chat completions; the wish for audio is no reference to any."""
    request = {"audio": {"voice": "alloy", "id": "x"}, "messages": messages}
    assert marks(request, "chat") == expected


@settings(max_examples=examples(100))
@given(REQUESTS, st.sampled_from(("responses", "chat")), st.randoms(use_true_random=False))
@example({"previous_response_id": "resp_1"}, "responses", None)
def test_how_a_body_is_written_does_not_matter(data: Data, kind: Kind, random: Any) -> None:
    """The search that comes first overlooks no marker, however its key is spelled."""
    plain = json.dumps(data).encode()
    for key in ("id", "file_id", "file_ids", "container", "audio", "conversation"):
        letter = random.choice(key) if random else key[0]
        spelled = key.replace(letter, f"\\u{ord(letter):04x}")
        body = plain.replace(f'"{key}"'.encode(), f'"{spelled}"'.encode())
        assert pin_marks(body, kind) == pin_marks(plain, kind)
    spaced = json.dumps(data, indent=1, separators=(" ,", " :\r\n"), ensure_ascii=False)
    assert pin_marks(spaced.encode(), kind) == pin_marks(plain, kind)
    assert pin_marks(spaced.encode("utf-8-sig"), kind) == pin_marks(plain, kind)
    # With a key that the search cannot overlook, the body is read for certain.
    certain: Data = {**data, "\\": [{"audio": {}, "file_id": "x"}]}
    assert marks(certain, kind) == pin_marks(plain, kind)


def test_a_key_may_be_spelled_with_escapes() -> None:
    body = b'{"previous\\u005Fresponse\\u005fid": "resp_1"}'
    assert pin_marks(body, "responses") == Marks(("resp_1",), "previous_response_id")
    assert pin_marks(b'{"\\u0066ile_id": "x"}', "chat") is None


@settings(max_examples=examples(100))
@given(
    st.binary(max_size=60)
    | st.text('{}[]":,id\\u0 "id":"msg_1"', max_size=40).map(str.encode)
    | VALUES.map(lambda value: json.dumps(value).encode()[:-1])
)
@example(b'{"id": "' + b"[" * 100_000)
@example(b'{"id": "x", "input": ' + b"[" * 100_000)
@example(b'{"id": "\xff"}')
def test_what_is_not_json_binds_nothing(body: bytes) -> None:
    """A body is the caller's affair: whatever it is, it can be sent."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        assert pin_marks(body, "responses") is None
        assert pin_marks(body, "chat") is None
        assert referenced_ids(body) == ()


def test_numbers_of_any_length_are_passed_over() -> None:
    body = b'{"previous_response_id": "resp_1", "x": ' + b"9" * 5000 + b"}"
    assert pin_marks(body, "responses") == Marks(("resp_1",), "previous_response_id")
    assert referenced_ids(body) == ("resp_1",)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"input_file_id": "f", "endpoint": "/v1/chat/completions"}', ("f",)),
        (b'{"file_ids": ["a", ["b"], 1, {"id": "c", "x": "d"}], "name": "e"}', ("a", "b", "c")),
        (b'{"training_file": "a", "x": [{"thread": {"id": "b"}}], "id": "c"}', ("a", "b", "c")),
        (b'{"assistant_id": {"value": "x"}, "valid": "y", "paid": "z"}', ()),
        (b'{"items": [], "metadata": {"user_id": "u", "x": [{"id": "y"}]}, "id": ""}', ()),
        (b'["a_id"]', ()),
        (b'"id"', ()),
        (b"--B\r\n", ()),
        (b"", ()),
        (b"[" * 100_000, ()),
    ],
)
def test_ids_are_collected_from_requests_to_routes_with_state(
    body: bytes, expected: tuple[str, ...]
) -> None:
    """Promise 8: an id whose endpoint is known tells where the request has to go."""
    assert referenced_ids(body) == expected


IDS = st.sampled_from(("resp_1", "a b", "größe", "", "x" * 256, "x" * 257))
ANSWERS = st.recursive(
    st.none() | st.integers() | IDS | st.sampled_from(('"id":"x"', '\\"id": "x"', "\\", "\\id")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("id", "item_id", '"id', "\\")), inner, max_size=3)
        | st.fixed_dictionaries({"id": IDS, "x": inner})
    ),
    max_leaves=10,
)


def ids_of(value: object) -> list[str]:
    """Give what the scanner has to find, from the parsed answer."""
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [found for inner in items for found in ids_of(inner)]
    if not isinstance(value, dict):
        return []
    found: list[str] = []
    for key, inner in cast("dict[str, object]", value).items():
        if key == "id" and isinstance(inner, str) and 1 <= len(inner.encode()) <= 256:
            found += [] if '"' in inner or "\\" in inner else [inner]
        else:
            found += ids_of(inner)
    return found


@settings(max_examples=examples(100))
@given(
    st.lists(ANSWERS, min_size=1, max_size=3),
    st.sampled_from((None, 1)),
    st.lists(st.integers(0, 2000), max_size=8),
)
def test_ids_are_learned_from_an_answer_however_it_is_split(
    events: list[Any], indent: int | None, cuts: list[int]
) -> None:
    """A scanner finds what a parser finds, in events of any kind and chunks of any size."""
    body = b"".join(
        b"data: " + json.dumps(event, indent=indent, ensure_ascii=False).encode() + b"\n\n"
        for event in events
    )
    expected = [found for event in events for found in ids_of(event)]
    scanner, found, start = IdScanner(), list[str](), 0
    for end in (*sorted(cuts), len(body)):
        found += scanner.feed(body[start:end])
        start = max(start, end)
    assert found == expected
    scanner = IdScanner()
    assert [one for byte in body for one in scanner.feed(bytes((byte,)))] == expected


@settings(max_examples=examples(100))
@given(
    st.lists(
        st.sampled_from((b'"id"', b'"', b"\\", b":", b" ", b" " * 15, b"x", b"x" * 250, b'"id":"'))
        | st.binary(max_size=3),
        max_size=40,
    ),
    st.integers(0, 10_000),
)
def test_bytes_that_are_no_json_give_the_same_however_they_are_split(
    pieces: list[bytes], cut: int
) -> None:
    body = b"".join(pieces)
    whole, halves, single = IdScanner(), IdScanner(), IdScanner()
    expected = whole.feed(body)
    assert halves.feed(body[:cut]) + halves.feed(body[cut:]) == expected
    assert [one for byte in body for one in single.feed(bytes((byte,)))] == expected


def test_a_scanner_keeps_little() -> None:
    """However long the answer, less than 1 kB of it is kept."""
    scanner = IdScanner()
    for chunk in (b'"id":"' + b"x" * 5000, b'"id"' + b" " * 5000, b'{"id":"a"}' * 500, b"x" * 5000):
        scanner.feed(chunk)
        assert sum(map(len, vars(scanner).values())) < 1000
