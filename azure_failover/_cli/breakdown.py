"""What a connection that failed tells: name, TCP, TLS, or silence. Reads exceptions; no I/O."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final, Literal

import attrs
import httpx

from azure_failover._cli.diagnosis import plain

Step = Literal["dns", "tcp", "tls", "answer"]
"""How far a probe came: the name, the connection, the handshake, the answer."""

_CERTIFICATES: Final[dict[int, tuple[str, str]]] = {
    10: ("has expired", "renew it; or is this machine's clock wrong?"),
    18: ("is self-signed", "add it to the file that SSL_CERT_FILE names, if you trust it"),
    62: ("is for another host", "check the host name in endpoint"),
    64: ("is for another address", "write the host name in endpoint, not its address"),
}
"""What OpenSSL's codes of verification (``X509_V_ERR_…``) mean."""

_UNKNOWN_ISSUER: Final = (
    "is signed by an authority that this machine does not trust",
    "if a proxy inspects TLS here, add its authority to the file that SSL_CERT_FILE names",
)
PROXY_ADVICE: Final = "check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY"
"""What to do where the proxy is at fault."""
_BLOCKED: Final = "check the address, the port, and the firewalls and proxies on the way"


@attrs.frozen
class Breakdown:
    """What went wrong on the way, and what to do about it."""

    what: str
    remedy: str


def silent(step: Step, seconds: float) -> Breakdown:
    """Tell of a step that did not end within so many seconds."""
    match step:
        case "dns":
            return Breakdown(f"DNS: no answer within {seconds:g} s", "check this machine's DNS")
        case "tcp":
            return Breakdown(f"no connection within {seconds:g} s", _BLOCKED)
        case "tls":
            return Breakdown(f"TLS: no handshake within {seconds:g} s", _BLOCKED)
        case "answer":
            advice = "the region may be in trouble; or give it longer by --timeout"
            return Breakdown(f"no answer within {seconds:g} s", advice)


def at_the_proxy(step: Step, found: Breakdown) -> Breakdown:
    """Tell of a step that failed where all goes through a proxy: it is the proxy's connection."""
    if step not in ("dns", "tcp"):
        return found
    return Breakdown(f"at the proxy: {found.what}", PROXY_ADVICE)


def broken(step: Step, error: BaseException, seconds: float) -> Breakdown:
    """Tell of a step that failed."""
    if isinstance(error, httpx.TimeoutException):
        return silent(step, seconds)
    if isinstance(error, httpx.ProxyError):
        return Breakdown(f"the proxy refused: {plain(str(error), '')}", PROXY_ADVICE)
    links = [*_links(error)]
    if step == "dns" or any(isinstance(link, socket.gaierror) for link in links):
        what = "DNS: the host name is not known"
        return Breakdown(what, "check endpoint; a private one is known in its own network only")
    tls = next((link for link in links if isinstance(link, ssl.SSLError)), None)
    if step == "tls":
        return _broken_tls(tls)
    if step == "tcp":
        return _broken_tcp(links)
    return _broken_answer(error)


def _broken_tls(error: ssl.SSLError | None) -> Breakdown:
    if isinstance(error, ssl.SSLCertVerificationError):
        what, advice = _CERTIFICATES.get(error.verify_code, _UNKNOWN_ISSUER)
        return Breakdown(f"TLS: the certificate {what}", advice)
    if error is None or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        advice = "a firewall may cut it; or the port speaks no TLS"
        return Breakdown("TLS: the connection was closed during the handshake", advice)
    if "ALERT" in (error.reason or ""):
        advice = "the server accepts no common TLS version or cipher; or a firewall says so"
        return Breakdown("TLS: the server refused the handshake", advice)
    return Breakdown("TLS: the server does not speak it", "check the scheme and the port")


def _broken_tcp(links: list[BaseException]) -> Breakdown:
    if any(isinstance(link, ConnectionRefusedError) for link in links):
        return Breakdown("the connection was refused", "check the address and the port")
    if any(isinstance(link, ConnectionResetError) for link in links):
        return Breakdown("the connection was reset", _BLOCKED)
    return Breakdown("the host cannot be reached", _BLOCKED)


def _broken_answer(error: BaseException) -> Breakdown:
    advice = "the region may be in trouble; or something on the way cuts connections"
    if isinstance(error, httpx.RemoteProtocolError):
        if "without sending a response" in str(error):
            return Breakdown("the connection was closed without an answer", advice)
        if "illegal" in str(error).lower():
            other = "check endpoint: this is no web server"
            return Breakdown("answered with bytes that are not HTTP", other)
        return Breakdown("the answer broke off", advice)
    return Breakdown("the connection was reset before an answer", advice)


def _links(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__
