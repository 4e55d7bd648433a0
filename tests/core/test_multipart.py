"""The deployment's name in a form: the field is rewritten, files and framing stay."""

from __future__ import annotations

import json
import re
import string
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import NamedTuple

import attrs
import httpx
import pytest
from core_strategies import DEPLOYMENTS
from examples import examples
from hypothesis import assume, given, settings, strategies as st

from azure_failover.core.body import rename_deployment

NAMES = {"gpt": "other", "größe": "größer", "a b": "c"}
TYPE = "multipart/form-data; boundary=B"
BOUNDARIES = st.text(
    string.ascii_letters + string.digits + "'()+_,-./:=? ", min_size=1, max_size=70
).filter(lambda text: not text.endswith(" "))
"""Boundaries as RFC 2046 allows them."""


class Value(NamedTuple):
    """The value of a form field, and whether the field is called ``model``."""

    text: bytes
    is_model: bool


class Framing(NamedTuple):
    """All that stands between values."""

    text: bytes


def cased(word: str) -> st.SearchStrategy[str]:
    return st.sampled_from((word, word.lower(), word.upper()))


@st.composite
def contents(draw: st.DrawFn, boundary: bytes) -> bytes:
    """Draw what a file may hold: bytes, and what looks like the form's own framing."""
    tricks = (
        b"--" + boundary,
        b"\r\n--" + boundary,
        b"\r\n--" + boundary + b"X\r\n",
        b"\r\n--" + boundary + b"-\r\n",
        b"x--" + boundary + b"\r\n",
        b"x--" + boundary + b"--\r\n",
        b"\r\n",
        b"\r",
        b"--",
        b"\r\n\r\n",
        b'Content-Disposition: form-data; name="model"\r\n\r\ngpt',
        b"gpt",
        b"model",
    )
    content = b"".join(draw(st.lists(st.sampled_from(tricks) | st.binary(max_size=8), max_size=6)))
    line = rb"[\r\n]--" + re.escape(boundary) + rb"(--)?[ \t]*[\r\n]"
    assume(re.search(line, b"\r\n" + content + b"\r\n") is None)
    return content


@st.composite
def headers(draw: st.DrawFn, *, name: str, filename: str | None) -> bytes:
    """Draw a part's headers: in any order and case, with parameters of any form, folded or not."""
    gap = st.sampled_from(("", " ", "\r\n ", "\r\n\t"))
    forms = [f'="{name}"', f' = "{name}"', *([f"={name}"] if name.isalnum() else [])]
    given_parameters = [draw(cased("name")) + draw(st.sampled_from(forms))]
    if filename is not None:
        given_parameters.append(f'{draw(cased("filename"))}="{filename}"')
        given_parameters += draw(st.sampled_from(([], ["filename*=UTF-8''model"])))
    given_parameters += draw(st.sampled_from(([], ["x=1"], ['x="; name=model; filename=\\"y"'])))
    listed = "".join(f";{draw(gap)}{text}" for text in draw(st.permutations(given_parameters)))
    lines = [f"{draw(cased('Content-Disposition'))}:{draw(gap)}{draw(cased('form-data'))}{listed}"]
    lines += draw(st.sampled_from(([], ["Content-Type: text/plain"], ["X-Trick: name=model; a"])))
    lines += draw(st.sampled_from(([], ["Content-Transfer-Encoding: 8bit"])))
    return "\r\n".join(draw(st.permutations(lines))).encode() + b"\r\n\r\n"


