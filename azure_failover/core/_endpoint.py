"""One endpoint as a value, and what may be wrong with its fields.

Checks fields of the right type; where they come from is for :mod:`~azure_failover.core._sources`.
A flaw names a field and never quotes its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Required, TypedDict, Unpack, cast

import attrs

from azure_failover.core._base_url import BaseUrl, BaseUrlProblem
from azure_failover.core._flaws import (
    Flaw,
    choice_flaws,
    choices_of,
    is_positive,
    raise_flaws,
    remedy,
    seconds_flaw,
    text_flaw,
    whole_flaw,
)
from azure_failover.core.credentials import (
    MASK,
    Hidden,
    Secret,
    TokenCredential,
    TokenProvider,
    credential_problem,
    identity_of,
    key_problem,
    provider_problem,
)

_VERSION: Final = re.compile(r"[0-9A-Za-z]+([.-][0-9A-Za-z]+)*")
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""The name of a header (RFC 9110, section 5.6.2)."""
_OTHER_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "date",
        "expect",
        "host",
        "keep-alive",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
"""Headers that HTTP itself or its clients fill: a key in them breaks the request."""


def normal_url(value: Any) -> Any:  # noqa: ANN401  (checked with all the other fields)
    """Give an address in its normal form; one that cannot be parsed as it is."""
    parsed = BaseUrl.parse(value) if isinstance(value, str) else None
    return str(parsed) if isinstance(parsed, BaseUrl) else value


def _lower(value: Any) -> Any:  # noqa: ANN401
    return value.lower() if isinstance(value, str) else value


def _masked(value: object) -> str:
    return repr(None if value is None else MASK)


class EndpointFields(TypedDict, total=False):
    """The arguments of :class:`Endpoint` besides its credential."""

    endpoint: Required[str]
    deployment_name: Required[str]
    api_version: str | None
    timeout: float
    name: str
    deployments: Mapping[str, str]
    allow_insecure: bool
    scope: str
    key_header: str
    auth: Literal["endpoint", "client"]
    api: Literal["any", "v1", "dated"]
    tier: int
    weight: float


@attrs.frozen(kw_only=True, init=False)
class Endpoint:
    """One Azure resource as we reach it.

    It has exactly one credential: ``api_key``, ``token_provider``, ``credential``, or
    ``auth="client"``.

    Attributes:
        endpoint: The address before ``/openai``, without a trailing slash.
        api_key: The key; shows itself as ``***``.
        deployment_name: The deployment that requests for the primary's deployment are sent to.
        api_version: The ``api-version`` that dated URLs take there; None keeps the one that a
            request has, and :data:`DEFAULT_API_VERSION` serves a request that has none.
        timeout: Seconds that each phase of an attempt (sending, waiting for a byte) may take.
            A shorter timeout of the request wins.
        name: How the ledger, the logs and the status call it; by default the first label of the
            host, made unique within the configuration.
        deployments: For a backup: further names of the primary's deployments, and what they are
            called here.
        allow_insecure: Permit plain ``http`` to a host that is not the loopback.
        token_provider: A function, sync or async, that gives a token for each attempt.
        credential: An azure-identity credential, sync or async, that is asked for a token.
        scope: What ``credential`` is asked for.
        key_header: The header that ``api_key`` travels in, in lower case.
        auth: ``client`` leaves the credential that the request came with.
        api: Which URLs the resource serves: ``v1``, ``dated`` or ``any`` of them.
        tier: Endpoints of a lower tier are tried first, whatever the strategy: 0 for provisioned
            throughput, say, and 1 for pay-as-you-go.
        weight: Its share of first choices among its tier, in proportion to the others' weights,
            under the strategy ``weighted``.
    """

    endpoint: str = attrs.field(converter=normal_url)
    api_key: Secret | None = None
    deployment_name: str
    api_version: str | None = None
    timeout: float = 60.0
    name: str = ""
    deployments: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False)
    allow_insecure: bool = False
    token_provider: TokenProvider | None = attrs.field(default=None, repr=_masked, eq=identity_of)
    credential: TokenCredential | None = attrs.field(default=None, repr=_masked, eq=identity_of)
    scope: str = "https://cognitiveservices.azure.com/.default"
    key_header: str = attrs.field(default="api-key", converter=_lower)
    auth: Literal["endpoint", "client"] = "endpoint"
    api: Literal["any", "v1", "dated"] = "any"
    tier: int = 0
    weight: float = 1.0

    if TYPE_CHECKING:

        def __attrs_init__(
            self,
            *,
            api_key: Secret | None,
            token_provider: TokenProvider | None,
            credential: TokenCredential | None,
            **fields: Unpack[EndpointFields],
        ) -> None: ...

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        token_provider: TokenProvider | None = None,
        credential: TokenCredential | None = None,
        **fields: Unpack[EndpointFields],
    ) -> None:
        # Hidden here, and checked after the fields are set, so that no frame of a traceback
        # shows the plain key, a provider or a credential.
        hidden = Hidden((None if api_key is None else Secret(api_key), token_provider, credential))
        del api_key, token_provider, credential
        self.__attrs_init__(
            api_key=hidden.content[0],
            token_provider=hidden.content[1],
            credential=hidden.content[2],
            **fields,
        )
        flaws = [*endpoint_flaws(values_of(self)), *_kind_flaws(self)]
        raise_flaws(flaws, f"Endpoint {self.name!r}" if self.name else "Endpoint")

    @property
    def base(self) -> BaseUrl:
        """The parsed address."""
        parsed = BaseUrl.parse(self.endpoint)
        assert isinstance(parsed, BaseUrl)
        return parsed


