"""What a region received: one request as a value. No I/O, and never a credential in a repr."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

from attrs import field, frozen


class Dialect(Enum):
    """The two URL families of Azure OpenAI, and everything else."""

    DATED = "dated"
    V1 = "v1"
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class Recorded:
    """One request, recorded when its last byte was in and before any fault acted on it.

    Attributes:
        number: Its place in the fleet's order of arrival, from 1.
        region: The name of the region it reached.
        connection: The TCP connection it came on; equal numbers mean a reused connection.
        target: Path and query exactly as sent, percent-encoding included.
        query: The query's pairs, decoded, in order.
        headers: All header lines in order, names in lower case.
        route: What follows the deployment, or `/openai/v1/`: `chat/completions`, `models`, …
        deployment: The decoded path segment on dated URLs, else the JSON body's `model`.
        api_key: The credential it carried: header `api-key`, else the bearer token.
        streamed: Whether its JSON body asks for a stream.
    """

    number: int
    region: str
    connection: int
    method: str
    path: str
    dialect: Dialect
    route: str | None
    deployment: str | None
    api_version: str | None
    streamed: bool
    target: str = field(repr=False)
    query: tuple[tuple[str, str], ...] = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    api_key: str | None = field(repr=False)

    def json(self) -> Any:  # noqa: ANN401 - what JSON holds is the caller's to know
        """Parse the body.

        Raises:
            ValueError: The body is not JSON.
        """
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """Return a header's values, joined by a comma and a space; None where it was not sent."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None


@frozen
class Message:
    """A request as it stood on the wire, not yet understood."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    may_keep_alive: bool


def record(message: Message, *, prefix: str, region: str, number: int, connection: int) -> Recorded:
    """Understand a request the way Azure does: by position in the raw path, never decoded first."""
    path, _, query_text = message.target.partition("?")
    query = tuple(parse_qsl(query_text, keep_blank_values=True))
    dialect, named, route = _place(path, prefix)
    body = _json_object(message.body)
    model = body.get("model")
    return Recorded(
        number=number,
        region=region,
        connection=connection,
        method=message.method,
        path=path,
        dialect=dialect,
        route=route,
        deployment=named or (model if isinstance(model, str) else None),
        api_version=dict(query).get("api-version"),
        streamed=body.get("stream") is True,
        target=message.target,
        query=query,
        headers=message.headers,
        body=message.body,
        api_key=_credential(dict(message.headers)),
    )


def _place(path: str, prefix: str) -> tuple[Dialect, str | None, str | None]:
    """Split a raw path into its dialect, the deployment it names, and the route."""
    nowhere = (Dialect.UNKNOWN, None, None)
    root = f"{prefix}/openai/"
    if not path.startswith(root):
        return nowhere
    match path.removeprefix(root).split("/"):
        case ["v1", *route] if any(route):
            return Dialect.V1, None, "/".join(route)
        case ["deployments", segment, *route] if segment and any(route):
            return Dialect.DATED, unquote(segment), "/".join(route)
        case [first, *rest] if first not in {"", "v1", "deployments"}:
            return Dialect.DATED, None, "/".join([first, *rest])
        case _:
            return nowhere


def _json_object(body: bytes) -> dict[str, object]:
    try:
        parsed: object = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, object]", parsed) if isinstance(parsed, dict) else {}


def _credential(headers: dict[str, str]) -> str | None:
    if "api-key" in headers:
        return headers["api-key"]
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None
