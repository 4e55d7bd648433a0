"""Typed answers of chat and embeddings, structured from Azure's JSON by cattrs. No I/O.

Every answer keeps the whole JSON in ``raw``; the typed fields are those of Azure's reference
("Chat completions - Create" and "Embeddings - Create" of the data-plane REST API).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs
from cattrs import Converter
from cattrs.errors import BaseValidationError
from cattrs.gen import make_dict_structure_fn

from azure_failover.core.errors import InvalidResponseError
from azure_failover.core.ledger import Ledger


@attrs.frozen(kw_only=True)
class Usage:
    """Tokens that an answer cost."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


@attrs.frozen(kw_only=True)
class FunctionCall:
    """A function that the model wants called; ``arguments`` is JSON text."""

    name: str = ""
    arguments: str = ""


@attrs.frozen(kw_only=True)
class ToolCall:
    """One tool call of a message."""

    id: str = ""
    type: str = "function"
    function: FunctionCall = attrs.field(factory=FunctionCall)


@attrs.frozen(kw_only=True)
class Message:
    """What the model said."""

    role: str = "assistant"
    content: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()


@attrs.frozen(kw_only=True)
class Choice:
    """One of the alternatives that were asked for with ``n``."""

    message: Message
    index: int = 0
    finish_reason: str | None = None


@attrs.frozen(kw_only=True)
class ChatCompletion:
    """An answer to :meth:`~azure_failover.Client.chat`.

    Attributes:
        id: Azure's id of the completion.
        model: The model that answered, as Azure names it.
        choices: The alternatives; usually one.
        usage: The tokens that it cost, if Azure said so.
        endpoint: The name of the endpoint that answered.
        ledger: What was tried on the way.
        raw: The whole JSON.
    """

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None
    endpoint: str
    ledger: Ledger
    raw: Mapping[str, Any] = attrs.field(repr=False)

    @property
    def message(self) -> Message:
        """The first choice's message."""
        return self.choices[0].message

    @property
    def text(self) -> str:
        """The first choice's text; empty for a pure tool call or a refusal."""
        return self.message.content or ""

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended: ``stop``, ``length``, ``tool_calls``, ``content_filter``."""
        return self.choices[0].finish_reason


@attrs.frozen(kw_only=True)
class Embeddings:
    """An answer to :meth:`~azure_failover.Client.embed`.

    Attributes:
        vectors: One for each input, in the order of the inputs.
        model: The model that answered, as Azure names it.
        usage: The tokens that it cost, if Azure said so.
        endpoint: The name of the endpoint that answered.
        ledger: What was tried on the way.
        raw: The whole JSON.
    """

    vectors: tuple[tuple[float, ...], ...] = attrs.field(repr=False)
    model: str
    usage: Usage | None
    endpoint: str
    ledger: Ledger
    raw: Mapping[str, Any] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class _ChatBody:
    choices: tuple[Choice, ...]
    id: str = ""
    model: str = ""
    usage: Usage | None = None


@attrs.frozen(kw_only=True)
class _Vector:
    embedding: tuple[float, ...]
    index: int = 0


@attrs.frozen(kw_only=True)
class _EmbeddingsBody:
    data: tuple[_Vector, ...]
    model: str = ""
    usage: Usage | None = None


def _without_nulls(kind: type[Any]) -> Callable[[Any, Any], Any]:
    """Structure a class so that a null counts as left out, as Azure means it."""
    structure = make_dict_structure_fn(kind, _CONVERTER)

    def hook(value: Mapping[str, Any], _: object) -> Any:  # noqa: ANN401
        return structure({key: item for key, item in value.items() if item is not None}, kind)

    return hook


_CONVERTER: Final = Converter(detailed_validation=False)
_CONVERTER.register_structure_hook_factory(attrs.has, _without_nulls)
_UNSTRUCTURED: Final = (BaseValidationError, ValueError, TypeError, KeyError, AttributeError)
Body = TypeVar("Body")


def chat_completion(raw: Mapping[str, Any], *, endpoint: str, ledger: Ledger) -> ChatCompletion:
    """Structure the JSON of a chat completion.

    Raises:
        InvalidResponseError: If it is none, or has no choices.
    """
    body = _structure(raw, _ChatBody, "a chat completion", ledger)
    if not body.choices:
        raise InvalidResponseError(f"{endpoint} answered without choices", ledger=ledger)
    return ChatCompletion(
        id=body.id,
        model=body.model,
        choices=body.choices,
        usage=body.usage,
        endpoint=endpoint,
        ledger=ledger,
        raw=raw,
    )


def usage_in(raw: Mapping[str, Any]) -> Usage:
    """Structure what an answer says of its tokens.

    Raises:
        ValueError: If it cannot be read.
    """
    try:
        return _CONVERTER.structure(raw, Usage)
    except _UNSTRUCTURED as error:
        raise ValueError("usage cannot be read") from error


def embeddings(raw: Mapping[str, Any], *, endpoint: str, ledger: Ledger) -> Embeddings:
    """Structure the JSON of embeddings.

    Raises:
        InvalidResponseError: If it is none, or its vectors are not arrays of numbers.
    """
    body = _structure(raw, _EmbeddingsBody, "embeddings", ledger)
    return Embeddings(
        vectors=tuple(
            vector.embedding for vector in sorted(body.data, key=lambda vector: vector.index)
        ),
        model=body.model,
        usage=body.usage,
        endpoint=endpoint,
        ledger=ledger,
        raw=raw,
    )


def _structure(raw: Mapping[str, Any], kind: type[Body], what: str, ledger: Ledger) -> Body:
    try:
        return _CONVERTER.structure(raw, kind)
    except _UNSTRUCTURED as error:
        raise InvalidResponseError(
            f"the answer is not {what}: {type(error).__name__}", ledger=ledger
        ) from error
