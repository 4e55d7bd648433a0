"""Headers edited in one pass are the same as headers edited one by one."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import httpx
import httpx2
import pytest
from hypothesis import given, strategies as st

from azure_failover.transport._headers import HeaderEdit, value_of

NAMES = st.sampled_from(["Host", "host", "API-key", "api-key", "Authorization", "X-One", "x-two"])
VALUES = st.text("abc", min_size=1, max_size=3)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=8)
GIVEN = st.dictionaries(st.sampled_from(["Host", "api-key", "x-new"]), VALUES)
DROPPED = st.lists(st.sampled_from(["authorization", "X-One"]), unique=True)


class Plain(dict[str, str]):
    """Headers of a family that keeps them in some other way."""


@pytest.mark.parametrize("family", [httpx, httpx2])
@given(headers=HEADERS, given_=GIVEN, dropped=DROPPED)
def test_one_pass_gives_what_the_public_interface_gives(
    family: Any, headers: list[tuple[str, str]], given_: dict[str, str], dropped: list[str]
) -> None:
    edited = family.Headers(headers)
    HeaderEdit(given_, dropped).make(edited)
    expected = family.Headers(headers)
    for name in dropped:
        expected.pop(name, None)
    for name, value in given_.items():
        expected[name] = value
    assert edited == expected
    for name in (*given_, *dropped, "x-two"):
        assert edited.get_list(name) == expected.get_list(name)


@pytest.mark.parametrize("family", [httpx, httpx2])
def test_the_families_keep_headers_in_triples(family: Any) -> None:
    """Should this fail, all still works, but each healthy request costs more."""
    assert vars(family.Headers({"Host": "x"}))["_list"] == [(b"Host", b"host", b"x")]
    request: object = family.Request("GET", "https://a", stream=family.ByteStream(b""))
    assert vars(request).keys() == {
        "method",
        "url",
        "headers",
        "extensions",
        "stream",
    }


@given(headers=st.dictionaries(st.sampled_from(["host", "x-one", "x-two"]), VALUES), given_=GIVEN)
def test_other_headers_are_edited_one_by_one(
    headers: dict[str, str], given_: dict[str, str]
) -> None:
    edited: MutableMapping[str, str] = Plain(headers)
    HeaderEdit(given_, ["x-one"]).make(edited)
    kept = {name: value for name, value in headers.items() if name != "x-one"}
    assert edited == kept | given_


@pytest.mark.parametrize("kind", [httpx.Headers, httpx2.Headers, Plain])
@given(headers=st.dictionaries(st.sampled_from(["host", "x-one", "x-two"]), VALUES), given_=GIVEN)
def test_an_edit_can_be_left_undone_where_a_header_is(
    kind: Any, headers: dict[str, str], given_: dict[str, str]
) -> None:
    edited, expected = kind(headers), kind(headers)
    if "x-two" not in headers:
        assert HeaderEdit(given_, ["x-one"]).make(expected)
    edit = HeaderEdit(given_, ["x-one"], unless="X-Two")
    assert edit.make(edited) == ("x-two" not in headers)
    assert edited == expected


@pytest.mark.parametrize("kind", [httpx.Headers, httpx2.Headers, Plain])
@given(headers=st.dictionaries(st.sampled_from(["Host", "X-One", "x-two"]), VALUES))
def test_one_value_is_found_as_by_the_public_interface(kind: Any, headers: dict[str, str]) -> None:
    looked_at = kind({name.lower() if kind is Plain else name: headers[name] for name in headers})
    for name in ("host", "x-one", "x-two"):
        assert value_of(name.encode(), looked_at) == looked_at.get(name, "").encode()


def test_values_are_not_shown() -> None:
    assert "secret" not in repr(HeaderEdit({"api-key": "secret"}))
