"""Which operations may move: the table, row by row, and everything that it does not list."""

from __future__ import annotations

import string

import pytest
from examples import examples
from hypothesis import given, settings, strategies as st

from azure_failover.core.mobility import COLLECTIONS, MOVING, Habit, Mobility, habit_of
from azure_failover.core.routes import DEPLOYMENT_ROUTES

MOVES = """
    POST chat/completions, POST completions, POST embeddings, POST audio/speech,
    POST audio/transcriptions, POST audio/translations, POST images/generations, POST images/edits,
    POST images/variations, POST moderations, GET models, POST responses, POST responses/compact,
    POST responses/input_tokens
"""
STAYS = """
    GET responses/resp_1, DELETE responses/resp_1, POST responses/resp_1/cancel,
    GET responses/resp_1/input_items, GET chat/completions, GET chat/completions/c1,
    POST chat/completions/c1, DELETE chat/completions/c1, GET chat/completions/c1/messages,
    POST conversations, GET conversations/conv_1, POST conversations/conv_1/items, POST files,
    GET files, GET files/f1/content, DELETE files/f1, POST uploads, POST uploads/u1/parts,
    POST batches, GET batches/b1, POST vector_stores, POST vector_stores/v1/files, POST containers,
    GET containers/c1/files, POST fine_tuning/jobs, GET fine_tuning/jobs/j1/events, POST evals,
    POST evals/e1/runs, POST assistants, GET assistants/a1, POST threads, POST threads/runs,
    POST threads/t1/messages, GET threads/t1/runs/r1/steps, POST videos, GET videos/v1/content,
    POST realtime/client_secrets, POST realtime/sessions, POST realtime/calls, DELETE models/m1
"""
UNKNOWN = """
    POST brand/new, GET brand/new/id, PUT chat, POST chat, GET ,
    POST audio, POST audio/transcriptions/x, POST openai, POST chat%2Fcompletions
"""


def rows(text: str) -> list[tuple[str, str]]:
    pairs = [row.strip().partition(" ") for row in text.replace("\n", " ").split(",")]
    return [(method, operation.strip()) for method, _, operation in pairs]


@pytest.mark.parametrize(("method", "operation"), rows(MOVES))
def test_what_holds_no_state_may_move(method: str, operation: str) -> None:
    """Promise 8, the other way round: only these are free."""
    assert habit_of(method, f"/{operation}").mobility is Mobility.MOVES


@pytest.mark.parametrize(("method", "operation"), rows(STAYS))
def test_what_holds_state_stays(method: str, operation: str) -> None:
    """Promise 8: files, batches, stored responses and threads stay where they were made."""
    assert habit_of(method, f"/{operation}").mobility is Mobility.STAYS


@pytest.mark.parametrize(("method", "operation"), rows(UNKNOWN))
def test_what_is_not_known_stays(method: str, operation: str) -> None:
    """Promise 8: the safe default."""
    assert habit_of(method, f"/{operation}").mobility is Mobility.UNKNOWN


def test_the_tests_name_every_row_of_the_table() -> None:
    assert {*rows(MOVES)} == {*MOVING}


def test_every_deployment_route_may_move() -> None:
    """What openai-python sends to a deployment needs nothing but the deployment."""
    assert all(("POST", route) in MOVING for route in DEPLOYMENT_ROUTES)


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/responses/resp_1", ("resp_1",)),
        ("/responses/resp_1/cancel", ("resp_1", "cancel")),
        ("/threads/t1/runs/r1", ("t1", "runs", "r1")),
        ("/threads/runs", ()),
        ("/fine_tuning/jobs", ()),
        ("/fine_tuning/jobs/j%2F1", ("j/1",)),
        ("/files", ()),
        ("/files/", ()),
        ("/new/thing", ("thing",)),
    ],
)
def test_ids_are_what_follows_a_collection(path: str, ids: tuple[str, ...]) -> None:
    assert habit_of("GET", path).ids == ids


METHODS = st.sampled_from(("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD"))
PATHS = st.lists(
    st.sampled_from(sorted(COLLECTIONS)) | st.text(string.ascii_letters + "_%-.2F", max_size=8),
    max_size=4,
).map(lambda parts: "/" + "/".join(parts))


@settings(max_examples=examples(100))
@given(METHODS, PATHS)
def test_nothing_moves_that_the_table_does_not_list(method: str, path: str) -> None:
    """Promise 8, for any path: never an error, and free only what is listed."""
    habit = habit_of(method, path)
    is_listed = (method, path.strip("/")) in MOVING
    assert (habit.mobility is Mobility.MOVES) == is_listed
    assert is_listed or habit.marks is None


def test_realtime_names_the_deployment_in_its_session() -> None:
    assert habit_of("POST", "/realtime/client_secrets").is_realtime
    assert not Habit("responses", Mobility.MOVES).is_realtime
