"""What a check sends to an endpoint. Builds requests; sends none.

The cheapest probe is a chat request without messages: Azure looks at the key, the version, the
deployment and the body in this order, so a complaint about the body says that all else is right.
It runs no model and costs nothing. A list of models would be free too, but needs no deployment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import quote

import attrs

from azure_failover.core.config import DEFAULT_API_VERSION, Endpoint

_HELLO: Final = {"messages": [{"role": "user", "content": "Reply with the word: ok"}]}
_TOKENS: Final = 1000
"""How long a real answer may be: a reasoning model thinks before its first word."""

LimitName = Literal["max_completion_tokens", "max_tokens"]


@attrs.frozen(kw_only=True)
class Probe:
    """One request of a check.

    Attributes:
        api: Which kind of URL it goes to.
        version: The api-version of a dated URL; None for v1.
        limit: What a real chat calls the limit of its tokens; None for the probe that costs
            nothing.
    """

    api: Literal["dated", "v1"]
    version: str | None
    limit: LimitName | None

    def url(self, endpoint: Endpoint) -> str:
        """Give its URL at an endpoint."""
        if self.api == "v1":
            return f"{endpoint.endpoint}/openai/v1/chat/completions"
        name = quote(endpoint.deployment_name, safe="")
        path = f"/openai/deployments/{name}/chat/completions?api-version={self.version}"
        return f"{endpoint.endpoint}{path}"

    def headers(self, endpoint: Endpoint) -> Mapping[str, str]:
        """Give its headers at an endpoint, with the endpoint's own key."""
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if endpoint.api_key is not None:
            headers[endpoint.key_header] = endpoint.api_key.reveal()
        return headers

    def body(self, endpoint: Endpoint) -> bytes:
        """Give its body for an endpoint."""
        body: dict[str, Any] = {}
        if self.api == "v1":
            body["model"] = endpoint.deployment_name
        if self.limit is not None:
            body |= {**_HELLO, self.limit: _TOKENS}
        return json.dumps(body).encode()

    def at_version(self, version: str) -> Probe:
        """Give the same with another api-version."""
        return attrs.evolve(self, api="dated", version=version)

    def on_other_urls(self) -> Probe:
        """Give the same for the other kind of URL."""
        if self.api == "v1":
            return self.at_version(DEFAULT_API_VERSION)
        return attrs.evolve(self, api="v1", version=None)

    def with_old_limit(self) -> Probe:
        """Give the same for a model that does not know ``max_completion_tokens``."""
        return attrs.evolve(self, limit="max_tokens")


def first_probe(endpoint: Endpoint, *, is_chat: bool) -> Probe:
    """Give the probe that an endpoint gets first: the URL that ``Client`` would use."""
    limit: LimitName | None = "max_completion_tokens" if is_chat else None
    if endpoint.api == "v1":
        return Probe(api="v1", version=None, limit=limit)
    version = endpoint.api_version or DEFAULT_API_VERSION
    return Probe(api="dated", version=version, limit=limit)
