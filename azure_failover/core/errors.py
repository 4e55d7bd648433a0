"""The errors that this package raises by itself. No HTTP library's exceptions, no secrets.

A mounted transport raises the exceptions of the request's own HTTP family instead; only
:class:`ConfigError` comes from everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from azure_failover.core.ledger import Ledger


class AzureFailoverError(Exception):
    """The root of all errors of this package."""

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    kind: type[AzureFailoverError], args: tuple[object, ...], values: dict[str, object]
) -> AzureFailoverError:
    """Make a pickled error again, whatever its constructor takes."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(values)
    return error


@attrs.frozen
class Problem:
    """One thing that is wrong in a configuration.

    Attributes:
        path: Where: ``backups[1].endpoint``, or the name of an environment variable.
        what: What is wrong there. Never quotes a value that may be a secret.
        remedy: What would be right.
    """

    path: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; {self.remedy}"


class ConfigError(AzureFailoverError, ValueError):
    """The configuration cannot be used; ``problems`` lists everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem], *, source: str = "the configuration") -> None:
        self.problems = tuple(problems)
        self.source = source
        count = f"{len(self.problems)} problem" + ("" if len(self.problems) == 1 else "s")
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"{count} in {source}:{lines}")


class RequestError(AzureFailoverError):
    """A request did not get a usable answer.

    Attributes:
        ledger: What was tried, in order; None if nothing could be.
    """

    def __init__(self, message: str, *, ledger: Ledger | None = None) -> None:
        super().__init__(message)
        self.ledger = ledger


class ConnectionFailedError(RequestError):
    """No connection to the endpoint, or it broke: DNS, refused, TLS, reset."""


class RequestTimeoutError(RequestError):
    """The endpoint did not answer in time."""


class InvalidResponseError(RequestError):
    """The endpoint answered with a success that cannot be read as the expected JSON."""


class AllEndpointsFailed(RequestError):  # noqa: N818  (the documented name)
    """Every endpoint was tried and none could serve the request.

    The message lists each attempt on a line of its own; ``__cause__`` is the last endpoint's
    error by itself.
    """

    def __init__(self, ledger: Ledger) -> None:
        count = len({entry.index for entry in ledger.attempts})
        lines = "".join(f"\n  {line}" for line in str(ledger).splitlines())
        super().__init__(f"all {count} endpoints failed:{lines}", ledger=ledger)


class StreamBrokenError(RequestError):
    """A stream broke off after content had come, and did not begin again.

    The message names the endpoint, what broke, and why it ended there; ``__cause__`` is what broke.

    Attributes:
        text: The text of the first choice that had come: a part of an answer, no short one.
    """

    def __init__(self, message: str, *, text: str = "", ledger: Ledger | None = None) -> None:
        super().__init__(message, ledger=ledger)
        self.text = text


class StatusError(RequestError):
    """The endpoint answered with an HTTP error status.

    Attributes:
        status: The HTTP status.
        code: Azure's error code (``DeploymentNotFound``, ``content_filter``, …), if it gave one.
        body: The answer's JSON, or None if it was none.
        retry_after: Seconds after which Azure says to come again, if it said so.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        body: object = None,
        retry_after: float | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        super().__init__(message, ledger=ledger)
        self.status = status
        self.code = code
        self.body = body
        self.retry_after = retry_after


class BadRequestError(StatusError):
    """400, 413 or 422: the request itself is wrong, or the content filter refused it."""


class AuthenticationError(StatusError):
    """401: the key or the token was not accepted."""


class PermissionDeniedError(StatusError):
    """403: known, but not allowed: a firewall rule, a missing role."""


class NotFoundError(StatusError):
    """404: the deployment or the route does not exist at the endpoint."""


class RateLimitError(StatusError):
    """429: the quota is used up; ``retry_after`` has Azure's hint in seconds."""


class ServiceUnavailableError(StatusError):
    """500, 502, 503 or 504: the endpoint could not serve the request."""


_BY_STATUS: dict[int, type[StatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: BadRequestError,
    422: BadRequestError,
    429: RateLimitError,
    500: ServiceUnavailableError,
    502: ServiceUnavailableError,
    503: ServiceUnavailableError,
    504: ServiceUnavailableError,
}


def error_for_status(status: int) -> type[StatusError]:
    """Give the class of error for an HTTP error status."""
    return _BY_STATUS.get(status, StatusError)
