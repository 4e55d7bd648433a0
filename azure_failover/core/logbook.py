"""What one flight tried and passed over, in order, while it goes on; the ledger is made of it.

Writes down, decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from azure_failover.core.choice import Skip
from azure_failover.core.config import Config
from azure_failover.core.events import AttemptFailed, FailedOver, News, ProbeStarted
from azure_failover.core.ledger import Entry, Ledger
from azure_failover.core.steps import Answered, Attempt, R
from azure_failover.core.ticket import NO_TICKET
from azure_failover.core.verdict import STATUSES, error_facts

_LONGEST_CODE: Final = 80
"""Characters of an error code that a ledger quotes; what is longer is no code."""


class Logbook:
    """The attempts and skips of one flight."""

    def __init__(self, config: Config, started: float) -> None:
        """Begin empty.

        Args:
            config: The endpoints.
            started: When the flight began, in seconds.
        """
        self._config = config
        self._started = started
        self._skipped = 0
        self._records: list[Attempt] = []

    def add(self, attempt: Attempt) -> None:
        """Write an attempt down; what becomes of it is read when the ledger is."""
        self._records.append(attempt)

    def skip(self, skipped: Iterable[Skip], now: float) -> None:
        """Write down which endpoints are passed over, each once."""
        for skip in skipped:
            if not self._skipped >> skip.index & 1:
                self._skipped |= 1 << skip.index
                record = Attempt(skip.index, NO_TICKET, now)
                record.outcome, record.error = "skipped", skip.reason
                self._records.append(record)

    def skip_closed(self, closed: Mapping[int, str]) -> None:
        """Write down first which endpoints cannot take the request."""
        self.skip([Skip(index, reason) for index, reason in sorted(closed.items())], self._started)

    def error_in(self, report: Answered[R]) -> str | None:
        """Say in a word what an error answer says; None if it has none of its own."""
        code = self.code_in(report.body, report.status)
        if report.hides is None:
            return code
        return f"hides {report.hides}" if code is None else f"hides {report.hides}: {code}"

    def code_in(self, body: bytes, status: int | None = None) -> str | None:
        """Give the code of an error's JSON; None if it only repeats the status, or has none."""
        code, _ = error_facts(body)
        if code is None or code == str(status):
            return None
        return self._config.redact(code)[:_LONGEST_CODE]

    def news(self) -> tuple[News, ...]:
        """Tell what has happened since this was asked last."""
        found: list[News] = []
        before: Attempt | None = None
        for record in self._records:
            if record.outcome == "skipped":
                continue
            if not record.is_announced:
                record.is_announced = True
                found += self._beginning(record, before)
            if not record.is_blamed and _is_trouble(record):
                record.is_blamed = True
                found.append(self._failure(record))
            before = record
        return tuple(found)

    def _beginning(self, record: Attempt, before: Attempt | None) -> Iterator[News]:
        name = self._config.endpoints[record.index].name
        if before is not None and before.index != record.index:
            yield FailedOver(endpoint=name, origin=self._config.endpoints[before.index].name)
        if record.ticket.is_probe:
            yield ProbeStarted(name)

    def _failure(self, record: Attempt) -> AttemptFailed:
        return AttemptFailed(
            endpoint=self._config.endpoints[record.index].name,
            status=record.status,
            error=record.error,
            phase=record.phase,
            elapsed=(record.ended or record.started) - record.started,
        )

    def pending(self) -> list[Attempt]:
        """Give the attempts of which nothing is known yet."""
        return [record for record in self._records if record.outcome == "pending"]

    def ledger(self, served_by: Attempt | None, *, is_exhausted: bool) -> Ledger:
        """Give what stands here; it is written out when somebody looks at it."""
        return Ledger(
            self._entries,
            endpoint=None if served_by is None else self._config.endpoints[served_by.index].name,
            is_exhausted=is_exhausted,
        )

    def _entries(self) -> tuple[Entry, ...]:
        endpoints = self._config.endpoints
        return tuple(
            Entry(
                endpoint=endpoints[record.index].name,
                index=record.index,
                outcome=record.outcome,
                phase=record.phase,
                status=record.status,
                error=record.error,
                started=record.started - self._started,
                elapsed=None if record.ended is None else record.ended - record.started,
            )
            for record in self._records
        )


def _is_trouble(record: Attempt) -> bool:
    """Tell whether an attempt got no usable answer; an answer that is the caller's fault is one."""
    if record.outcome != "answered":
        return record.outcome == "failed"
    status = record.hides or record.status
    return record.error is not None if status is None or status < 400 else status in STATUSES  # noqa: PLR2004
