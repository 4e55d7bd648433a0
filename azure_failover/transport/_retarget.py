"""Turns one incoming request into the request for an endpoint: URL, credential, deployment.

The incoming request is only read. What is the same for every request to an endpoint is computed
once, and URLs are cached by the raw path, since parsing one costs more than all the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Generic

import attrs

from azure_failover.core.body import rename_deployment
from azure_failover.core.config import AttemptTimeout, Config
from azure_failover.core.credentials import Secret
from azure_failover.core.routes import Route, parse_route
from azure_failover.transport._family import Family, Req, Resp, Url
from azure_failover.transport._options import FailoverOptions

_PHASES: Final[tuple[str, ...]] = ("connect", "read", "write", "pool")
"""The phases of httpx's ``timeout`` extension."""
_CACHE_SIZE: Final = 1024
_OWNED_EXTENSIONS: Final = frozenset({"sni_hostname", "target"})
"""Request extensions that say where a request goes, and so are ours to say."""


@attrs.define(eq=False)
class Itinerary:
    """One route, and its URL at each endpoint that was asked for so far."""

    route: Route
    urls: list[Any]


@attrs.define(eq=False)
class Journey(Generic[Req]):
    """One incoming request: itself, its URL taken apart, its options, when it came, its body.

    ``is_usual`` is True if it asks for nothing special and has no deadline.
    ``was_streamed`` is True if the body did not lie in memory, and so may be chunked.
    """

    request: Req
    itinerary: Itinerary
    options: FailoverOptions
    is_usual: bool
    was_streamed: bool
    started: float
    body: bytes = attrs.field(default=b"", repr=False)


@attrs.define(eq=False)
class _Target:
    """What is the same for every request to one endpoint."""

    origin: str
    host: str
    prefix: str
    key: Secret | None
    key_header: str
    foreign_headers: tuple[str, ...]
    names: Mapping[str, str]
    api_version: str | None
    timeout: float
    attempt_timeout: AttemptTimeout
    last_timeouts: tuple[float | None, Mapping[str, float | None] | None, Mapping[str, float]]
    """What was asked for last, and what came of it: a client asks for the same again and again."""


class Retargeter(Generic[Req, Resp]):
    """Knows every endpoint's address, names and credential. Thread-safe."""

    def __init__(self, config: Config, family: Family[Req, Resp]) -> None:
        self._family = family
        self._targets = tuple(_target(config, index) for index in range(len(config.endpoints)))
        self._prefixes: dict[tuple[str, bytes], list[str]] = {}
        for endpoint in config.endpoints:
            origin = (endpoint.base.scheme, endpoint.base.netloc.encode())
            self._prefixes.setdefault(origin, []).append(endpoint.base.path)
        self._itineraries: dict[tuple[str, bytes, bytes], Itinerary] = {}

    def itinerary(self, url: Url) -> Itinerary | None:
        """Take a request's URL apart; None if its origin is none of the endpoints'."""
        key = url.scheme, url.netloc, url.raw_path
        found = self._itineraries.get(key)
        return self._new_itinerary(key) if found is None else found

    def _new_itinerary(self, key: tuple[str, bytes, bytes]) -> Itinerary | None:
        scheme, netloc, raw_path = key
        prefixes = self._prefixes.get((scheme, netloc))
        if prefixes is None:
            return None
        found = Itinerary(parse_route(raw_path, prefixes), [None] * len(self._targets))
        if len(self._itineraries) >= _CACHE_SIZE:
            self._itineraries.clear()
        self._itineraries[key] = found
        return found

    def request_for(
        self, index: int, journey: Journey[Req], time_left: float | None, trace: object
    ) -> Req:
        """Build the request for endpoint ``index``.

        Args:
            index: The endpoint.
            journey: The incoming request, taken apart.
            time_left: Seconds that the deadline leaves; None for no limit.
            trace: The ``trace`` extension that watches the connection.
        """
        target, request, itinerary = self._targets[index], journey.request, journey.itinerary
        url = itinerary.urls[index]
        if url is None:
            path = itinerary.route.at(
                target.prefix, names=target.names, api_version=target.api_version
            )
            url = itinerary.urls[index] = self._family.parse_url(target.origin + path)
        given = request.extensions
        own, wanted = journey.options.timeout, given.get("timeout")
        last_own, last_wanted, timeouts = target.last_timeouts
        if own != last_own or wanted != last_wanted:
            timeouts = _timeouts(target, wanted, own)
        if time_left is not None:
            timeouts = {phase: min(limit, time_left) for phase, limit in timeouts.items()}
        extensions = {**given, "trace": trace, "timeout": timeouts}
        if not _OWNED_EXTENSIONS.isdisjoint(given):
            extensions = {
                key: value for key, value in extensions.items() if key not in _OWNED_EXTENSIONS
            }
        renamed = body = journey.body
        if target.names and body:
            kind = request.headers.get("content-type", "")
            renamed = rename_deployment(body, target.names, content_type=kind) or body
        changed = None if renamed is body else renamed
        outgoing = self._family.copy_request(request, url, extensions, changed)
        headers = outgoing.headers
        headers["host"] = target.host
        if target.key is not None:
            headers[target.key_header] = target.key.reveal()
        for name in target.foreign_headers:
            if name in headers:
                del headers[name]
        if changed is not None or journey.was_streamed:
            headers.pop("transfer-encoding", None)
            headers["content-length"] = str(len(renamed))
        return outgoing


def _target(config: Config, index: int) -> _Target:
    endpoint = config.endpoints[index]
    return _Target(
        origin=endpoint.base.origin,
        host=endpoint.base.netloc,
        prefix=endpoint.base.path,
        key=endpoint.api_key,
        key_header=endpoint.key_header,
        foreign_headers=config.foreign_headers(index),
        names=config.renames(index),
        api_version=endpoint.api_version,
        timeout=endpoint.timeout,
        attempt_timeout=config.policy.attempt_timeout,
        last_timeouts=(-1.0, None, {}),
    )


def _timeouts(
    target: _Target, given: Mapping[str, float | None] | None, own: float | None
) -> Mapping[str, float]:
    """Give the time for each phase: the endpoint's or the request's ``own``, or less.

    ``given`` is what the HTTP client allows (httpx's ``timeout`` extension); it is never exceeded.
    """
    limit = target.timeout if own is None else own
    limits: dict[str, float] = dict.fromkeys(_PHASES, limit)
    for phase in _PHASES:
        seconds: float | None = getattr(target.attempt_timeout, phase)
        if seconds is not None:
            limits[phase] = min(limit, seconds)
    for phase, seconds in (given or {}).items():
        if seconds is not None and phase in limits:
            limits[phase] = min(limits[phase], seconds)
    target.last_timeouts = own, None if given is None else dict(given), limits
    return limits
