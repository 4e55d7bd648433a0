"""The deployment's name in a JSON body: renamed where it stands, and not another byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from core_strategies import DEPLOYMENTS
from hypothesis import example, given, settings, strategies as st

from azure_failover.core.body import rename_model

QUICK = settings(max_examples=150, deadline=None)

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Pairs: TypeAlias = list[tuple[str, Any]]
Piece: TypeAlias = tuple[bytes, str | None]
"""Some bytes of a body, and the deployment if they are the value of a top-level ``model``."""

MODELS = st.sampled_from(("gpt", "big", "a/b", "größe", '"', "\\u0061", "\U0001f600"))
MAPS = st.dictionaries(MODELS, DEPLOYMENTS, min_size=1, max_size=4)
KEYS = st.sampled_from(("model", "Model", "models", "mode", "", "messages", '"model"')) | st.text(
    max_size=5
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS | MODELS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS: st.SearchStrategy[Pairs] = st.lists(
    st.tuples(st.just("model"), MODELS) | st.tuples(KEYS, VALUES), max_size=5
)
"""Top levels: ``model`` anywhere, more than once, of any type, and further down."""


def as_text(value: str, choose: Callable[[int], int]) -> str:
    """Write a JSON string, each character plain or escaped in one of its ways."""
    written: list[str] = []
    for character in value:
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        escaped = "".join(
            f"\\u{unit:04{'xX'[choose(2)]}}"
            for unit in memoryview(character.encode("utf-16-le", "surrogatepass")).cast("H")
        )
        is_lone = "\ud800" <= character <= "\udfff"
        written.append(escaped if is_lone or choose(4) == 0 else plain)
    return f'"{"".join(written)}"'


def as_json(value: Json, choose: Callable[[int], int]) -> str:
    """Write any value with white space and escapes of all kinds."""
    white = ("", "", " ", "\n\t", "\r\n ")[choose(5)]
    if isinstance(value, str):
        return as_text(value, choose)
    if isinstance(value, list):
        return f"[{white}{f'{white},'.join(as_json(item, choose) for item in value)}]"
    if isinstance(value, dict):
        inside = ",".join(
            f"{white}{as_text(key, choose)}{white}:{as_json(item, choose)}"
            for key, item in value.items()
        )
        return f"{{{inside}{white}}}"
    return json.dumps(value)


@st.composite
def bodies(draw: st.DrawFn) -> list[Piece]:
    """Draw a body in pieces, so that a test knows where the deployments stand."""
    random = draw(st.randoms(use_true_random=False))

    def choose(count: int) -> int:
        return random.randrange(count)

    def white() -> bytes:
        return (b"", b"", b" ", b"\n  ", b"\t", b"\r\n")[choose(6)]

    pieces: list[Piece] = [(white() + b"{" + white(), None)]
    for number, (key, value) in enumerate(draw(OBJECTS)):
        lead = b"" if number == 0 else b"," + white()
        name = as_text(key, choose).encode()
        pieces.append((lead + name + white() + b":" + white(), None))
        is_model = key == "model" and isinstance(value, str)
        pieces.append((as_json(value, choose).encode(), value if is_model else None))
        pieces.append((white(), None))
    return [*pieces, (b"}" + white(), None)]


def joined(pieces: list[Piece]) -> bytes:
    return b"".join(text for text, _ in pieces)


@settings(max_examples=250, deadline=None)
@given(bodies(), MAPS)
def test_only_mapped_top_level_models_change(pieces: list[Piece], names: dict[str, str]) -> None:
    """Promise 7: each top-level ``model`` that is mapped is renamed; every other byte stays."""
    expected = b"".join(
        json.dumps(names[model]).encode() if model is not None and model in names else text
        for text, model in pieces
    )
    assert rename_model(joined(pieces), names) == expected


@QUICK
@given(OBJECTS, MAPS)
def test_a_renamed_body_says_the_same_but_for_the_model(
    pairs: Pairs, names: dict[str, str]
) -> None:
    """Promise 7, as a JSON parser sees it."""
    data = dict(pairs)
    body = json.dumps(data).encode()
    model = data.get("model")
    expected = (
        {**data, "model": names[model]} if isinstance(model, str) and model in names else data
    )
    assert json.loads(rename_model(body, names)) == expected


@QUICK
@given(OBJECTS, MAPS)
def test_a_rename_and_its_inverse_cancel_out(pairs: Pairs, names: dict[str, str]) -> None:
    """Promise 7: a body that moves to another endpoint and back is the body that was sent."""
    back = {there: here for here, there in names.items()}
    if len(back) < len(names) or {*back} - {*names} & {str(value) for _, value in pairs}:
        return
    body = json.dumps(dict(pairs)).encode()
    assert rename_model(rename_model(body, names), back) == body


@QUICK
@given(bodies(), MAPS)
def test_a_body_that_was_cut_off_comes_back_as_it_was(
    pieces: list[Piece], names: dict[str, str]
) -> None:
    """What is no JSON object is never touched: each beginning of a body is none."""
    body = joined(pieces).rstrip()
    for end in range(0, len(body), max(1, len(body) // 20)):
        assert rename_model(body[:end], names) == body[:end]


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=60)
    | st.binary(max_size=20).map(lambda noise: b'{"model":"gpt"' + noise)
    | st.binary(max_size=20).map(lambda noise: b'{"model' + noise + b'":"gpt"}')
    | st.text('{}[]":,model\\u gpt\n', max_size=30).map(lambda text: f'{{"model":{text}'.encode())
)
@example(b'{"model":"gpt"} {"model":"gpt"}')
def test_bytes_of_any_kind_are_taken_without_an_error(body: bytes) -> None:
    """A body is the caller's affair: whatever it is, it can be sent."""
    renamed = rename_model(body, {"gpt": "other"})
    assert renamed == body or b'"other"' in renamed
    assert rename_model(body, {}) is body


