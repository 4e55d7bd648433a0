"""Which credentials a request carries, and whether a region takes one of them. Pure: no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure_failover.emulator import _errors

if TYPE_CHECKING:
    from azure_failover.emulator._answer import Answer
    from azure_failover.emulator.recorded import Recorded
    from azure_failover.emulator.spec import Identity

    Pairs = tuple[tuple[str, str], ...]

_AZURE_KEY_HEADER = "api-key"

_DATED_AUDIENCE = "https://cognitiveservices.azure.com"
_V1_AUDIENCE = "https://ai.azure.com"

_HEADERS = frozenset(
    {_AZURE_KEY_HEADER, "authorization", "ocp-apim-subscription-key", "x-api-key"},
)
_QUERY = frozenset({"api-key", "subscription-key"})


def arrived(headers: Pairs, query: Pairs, region: Identity) -> Pairs:
    """List each credential as its place and its value; a place in the query starts with `?`."""
    in_headers = _HEADERS | {region.key_header}
    in_query = _QUERY | {region.key_query}
    return (
        *((name, value) for name, value in headers if name in in_headers),
        *((f"?{name}", value) for name, value in query if name.lower() in in_query),
    )


def presented(credentials: Pairs, region: Identity) -> str | None:
    """Choose the credential that the region looks at: its key, or else a bearer token."""
    key = _key(credentials, region)
    return _bearer(credentials) if key is None else key


def objection(request: Recorded, region: Identity, *, is_v1: bool) -> Answer | None:
    """Refuse a request without a credential of this region; only v1 takes a key as a token."""
    key = _key(request.credentials, region)
    if region.key_header != _AZURE_KEY_HEADER:
        return _gateway_objection(key, region)
    if key is not None:
        return None if key == region.api_key else _errors.KEY_REFUSED
    bearer = _bearer(request.credentials)
    if bearer in region.tokens or (is_v1 and bearer == region.api_key):
        return None
    return _errors.token_refused(_V1_AUDIENCE if is_v1 else _DATED_AUDIENCE)


def _gateway_objection(key: str | None, region: Identity) -> Answer | None:
    """Check a key as API Management does: nothing but its own header or query counts."""
    if key is None:
        return _errors.SUBSCRIPTION_KEY_MISSING
    return None if key == region.api_key else _errors.SUBSCRIPTION_KEY_REFUSED


def _key(credentials: Pairs, region: Identity) -> str | None:
    places = [region.key_header, *([] if region.key_query is None else [f"?{region.key_query}"])]
    values = dict(reversed(credentials))
    return next((values[place] for place in places if place in values), None)


def _bearer(credentials: Pairs) -> str | None:
    scheme, _, token = dict(reversed(credentials)).get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None
