"""The vectors as values: what a YAML file may say. Reads no file and runs nothing.

``tests/vectors/README.md`` explains the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

Deed = Literal[
    "answers",
    "streams",
    "refuses",
    "connect_timeout",
    "pool_timeout",
    "write_timeout",
    "hangs",
    "resets",
    "closes",
    "stale",
    "malformed",
    "resets_in_body",
    "hangs_in_body",
    "trickles",
    "resets_in_stream",
]


Word = Literal[
    "preamble", "role", "content", "done", "comment", "resets", "closes", "ends", "hangs"
]


# --- given ---------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Given:
    """The configuration: in the short form, or as ``config`` in the documented dict form."""

    endpoints: tuple[str | Mapping[str, Any], ...] = ()
    policy: Mapping[str, Any] = {}
    config: Mapping[str, Any] | None = None
    luck: tuple[float, ...] = (0.0,)

    def dict_form(self) -> Mapping[str, Any]:
        """Give the configuration as a user would write it."""
        if self.config is not None:
            return self.config
        primary, *backups = map(_written_out, self.endpoints)
        return {"deployment_name": "gpt", **primary, "backups": backups, "policy": self.policy}


def _written_out(endpoint: str | Mapping[str, Any]) -> dict[str, Any]:
    fields = {"name": endpoint} if isinstance(endpoint, str) else endpoint
    name = fields["name"]
    return {"endpoint": f"https://{name}.example", "api_key": f"key-of-{name}", **fields}


# --- events --------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Step:
    """What comes next in an event stream: an event, its end, or a while without either."""

    say: Word | None = None
    error: str | None = None
    pause: float = 0.0
    alive: float | None = None


@attrs.frozen(kw_only=True)
class Behaviour:
    """What an endpoint does with one attempt."""

    does: Deed = "answers"
    status: int = 200
    after: float = 0.0
    retry_after: float | str | None = None
    headers: Mapping[str, str] = {}
    body: Mapping[str, Any] | None = None
    stream: tuple[Step, ...] | None = None


@attrs.frozen(kw_only=True)
class Endpoints:
    """From now on, endpoints do this; of several behaviours each serves once, the last stays."""

    endpoints: Mapping[str, tuple[Behaviour, ...]]


@attrs.frozen(kw_only=True)
class Elapse:
    """Time passes."""

    elapse: float


@attrs.frozen(kw_only=True)
class Asked:
    """What a request asks for."""

    to: str | None = None
    body: Mapping[str, Any] = {}
    stream: bool = False
    reads: int | None = None
    once: bool = False
    timeout: float | None = None
    options: Mapping[str, Any] = {}
    count: int = 1


@attrs.frozen(kw_only=True)
class Request(Asked):
    """A request is sent, and time passes until it is over."""

    request: str


@attrs.frozen(kw_only=True)
class Start(Asked):
    """A request is sent, and goes on while other things happen."""

    start: str
    operation: str = "chat"


@attrs.frozen(kw_only=True)
class Finish:
    """An endpoint that hangs answers after all, for the next attempts of these requests."""

    finish: str
    does: Behaviour
    at: str | None = None
    count: int = 1


@attrs.frozen(kw_only=True)
class Cancel:
    """The caller gives up on a request."""

    cancel: str


@attrs.frozen
class Reset:
    """Somebody calls ``reset()``."""


Event: TypeAlias = Endpoints | Elapse | Request | Start | Finish | Cancel | Reset


# --- outcome -------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Line:
    """One line of a ledger: ``{<endpoint>: <what>}``, and further facts to check."""

    endpoint: str
    what: int | str
    note: str | None = None
    phase: str | None = None
    started: float | None = None
    elapsed: float | None = None


@attrs.frozen(kw_only=True)
class Landing:
    """What became of a request."""

    answer: int | None = None
    error: str | None = None
    by: str | None = None
    ledger: tuple[Line, ...] | None = None
    exhausted: bool | None = None
    should_retry: bool | None = None
    took: float | None = None
    got: tuple[str, ...] | None = None


@attrs.frozen(kw_only=True)
class Condition:
    """How an endpoint does."""

    state: Literal["healthy", "failed", "probing"] | None = None
    retry_in: float | Literal["never"] | None = None
    throttled_for: float | None = None
    misconfigured: str | None = None
    last_error: str | None = None


@attrs.frozen(kw_only=True)
class Outcome(Landing):
    """What is so after a phase. What is not named is not checked."""

    requests: Mapping[str, Landing] = {}
    under_way: tuple[str, ...] | None = None
    seen: Mapping[str, int] | None = None
    reached: tuple[str, ...] | None = None
    status: Mapping[str, Condition] = {}
    in_use: str | None = None
    warnings: tuple[str, ...] | None = None


@attrs.frozen(kw_only=True)
class Phase:
    """Events, and what is so after them."""

    events: tuple[Event, ...]
    outcome: Outcome


@attrs.frozen(kw_only=True)
class Vector:
    """One law, and a story that shows it."""

    description: str
    given: Given
    phases: tuple[Phase, ...]
    pending: bool = False