CHOICES: Final = choices_of(Endpoint)
"""The fields of an endpoint that are one of a few words, and these words."""

CREDENTIAL_FIELDS: Final = ("api_key", "token_provider", "credential")
"""The fields that hold a credential; ``auth = "client"`` is the fourth kind."""

OTHER_KINDS: Final = ', or give token_provider, credential or auth = "client"'
"""What may stand in place of a key."""


def values_of(endpoint: Endpoint) -> dict[str, Any]:
    """Give the fields as they are."""
    return attrs.asdict(endpoint, recurse=False)


def kinds_of(values: Mapping[Any, Any]) -> tuple[str, ...]:
    """Name the fields by which an endpoint, or a mapping for one, says its credential."""
    kinds = [field for field in CREDENTIAL_FIELDS if values.get(field) is not None]
    return (*kinds, *(("auth",) if is_word(values.get("auth"), "client") else ()))


def is_word(value: object, word: str) -> bool:
    """Tell whether a value of any type is that word."""
    return isinstance(value, str) and value == word


def several_flaws(kinds: tuple[str, ...]) -> Iterator[Flaw]:
    """Find more than one credential for one endpoint."""
    if len(kinds) > 1:
        labels = ['auth = "client"' if kind == "auth" else kind for kind in kinds]
        what = f"stands beside {' and '.join(labels[:-1])}; an endpoint has one credential"
        yield Flaw(kinds[-1], what, f"keep one of {', '.join(labels)}")


def _kind_flaws(endpoint: Endpoint) -> Iterator[Flaw]:
    kinds = kinds_of(values_of(endpoint))
    yield from several_flaws(kinds)
    if not kinds:
        yield Flaw("api_key", "is missing", f"{remedy('api_key')}{OTHER_KINDS}")


def endpoint_flaws(values: Mapping[str, Any]) -> list[Flaw]:
    """Check values that have the right types; a field that is missing is not looked at."""
    return [
        *(_address_flaw(values) if "endpoint" in values else ()),
        *_key_flaw(values.get("api_key")),
        *_source_flaws(values),
        *(
            flaw
            for field in ("deployment_name", "scope")
            if field in values
            for flaw in text_flaw(field, values[field])
        ),
        *_version_flaw(values.get("api_version")),
        *seconds_flaw("timeout", values.get("timeout")),
        *_name_flaw(values.get("name", "")),
        *_deployments_flaw(values.get("deployments", {})),
        *_key_header_flaw(values.get("key_header", "api-key")),
        *whole_flaw("tier", values.get("tier", 0)),
        *_weight_flaw(values.get("weight", 1.0)),
        *choice_flaws(values, CHOICES),
    ]


def _address_flaw(values: Mapping[str, Any]) -> Iterator[Flaw]:
    if not isinstance(values["endpoint"], str):
        yield Flaw("endpoint", "is not text", remedy("endpoint"))
        return
    base = BaseUrl.parse(values["endpoint"])
    if isinstance(base, BaseUrlProblem):
        yield Flaw("endpoint", base.what, base.remedy or remedy("endpoint"))
    elif base.scheme == "http" and not base.is_loopback and not values.get("allow_insecure"):
        yield Flaw(
            "endpoint",
            "is plain http, which would show the key to the network",
            "write https, or set allow_insecure = true if you mean it",
        )


def _key_flaw(key: Secret | None) -> Iterator[Flaw]:
    value = None if key is None else cast("object", key.reveal())
    what = key_problem(value) if isinstance(value, str) else "is not text"
    if value is not None and what:
        yield Flaw("api_key", what, remedy("api_key"))


def _source_flaws(values: Mapping[str, Any]) -> Iterator[Flaw]:
    provider, credential = values.get("token_provider"), values.get("credential")
    if provider is not None and (what := provider_problem(provider)):
        yield Flaw("token_provider", f"is {what}", remedy("token_provider"))
    if credential is not None and (what := credential_problem(credential)):
        yield Flaw("credential", f"is {what}", remedy("credential"))


def _key_header_flaw(name: object) -> Iterator[Flaw]:
    if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name):
        yield Flaw("key_header", "is not the name of a header", remedy("key_header"))
    elif name.lower() == "authorization":
        advice = "for a bearer token give token_provider in place of api_key"
        yield Flaw("key_header", "is the header of tokens", advice)
    elif name.lower() in _OTHER_HEADERS or name.lower().startswith("proxy-"):
        yield Flaw("key_header", "is a header with another purpose", remedy("key_header"))


def _weight_flaw(weight: object) -> Iterator[Flaw]:
    if not is_positive(weight):
        yield Flaw("weight", "is not a positive number", remedy("weight"))


def _version_flaw(version: object) -> Iterator[Flaw]:
    if version == "":
        yield Flaw("api_version", "is empty", remedy("api_version"))
    elif version is not None and not (isinstance(version, str) and _VERSION.fullmatch(version)):
        yield Flaw("api_version", "is not an api-version", remedy("api_version"))


def _name_flaw(name: object) -> Iterator[Flaw]:
    if name != "":
        yield from text_flaw("name", name)
        if isinstance(name, str) and not name.isascii():
            yield Flaw("name", "is not ASCII", remedy("name"))


def _deployments_flaw(names: object) -> Iterator[Flaw]:
    if not isinstance(names, Mapping):
        yield Flaw("deployments", "is not a mapping", remedy("deployments"))
        return
    for pair in cast("Mapping[object, object]", names).items():
        for name in pair:
            yield from text_flaw("deployments", name)
