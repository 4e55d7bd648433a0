"""Behaviour as data: each vector of ``tests/vectors`` holds in every world."""

from __future__ import annotations

from pathlib import Path

import pytest
from vector_format import Vector
from vector_play import play
from vector_reader import VectorError, read_vectors
from worlds import World

VECTORS = Path(__file__).parent.parent / "vectors"
ALL = [
    pytest.param(vector, id=f"{path.stem}: {vector.description}")
    for path in sorted(VECTORS.glob("*.yaml"))
    for vector in read_vectors(path)
]


# trio warns of the HTTP libraries' own generators when a stream is closed early.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("vector", ALL)
def test_a_vector_holds(vector: Vector, world: World) -> None:
    """Promise 11: threads and tasks, httpx and httpx2 give the outcome that is written down."""
    if vector.pending:
        pytest.skip("pending: what this vector is about is still to be built")
    play(vector, world)
