"""The deployment's name in a body: renamed where it stands, and not another byte."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, quote, quote_plus

import pytest
from core_strategies import DEPLOYMENTS
from examples import examples
from hypothesis import example, given, settings, strategies as st

from azure_failover.core.body import named_model, rename_deployment

QUICK = settings(max_examples=examples(75))

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Pairs: TypeAlias = list[tuple[str, Any]]


class Piece(NamedTuple):
    """Some bytes of a body, and the deployment if they are the value of a ``model``."""

    text: bytes
    model: str | None = None
    in_session: bool = False


class Session(NamedTuple):
    """The members of a session, whose models a test wants to find."""

    pairs: Pairs


MODELS = st.sampled_from(("gpt", "big", "a/b", "größe", '"', "\\u0061", "\U0001f600"))
MAPS = st.dictionaries(MODELS, DEPLOYMENTS, min_size=1, max_size=4)
KEYS = st.sampled_from(
    ("model", "Model", "models", "mode", "", "messages", '"model"', "\\model", "session", "\\")
) | st.text(max_size=5)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS | MODELS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.tuples(st.just("model"), MODELS) | st.tuples(KEYS, VALUES)
OBJECTS: st.SearchStrategy[Pairs] = st.lists(MEMBERS, max_size=5)
"""Top levels: ``model`` anywhere, more than once, of any type, and further down."""
FILLERS = (
    b'"filler":"' + b"model: " * 10_000 + b'"',
    b'"\\u006dodels":[' + b"{}, " * 20_000 + b"0]",
)
"""Members that make a body too large to be checked as a whole."""


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
def bodies(draw: st.DrawFn, *, is_large: bool = False) -> list[Piece]:
    """Draw a body in pieces, so that a test knows where the deployments stand."""
    random = draw(st.randoms(use_true_random=True))  # one draw instead of one for each character

    def choose(count: int) -> int:
        return random.randrange(count)

    def white() -> bytes:
        return (b"", b"", b" ", b"\n  ", b"\t", b"\r\n")[choose(6)]

    def written(pairs: Pairs, fillers: dict[int, bytes], *, in_session: bool) -> list[Piece]:
        pieces = [Piece(b"{")]
        for number, (key, value) in enumerate((*pairs, ("end", 0))):
            lead = b"" if number == 0 else b","
            if number in fillers:
                pieces.append(Piece(lead + white() + fillers[number] + white()))
                lead = b","
            name = as_text(key, choose).encode()
            pieces.append(Piece(lead + white() + name + white() + b":" + white()))
            if isinstance(value, Session):
                pieces += written(value.pairs, {}, in_session=True)
            elif key == "model" and isinstance(value, str):
                pieces.append(Piece(as_json(value, choose).encode(), value, in_session))
            else:
                pieces.append(Piece(as_json(value, choose).encode()))
            pieces.append(Piece(white()))
        return [*pieces, Piece(b"}")]

    sessions = st.tuples(st.just("session"), OBJECTS.map(Session))
    pairs = draw(st.lists(MEMBERS | sessions, max_size=5))
    places = st.dictionaries(st.integers(0, len(pairs)), st.sampled_from(FILLERS), min_size=1)
    fillers = draw(places) if is_large else {}
    return [Piece(white()), *written(pairs, fillers, in_session=False), Piece(white())]


def joined(pieces: list[Piece]) -> bytes:
    return b"".join(piece.text for piece in pieces)


def renamed(pieces: list[Piece], names: dict[str, str], *, in_session: bool) -> bytes:
    return b"".join(
        json.dumps(names[piece.model]).encode()
        if piece.model is not None and piece.model in names and (in_session or not piece.in_session)
        else piece.text
        for piece in pieces
    )


@settings(max_examples=examples(100))
@given(bodies(), MAPS, st.booleans())
def test_only_mapped_models_change(
    pieces: list[Piece], names: dict[str, str], in_session: bool
) -> None:
    """Promise 7: each top-level ``model`` that is mapped is renamed; every other byte stays."""
    expected = renamed(pieces, names, in_session=in_session)
    assert rename_deployment(joined(pieces), names, in_session=in_session) == expected


@settings(max_examples=examples(100))
@given(bodies(is_large=True), MAPS, st.booleans())
def test_only_mapped_models_change_in_large_bodies(
    pieces: list[Piece], names: dict[str, str], in_session: bool
) -> None:
    """Promise 7 holds wherever the bulk stands: before, after, between, or on both sides."""
    expected = renamed(pieces, names, in_session=in_session)
    assert rename_deployment(joined(pieces), names, in_session=in_session) == expected


@QUICK
@given(OBJECTS, MAPS)
def test_a_renamed_body_says_the_same_but_for_the_model(
    pairs: Pairs, names: dict[str, str]
) -> None:
    """Promise 7, as a JSON parser sees it."""
    data = dict(pairs)
    model = data.get("model")
    expected = (
        {**data, "model": names[model]} if isinstance(model, str) and model in names else data
    )
    changed = rename_deployment(json.dumps(data).encode(), names)
    assert changed is not None
    assert json.loads(changed) == expected


@QUICK
@given(OBJECTS, MAPS)
def test_a_rename_and_its_inverse_cancel_out(pairs: Pairs, names: dict[str, str]) -> None:
    """Promise 7: a body that moves to another endpoint and back is the body that was sent."""
    back = {there: here for here, there in names.items()}
    if len(back) < len(names) or {*back} - {*names} & {str(value) for _, value in pairs}:
        return
    body = json.dumps(dict(pairs)).encode()
    assert rename_deployment(rename_deployment(body, names) or b"", back) == body


@QUICK
@given(bodies(), MAPS)
def test_a_body_that_needs_no_new_name_is_not_copied(
    pieces: list[Piece], names: dict[str, str]
) -> None:
    """The same object tells the caller that the content's length is the old one."""
    body = joined(pieces)
    if renamed(pieces, names, in_session=False) == body and not {*names} & {*names.values()}:
        assert rename_deployment(body, names) is body
    assert rename_deployment(body, {}) is body