@QUICK
@given(SCALARS | st.lists(VALUES, max_size=3), MAPS)
def test_json_that_is_no_object_comes_back_as_it_was(
    value: Any,
    names: dict[str, str],
) -> None:
    """Only an object has a ``model``."""
    body = json.dumps(value).encode()
    assert rename_model(body, names) == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"model",
        b'"model"',
        b'["model", "gpt"]',
        b'{"model" "gpt"}',
        b'{"model": }',
        b'{"model": "gpt"',
        b'{"model": "gpt",}',
        b'{"model": "gpt"} x',
        b'{"model": "gpt" "x": 1}',
        b'{"x": [1, "model": "gpt"}',
        b'{"x": {"a": "b}, "model": "gpt"}',
        b"{model: 'gpt'}",
        b'\xef\xbb\xbf{"model": "gpt"}',
        '{"model": "gpt"}'.encode("utf-16"),
    ],
)
def test_what_is_not_json_comes_back_as_it_was(body: bytes) -> None:
    assert rename_model(body, {"gpt": "other"}) is body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"gpt"}', b'{"model":"other"}'),
        (b' {"a" : 1 , "model" : "gpt" } ', b' {"a" : 1 , "model" : "other" } '),
        (b'{"\\u006dodel":"g\\u0070t"}', b'{"\\u006dodel":"other"}'),
        (b'{"model":"gpt","model":"gpt"}', b'{"model":"other","model":"other"}'),
        (b'{"model":"new"}', b'{"model":"new"}'),
        (b'{"model":null,"x":"gpt"}', b'{"model":null,"x":"gpt"}'),
        (b'{"tool":{"model":"gpt"}}', b'{"tool":{"model":"gpt"}}'),
        (
            b'{"x":"\\"model\\":\\"gpt\\"","model":"b"}',
            b'{"x":"\\"model\\":\\"gpt\\"","model":"b"}',
        ),
        (b'{"model":"\\x"}', b'{"model":"\\x"}'),
        (b"{}", b"{}"),
        (b'{"x":"model"}', b'{"x":"model"}'),
    ],
)
def test_a_model_is_found_by_its_place(body: bytes, expected: bytes) -> None:
    """Promise 7: the text ``model`` elsewhere, nested or quoted, is no deployment."""
    assert rename_model(body, {"gpt": "other"}) == expected


def test_a_new_name_is_written_as_ascii() -> None:
    renamed = rename_model(b'{"model": "gpt"}', {"gpt": 'größe "1"'})
    assert renamed == b'{"model": "gr\\u00f6\\u00dfe \\"1\\""}'


@pytest.mark.parametrize(
    "inside",
    [b"[" * 50_000 + b"]" * 50_000, b'"' + b"\\\\" * 200_000 + b'"', b" " * 500_000 + b"1"],
)
def test_depth_and_length_do_not_matter(inside: bytes) -> None:
    """The walk takes linear time and no stack: a body may be an image or a deep schema."""
    body = b'{"x":' + inside + b',"model":"gpt"}'
    assert rename_model(body, {"gpt": "other"}) == body.replace(b'"gpt"', b'"other"')
