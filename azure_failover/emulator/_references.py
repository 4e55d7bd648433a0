"""Finds what a request's body refers to by id, and objects where this region does not hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure_failover.emulator._call import as_body, as_list
from azure_failover.emulator._errors import not_found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure_failover.emulator._answer import Answer
    from azure_failover.emulator._call import Call

_COLLECTIONS = {
    "assistant_id": ("assistants", "Assistant"),
    "container": ("containers", "Container"),
    "conversation": ("conversations", "Conversation"),
    "file_id": ("files", "File"),
    "file_ids": ("files", "File"),
    "input_file_id": ("files", "File"),
    "training_file": ("files", "File"),
    "validation_file": ("files", "File"),
    "vector_store_ids": ("vector_stores", "Vector store"),
}
"""Where what a key of the body names is kept, and what an error calls it."""

_FREE = frozenset({"metadata", "arguments", "parameters", "schema"})
"""Keys whose values are the user's own and refer to nothing here."""


def missing_reference(call: Call) -> Answer | None:
    """Object to the first id in the body that this region does not hold."""
    for key, identity in _references(call.body):
        collection, noun = _COLLECTIONS[key]
        if call.store.find(collection, identity) is None:
            return not_found(noun, identity, key)
    return None


def _references(value: object) -> Iterator[tuple[str, str]]:
    """Give each id with the key that it stands under, at any depth."""
    for key, inner in as_body(value).items():
        if key in _COLLECTIONS:
            yield from ((key, identity) for identity in _ids(inner))
        if key not in _FREE:
            yield from _references(inner)
    for item in as_list(value):
        yield from _references(item)


def _ids(value: object) -> list[str]:
    """Take an id, a list of ids, or an object with an `id`."""
    candidates = [value, *as_list(value), as_body(value).get("id")]
    return [candidate for candidate in candidates if isinstance(candidate, str)]
