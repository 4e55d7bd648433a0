"""The fleet's own certificate authority. Made afresh for each fleet; nothing is written to disk."""

from __future__ import annotations

import ssl

from attrs import field, frozen


@frozen
class Certificates:
    """What a TLS fleet needs and what its clients need."""

    server: ssl.SSLContext = field(repr=False)
    ca_pem: bytes = field(repr=False)

    def client(self) -> ssl.SSLContext:
        """Make a client's context that trusts this fleet and nothing else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.ca_pem.decode())
        return context


def make() -> Certificates:
    """Make an authority and a certificate for 127.0.0.1 and localhost.

    Raises:
        ImportError: trustme is not installed.
    """
    try:
        import trustme  # noqa: PLC0415 - an extra; needed for TLS only
    except ImportError as error:
        raise ImportError(
            "Fleet(tls=True) needs trustme: pip install azure-failover[emulator]"
        ) from error
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.configure_cert(server)  # pyright: ignore[reportUnknownMemberType]
    return Certificates(server, authority.cert_pem.bytes())
