"""The errors of this package."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given, strategies as st

import azure_failover
from azure_failover import (
    AllEndpointsFailed,
    AuthenticationError,
    AzureFailoverError,
    BadRequestError,
    ConfigError,
    Entry,
    Ledger,
    NotFoundError,
    PermissionDeniedError,
    Phase,
    Problem,
    RateLimitError,
    RequestError,
    ServiceUnavailableError,
    StatusError,
    StreamBrokenError,
)
from azure_failover.core.errors import error_for_status

LEDGER = Ledger(
    (
        Entry(endpoint="east", index=0, outcome="answered", status=503, elapsed=1.0),
        Entry(endpoint="west", index=1, outcome="skipped", error="failed"),
        Entry(endpoint="west", index=1, outcome="failed", phase=Phase.CONNECT, error="refused"),
    ),
    is_exhausted=True,
)


@given(st.integers(400, 599))
def test_each_status_has_its_error(status: int) -> None:
    """An error's class says what to do about it; an unknown status is a StatusError."""
    expected = {
        **dict.fromkeys((400, 413, 422), BadRequestError),
        401: AuthenticationError,
        403: PermissionDeniedError,
        404: NotFoundError,
        429: RateLimitError,
        **dict.fromkeys((500, 502, 503, 504), ServiceUnavailableError),
    }.get(status, StatusError)
    assert error_for_status(status) is expected
    error = expected("no", status=status, code="x", body={"a": 1}, retry_after=2.0, ledger=LEDGER)
    assert isinstance(error, RequestError)
    assert (error.status, error.code, error.body) == (status, "x", {"a": 1})
    assert (error.retry_after, error.ledger, str(error)) == (2.0, LEDGER, "no")


def test_every_error_has_one_root() -> None:
    """``except AzureFailoverError`` catches all that this package raises by itself."""
    errors = [
        found
        for found in vars(azure_failover).values()
        if isinstance(found, type) and issubclass(found, Exception)
    ]
    assert len(errors) > 10
    assert all(issubclass(error, AzureFailoverError) for error in errors)


def test_the_final_error_lists_every_attempt() -> None:
    """Promise 10: who reads only the message knows what was tried."""
    error = AllEndpointsFailed(LEDGER)
    assert str(error).splitlines() == [
        "all 2 endpoints failed:",
        "  1. east: 503 after 1.00 s",
        "  2. west: skipped, failed",
        "  3. west: refused (connect)",
    ]
    assert error.ledger is LEDGER


@pytest.mark.parametrize(
    "error",
    [
        AllEndpointsFailed(LEDGER),
        RequestError("no", ledger=LEDGER),
        StreamBrokenError("no", text="half an ans", ledger=LEDGER),
        RateLimitError("no", status=429, code="x", retry_after=2.0, ledger=LEDGER),
        ConfigError([Problem("timeout", "is empty", "fill it")], source="a file"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_can_be_copied_and_pickled(error: AzureFailoverError) -> None:
    """An error crosses a process boundary with all that it knows."""
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301
        assert type(again) is type(error)
        assert (str(again), again.args) == (str(error), error.args)
        assert vars(again) == vars(error)
