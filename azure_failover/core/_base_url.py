"""The address of a resource: scheme, host, port and the path before ``/openai``.

Parses and checks; never quotes the address in a problem, since people paste keys into any field.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final, Literal, cast
from urllib.parse import urlsplit

import attrs

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?|\[[0-9a-f:.]+\]")
"""What the resolver accepts: labels of 1 to 63 characters (RFC 1035, section 2.3.4)."""
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
"""What httpx leaves as it is in a path (RFC 3986, section 3.3)."""


@attrs.frozen
class BaseUrlProblem:
    """What is wrong with an address, and what would be right ("" for the usual remedy)."""

    what: str
    remedy: str = ""


@attrs.frozen
class BaseUrl:
    """A checked address.

    Attributes:
        scheme: ``http`` or ``https``.
        host: Lower case; an IPv6 address stands in brackets.
        port: None for the scheme's default.
        path: The gateway's prefix, ``/suffix`` or empty; percent-encoding as it was written.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int | None
    path: str

    @classmethod
    def parse(cls, text: str) -> BaseUrl | BaseUrlProblem:
        """Parse an address as users write it, with or without ``/openai`` or ``/openai/v1``."""
        if not text:
            return BaseUrlProblem("is empty")
        if any(character <= " " or character == "\x7f" for character in text):
            return BaseUrlProblem("holds white space or control characters")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            return BaseUrlProblem("is not a URL")
        if parts.scheme not in _DEFAULT_PORTS:
            return BaseUrlProblem("is not an http(s) URL")
        if "@" in parts.netloc:
            return BaseUrlProblem("holds user information", "remove it; the key goes into api_key")
        if "?" in text:
            return BaseUrlProblem("has a query", "remove it; the version goes into api_version")
        if "#" in text:
            return BaseUrlProblem("has a fragment", "remove everything from # on")
        host = (parts.hostname or "").lower()
        host = f"[{host}]" if ":" in host else host
        if not host or port == 0 or not _HOST.fullmatch(host):
            return BaseUrlProblem("has no usable host name")
        return cls._with_path(
            cast("Literal['http', 'https']", parts.scheme), host, port, parts.path
        )

    @classmethod
    def _with_path(
        cls, scheme: Literal["http", "https"], host: str, port: int | None, path: str
    ) -> BaseUrl | BaseUrlProblem:
        segments = path.rstrip("/").split("/")
        if segments[-2:] == ["openai", "v1"]:
            segments = segments[:-2]
        elif segments[-1] == "openai":
            segments = segments[:-1]
        path = "/".join(segments).rstrip("/")
        if "/openai/deployments/" in f"{path}/":
            return BaseUrlProblem(
                "names a deployment", "end it before /openai; the name goes into deployment_name"
            )
        if path.endswith(("/openai", "/openai/v1")):
            return BaseUrlProblem("ends in /openai twice", "write /openai once, or leave it out")
        if not _PATH.fullmatch(path) or {".", ".."} & {*segments} or "//" in path:
            return BaseUrlProblem("has a path that is not plain", "percent-encode it")
        return cls(scheme, host, None if port == _DEFAULT_PORTS[scheme] else port, path)

    @property
    def netloc(self) -> str:
        """``host`` or ``host:port``: what the ``Host`` header says."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """``scheme://host[:port]``."""
        return f"{self.scheme}://{self.netloc}"

    @property
    def label(self) -> str:
        """A short name: the host's first label, or the whole address if it is an IP address."""
        if self.is_ip or "." not in self.host:
            return self.netloc
        return self.host.partition(".")[0]

    @property
    def is_ip(self) -> bool:
        """Whether the host is an address and no name."""
        try:
            ip_address(self.host.strip("[]"))
        except ValueError:
            return False
        return True

    @property
    def is_loopback(self) -> bool:
        """Whether requests stay on this machine."""
        if self.is_ip:
            return ip_address(self.host.strip("[]")).is_loopback
        return self.host == "localhost" or self.host.endswith(".localhost")

    def __str__(self) -> str:
        return f"{self.origin}{self.path}"
