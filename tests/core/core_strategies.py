"""Hypothesis strategies and small builders that the tests of ``core`` share."""

from __future__ import annotations

import string
from typing import Any, NamedTuple

from hypothesis import strategies as st

from azure_failover.core.config import Config

Data = dict[str, Any]

SHOWN = "K3Y-that-a-repr-shows"
"""What the repr of a careless credential holds."""


class Token(NamedTuple):
    """What azure-core calls an access token."""

    token: str
    expires_on: int = 0


class Credential:
    """A credential as azure-identity has them, careless and not hashable; copies are the same."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return SHOWN

    def __reduce__(self) -> str:
        return next(name for name, value in globals().items() if value is self)

    def get_token(self, *scopes: str) -> Token:
        return Token(f"for:{','.join(scopes)}")

    def __call__(self) -> str:
        return "called"


class AsyncCredential(Credential):
    """The same for tasks."""

    async def get_token(self, *scopes: str) -> Token:  # type: ignore[override]
        return Token(f"awaited:{','.join(scopes)}")

    async def __call__(self) -> str:  # type: ignore[override]
        return "awaited"


CREDENTIAL = Credential()
OTHER_CREDENTIAL = Credential()
ASYNC_CREDENTIAL = AsyncCredential()
CREDENTIALS = st.sampled_from((CREDENTIAL, OTHER_CREDENTIAL, ASYNC_CREDENTIAL))


def sync_token() -> str:
    return "token"


async def async_token() -> str:
    return "token"


PROVIDERS = st.sampled_from((sync_token, async_token)) | CREDENTIALS
"""Functions that give tokens, and objects that can be called for one."""

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
HOSTS = st.tuples(
    LABEL,
    st.sampled_from((".openai.azure.com", ".services.ai.azure.com", ".azure-api.net", "")),
).map("".join)
SEGMENTS = st.one_of(
    st.sampled_from(("openai", "v1", "deployments", "chat", "gw", "a%2Fb", "api")),
    st.text(string.ascii_letters + string.digits + "-_~", min_size=1, max_size=6),
)
"""Path segments as a gateway may have them, those of the API's own paths among them."""

PATHS = st.lists(SEGMENTS, max_size=4).map(lambda parts: "".join(f"/{part}" for part in parts))

NAMES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x2FFF, categories=("L", "N", "P", "S")),
    min_size=1,
    max_size=12,
).filter(lambda name: name == name.strip() and name.isprintable())
"""Deployment names: anything printable, ``/`` and ``%`` included."""

DEPLOYMENTS = st.one_of(
    st.sampled_from(
        (
            "gpt-4.1-mini",
            "chat",
            "openai",
            "deployments",
            "v1",
            "a/b",
            "50%",
            "%2F",
            "größe",
            "日本",
        )
    ),
    NAMES,
)

KEYS = st.text(string.ascii_letters + string.digits, min_size=12, max_size=24).map(
    lambda rest: f"K3Y{rest}"
)
"""Keys that no other text holds by chance."""

VERSIONS = st.sampled_from(("2024-10-21", "2025-04-01-preview", "preview"))
TIMEOUTS = st.floats(min_value=0.001, max_value=1e6) | st.integers(min_value=1, max_value=900)

KINDS = ("api_key", "token_provider", "credential", "auth")
"""The fields that say what an endpoint's credential is, of which it has one."""

KIND: st.SearchStrategy[Data] = st.one_of(
    st.fixed_dictionaries({"api_key": KEYS}),
    st.fixed_dictionaries({"token_provider": PROVIDERS}),
    st.fixed_dictionaries({"credential": CREDENTIALS}),
    st.just({"auth": "client"}),
)
"""One credential as a mapping says it."""

HEADERS = st.sampled_from(("api-key", "Ocp-Apim-Subscription-Key", "x-gateway-key", "X!"))

OWN_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "deployment_name": DEPLOYMENTS,
    "api_version": VERSIONS,
    "timeout": TIMEOUTS,
    "allow_insecure": st.booleans(),
    "scope": st.sampled_from(("https://ai.azure.com/.default", "api://x/.default")),
    "key_header": HEADERS,
    "api": st.sampled_from(("any", "v1", "dated")),
    "tier": st.integers(0, 3),
    "weight": st.floats(0.001, 1e6) | st.integers(1, 100),
}
"""What a backup inherits, field by field, if it does not say it; :data:`KIND` as a unit."""


