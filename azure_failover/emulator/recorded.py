"""What a region received: one request as a value. No I/O, and never a credential in a repr."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

from attrs import field, frozen

from azure_failover.emulator import _credentials, _form
from azure_failover.emulator._form import FilePart
from azure_failover.emulator.spec import Identity


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
        deployment: The decoded path segment on dated URLs, else `model`.
        model: What the body names: `model`, or `session.model`, or the form field `model`.
        api_key: The credential the region looks at: its key header, else the bearer token.
        credentials: Every credential that arrived, as its place and its value: a header's name
            in lower case, or `?` and a name for one in the query; the value as it was sent.
        streamed: Whether its JSON body asks for a stream.
        is_form: Whether the body is multipart/form-data.
        fields: The form's text fields in order, their values as bytes.
        files: The form's files in order.
    """

    number: int
    region: str
    connection: int
    method: str
    path: str
    dialect: Dialect
    route: str | None
    deployment: str | None
    model: str | None
    api_version: str | None
    streamed: bool
    is_form: bool
    target: str = field(repr=False)
    query: tuple[tuple[str, str], ...] = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    api_key: str | None = field(repr=False)
    credentials: tuple[tuple[str, str], ...] = field(repr=False)
    fields: tuple[tuple[str, bytes], ...] = field(repr=False)
    files: tuple[FilePart, ...] = field(repr=False)

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

    def form_field(self, name: str) -> bytes | None:
        """Return the last value of a form's text field; None where it was not sent."""
        return dict(self.fields).get(name)


@frozen
class Message:
    """A request as it stood on the wire, not yet understood."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    may_keep_alive: bool


def record(message: Message, region: Identity, *, number: int, connection: int) -> Recorded:
    """Understand a request the way Azure does: by position in the raw path, never decoded first."""
    path, _, query_text = message.target.partition("?")
    query = tuple(parse_qsl(query_text, keep_blank_values=True))
    dialect, named, route = _place(path, region.prefix)
    form = _form.parse(dict(message.headers).get("content-type"), message.body)
    body = _json_object(message.body) if form is None else {}
    model = _model(body) if form is None else _form_model(form)
    credentials = _credentials.arrived(message.headers, query, region)
    return Recorded(
        number=number,
        region=region.name,
        connection=connection,
        method=message.method,
        path=path,
        dialect=dialect,
        route=route,
        deployment=named or model,
        model=model,
        api_version=dict(query).get("api-version"),
        streamed=body.get("stream") is True,
        is_form=form is not None,
        target=message.target,
        query=query,
        headers=message.headers,
        body=message.body,
        api_key=_credentials.presented(credentials, region),
        credentials=credentials,
        fields=() if form is None else form.fields,
        files=() if form is None else form.files,
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


def _model(body: dict[str, object]) -> str | None:
    """Find the deployment in a JSON body; the routes for realtime keep it in the session."""
    model = body.get("model")
    session = body.get("session")
    if model is None and isinstance(session, dict):
        model = cast("dict[str, object]", session).get("model")
    return model if isinstance(model, str) else None


def _form_model(form: _form.Form) -> str | None:
    model = dict(form.fields).get("model")
    return None if model is None else model.decode("utf-8", "replace")
