"""One credential per endpoint, and the places where a request may carry one.

Knows which headers and query parameters are credentials. Never sends, logs or prints one.
"""

from __future__ import annotations

import hmac
from typing import final

CREDENTIAL_HEADERS = ("api-key", "authorization", "ocp-apim-subscription-key")
"""Request headers in which Azure OpenAI, Entra ID and API Management look for a credential."""

CREDENTIAL_QUERY = ("api-key", "subscription-key")
"""Query parameters in which a gateway looks for a credential."""

MASK = "***"


@final
class Secret:
    """A key that does not show itself: ``repr``, ``str`` and f-strings give ``***``.

    The plain text is had only by asking for it with :meth:`reveal`.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | Secret) -> None:
        self._value: str = value._value if isinstance(value, Secret) else value

    def reveal(self) -> str:
        """Give the plain text."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)


def key_problem(value: str) -> str | None:
    """Say what keeps ``value`` from being sent as a header, without showing any of it.

    A field value is visible ASCII (RFC 9110, section 5.5); anything else fails inside the HTTP
    library with a message that quotes the key.
    """
    if not value:
        return "is empty"
    if value != value.strip():
        return "has white space at an end (a line break read from a file?)"
    if not value.isascii() or not all("!" <= character <= "~" for character in value):
        return "holds control characters, spaces or non-ASCII characters"
    return None