@st.composite
def addresses(draw: st.DrawFn) -> str:
    """Draw distinct-looking, valid endpoint addresses as users write them."""
    host, port = draw(HOSTS), draw(st.none() | st.integers(1, 65535))
    prefix = draw(st.sampled_from(("", "/gw", "/team/openai/x", "/a%2Fb")))
    end = draw(st.sampled_from(("", "/", "/openai", "/openai/", "/openai/v1", "/openai/v1/")))
    return f"https://{host}{'' if port is None else f':{port}'}{prefix}{end}"


@st.composite
def config_dicts(draw: st.DrawFn, *, max_backups: int = 3, is_keyed: bool = False) -> Data:
    """Draw valid configurations in the dict form, any field of a backup given or left out.

    With ``is_keyed`` the primary has a key.
    """
    count = draw(st.integers(0, max_backups))
    domains = [f"{draw(LABEL)}.r{index}.openai.azure.com" for index in range(count + 1)]
    data: Data = {
        "endpoint": f"https://{domains[0]}{draw(st.sampled_from(('', '/', '/openai', '/gw')))}",
        "deployment_name": draw(DEPLOYMENTS),
        **draw(st.fixed_dictionaries({"api_key": KEYS}) if is_keyed else KIND),
    }
    if "auth" not in data and draw(st.booleans()):
        data["auth"] = "endpoint"
    for field, values in OWN_FIELDS.items():
        if field not in data and draw(st.booleans()):
            data[field] = draw(values)
    backups: list[Data] = []
    for domain in domains[1:]:
        no_kind: Data = {}
        kind = draw(st.just(no_kind) | KIND)
        backup = draw(st.fixed_dictionaries({}, optional=OWN_FIELDS)) | kind
        has_credential = bool(kind) or data.get("auth") != "client"
        if has_credential and "auth" not in kind and draw(st.booleans()):
            backup["auth"] = "endpoint"
        if draw(st.booleans()):
            other = draw(NAMES)
            backup["deployments"] = {} if other == data["deployment_name"] else {other: "there"}
        backups.append({"endpoint": f"https://{domain}", **backup})
    if draw(st.booleans()):
        data["name"] = draw(LABEL)
    says_backups = draw(st.booleans())
    if backups or says_backups:
        data["backups"] = backups
    if draw(st.booleans()):
        data["policy"] = draw(POLICIES)
    return data


POLICIES: st.SearchStrategy[Data] = st.fixed_dictionaries(
    {},
    optional={
        "failback": st.sampled_from(("auto", "never")),
        "on_throttle": st.sampled_from(("return", "failover", "wait")),
        "on_misconfigured": st.sampled_from(("return", "failover")),
        "deadline": st.none() | TIMEOUTS,
        "attempt_timeout": TIMEOUTS
        | st.fixed_dictionaries(
            {},
            optional={
                "connect": TIMEOUTS,
                "read": st.none() | TIMEOUTS,
                "write": st.none() | TIMEOUTS,
                "pool": st.none() | TIMEOUTS,
            },
        ),
        "strategy": st.sampled_from(("priority", "round_robin", "weighted", "latency")),
        "failback_ramp": st.just(0) | TIMEOUTS,
        "hedge_after": st.just("p95") | st.none() | TIMEOUTS,
        "hedge_probes_after": st.none() | TIMEOUTS,
        "detect_silence": st.booleans(),
        "buffer_limit": st.integers(0, 2**40),
        "reserve": st.floats(0.0, 1e6) | st.integers(0, 60),
        "retry_budget": st.floats(0.0, 1.0) | st.integers(0, 1),
        "pause": st.floats(0.001, 100.0),
        "max_pause": st.floats(100.0, 1000.0),
        "probe_lease": TIMEOUTS,
    },
)


def plain_config(count: int = 3, **policy: object) -> Config:
    """Give a configuration of ``count`` endpoints called ``r0``, ``r1`` and so on."""
    return Config.from_dict(
        {
            "endpoint": "https://r0.example",
            "api_key": "key-0",
            "deployment_name": "gpt",
            "backups": [
                {"endpoint": f"https://r{index}.example", "api_key": f"key-{index}"}
                for index in range(1, count)
            ],
            "policy": policy,
        },
        env={},
    )
