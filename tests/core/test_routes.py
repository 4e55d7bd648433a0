"""What a URL is, and what it becomes at another endpoint."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from core_strategies import DEPLOYMENTS, SEGMENTS, VERSIONS
from examples import examples
from hypothesis import assume, given, settings, strategies as st

from azure_failover.core._base_url import BaseUrl
from azure_failover.core.routes import (
    DEPLOYMENT_ROUTES,
    Form,
    Route,
    parse_route,
    renamed_segment,
)

QUICK = settings(max_examples=examples(75), deadline=None)

PREFIXES = (
    st.lists(SEGMENTS, max_size=3)
    .map(lambda parts: BaseUrl.parse(f"https://h{''.join(f'/{part}' for part in parts)}/openai"))
    .filter(lambda base: isinstance(base, BaseUrl))
    .map(lambda base: base.path if isinstance(base, BaseUrl) else "")
)
"""Gateway prefixes that a configuration may have, some of them with ``openai`` inside."""

RESTS = st.sampled_from(
    (*(f"/{route}" for route in sorted(DEPLOYMENT_ROUTES)), "/files/openai/x", "/a%2Fb/%C3%A9", "/")
)
CREDENTIALS = st.sampled_from(
    ("api-key=K3Y", "subscription-key=K3Y", "API-Key=K3Y", "api%2Dkey=K3Y")
)
PAIRS = st.sampled_from(("a=1", "b", "a=%20x", "timeout=2", "api-version=old", "", "q=api-key"))
QUERIES = st.none() | st.lists(PAIRS, max_size=4).map("&".join)
"""Queries without credentials, empty pairs and doubled names among them."""


def target(path: str, query: str | None) -> str:
    return path if query is None else f"{path}?{query}"


@st.composite
def api_paths(draw: st.DrawFn) -> tuple[Form, str]:
    """Draw what follows a prefix, with its form."""
    rest = draw(RESTS)
    form = draw(st.sampled_from(Form))
    if form is Form.DATED_DEPLOYMENT:
        return form, f"/openai/deployments/{quote(draw(DEPLOYMENTS), safe='')}{rest}"
    if form is Form.DATED:
        return (
            form,
            f"/openai{draw(st.sampled_from(('/responses', '/files', '/v2', '/deployments')))}",
        )
    if form is Form.V1:
        return form, f"/openai/v1{rest}"
    return form, draw(
        st.sampled_from(("/", "/status", "/chat/completions", "/openai", "/openai2/x"))
    )


def ascii_only(name: str) -> str:
    return quote(name, safe="")


@QUICK
@given(PREFIXES, st.lists(PREFIXES, max_size=2), api_paths(), QUERIES)
def test_the_form_is_told_by_what_follows_the_prefix(
    prefix: str, others: list[str], api_path: tuple[Form, str], query: str | None
) -> None:
    """Whatever segments a configured prefix has, it ends where the configuration says."""
    form, path = api_path
    whole = f"{prefix}{path}"
    longer = [other for other in others if len(other) > len(prefix)]
    assume(not any(f"{whole}/".startswith(f"{other}/") for other in longer))
    if form is Form.OTHER:  # then it may be an API path of another endpoint at this origin
        assume(not any(whole.startswith(f"{other}/openai/") for other in others))
    route = parse_route(target(prefix + path, query).encode(), [*others, prefix])
    assert route.form is form
    assert route.query == query


@QUICK
@given(PREFIXES, api_paths(), QUERIES)
def test_a_request_that_stays_keeps_its_target(
    prefix: str, api_path: tuple[Form, str], query: str | None
) -> None:
    """Taken apart and put together at the same endpoint, a target is the same byte for byte."""
    original = target(prefix + api_path[1], query)
    route = parse_route(original.encode(), [prefix])
    assert route.at(prefix, names={}, api_version=None) == original


@QUICK
@given(PREFIXES, PREFIXES, api_paths(), QUERIES, st.dictionaries(DEPLOYMENTS, DEPLOYMENTS))
def test_to_another_endpoint_and_back_is_the_same_target(
    here: str,
    there: str,
    api_path: tuple[Form, str],
    query: str | None,
    names: dict[str, str],
) -> None:
    """Promise 7: what the map renames, the inverse map renames back."""
    back = {other: name for name, other in names.items()}
    assume(len(back) == len(names) and not {*back} - {*names})
    original = target(here + api_path[1], query)
    moved = parse_route(original.encode(), [here]).at(there, names=names, api_version=None)
    assert moved.startswith(there)
    returned = parse_route(moved.encode(), [there]).at(here, names=back, api_version=None)
    assert returned == original


@QUICK
@given(DEPLOYMENTS, DEPLOYMENTS, RESTS, PREFIXES)
def test_a_deployment_is_renamed_by_its_position(
    here: str, there: str, rest: str, prefix: str
) -> None:
    """Promise 7: only the deployment's segment changes, whatever the deployment is called."""
    path = f"/openai/deployments/{ascii_only(here)}{rest}"
    moved = parse_route(path.encode(), [""]).at(prefix, names={here: there}, api_version=None)
    assert moved == f"{prefix}/openai/deployments/{ascii_only(there)}{rest}"


