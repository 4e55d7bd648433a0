"""What a URL is: where the gateway's prefix ends, where the deployment stands, what follows.

Works on the raw path, so that percent-encoding stays as the client wrote it, and by position, so
that a deployment may be called ``openai`` or ``chat``. Builds no URL objects and sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, assert_never
from urllib.parse import quote, unquote, unquote_to_bytes

import attrs

from azure_failover.core.credentials import CREDENTIAL_QUERY

DEPLOYMENT_ROUTES: Final = frozenset(
    {
        "audio/speech",
        "audio/transcriptions",
        "audio/translations",
        "chat/completions",
        "completions",
        "embeddings",
        "images/edits",
        "images/generations",
    }
)
"""Operations whose dated URL names the deployment in the path (openai-python's list)."""


class Form(Enum):
    """The two generations of Azure's data-plane URLs, and everything else."""

    DATED_DEPLOYMENT = "dated, with deployment"
    """``{prefix}/openai/deployments/{deployment}/{rest}?api-version=…``"""
    DATED = "dated"
    """``{prefix}/openai/{rest}?api-version=…``"""
    V1 = "v1"
    """``{prefix}/openai/v1/{rest}``"""
    OTHER = "other"
    """No ``openai`` segment: ``{prefix}{rest}``."""


@attrs.frozen
class Route:
    """One request's path and query, taken apart; all parts are as raw as they came.

    Attributes:
        form: Which kind of URL it is.
        deployment: The deployment's path segment, still percent-encoded; None unless the form
            has one.
        rest: What follows, with its leading slash.
        query: The query without the question mark; None if there is no question mark.
    """

    form: Form
    deployment: str | None
    rest: str
    query: str | None

    def at(
        self,
        prefix: str,
        *,
        names: Mapping[str, str],
        api_version: str | None,
        keeps_credentials: bool = False,
    ) -> str:
        """Give the path and query of the same operation at another endpoint.

        Args:
            prefix: That endpoint's path before ``/openai``.
            names: The deployments that are called differently there.
            api_version: The version that dated URLs take there; None keeps the request's own.
            keeps_credentials: Whether credentials in the query stay there.
        """
        dropped = () if keeps_credentials else CREDENTIAL_QUERY
        match self.form:
            case Form.DATED_DEPLOYMENT:
                assert self.deployment is not None
                segment = renamed_segment(self.deployment, names)
                path = f"{prefix}/openai/deployments/{segment}{self.rest}"
            case Form.DATED:
                path = f"{prefix}/openai{self.rest}"
            case Form.V1:
                return _joined(f"{prefix}/openai/v1{self.rest}", _query(self.query, None, dropped))
            case Form.OTHER:
                return _joined(f"{prefix}{self.rest}", _query(self.query, None, dropped))
            case _:
                assert_never(self.form)
        return _joined(path, _query(self.query, api_version, dropped))


def parse_route(raw_path: bytes, prefixes: Iterable[str]) -> Route:
    """Take a raw path (with query) apart.

    Args:
        raw_path: The request's target in origin form, as ``httpx.URL.raw_path`` gives it.
        prefixes: The paths before ``/openai`` of the endpoints at the request's origin.
    """
    path, mark, query = raw_path.decode("ascii").partition("?")
    return _parse_path(path, query if mark else None, prefixes)


def _parse_path(path: str, query: str | None, prefixes: Iterable[str]) -> Route:
    longest_first = sorted(prefixes, key=len, reverse=True)
    for prefix in longest_first:
        if path.startswith(f"{prefix}/openai/"):
            return _after_openai(path[len(prefix) + len("/openai") :], query)
    own = next((prefix for prefix in longest_first if path.startswith(f"{prefix}/")), "")
    path = path[len(own) :]
    start = _openai_segment(path)
    if start is not None:
        return _after_openai(path[start + len("/openai") :], query)
    return Route(Form.OTHER, None, path, query)


def _openai_segment(path: str) -> int | None:
    """Find ``/openai`` behind a prefix that no endpoint has: the first that starts a known form."""
    starts: list[int] = []
    start = path.find("/openai/")
    while start >= 0:
        starts.append(start)
        start = path.find("/openai/", start + 1)
    for start in starts:
        if path.startswith(("/openai/deployments/", "/openai/v1/"), start):
            return start
    return starts[0] if starts else None


def _after_openai(rest: str, query: str | None) -> Route:
    if rest.startswith("/deployments/"):
        deployment, slash, tail = rest.removeprefix("/deployments/").partition("/")
        if deployment and slash:
            return Route(Form.DATED_DEPLOYMENT, deployment, f"/{tail}", query)
    if rest.startswith("/v1/") or rest == "/v1":
        return Route(Form.V1, None, rest.removeprefix("/v1"), query)
    return Route(Form.DATED, None, rest, query)


def renamed_segment(segment: str, names: Mapping[str, str]) -> str:
    """Give the path segment of a deployment at an endpoint that calls some differently.

    A segment that is not renamed comes back byte for byte, however it was encoded.
    """
    try:
        name = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        return segment
    return quote(names[name], safe="") if name in names else segment


def _joined(path: str, query: str | None) -> str:
    return path if query is None else f"{path}?{query}"


def _query(query: str | None, api_version: str | None, dropped: tuple[str, ...]) -> str | None:
    """Drop credentials, and put ``api_version`` in place of the request's, or add it."""
    if query is None:
        return None if api_version is None else f"api-version={api_version}"
    kept: list[str] = []
    has_version = False
    for pair in query.split("&"):
        name = unquote(pair.partition("=")[0]).lower()
        if name in dropped:
            continue
        if name == "api-version" and api_version is not None:
            if not has_version:
                kept.append(f"api-version={api_version}")
            has_version = True
            continue
        kept.append(pair)
    if api_version is not None and not has_version:
        kept = [pair for pair in kept if pair] + [f"api-version={api_version}"]
    return "&".join(kept) if kept else None
