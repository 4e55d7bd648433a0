"""Where one request may go: what its route, its body and the known ids make of it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from core_strategies import plain_config
from examples import examples
from hypothesis import given, settings, strategies as st

from azure_failover.core.course import ANYWHERE, NO_STATE, Course, Reach, State, plot, state_in
from azure_failover.core.fleet import Fleet
from azure_failover.core.homes import HOMES_KEPT
from azure_failover.core.mobility import Habit, Mobility, habit_of
from azure_failover.core.verdict import Effect

CHAT = habit_of("POST", "/chat/completions")
RESPONSES = habit_of("POST", "/responses")


def known(**homes: int) -> Fleet:
    fleet = Fleet(plain_config(3), random=lambda: 0.0)
    for name, index in homes.items():
        fleet.learn([name], index)
    return fleet


def course(
    method: str, path: str, body: bytes = b"", fleet: Fleet | None = None, *, may_move: bool = True
) -> Course:
    habit = habit_of(method, path)
    return plot(
        habit,
        state_in(habit, body),
        home_of=(fleet or known()).home_of,
        addressed=1,
        auto_failover=may_move,
    )


def test_a_request_without_state_may_go_anywhere() -> None:
    found = course("POST", "/chat/completions", b'{"messages": []}')
    assert (found.reach, found.pin) == (Reach.FLEET, None)


def test_a_caller_may_keep_it_on_the_endpoint_in_use() -> None:
    assert course("POST", "/embeddings", may_move=False).reach is Reach.CURRENT


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/responses/id_1", b""),
        ("POST", "/threads/x/runs/id_1", b""),
        ("GET", "/brand/new/id_1", b""),
        ("POST", "/batches", b'{"input_file_id": "id_1"}'),
        ("POST", "/threads/x/runs", b'{"assistant_id": "id_1"}'),
        ("POST", "/vector_stores", b'{"file_ids": ["other", "id_1"]}'),
        ("POST", "/fine_tuning/jobs", b'{"training_file": "id_1"}'),
        ("POST", "/responses", b'{"previous_response_id": "id_1"}'),
        ("POST", "/responses", b'{"conversation": {"id": "id_1"}}'),
        ("POST", "/responses", b'{"input": [{"type": "item_reference", "id": "id_1"}]}'),
        ("POST", "/chat/completions", b'{"messages": [{"audio": {"id": "id_1"}}]}'),
    ],
)
def test_state_that_was_made_through_here_is_gone_back_to(
    method: str, path: str, body: bytes
) -> None:
    """Promise 8: a request that names it goes to its maker, and only there."""
    found = course(method, path, body, known(id_1=2))
    assert (found.reach, found.pin) == (Reach.PINNED, 2)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/responses/id_1", b""),
        ("DELETE", "/files/id_1", b""),
        ("POST", "/batches", b'{"input_file_id": "id_1"}'),
        ("POST", "/responses", b'{"previous_response_id": "id_1"}'),
        ("POST", "/responses", b'{"input": [{"type": "reasoning", "encrypted_content": "x"}]}'),
    ],
)
def test_state_whose_maker_is_not_known_is_looked_for_where_the_url_says(
    method: str, path: str, body: bytes
) -> None:
    """Promise 8: it never wanders; the endpoint that the caller addressed says the true error."""
    found = course(method, path, body)
    assert (found.reach, found.pin) == (Reach.PINNED, 1)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/files"), ("GET", "/batches"), ("GET", "/")]
)
def test_new_state_is_made_on_the_endpoint_in_use(method: str, path: str) -> None:
    found = course(method, path)
    assert (found.reach, found.pin) == (Reach.CURRENT, None)


def test_an_unknown_operation_stays_on_the_endpoint_in_use() -> None:
    """Promise 8, the safe default: what its path says is only a guess."""
    found = course("GET", "/brand/new/id_1")
    assert (found.reach, found.pin) == (Reach.CURRENT, None)
    assert "not a known operation" in found.reason


def test_a_body_that_is_free_to_move_is_not_searched() -> None:
    assert state_in(habit_of("POST", "/embeddings"), b'{"file_id": "x"}') is NO_STATE


HOMES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2))
NAMED = st.lists(st.sampled_from("abcdefgh"), max_size=5)


@settings(max_examples=examples(80))
@given(HOMES, NAMED, st.sampled_from((CHAT, RESPONSES, habit_of("GET", "/files/x"))))
def test_the_first_known_id_decides(homes: dict[str, int], ids: list[str], habit: Habit) -> None:
    """Promise 8, for any ids: pinned to the maker of the first one that is known."""
    found = plot(habit, State("it", tuple(ids)), home_of=known(**homes).home_of, addressed=1)
    wanted = next((homes[name] for name in ids if name in homes), 1)
    assert (found.reach, found.pin) == (Reach.PINNED, wanted)


def test_the_oldest_ids_are_forgotten_first() -> None:
    """The memory is bounded; what was asked for last stays."""
    fleet = known(first=1, second=2)
    assert fleet.home_of(["first"]) == 1

    def many() -> Iterable[str]:
        return (f"id-{number}" for number in range(HOMES_KEPT - 1))

    fleet.learn(many(), 0)
    assert fleet.home_of(["second"]) is None
    assert fleet.home_of(["first"]) == 1


def test_what_was_learned_survives_a_reset() -> None:
    """A reset forgets failures; it does not move what an endpoint stores."""
    fleet = known(kept=2)
    fleet.reset()
    assert fleet.home_of(["kept"]) == 2


def test_a_preview_starts_nothing() -> None:
    """``explain()`` neither probes nor counts."""
    fleet = known()
    before = fleet.status(0.0)
    order, skipped = fleet.preview(0.0, ANYWHERE)
    assert (order, skipped) == ((0, 1, 2), ())
    assert fleet.preview(0.0, Course(Reach.PINNED, 2)) == ((2,), ())
    assert fleet.preview(0.0, Course(closed={0: "no", 2: "no"})) == ((1,), ())
    assert fleet.preview(0.0, Course(Reach.PINNED, 2, {2: "no"})) == ((), ())
    assert fleet.status(0.0) == before


def test_reasons_are_sentences_for_people() -> None:
    assert Mobility.MOVES.value in course("POST", "/embeddings").reason
    assert "holds" in course("POST", "/files").reason
    assert (
        "previous_response_id"
        in course("POST", "/responses", b'{"previous_response_id": "r"}').reason
    )


def test_a_preview_notes_what_would_be_passed_over_at_first() -> None:
    fleet = known()
    fleet.note(0, fleet.again(0, 0.0), Effect.FAILURE, 0.0)
    order, skipped = fleet.preview(0.5, ANYWHERE)
    assert order == (1, 2, 0)
    assert [(skip.index, skip.reason) for skip in skipped] == [(0, "failed, to be probed in 0.5 s")]
