"""Where a request would go and why, for people: what ``explain()`` gives. Values only."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Stop:
    """One endpoint, as one request sees it.

    Attributes:
        endpoint: The endpoint's name.
        index: Its place in the configuration; 0 is the primary.
        url: Where the request would be sent there, without credentials.
        note: What stands against it, such as a failure or a form of URL that it does not speak;
            "" if nothing does.
    """

    endpoint: str
    index: int
    url: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.url}" + (f" ({self.note})" if self.note else "")


@attrs.frozen(kw_only=True)
class Explanation:
    """Where a request would go, in which order, and why.

    Attributes:
        operation: The route behind the deployment or behind ``/openai``; "" for a foreign origin.
        form: The kind of URL: ``dated, with deployment``, ``dated``, ``v1`` or ``other``.
        may_move: Whether it may go to another endpoint than the first.
        reason: Why.
        stops: The endpoints in the order in which they would be tried, if each one failed.
        barred: The endpoints that it would not be sent to.
    """

    operation: str
    form: str
    may_move: bool
    reason: str
    stops: tuple[Stop, ...] = ()
    barred: tuple[Stop, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.operation or 'request'}: {self.reason}"]
        lines += [f"  {number}. {stop}" for number, stop in enumerate(self.stops, 1)]
        lines += [f"  -  {stop}" for stop in self.barred]
        return "\n".join(lines)