@st.composite
def forms(draw: st.DrawFn) -> tuple[str, list[Value | Framing]]:
    """Draw a content type and a body in pieces, so that a test knows where the values stand."""
    boundary = draw(BOUNDARIES)
    dashed = b"--" + boundary.encode()
    padding = st.sampled_from((b"", b" ", b"\t "))
    quoted = f'"{boundary}"'
    is_token = re.fullmatch(r"[^\s;]+", boundary)
    written = draw(st.sampled_from((quoted, boundary))) if is_token else quoted
    before = draw(st.sampled_from(("", "; charset=utf-8", '; x="; boundary=no"')))
    after = draw(st.sampled_from(("", "; charset=utf-8", " ; boundary=second")))
    kind = (
        f"{draw(cased('multipart/form-data'))}{before}; {draw(cased('boundary'))}={written}{after}"
    )
    pieces: list[Value | Framing] = []
    lead = draw(st.sampled_from((b"", b"\r\n", b"preamble\r\n", b"model\r\n\r\n")))
    for _ in range(draw(st.integers(1, 4))):
        pieces.append(Framing(lead + dashed + draw(padding) + b"\r\n"))
        name = draw(st.sampled_from(("model", "model", "file", "Model", "models", "")))
        is_file = draw(st.booleans())
        filename = draw(st.sampled_from(("model", "a; name=model", ""))) if is_file else None
        pieces.append(Framing(draw(headers(name=name, filename=filename))))
        known = st.sampled_from([text.encode() for text in NAMES]) | DEPLOYMENTS.map(str.encode)
        is_model = name == "model" and not is_file
        pieces.append(
            Value(draw(known if is_model else contents(boundary.encode()) | known), is_model)
        )
        lead = b"\r\n"
    tail = draw(st.sampled_from((b"", b"\r\n", b"\r\nepilogue", b"\r\n" + dashed + b"\r\nmodel")))
    pieces.append(Framing(lead + dashed + b"--" + draw(padding) + tail))
    return kind, pieces


def joined(pieces: list[Value | Framing]) -> bytes:
    return b"".join(piece.text for piece in pieces)


def renamed(pieces: list[Value | Framing]) -> bytes:
    return b"".join(
        NAMES.get(piece.text.decode(), piece.text.decode()).encode()
        if isinstance(piece, Value) and piece.is_model
        else piece.text
        for piece in pieces
    )


@attrs.frozen
class Part:
    """A part as the standard library's parser sees it."""

    name: object
    filename: object
    content: object


