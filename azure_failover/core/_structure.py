"""From plain data to fields of the right type, by cattrs, one field at a time.

A field that cannot be structured becomes a problem and hides no other. Checks types, not values,
and never quotes a value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from functools import partial
from math import inf
from typing import Any, Final, Literal, get_args, get_origin

import attrs
from cattrs import Converter

from azure_failover.core import _endpoint, _policy
from azure_failover.core._endpoint import Endpoint
from azure_failover.core._flaws import choice_flaw, remedy
from azure_failover.core._policy import PHASES, AttemptTimeout, HedgeDelay, Policy
from azure_failover.core.credentials import (
    Secret,
    TokenCredential,
    TokenProvider,
    credential_problem,
    provider_problem,
)
from azure_failover.core.errors import Problem


class _WrongTypeError(ValueError):
    """A value that has the wrong type; the message says which, never what the value is."""


_KINDS: Final[Mapping[type, str]] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    bytes: "bytes",
    list: "a list",
    tuple: "a tuple",
    Mapping: "a mapping",
    date: "a date",
}


def kind_of(value: object) -> str:
    """Name a value's type for an error."""
    for kind, name in _KINDS.items():
        if isinstance(value, kind):
            return name
    return f"of type {type(value).__name__}"


def as_mapping(value: Any) -> Mapping[Any, Any] | None:  # noqa: ANN401
    """Give a mapping as one of anything to anything; None if it is none."""
    mapping: Any = value
    return mapping if isinstance(value, Mapping) else None


def _strict(kind: type, wanted: str) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:  # noqa: ANN401  (cattrs gives anything)
        if isinstance(value, kind) and not (kind is not bool and isinstance(value, bool)):
            return value
        hint = " (put it in quotes)" if isinstance(value, date) else ""
        raise _WrongTypeError(f"is {kind_of(value)}, not {wanted}{hint}")

    return structure


def _structure_number(value: Any, _: Any) -> float:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _WrongTypeError(f"is {kind_of(value)}, not a number")
    try:
        return float(value)
    except OverflowError:
        return inf


def _structure_secret(value: Any, _: Any) -> Secret:  # noqa: ANN401
    if isinstance(value, str | Secret):
        return Secret(value)
    raise _WrongTypeError(f"is {kind_of(value)}, not text")


def _structure_source(
    problem: Callable[[object], str | None],
) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:  # noqa: ANN401
        if what := problem(value):
            raise _WrongTypeError(f"is {kind_of(value)}, {what}")
        return value

    return structure


def _structure_names(value: Any, _: Any) -> Mapping[str, str]:  # noqa: ANN401
    pairs = as_mapping(value)
    if pairs is None:
        raise _WrongTypeError(f"is {kind_of(value)}, not a mapping")
    if not all(isinstance(part, str) for pair in pairs.items() for part in pair):
        raise _WrongTypeError("holds something that is not text")
    return {str(here): str(there) for here, there in pairs.items()}


def _structure_hedge_delay(value: Any, _: Any) -> float | str | None:  # noqa: ANN401
    if value is None or value == "p95":
        return value  # type: ignore[no-any-return]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _WrongTypeError(f'is {kind_of(value)}, neither a number nor "p95"')
    return float(value)


def _structure_choice(value: Any, choices: Any) -> str:  # noqa: ANN401
    if isinstance(value, str) and value in get_args(choices):
        return value
    raise _WrongTypeError("is none of its choices")


def _is_choice(kind: Any) -> bool:  # noqa: ANN401
    origin: object = get_origin(kind)
    return origin is Literal


def _converter() -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(str, _strict(str, "text"))
    converter.register_structure_hook(bool, _strict(bool, "true or false"))
    converter.register_structure_hook(int, _strict(int, "a whole number"))
    converter.register_structure_hook(float, _structure_number)
    converter.register_structure_hook(Secret, _structure_secret)
    converter.register_structure_hook_func(lambda kind: kind == Mapping[str, str], _structure_names)
    converter.register_structure_hook_func(_is_choice, _structure_choice)
    converter.register_structure_hook_func(partial(operator.eq, HedgeDelay), _structure_hedge_delay)
    for source, problem in (
        (TokenProvider, provider_problem),
        (TokenCredential, credential_problem),
    ):
        hook = _structure_source(problem)
        converter.register_structure_hook_func(partial(operator.eq, source), hook)
    return converter


_CONVERTER: Final = _converter()
_CLASSES: Final[tuple[type[attrs.AttrsInstance], ...]] = (Endpoint, Policy, AttemptTimeout)
_TYPES: Final[Mapping[type, Mapping[str, Any]]] = {
    kind: {field.name: field.type for field in attrs.fields(attrs.resolve_types(kind))}
    for kind in _CLASSES
}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {**_endpoint.CHOICES, **_policy.CHOICES}
_SWITCHED_OFF: Final = frozenset({"hedge_after", "hedge_probes_after"})
"""Fields of which false says never, since TOML has no null."""
_MOVED: Final[Mapping[str, str]] = {
    f"policy.{phase}_timeout": f"attempt_timeout.{phase}" for phase in PHASES
}
"""Keys that have a place of their own under another name."""


def structured(
    kind: type[Endpoint | Policy | AttemptTimeout],
    given: Mapping[Any, Any],
    path: str,
    problems: list[Problem],
    *,
    extra: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Structure the fields of ``kind`` one by one, so that one bad field hides no other.

    Returns:
        The fields that could be structured; for the others there is a problem.
    """
    types = _TYPES[kind]
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key in extra:
            continue
        if key not in types:
            problems.append(unknown_key(key, path, (*types, *extra)))
            continue
        if value is False and key in _SWITCHED_OFF:
            values[key] = None
            continue
        if value is None and kind is Endpoint:
            problems.append(Problem(f"{path}{key}", "is null", remedy(key)))
            continue
        try:
            values[key] = _CONVERTER.structure(value, types[key])
        except _WrongTypeError as error:
            if key in _CHOICES:
                problems.append(choice_flaw(key, _CHOICES[key]).at(path))
            else:
                problems.append(Problem(f"{path}{key}", str(error), remedy(key)))
    return values


def unknown_key(key: object, path: str, known: Iterable[str]) -> Problem:
    """Say that a key does not exist, and which one may have been meant."""
    moved = _MOVED.get(f"{path}{key}")
    close = [moved] if moved else get_close_matches(str(key).lower(), [*known], n=1)
    shown = str(key) if isinstance(key, str) and key.isprintable() else repr(key)
    remedy = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}"
    return Problem(f"{path}{shown[:60]}", "is not a known key", remedy)
