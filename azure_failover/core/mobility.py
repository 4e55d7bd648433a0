"""Which operations may move to another endpoint, and which stay where their state is: a table.

No operation carries an idempotency key, and what one resource stores no other has. So an operation
moves only if it is listed here as free to do so; everything unknown stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal
from urllib.parse import unquote

import attrs

BodyKind = Literal["chat", "responses"]
"""The kinds of bodies that may name state, and so pin a request that is otherwise free to move."""


class Mobility(Enum):
    """How far an operation may go."""

    MOVES = "holds no state: may fail over"
    STAYS = "holds state: stays with the endpoint that has it"
    UNKNOWN = "is not a known operation: stays with the endpoint in use"


MOVING: Final[Mapping[tuple[str, str], BodyKind | None]] = {
    ("POST", "audio/speech"): None,
    ("POST", "audio/transcriptions"): None,
    ("POST", "audio/translations"): None,
    ("POST", "chat/completions"): "chat",
    ("POST", "completions"): None,
    ("POST", "embeddings"): None,
    ("POST", "images/edits"): None,
    ("POST", "images/generations"): None,
    ("POST", "images/variations"): None,
    ("POST", "moderations"): None,
    ("POST", "responses"): "responses",
    ("POST", "responses/compact"): "responses",
    ("POST", "responses/input_tokens"): "responses",
    ("GET", "models"): None,
}
"""Method and operation of all that may fail over -> how its body may name state."""

COLLECTIONS: Final = frozenset(
    {
        "assistants",
        "batches",
        "chat/completions",
        "containers",
        "conversations",
        "evals",
        "files",
        "fine_tuning/alpha/graders",
        "fine_tuning/checkpoints",
        "fine_tuning/jobs",
        "models",
        "realtime",
        "realtime/calls",
        "realtime/client_secrets",
        "realtime/sessions",
        "realtime/transcription_sessions",
        "responses",
        "threads",
        "threads/runs",
        "uploads",
        "vector_stores",
        "video/generations",
        "video/generations/jobs",
        "videos",
    }
)
"""The operations that make or list what a resource stores; what follows one is an id."""


@attrs.frozen
class Habit:
    """What is known of an operation before its body is looked at.

    Attributes:
        operation: The route behind the deployment or behind ``/openai``, such as ``files``.
        mobility: How far it may go.
        marks: How its body may name state; None if it cannot.
        ids: The ids that its path names, in order.
    """

    operation: str
    mobility: Mobility
    marks: BodyKind | None = None
    ids: tuple[str, ...] = ()

    @property
    def is_realtime(self) -> bool:
        """Whether its JSON may name the deployment as ``session.model``."""
        return self.operation.startswith("realtime/")


def habit_of(method: str, rest: str) -> Habit:
    """Look an operation up.

    Args:
        method: The HTTP method, in capitals.
        rest: What follows the deployment, or ``/openai`` or ``/openai/v1``, in the raw path.
    """
    operation = rest.strip("/")
    if (method, operation) in MOVING:
        return Habit(operation, Mobility.MOVES, MOVING[method, operation])
    segments = operation.split("/")
    for count in range(len(segments), 0, -1):
        if "/".join(segments[:count]) in COLLECTIONS:
            ids = tuple(unquote(segment) for segment in segments[count:])
            return Habit(operation, Mobility.STAYS, None, ids)
    return Habit(operation, Mobility.UNKNOWN, None, tuple(unquote(part) for part in segments[1:]))
