"""One credential per endpoint: a key or a source of tokens, and where a request may carry one.

Knows which headers and query parameters are credentials, and what makes a token fit to be sent.
Calls no source by itself; never sends, logs or prints a credential.
"""

from __future__ import annotations

import functools
import hmac
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast, final

if TYPE_CHECKING:
    from azure_failover.core._endpoint import Endpoint

CREDENTIAL_HEADERS = ("api-key", "authorization", "ocp-apim-subscription-key")
"""Request headers in which Azure OpenAI, Entra ID and API Management look for a credential."""

CREDENTIAL_QUERY = ("api-key", "subscription-key")
"""Query parameters in which a gateway looks for a credential."""

MASK = "***"

TokenProvider: TypeAlias = Callable[[], str | Awaitable[str]]
"""A function that gives a token, at once or to be awaited; it does its own caching."""


class AccessToken(Protocol):
    """What a credential gives: azure-core's ``AccessToken`` has it."""

    @property
    def token(self) -> str: ...  # noqa: D102


class TokenCredential(Protocol):
    """What azure-identity calls a credential, of ``azure.identity`` or ``azure.identity.aio``."""

    def get_token(self, *scopes: str) -> AccessToken | Awaitable[AccessToken]: ...  # noqa: D102


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


def provider_problem(value: object) -> str | None:
    """Say what keeps ``value`` from being a :data:`TokenProvider`."""
    return None if callable(value) else "not callable"


def credential_problem(value: object) -> str | None:
    """Say what keeps ``value`` from being a :class:`TokenCredential`; asks it for nothing else."""
    try:
        has_get_token = callable(getattr(value, "get_token", None))
    except Exception:  # noqa: BLE001  (the user's own property)
        has_get_token = False
    is_object = has_get_token and not isinstance(value, type)
    return None if is_object else "no object with get_token"


def identity_of(source: object) -> object:
    """Give what makes a provider or a credential this one, hashable or not.

    A method is made anew each time that it is looked up, and is still the same method.
    """
    if inspect.ismethod(source):
        return id(source.__self__), id(source.__func__)
    return None if source is None else id(source)


@final
class Hidden:
    """Holds what must not show in a frame's local variables."""

    __slots__ = ("content",)

    def __init__(self, content: Any) -> None:  # noqa: ANN401
        self.content = content

    def __repr__(self) -> str:
        return MASK


@final
class TokenSource:
    """A call that gives a token, or what can be awaited for one; shows nothing of who gives it."""

    __slots__ = ("_scope", "_source")

    def __init__(self, source: TokenProvider | TokenCredential, scope: str | None) -> None:
        self._source: Any = source
        self._scope = scope

    def __call__(self) -> object:
        """Ask for a token, with all that the user's code does and raises."""
        if self._scope is None:
            return cast("object", self._source())
        return cast("object", self._source.get_token(self._scope))

    def __repr__(self) -> str:
        return f"TokenSource('{MASK}')"


def token_source(endpoint: Endpoint) -> Callable[[], object] | None:
    """Give the call that fetches an endpoint's token.

    Returns:
        None for an endpoint with a key, or with the client's own credential. The call gives what
        :func:`read_token` reads, or an awaitable of that; it may raise whatever the user's code
        raises.
    """
    if endpoint.token_provider is not None:
        return TokenSource(endpoint.token_provider, None)
    if endpoint.credential is not None:
        return TokenSource(endpoint.credential, endpoint.scope)
    return None


def is_async_source(endpoint: Endpoint) -> bool:
    """Tell whether an endpoint's token must certainly be awaited.

    A function that is not ``async`` may still return an awaitable: that shows when it is called.
    """
    source: object = endpoint.token_provider
    if endpoint.credential is not None:
        source = endpoint.credential.get_token
    while isinstance(source, functools.partial):
        source = cast("functools.partial[object]", source).func
    return inspect.iscoroutinefunction(source) or inspect.iscoroutinefunction(
        getattr(source, "__call__", None)  # noqa: B004
    )


def read_token(result: object) -> Secret | None:
    """Read what a source gave: a text, or an object with a text as ``token``.

    Returns:
        None if there is no token in it that a header can carry. Never raises.
    """
    try:
        token: object = result if isinstance(result, str) else getattr(result, "token", None)
    except Exception:  # noqa: BLE001  (the user's own property)
        return None
    if not isinstance(token, str) or key_problem(token) is not None:
        return None
    return Secret(token)
