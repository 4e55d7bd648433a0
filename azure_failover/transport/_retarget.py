"""Turns one incoming request into the request for an endpoint: URL, credential, deployment.

The incoming request is only read. What is the same for every request to an endpoint is computed
once, and URLs are cached by the raw path, since parsing one costs more than all the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Generic

import attrs

from azure_failover.core.config import Config
from azure_failover.core.credentials import Secret
from azure_failover.core.errors import ConfigError, Problem
from azure_failover.core.mobility import Mobility, habit_of
from azure_failover.core.routes import Form, Route, parse_route
from azure_failover.transport._family import Family, Req, Resp, Url
from azure_failover.transport._headers import HeaderEdit
from azure_failover.transport._journey import Itinerary, Journey

_CACHE_SIZE: Final = 1024
_OWNED_EXTENSIONS: Final = frozenset({"sni_hostname", "target"})
"""Request extensions that say where a request goes, and so are ours to say."""


@attrs.define(eq=False)
class _Target:
    """What is the same for every request to one endpoint."""

    origin: str
    prefix: str
    headers: HeaderEdit = attrs.field(repr=False)
    """Sets its host, and its key if it has one; drops credentials that are not its own."""
    keeps_credentials: bool
    names: Mapping[str, str]
    api_version: str | None
    api: str
    timeout: float
    limits: Mapping[str, float | None]
    last_timeouts: tuple[float | None, Mapping[str, float | None] | None, Mapping[str, float]]
    """What was asked for last, and what came of it: a client asks for the same again and again."""


class Retargeter(Generic[Req, Resp]):
    """Knows every endpoint's address, names and credential. Thread-safe."""

    def __init__(self, config: Config, family: Family[Req, Resp]) -> None:
        self._family = family
        self._in_memory = family.memory_stream_type
        self._targets = tuple(_target(config, index) for index in range(len(config.endpoints)))
        self._at_origin: dict[tuple[str, bytes], list[int]] = {}
        for index, endpoint in enumerate(config.endpoints):
            origin = (endpoint.base.scheme, endpoint.base.netloc.encode())
            self._at_origin.setdefault(origin, []).append(index)
        self._names = tuple(endpoint.name for endpoint in config.endpoints)
        self._deployments = tuple(endpoint.deployment_name for endpoint in config.endpoints)
        self._itineraries: dict[tuple[str, object], Itinerary] = {}

    def itinerary(self, method: str, url: Url) -> Itinerary | None:
        """Take a request's URL apart; None if its origin is none of the endpoints'."""
        # Both families keep a URL's parts in a tuple, which tells it apart at the least cost.
        key = method, getattr(url, "_uri_reference", None) or str(url)
        return self._itineraries.get(key) or self._new_itinerary(key, url)

    def _new_itinerary(self, key: tuple[str, object], url: Url) -> Itinerary | None:
        indices = self._at_origin.get((url.scheme, url.netloc))
        if indices is None:
            return None
        raw_path = url.raw_path
        route = parse_route(raw_path, [self._targets[index].prefix for index in indices])
        found = Itinerary(
            route,
            habit_of(key[0], route.rest),
            self._addressed(raw_path.decode("ascii"), route, indices),
            self._closed(route.form),
            [None] * len(self._targets),
        )
        if len(self._itineraries) >= _CACHE_SIZE:
            self._itineraries.clear()
        self._itineraries[key] = found
        return found

    def _addressed(self, path: str, route: Route, indices: list[int]) -> int:
        """Find the endpoint that a URL names: by its prefix, then by its deployment."""

        def fit(index: int) -> tuple[int, bool]:
            prefix = self._targets[index].prefix
            return (
                len(prefix) if path.startswith(f"{prefix}/") else -1,
                self._deployments[index] == route.deployment,
            )

        return max(indices, key=fit)

    def _closed(self, form: Form) -> Mapping[int, str]:
        """Find the endpoints that do not speak a form of URL."""
        if form is Form.OTHER:
            return {}
        spoken = "v1" if form is Form.V1 else "dated"
        return {
            index: f"does not speak {spoken} URLs"
            for index, target in enumerate(self._targets)
            if target.api not in ("any", spoken)
        }

    def closed(self, journey: Journey[Req]) -> Mapping[int, str]:
        """Find the endpoints that cannot take this request, and say why."""
        itinerary = journey.itinerary
        found: dict[int, str] = {}
        if itinerary.habit.mobility is Mobility.MOVES:
            found = {
                index: "calls the deployment differently, and the body cannot be rewritten"
                for index, target in enumerate(self._targets)
                if journey.renamed(index, target.names) is None
            }
        if journey.options.avoid:
            found |= dict.fromkeys(self._indices_of(journey.options.avoid), "is to be avoided")
        return {**found, **itinerary.closed} if found else itinerary.closed

    def _indices_of(self, names: Iterable[str]) -> list[int]:
        unknown = sorted(set(names) - set(self._names))
        if unknown:
            remedy = f"the endpoints are {', '.join(self._names)}"
            problem = Problem("avoid", f"{unknown[0]!r} is no endpoint's name", remedy)
            raise ConfigError([problem], source="the request's failover options")
        return [self._names.index(name) for name in names]

    def shown_url(self, index: int, itinerary: Itinerary) -> str:
        """Give the URL of a request at endpoint ``index``, without credentials."""
        return self._url_at(self._targets[index], itinerary, keeps_credentials=False)

    @staticmethod
    def _url_at(target: _Target, itinerary: Itinerary, *, keeps_credentials: bool) -> str:
        path = itinerary.route.at(
            target.prefix,
            names=target.names,
            api_version=target.api_version,
            keeps_credentials=keeps_credentials,
        )
        return target.origin + path

    def _body_at(self, index: int, journey: Journey[Req]) -> tuple[object, int | None]:
        """Give the body's stream for endpoint ``index``, and its length if that is a new one."""
        if journey.once is not None:
            return journey.once, None
        body = journey.renamed(index, self._targets[index].names)
        if body is None:
            body = journey.body
        if body is journey.body and isinstance(journey.request.stream, self._in_memory):
            return journey.request.stream, None
        return self._family.memory_stream(body), len(body)

    def request_for(
        self,
        index: int,
        journey: Journey[Req],
        time_left: float | None,
        trace: object,
        token: Secret | None,
    ) -> Req:
        """Build the request for endpoint ``index``.

        Args:
            index: The endpoint.
            journey: The incoming request, taken apart.
            time_left: Seconds that the deadline leaves; None for no limit.
            trace: The ``trace`` extension that watches the connection.
            token: The token for an endpoint that takes one.
        """
        target, request, itinerary = self._targets[index], journey.request, journey.itinerary
        url = itinerary.urls[index]
        if url is None:
            text = self._url_at(target, itinerary, keeps_credentials=target.keeps_credentials)
            url = itinerary.urls[index] = self._family.parse_url(text)
        given = request.extensions
        own, wanted = journey.options.timeout, given.get("timeout")
        last_own, last_wanted, timeouts = target.last_timeouts
        if own != last_own or wanted != last_wanted:
            timeouts = _timeouts(target, wanted, own)
        if time_left is not None:
            timeouts = {phase: min(limit, time_left) for phase, limit in timeouts.items()}
        extensions = {**given, "trace": trace, "timeout": timeouts}
        if not _OWNED_EXTENSIONS.isdisjoint(given):
            for key in _OWNED_EXTENSIONS:
                extensions.pop(key, None)
        stream, length = request.stream, None
        if target.names or not isinstance(stream, self._in_memory):
            stream, length = self._body_at(index, journey)
        outgoing = self._family.copy_request(request, url, extensions, stream)
        headers = outgoing.headers
        target.headers.make(headers)
        if token is not None:
            headers["authorization"] = f"Bearer {token.reveal()}"
        if length is not None:
            headers.pop("transfer-encoding", None)
            headers["content-length"] = str(length)
        return outgoing