@QUICK
@given(bodies(), MAPS)
def test_a_body_that_was_cut_off_cannot_be_read(pieces: list[Piece], names: dict[str, str]) -> None:
    """Each beginning of a body is no JSON; what has come of it may name a deployment or not."""
    body = joined(pieces).rstrip()
    for end in range(0, len(body), max(1, len(body) // 20)):
        part = body[:end]
        may_name = b"model" in part or b"\\u006" in part
        assert rename_deployment(part, names) is (None if may_name else part)


@settings(max_examples=examples(100))
@given(
    st.binary(max_size=60)
    | st.binary(max_size=20).map(lambda noise: b'{"model":"gpt"' + noise)
    | st.binary(max_size=20).map(lambda noise: b'{"model' + noise + b'":"gpt"}')
    | st.text('{}[]":,model\\u gpt\n', max_size=30).map(lambda text: f'{{"model":{text}'.encode()),
    st.sampled_from((b"", *FILLERS)),
    st.booleans(),
    st.sampled_from(
        ("", "application/json", "multipart/form-data; boundary=x", "multipart/form-data")
    ),
)
@example(noise=b'{"model":"gpt"} {"model":"gpt"}', filler=b"", is_before=False, content_type="")
def test_bytes_of_any_kind_are_taken_without_an_error(
    noise: bytes, filler: bytes, is_before: bool, content_type: str
) -> None:
    """A body is the caller's affair: whatever it is, it can be sent."""
    body = filler + noise if is_before else noise + filler
    for whole in (body, b"{" + body + b"}", b"[" + body + b"]"):
        for in_session in (False, True):
            changed = rename_deployment(
                whole, {"gpt": "other"}, content_type=content_type, in_session=in_session
            )
            assert changed is None or changed is whole or b'"other"' in changed


@QUICK
@given(SCALARS | st.lists(VALUES, max_size=3), MAPS)
def test_json_that_is_no_object_comes_back_as_it_was(value: Any, names: dict[str, str]) -> None:
    """Only an object has a ``model``."""
    body = json.dumps(value).encode()
    assert rename_deployment(body, names) is body


@pytest.mark.parametrize(
    "body",
    [
        b"model",
        b'{"model" "gpt"}',
        b'{"model": }',
        b'{"model": "gpt"',
        b'{"model": "gpt",}',
        b'{"model": "gpt"} x',
        b'{"model": "gpt" "x": 1}',
        b'{"model":"gpt","x":[}}',
        b'{"x": [1, "model": "gpt"}',
        b'{"x": {"a": "b}, "model": "gpt"}',
        b"{model: 'gpt'}",
        b'{"model": "\\x"}',
        b'{"model": "gpt", "x": "\xff"}',
        b'\xef\xbb\xbf{"model": "gpt"}',
        '{"model": "gpt"}'.encode("utf-16"),
        '{"model": "gpt"}'.encode("utf-16-le"),
        '{"model": "gpt"}'.encode("utf-32-be"),
        b"\x00model\x01",
    ],
)
@pytest.mark.parametrize("content_type", ["", "application/json; charset=utf-8", "text/plain"])
def test_what_may_name_a_deployment_unseen_is_told_apart(body: bytes, content_type: str) -> None:
    """Promise 7: such a body may only go where the deployment has the same name."""
    assert rename_deployment(body, {"gpt": "other"}, content_type=content_type) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b'"model"',
        b'["model", "gpt"]',
        b"{",
        b"x=1",
        b"\x00\x01\x02",
        b'\xef\xbb\xbf{"x": "gpt"}',
        '{"x": "gpt"}'.encode("utf-16"),
        b'{"x": "gr\\u00f6sse"',
    ],
)
def test_what_names_no_deployment_comes_back_whatever_it_is(body: bytes) -> None:
    assert rename_deployment(body, {"gpt": "other"}) is body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"gpt"}', b'{"model":"other"}'),
        (b' {"a" : 1 , "model" : "gpt" } ', b' {"a" : 1 , "model" : "other" } '),
        (b'{"\\u006dodel":"g\\u0070t"}', b'{"\\u006dodel":"other"}'),
        (b'{"\\u006D\\u006f\\u0064\\u0065\\u006C":"gpt"}', None),
        (b'{"model":"gpt","model":"gpt"}', b'{"model":"other","model":"other"}'),
        (b'{"x":"\\"model\\":\\"gpt\\"","model":"b"}', b""),
        (b'{"x\\"model":"gpt","\\\\model":"gpt"}', b""),
        (b'{"model":"new"}', b""),
        (b'{"model":null,"x":"gpt"}', b""),
        (b'{"tool":{"model":"gpt"}}', b""),
        (b'{"session":{"model":"gpt"}}', b""),
        (b'{"x":"model"}', b""),
        (b'[{"model":"gpt"}]', b""),
        (b'{"model":"gpt","x":' + b"9" * 5000 + b"}", None),
        (b'{"model":"gpt","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}", None),
    ],
)
def test_a_model_is_found_by_its_place(body: bytes, expected: bytes | None) -> None:
    """Promise 7: the text ``model`` elsewhere, nested or quoted, is no deployment."""
    if expected is None:
        expected = body.replace(b'"gpt"', b'"other"')
    assert rename_deployment(body, {"gpt": "other"}) == (expected or body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"session":{"model":"gpt"}}', b'{"session":{"model":"other"}}'),
        (b'{"model":"gpt","session":{}}', b'{"model":"other","session":{}}'),
        (
            b'{"session":{"x":{"model":"gpt"},"model":"gpt"},"s\\u0065ssion":{"model":"gpt"}}',
            b'{"session":{"x":{"model":"gpt"},"model":"other"},"s\\u0065ssion":{"model":"other"}}',
        ),
        (b'{"session":[{"model":"gpt"}]}', b'{"session":[{"model":"gpt"}]}'),
        (b'{"x":{"session":{"model":"gpt"}}}', b'{"x":{"session":{"model":"gpt"}}}'),
        (
            b'{"session":{"session":{"model":"gpt"}}}',
            b'{"session":{"session":{"model":"gpt"}}}',
        ),
    ],
)
def test_a_session_names_a_deployment_too(body: bytes, expected: bytes) -> None:
    """Realtime client secrets are made for a session, whose model is the deployment."""
    assert rename_deployment(body, {"gpt": "other"}, in_session=True) == expected


