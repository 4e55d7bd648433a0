"""The ledger, for people and for programs."""

from __future__ import annotations

import copy
import pickle

import pytest
from examples import examples
from hypothesis import given, settings, strategies as st

from azure_failover import Entry, Ledger, Phase
from azure_failover.core.ledger import one_answer

ENTRIES = st.lists(
    st.builds(
        Entry,
        endpoint=st.sampled_from(("east", "west")),
        index=st.integers(0, 3),
        outcome=st.sampled_from(("answered", "failed", "skipped", "cancelled", "pending")),
        phase=st.none() | st.sampled_from(Phase),
        status=st.none() | st.integers(100, 599),
        error=st.none() | st.text(max_size=5),
        elapsed=st.none() | st.floats(0.0, 9.0),
    ),
    max_size=4,
).map(tuple)


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            Entry(endpoint="east", index=0, outcome="answered", status=200, elapsed=0.5),
            "east: 200 after 0.50 s",
        ),
        (
            Entry(
                endpoint="east",
                index=0,
                outcome="answered",
                status=404,
                error="DeploymentNotFound",
                elapsed=1.0,
            ),
            "east: 404 DeploymentNotFound after 1.00 s",
        ),
        (
            Entry(
                endpoint="east",
                index=0,
                outcome="failed",
                phase=Phase.CONNECT,
                error="ConnectError: refused",
                elapsed=0.1,
            ),
            "east: ConnectError: refused (connect) after 0.10 s",
        ),
        (Entry(endpoint="east", index=0, outcome="failed", error="cut"), "east: cut"),
        (
            Entry(endpoint="east", index=0, outcome="skipped", error="failed"),
            "east: skipped, failed",
        ),
        (
            Entry(endpoint="east", index=0, outcome="cancelled", elapsed=2.0),
            "east: cancelled after 2.00 s",
        ),
        (Entry(endpoint="east", index=0, outcome="pending"), "east: pending"),
    ],
)
def test_an_entry_reads_as_a_line(entry: Entry, line: str) -> None:
    """Promise 10: endpoint, status or error, phase and time, in one line."""
    assert str(entry) == line


@settings(max_examples=examples(60), deadline=None)
@given(ENTRIES, st.booleans())
def test_a_ledger_is_a_value(entries: tuple[Entry, ...], is_exhausted: bool) -> None:
    """Equal entries make equal ledgers, copied, pickled, or written out late."""
    ledger = Ledger(entries, endpoint="east", is_exhausted=is_exhausted)
    late = Ledger(lambda: entries, endpoint="east", is_exhausted=is_exhausted)
    restored = pickle.loads(pickle.dumps(late))  # noqa: S301  (our own bytes)
    assert ledger == late == restored == copy.deepcopy(ledger)
    assert hash(ledger) == hash(restored)
    assert repr(ledger) == repr(late)
    assert ledger != Ledger(entries, endpoint="east", is_exhausted=not is_exhausted)
    assert ledger != Ledger(entries, endpoint="west", is_exhausted=is_exhausted)
    assert ledger != entries


@settings(max_examples=examples(60), deadline=None)
@given(ENTRIES)
def test_attempts_are_the_entries_that_were_sent(entries: tuple[Entry, ...]) -> None:
    """Promise 10: skips are listed, and told apart from attempts."""
    ledger = Ledger(entries)
    assert [entry for entry in entries if entry.outcome != "skipped"] == [*ledger.attempts]


def test_a_ledger_is_written_out_once() -> None:
    """A late ledger keeps what it first found: it does not change under its reader."""
    calls: list[int] = []

    def write() -> tuple[Entry, ...]:
        calls.append(1)
        return ()

    ledger = Ledger(write)
    assert calls == []
    assert ledger.entries == ledger.entries == ()
    assert calls == [1]


def test_the_usual_ledger_is_one_good_answer() -> None:
    """Promise 10: a request that met with no trouble has its ledger too."""
    ledger = Ledger(0.5, endpoint="east")
    assert ledger == Ledger(one_answer("east", 0.5), endpoint="east")
    assert str(ledger) == "1. east: 200 after 0.50 s"
    assert (ledger.endpoint, ledger.is_exhausted) == ("east", False)


def test_a_ledger_numbers_its_lines() -> None:
    entry = Entry(endpoint="east", index=0, outcome="answered", status=200)
    assert str(Ledger((entry, entry))) == "1. east: 200\n2. east: 200"


@given(ENTRIES, ENTRIES, st.floats(0.0, 99.0))
def test_a_call_that_began_again_has_one_ledger(
    earlier: tuple[Entry, ...], later: tuple[Entry, ...], after: float
) -> None:
    """Promise 10: everything that was tried is there, in order; the later request answers."""
    ledger = Ledger(earlier, endpoint="east", is_exhausted=True).followed_by(
        Ledger(later, endpoint="west"), after
    )
    assert ledger.entries[: len(earlier)] == earlier
    moved = ledger.entries[len(earlier) :]
    assert [entry.started for entry in moved] == [entry.started + after for entry in later]
    assert [(entry.endpoint, entry.error) for entry in moved] == [
        (entry.endpoint, entry.error) for entry in later
    ]
    assert (ledger.endpoint, ledger.is_exhausted) == ("west", False)