@QUICK
@given(
    st.text("abZ09-._~%/", min_size=1).map(lambda text: text.replace("/", "%2f").replace("%", "%")),
    st.dictionaries(DEPLOYMENTS, DEPLOYMENTS, max_size=3),
)
def test_a_deployment_that_is_not_mapped_keeps_its_segment(
    segment: str, names: dict[str, str]
) -> None:
    """Promise 7: another deployment keeps its own name byte for byte, however it is quoted."""
    assume(unquote(segment) not in names)
    assert renamed_segment(segment, names) == segment
    path = f"/openai/deployments/{segment}/chat/completions"
    route = parse_route(path.encode(), [""])
    assert route.deployment == segment
    assert route.at("", names=names, api_version=None) == path


@pytest.mark.parametrize("segment", ["my%2dgpt", "my-gpt", "%6dy-gpt"])
def test_a_deployment_is_known_however_it_is_quoted(segment: str) -> None:
    """Percent-encoding is spelling (RFC 3986, section 6.2.2): the name is what counts."""
    assert renamed_segment(segment, {"my-gpt": "a/b"}) == "a%2Fb"


def test_a_segment_that_is_not_utf8_keeps_its_bytes() -> None:
    assert renamed_segment("%ff", {"ÿ": "x"}) == "%ff"


# Queries.


def expected_query(pairs: list[str], api_version: str | None) -> list[str]:
    """State the law once more, plainly: replace the first version, drop the others, or append."""
    kept: list[str] = []
    is_open = api_version is not None
    for pair in pairs:
        if api_version is None or not pair.startswith("api-version="):
            kept.append(pair)
        elif is_open:
            kept.append(f"api-version={api_version}")
            is_open = False
    if is_open:
        kept = [*(pair for pair in kept if pair), f"api-version={api_version}"]
    return kept


@QUICK
@given(
    st.lists(st.tuples(st.booleans(), PAIRS), max_size=5),
    CREDENTIALS,
    st.none() | VERSIONS,
    st.sampled_from(("/openai/deployments/d/embeddings", "/openai/responses")),
)
def test_a_dated_query_loses_credentials_and_takes_the_version(
    parts: list[tuple[bool, str]], credential: str, version: str | None, path: str
) -> None:
    """Promise 6: no key stays in the query; all else keeps its bytes and its order."""
    pairs = [credential if is_credential else pair for is_credential, pair in parts]
    clean = [pair for is_credential, pair in parts if not is_credential]
    moved = parse_route(target(path, "&".join(pairs)).encode(), [""]).at(
        "/gw", names={}, api_version=version
    )
    query = moved.removeprefix(f"/gw{path}")
    assert "K3Y" not in moved
    expected = expected_query(clean if pairs else [""], version)
    assert query == ("" if not expected else "?" + "&".join(expected))