def test_a_new_name_is_written_as_ascii() -> None:
    changed = rename_deployment(b'{"model": "gpt"}', {"gpt": 'größe "1"'})
    assert changed == b'{"model": "gr\\u00f6\\u00dfe \\"1\\""}'


@pytest.mark.parametrize(
    "inside",
    [
        b"[" * 50_000 + b"]" * 50_000,
        b'"' + b"\\\\" * 200_000 + b'"',
        b'"' + b'\\"model\\":' * 50_000 + b'"',
        b" " * 500_000 + b"1",
        b"[" + b'{"model":"nested"},' * 20_000 + b"1]",
        b'{"model":' * 20_000 + b"1" + b"}" * 20_000,
    ],
)
def test_depth_and_length_do_not_matter(inside: bytes) -> None:
    """The walk takes linear time and no stack: a body may be an image or a deep schema."""
    for form in (
        b'{"x":%s,"model":"gpt"}',
        b'{"model":"gpt","x":%s}',
        b'{"x":%s,"model":"gpt","y":%s}',
        b'{"x":%s,"y":%s,"model":"gpt"}',
        b'{"model":"gpt","x":%s,"model":"gpt","y":1,"model":"gpt"}',
    ):
        body = form.replace(b"%s", inside)
        assert rename_deployment(body, {"gpt": "other"}) == body.replace(b'"gpt"', b'"other"')