def parsed(kind: str, body: bytes) -> list[Part]:
    head = f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n".encode()
    message = BytesParser(policy=policy.compat32).parsebytes(head + body)
    assert message.is_multipart()
    return [
        Part(
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
        if not isinstance(part, str)
    ]


@settings(max_examples=examples(120))
@given(forms())
def test_only_the_field_model_changes(form: tuple[str, list[Value | Framing]]) -> None:
    """Promise 7: each form field ``model`` that is mapped is renamed; every other byte stays."""
    kind, pieces = form
    body = joined(pieces)
    changed = rename_deployment(body, NAMES, content_type=kind)
    assert changed == renamed(pieces)
    assert (changed is body) == (renamed(pieces) == body)


@settings(max_examples=examples(75))
@given(forms())
def test_a_renamed_form_says_the_same_but_for_the_model(
    form: tuple[str, list[Value | Framing]],
) -> None:
    """Promise 7, as the standard library's parser sees it."""
    kind, pieces = form
    values = [piece for piece in pieces if isinstance(piece, Value)]
    before = parsed(kind, joined(pieces))
    changed = rename_deployment(joined(pieces), NAMES, content_type=kind)
    assert changed is not None
    expected = [
        attrs.evolve(part, content=NAMES[value.text.decode()].encode())
        if value.is_model and value.text.decode() in NAMES
        else part
        for part, value in zip(before, values, strict=True)
    ]
    assert parsed(kind, changed) == expected


@settings(max_examples=examples(75))
@given(forms(), st.floats(0, 1))
def test_a_form_that_was_cut_off_cannot_be_read(
    form: tuple[str, list[Value | Framing]], share: float
) -> None:
    """Without its last delimiter a form is none, and may have named a deployment."""
    kind, pieces = form
    whole = joined(pieces[:-1])
    body = whole[: int(len(whole) * share)]
    assert rename_deployment(body, NAMES, content_type=kind) is (None if b"model" in body else body)


def test_httpx_forms_are_read() -> None:
    """A form as a client sends it: the file first, then the fields."""
    request = httpx.Request(
        "POST",
        "https://x.example",
        data={"model": "gpt", "language": "en"},
        files={"file": ("model.wav", b"\r\n--model" * 1000, "audio/wav")},
    )
    request.read()
    kind = request.headers["content-type"]
    changed = rename_deployment(request.content, NAMES, content_type=kind)
    assert changed == request.content.replace(b"\r\n\r\ngpt\r\n", b"\r\n\r\nother\r\n")
    assert changed != request.content


def test_forms_of_the_standard_library_are_read() -> None:
    message = EmailMessage(policy=policy.HTTP)
    message.add_header("Content-Type", "multipart/form-data", boundary="B")
    for name, value in (("model", b"gpt"), ("file", b"\0\xff")):
        part = EmailMessage(policy=policy.HTTP)
        part.set_content(value, "application", "octet-stream", cte="8bit")
        part.replace_header("Content-Type", "application/octet-stream")
        part.add_header("Content-Disposition", "form-data", name=name)
        message.attach(part)
    body = message.as_bytes().partition(b"\r\n\r\n")[2]
    changed = rename_deployment(body, NAMES, content_type=TYPE)
    assert changed == body.replace(b"gpt", b"other")
    assert changed != body


FIELD = b'Content-Disposition: form-data; name="model"\r\n\r\ngpt'


@pytest.mark.parametrize(
    "body",
    [
        b"model",
        b"--B\r\n" + FIELD,
        b"--B\r\n" + FIELD + b"\r\n--B",
        b"--B\r\n" + FIELD + b"\r\n--B\r\n",
        b"--B\r\n" + FIELD + b"\n--B--\n",
        b"--B\n" + FIELD + b"\r\n--B--\r\n",
        b"--B\r\nmodel\r\n--B--\r\n",
        b'--B\r\nContent-Disposition: form-data; name="model"\r\n--B--\r\n',
        b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n\xff\r\n--B--\r\n',
        b"--B\r\nContent-Transfer-Encoding: Base64\r\n" + FIELD + b"\r\n--B--\r\n",
        FIELD + b"\r\n--B--\r\n",
        b"--C\r\n" + FIELD + b"\r\n--C--\r\n",
        json.dumps({"model": "gpt"}).encode(),
    ],
)
def test_what_may_name_a_deployment_unseen_is_told_apart(body: bytes) -> None:
    """Promise 7: such a body may only go where the deployment has the same name."""
    assert rename_deployment(body, NAMES, content_type=TYPE) is None


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        'multipart/form-data; x="; boundary=B"',
        "multipart/form-data; boundary=日本",
        "multipart/form-data; boundary=C",
        "multipart/mixed; boundary=B",
    ],
)
def test_a_form_without_its_boundary_cannot_be_read(kind: str) -> None:
    assert rename_deployment(b"--B\r\n" + FIELD + b"\r\n--B--", NAMES, content_type=kind) is None
    assert rename_deployment(b"x", NAMES, content_type=kind) == b"x"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"--B\r\n" + FIELD + b"\r\n--B--", b"other"),
        (b"--B\r\n--B\r\n" + FIELD + b"\r\n--B--", b"other"),
        (b"--B\r\n\r\n--B\r\n" + FIELD + b"\r\n--B--", b"other"),
        (b"--B\r\n\r\nmodel\r\n--B\r\n" + FIELD + b"\r\n--B--", b"other"),
        (b"--B\r\nX: \xff\r\n" + FIELD + b"\r\n--B--", b"other"),
        (b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n--B--', b""),
        (b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n\r\n--B--', b""),
        (b'--B\r\nContent-Disposition: attachment; name="model"\r\n\r\ngpt\r\n--B--', b"gpt"),
        (b'--B\r\nContent-Disposition: form-data; x="model\r\n\r\ngpt\r\n--B--', b"gpt"),
        (b"--B\r\nContent-Type: model\r\n\r\ngpt\r\n--B--", b"gpt"),
    ],
)
def test_odd_forms_are_read_to_the_letter(body: bytes, expected: bytes) -> None:
    changed = rename_deployment(body, NAMES, content_type=TYPE)
    assert changed == body.replace(b"gpt", expected)


def test_a_field_may_be_empty_and_its_name_is_mapped_like_any_other() -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s--B--'
    for gap, expected in ((b"", b""), (b"\r\n", b"other\r\n")):
        changed = rename_deployment(body.replace(b"%s", gap), {"": "other"}, content_type=TYPE)
        assert changed == body.replace(b"%s", expected)


def test_a_file_may_be_large() -> None:
    """A file is searched, never copied or parsed: boundaries that are none take linear time."""
    for noise in (b"\r\n--Bx", b"\r\n--BX\r\n", b"\r\n\r\n", b"--B--", b"\r\n--B-- x"):
        file = b'Content-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + noise * 100_000
        body = b"--B\r\n" + file + b"x\r\n--B\r\n" + FIELD + b"\r\n--B--\r\n"
        changed = rename_deployment(body, NAMES, content_type=TYPE)
        assert changed == body[:-12] + b"other\r\n--B--\r\n"
