"""What one request may ask for, in its extensions or around its call. Decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from typing import Final, Literal, TypedDict, Unpack, cast

import attrs

from azure_failover.core._flaws import is_seconds
from azure_failover.core.errors import ConfigError, Problem

EXTENSION: Final = "failover"
"""The request extension that holds options, and the response extension that holds the ledger."""

_BREAKS: Final = ("restart", "raise", None)


@attrs.frozen(kw_only=True)
class FailoverOptions:
    """Options of one request.

    Attributes:
        auto_failover: False tries only the endpoint that is in use.
        deadline: Seconds that all attempts together may take; None for the policy's deadline.
        timeout: Seconds that each phase of an attempt may take, in place of the endpoint's
            ``timeout``; None for the endpoint's.
        avoid: Names of endpoints that are not tried, not even as a last resort.
        on_stream_break: What the streams of a client do that break off after content came,
            ``restart`` or ``raise``; None for the policy's ``on_stream_break``.
    """

    auto_failover: bool = True
    deadline: float | None = None
    timeout: float | None = None
    avoid: Collection[str] = ()
    on_stream_break: Literal["restart", "raise"] | None = None

    def __attrs_post_init__(self) -> None:
        problems: list[Problem] = []
        if not isinstance(cast("object", self.auto_failover), bool):
            problems.append(Problem("auto_failover", "is not a boolean", "give True or False"))
        for field in ("deadline", "timeout"):
            seconds: object = getattr(self, field)
            if seconds is not None and not is_seconds(seconds):
                what = "is not a positive number of seconds"
                problems.append(Problem(field, what, "give one, or None"))
        avoid = cast("object", self.avoid)
        if isinstance(avoid, str) or not isinstance(avoid, Collection):
            problems.append(Problem("avoid", "is not a collection of names", "give a list or set"))
        if cast("object", self.on_stream_break) not in _BREAKS:
            advice = 'give "restart", "raise" or None'
            problems.append(Problem("on_stream_break", "is none of its choices", advice))
        if problems:
            raise ConfigError(problems, source="the request's failover options")


class OptionFields(TypedDict, total=False):
    """The arguments of :class:`FailoverOptions`, as :func:`failover_options` takes them."""

    auto_failover: bool
    deadline: float | None
    timeout: float | None
    avoid: Collection[str]
    on_stream_break: Literal["restart", "raise"] | None


DEFAULT_OPTIONS: Final = FailoverOptions()
_KNOWN: Final = tuple(field.name for field in attrs.fields(FailoverOptions))
OPTIONS_AROUND: Final[ContextVar[FailoverOptions]] = ContextVar("failover", default=DEFAULT_OPTIONS)
"""The options that :func:`failover_options` set; a request without an extension has these."""


@contextmanager
def failover_options(**options: Unpack[OptionFields]) -> Generator[None]:
    """Set options for all requests that are sent in this block, by this thread or task.

    For callers who cannot reach ``request.extensions``, because an SDK builds the request::

        with failover_options(auto_failover=False, deadline=20.0):
            sdk.chat.completions.create(...)

    Inner blocks override outer ones, field by field, and a request's own extension overrides both.

    Raises:
        ConfigError: If an option does not exist or has a wrong value.
    """
    token = OPTIONS_AROUND.set(_overridden(OPTIONS_AROUND.get(), options, "failover_options()"))
    try:
        yield
    finally:
        OPTIONS_AROUND.reset(token)


def options_of(extension: object) -> FailoverOptions:
    """Give the options of a request: those set around it, overridden by its extension.

    Args:
        extension: :class:`FailoverOptions` (what differs from the defaults counts), or a mapping of
            its fields.

    Raises:
        ConfigError: If it is anything else, or has a key that does not exist.
    """
    around = OPTIONS_AROUND.get()
    source = 'request.extensions["failover"]'
    if isinstance(extension, FailoverOptions):
        given = attrs.asdict(extension, filter=lambda field, value: value != field.default)
        return _overridden(around, given, source)
    if not isinstance(extension, Mapping):
        what = f"is a {type(extension).__name__}"
        raise ConfigError([Problem("failover", what, "give a mapping")], source=source)
    return _overridden(around, cast("Mapping[str, object]", extension), source)


def _overridden(
    options: FailoverOptions, given: Mapping[str, object], source: str
) -> FailoverOptions:
    problems: list[Problem] = []
    for key in given:
        if key not in _KNOWN:
            close = get_close_matches(str(key), _KNOWN, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(_KNOWN)}"
            problems.append(Problem(str(key), "is not a known option", remedy))
    if problems:
        raise ConfigError(problems, source=source)
    return attrs.evolve(options, **given) if given else options  # type: ignore[arg-type]