@pytest.mark.parametrize(
    "body",
    [
        b'"model %s"',
        b'{"x":"%s","model":"gpt"',
        b'{"x":"%s","model":"gpt","y":[}}',
        b'{"x":"%s","model":"gpt","y":[}',
        b'{"x":"%s","model":"gpt","y":"}',
        b'{"x":"%s","model":"gpt}',
        b'{"x":"%s","model":"\\x"}',
        b'{"x":["y"},"model":"gpt","z":"%s"}',
        b'{"x":"y"]},"model":"gpt","z":"%s"}',
        b'{"x":"y,"model":"gpt","z":"%s"}',
        b'{"x":1}{"model":"gpt","z":"%s"}',
        b'{"model":"%s}',
        b'{"model":"%s',
    ],
)
def test_a_large_body_is_refused_where_it_is_seen_to_be_broken(body: bytes) -> None:
    """What lies between the key and the nearer end of the body is walked, and fits or not."""
    body = body.replace(b"%s", b"word " * 20_000)
    assert rename_deployment(body, {"gpt": "other"}) is None


def test_a_large_body_is_not_parsed() -> None:
    """One key costs no more memory than the new body does."""
    message = {"role": "user", "content": "word", "model": "gpt"}
    body = json.dumps({"messages": [message] * 50_000, "model": "gpt"}).encode()
    tracemalloc.start()
    changed = rename_deployment(body, {"gpt": "other"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert changed == body[:-5] + b'other"}'
    assert peak < 1.5 * len(body)


def test_a_large_session_that_is_not_closed_cannot_be_read() -> None:
    body = b'{"model":"gpt","session":{"x":"' + b"word " * 20_000 + b'"]}'
    assert rename_deployment(body, {"gpt": "other"}, in_session=True) is None


FORM_TYPES = st.sampled_from(
    (
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded ; charset=UTF-8",
    )
)


def every_byte(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


ESCAPES: tuple[Callable[[str], str], ...] = (quote, quote_plus, every_byte)


@st.composite
def queries(draw: st.DrawFn) -> list[tuple[str, str, bytes]]:
    """Draw parameters with their texts, escaped more or less."""

    def escaped(text: str) -> str:
        return draw(st.sampled_from(ESCAPES))(text)

    pairs = draw(st.lists(st.tuples(KEYS | st.just("model"), MODELS | st.text(max_size=4))))
    clean = [(key, value) for key, value in pairs if (key + value).isprintable()]
    return [(key, value, f"{escaped(key)}={escaped(value)}".encode()) for key, value in clean]


@QUICK
@given(queries(), MAPS, FORM_TYPES)
def test_a_urlencoded_model_is_renamed(
    pairs: list[tuple[str, str, bytes]], names: dict[str, str], content_type: str
) -> None:
    """Promise 7, as a parser of forms sees it; other pairs stay byte for byte."""
    expected = [
        text.partition(b"=")[0] + b"=" + quote_plus(names[value]).encode()
        if key == "model" and value in names
        else text
        for key, value, text in pairs
    ]
    body = b"&".join(text for _, _, text in pairs)
    changed = rename_deployment(body, names, content_type=content_type)
    assert changed is not None
    assert changed == b"&".join(expected)
    assert parse_qsl(changed.decode(), keep_blank_values=True) == [
        (key, names.get(value, value) if key == "model" else value) for key, value, _ in pairs
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"model=gpt&x=1", b"model=other&x=1"),
        (b"&&x&model&model=gpt&model=g%70t&", b"&&x&model&model=other&model=other&"),
        (b"m%6fdel=gpt", b"m%6fdel=other"),
        (b"model=%ff", None),
        (b"x=%ff", b"x=%ff"),
    ],
)
def test_odd_queries_are_read_leniently(body: bytes, expected: bytes | None) -> None:
    kind = "application/x-www-form-urlencoded"
    assert rename_deployment(body, {"gpt": "other"}, content_type=kind) == expected


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"model": "gpt", "messages": []}', "gpt"),
        (b'{"messages": ["' + b"x" * 5000 + b'"], "model" : "gpt"}', "gpt"),
        (b'{"pad": "' + b"x" * 5000 + b'", "model": "gpt", "pad": "' + b"x" * 5000 + b'"}', ""),
        ('{"model": "größe"}'.encode(), "größe"),
        (b'{"model": "\xff"}', "\ufffd"),
        (b'{"model": ""}', ""),
        (b'{"model": 7}', ""),
        (b"", ""),
    ],
)
def test_the_model_is_guessed_from_the_ends_of_a_body(body: bytes, model: str) -> None:
    """It only tells kinds of requests apart: what is not seen at a glance is not looked for."""
    assert named_model(body) == model
