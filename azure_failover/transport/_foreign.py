"""Requests for origins that are none of the endpoints: passed on as they are, without our keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic

from azure_failover.core.config import Config
from azure_failover.core.credentials import CREDENTIAL_HEADERS
from azure_failover.transport._family import Family, Req, Resp, Url
from azure_failover.transport._log import log_foreign

_KEPT: Final = 256
"""So many foreign origins are remembered."""


class Foreign(Generic[Req, Resp]):
    """Knows the origins that are none of the endpoints'. Thread-safe."""

    def __init__(self, config: Config, family: Family[Req, Resp], *, strict: bool) -> None:
        self._family = family
        self._strict: Final = strict
        self._own = {(e.base.scheme, e.base.netloc) for e in config.endpoints}
        self._headers = {*CREDENTIAL_HEADERS, *(e.key_header for e in config.endpoints)}
        self._keys = [e.api_key for e in config.endpoints if e.api_key is not None]
        self._seen: set[tuple[str, str]] = set()
        self._redirected: set[tuple[str, str]] = set()

    @property
    def policy(self) -> str:
        """What becomes of a foreign request, in words."""
        return "refused" if self._strict else "passed on as it is"

    def admit(self, request: Req) -> tuple[Req, str, str]:
        """Warn of a foreign origin once, and see that none of our credentials goes there.

        Returns:
            The request to send, the scheme and the ``host[:port]``.

        Raises:
            Exception: The family's error for an unsupported request, if the transport is strict.
        """
        scheme, netloc = origin = _origin(request.url)
        if self._strict:
            raise self._family.refused_error(
                f"{scheme}://{netloc} is none of the configured endpoints (strict=True)"
            )
        if origin not in self._seen and len(self._seen) < _KEPT:
            self._seen.add(origin)
            log_foreign(scheme, netloc)
        names = [*self._found(request, everything=origin in self._redirected)]
        if names:
            copy = self._family.copy_request(
                request, request.url, dict(request.extensions), request.stream
            )
            for name in names:
                del copy.headers[name]
            request = copy
        return request, scheme, netloc

    def _found(self, request: Req, *, everything: bool) -> Iterator[str]:
        """Find the credentials that must not go to a foreign origin.

        Our own never do; and if one of our endpoints redirected there, the caller's do not
        either: httpx takes only ``Authorization`` off a redirected request.
        """
        for name in self._headers:
            value = request.headers.get(name)
            if value is not None and (
                everything or any(key.reveal() in value for key in self._keys)
            ):
                yield name

    def note_redirect(self, location: str) -> None:
        """Take note of where one of our endpoints redirects to."""
        try:
            url = self._family.parse_url(location)
        except Exception:  # noqa: BLE001  (whatever it is, the client cannot follow it either)
            return
        netloc = url.netloc.decode("ascii", "replace")
        for scheme in (url.scheme,) if url.scheme else ("http", "https"):
            if netloc and (scheme, netloc) not in self._own:
                self._redirected.add((scheme, netloc))


def _origin(url: Url) -> tuple[str, str]:
    return url.scheme, url.netloc.decode("ascii", "replace")