def _target(config: Config, index: int) -> _Target:
    endpoint, phases = config.endpoints[index], config.policy.attempt_timeout
    own = {"Host": endpoint.base.netloc}
    if endpoint.api_key is not None:
        own[endpoint.key_header] = endpoint.api_key.reveal()
    return _Target(
        origin=endpoint.base.origin,
        prefix=endpoint.base.path,
        headers=HeaderEdit(own, config.foreign_headers(index)),
        keeps_credentials=endpoint.auth == "client",
        names=config.renames(index),
        api_version=endpoint.api_version,
        api=endpoint.api,
        timeout=endpoint.timeout,
        limits=attrs.asdict(phases),
        last_timeouts=(-1.0, None, {}),
    )


def _timeouts(
    target: _Target, given: Mapping[str, float | None] | None, own: float | None
) -> Mapping[str, float]:
    """Give the time for each phase: what the endpoint or the request says, or less.

    ``own`` takes the place of the endpoint's ``timeout``; the policy's ``attempt_timeout`` may
    make a phase shorter. ``given`` is what the HTTP client allows (httpx's ``timeout`` extension);
    it is never exceeded.
    """
    limit = target.timeout if own is None else own
    limits = {
        phase: limit if seconds is None else min(limit, seconds)
        for phase, seconds in target.limits.items()
    }
    for phase, seconds in (given or {}).items():
        if seconds is not None and phase in limits:
            limits[phase] = min(limits[phase], seconds)
    target.last_timeouts = own, None if given is None else dict(given), limits
    return limits