@QUICK
@given(st.lists(PAIRS, max_size=4), CREDENTIALS, st.sampled_from(("/openai/v1/responses", "/x")))
def test_other_queries_lose_credentials_and_nothing_else(
    pairs: list[str], credential: str, path: str
) -> None:
    """Promise 6; URLs without dates take no version from the configuration."""
    query = "&".join([*pairs, credential])
    moved = parse_route(f"{path}?{query}".encode(), [""]).at("", names={}, api_version="2024-10-21")
    assert moved == target(path, "&".join(pairs) if pairs else None)


@pytest.mark.parametrize(
    ("query", "version", "expected"),
    [
        (None, None, ""),
        (None, "v", "?api-version=v"),
        ("", None, "?"),
        ("", "v", "?api-version=v"),
        ("a=1&", "v", "?a=1&api-version=v"),
        ("api-version=x&a=1", "v", "?api-version=v&a=1"),
        ("a=1&API-VERSION=x", "v", "?a=1&api-version=v"),
        ("api-version=x&api-version=y", "v", "?api-version=v"),
        ("api-version=x", None, "?api-version=x"),
        ("api-key=k", None, ""),
        ("api-key", None, ""),
        ("api-key=k&api-version=x", "v", "?api-version=v"),
        ("Subscription-Key=k&a=%20", None, "?a=%20"),
    ],
)
def test_the_version_is_replaced_added_or_kept(
    query: str | None, version: str | None, expected: str
) -> None:
    moved = Route(Form.DATED, None, "/responses", query).at("", names={}, api_version=version)
    assert moved == f"/openai/responses{expected}"


# Examples of forms.


@pytest.mark.parametrize(
    ("path", "prefixes", "form", "deployment", "rest"),
    [
        (
            "/openai/deployments/chat/chat/completions",
            [""],
            Form.DATED_DEPLOYMENT,
            "chat",
            "/chat/completions",
        ),
        (
            "/openai/deployments/openai/openai/deployments",
            [""],
            Form.DATED_DEPLOYMENT,
            "openai",
            "/openai/deployments",
        ),
        ("/openai/deployments/a%2Fb/", [""], Form.DATED_DEPLOYMENT, "a%2Fb", "/"),
        ("/openai/deployments", [""], Form.DATED, None, "/deployments"),
        ("/openai/deployments/", [""], Form.DATED, None, "/deployments/"),
        ("/openai/deployments/gpt", [""], Form.DATED, None, "/deployments/gpt"),
        ("/openai/deployments//chat", [""], Form.DATED, None, "/deployments//chat"),
        ("/openai/responses/openai/v1/", [""], Form.DATED, None, "/responses/openai/v1/"),
        ("/openai/v1", [""], Form.V1, None, ""),
        ("/openai/v1/chat/completions", [""], Form.V1, None, "/chat/completions"),
        ("/openai/v11/x", [""], Form.DATED, None, "/v11/x"),
        ("/gw/openai/v1/models", ["", "/gw"], Form.V1, None, "/models"),
        ("/gw/health", ["", "/gw"], Form.OTHER, None, "/health"),
        ("/health", ["", "/gw"], Form.OTHER, None, "/health"),
        ("/health", ["/gw"], Form.OTHER, None, "/health"),
        ("/openai/team/health", ["/openai/team"], Form.OTHER, None, "/health"),
        ("/x/openai/v1/models", ["/gw"], Form.V1, None, "/models"),
        ("/openai/x/openai/v1/models", ["/gw"], Form.V1, None, "/models"),
        ("/openai/x/openai/y", ["/gw"], Form.DATED, None, "/x/openai/y"),
        (
            "/openai/openai/deployments/d/embeddings",
            ["/gw"],
            Form.DATED_DEPLOYMENT,
            "d",
            "/embeddings",
        ),
    ],
)
def test_a_form_is_recognised_by_position(
    path: str, prefixes: list[str], form: Form, deployment: str | None, rest: str
) -> None:
    """A deployment may be called ``openai`` or ``chat``: nothing is found by string search."""
    assert parse_route(path.encode(), prefixes) == Route(form, deployment, rest, None)
