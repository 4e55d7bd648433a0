"""What a check found out about an endpoint. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Literal

import attrs

Aspect = Literal["dns", "tcp", "tls", "auth", "deployment", "version"]
ASPECTS: Final[tuple[Aspect, ...]] = ("dns", "tcp", "tls", "auth", "deployment", "version")
"""What is checked, in the order in which it shows."""


class Mark(Enum):
    """What is known about one aspect."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """The check did not come so far."""
    NONE = "none"
    """There is no such thing here, such as TLS at ``http://``."""


@attrs.frozen(kw_only=True)
class Report:
    """What a check found out about one endpoint.

    Attributes:
        name: The endpoint's name.
        endpoint: Its address.
        deployment: The deployment that was asked for.
        api: Which kind of URL was asked: ``dated`` or ``v1``.
        version: The api-version of a dated URL; None for v1.
        marks: What is known about each aspect.
        seconds: How long ``dns``, ``tcp``, ``tls`` and ``answer`` took, where they were done;
            ``answer`` lasts from the request to the answer's headers.
        status: The HTTP status; None if no answer came.
        region: What the answer's ``x-ms-region`` says.
        problem: What is wrong; None if nothing is.
        remedy: What to do about it.
        notes: What else is worth knowing.
    """

    name: str
    endpoint: str
    deployment: str
    api: str
    version: str | None
    marks: Mapping[Aspect, Mark]
    seconds: Mapping[str, float]
    status: int | None = None
    region: str | None = None
    problem: str | None = None
    remedy: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem is None

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {
            "name": self.name,
            "well": self.is_well,
            "endpoint": self.endpoint,
            "deployment": self.deployment,
            "api": self.api,
            "api_version": self.version,
            "checks": {aspect: self.marks[aspect].value for aspect in ASPECTS},
            "seconds": {step: round(taken, 4) for step, taken in self.seconds.items()},
            "status": self.status,
            "region": self.region,
            "problem": self.problem,
            "remedy": self.remedy,
            "notes": [*self.notes],
        }
