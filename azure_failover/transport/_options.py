"""What one request may ask for: read from ``request.extensions["failover"]``. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final, cast

import attrs

from azure_failover.core._flaws import is_seconds
from azure_failover.core.errors import ConfigError, Problem

EXTENSION: Final = "failover"
"""The request extension that holds options, and the response extension that holds the ledger."""


@attrs.frozen(kw_only=True)
class FailoverOptions:
    """Options of one request.

    Attributes:
        auto_failover: False tries only the endpoint that is in use.
        deadline: Seconds that all attempts together may take; None for the policy's deadline.
        timeout: Seconds that each phase of an attempt may take, in place of the endpoint's
            ``timeout``; None for the endpoint's.
    """

    auto_failover: bool = True
    deadline: float | None = None
    timeout: float | None = None

    def __attrs_post_init__(self) -> None:
        problems: list[Problem] = []
        if not isinstance(cast("object", self.auto_failover), bool):
            problems.append(Problem("auto_failover", "is not a boolean", "give True or False"))
        for field in ("deadline", "timeout"):
            seconds: object = getattr(self, field)
            if seconds is not None and not is_seconds(seconds):
                what = "is not a positive number of seconds"
                problems.append(Problem(field, what, "give one, or None"))
        if problems:
            raise ConfigError(problems, source="the request's failover options")


DEFAULT_OPTIONS: Final = FailoverOptions()
_KNOWN: Final = tuple(field.name for field in attrs.fields(FailoverOptions))


def options_of(extension: object) -> FailoverOptions:
    """Read the extension: None, :class:`FailoverOptions`, or a mapping of its fields.

    Raises:
        ConfigError: If it is anything else, or has a key that does not exist.
    """
    if extension is None:
        return DEFAULT_OPTIONS
    if isinstance(extension, FailoverOptions):
        return extension
    source = 'request.extensions["failover"]'
    if not isinstance(extension, Mapping):
        what = f"is a {type(extension).__name__}"
        raise ConfigError([Problem("failover", what, "give a mapping")], source=source)
    fields = cast("Mapping[str, object]", extension)
    problems: list[Problem] = []
    for key in fields:
        if key not in _KNOWN:
            close = get_close_matches(str(key), _KNOWN, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(_KNOWN)}"
            problems.append(Problem(str(key), "is not a known option", remedy))
    if problems:
        raise ConfigError(problems, source=source)
    return FailoverOptions(**fields)  # type: ignore[arg-type]
