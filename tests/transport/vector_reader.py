"""Reads files of vectors strictly: what is not part of the format is an error that says where."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, Union, cast, get_args, get_origin

import attrs
import yaml
from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn, override
from vector_format import Behaviour, Condition, Event, Finish, Line, Reset, Step, Vector

_Hook: TypeAlias = Callable[[Any, Any], Any]


class VectorError(Exception):
    """A file does not say what vectors may say."""


class _Loader(yaml.CSafeLoader):
    """YAML in which no key stands twice; read in C, as every worker of pytest reads it all."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            line = node.start_mark.line + 1
            raise VectorError(f"line {line}: {', '.join(map(str, twice))} stands twice")
        return super().construct_mapping(node, deep)


def read_vectors(path: Path) -> tuple[Vector, ...]:
    """Read a file of vectors.

    Raises:
        VectorError: Names the file, the vector, and what is wrong where.
    """
    try:
        given: object = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506  (a SafeLoader)
    except (VectorError, yaml.YAMLError) as error:
        raise VectorError(f"{path.name}: {error}") from None
    if not isinstance(given, list):
        raise VectorError(f"{path.name}: is not a list of vectors")
    return tuple(_vector(path.name, each) for each in cast("list[object]", given))


def _vector(file: str, given: object) -> Vector:
    try:
        return _CONVERTER.structure(given, Vector)
    except Exception as error:  # noqa: BLE001  (a group of whatever the hooks raised)
        problems = "\n  ".join(transform_error(error, format_exception=_in_words))
        name = _mapping(given).get("description", "a vector without a description")
        raise VectorError(f"{file}: {name}\n  {problems}") from None


def _in_words(error: BaseException, kind: type | None) -> str:
    del kind
    match error:
        case KeyError():
            return f"{error} is missing"
        case _:
            return str(error)


def _mapping(given: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}


def _exactly(*kinds: type) -> _Hook:
    """Take a value of these types as it is: nothing is converted silently."""

    def hook(given: Any, _: Any) -> Any:
        if type(given) not in kinds:
            raise ValueError(f"{given!r} is no {kinds[0].__name__}")
        return given

    return hook


def _list_of(kind: Any, converter: Converter) -> _Hook:
    items: Any = types.GenericAlias(list, get_args(kind)[:1])

    def hook(given: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(given, list):
            raise ValueError(f"{given!r} is no list")  # noqa: TRY004
        return tuple(converter.structure(given, items))

    return hook


def _one_of(kind: Any, converter: Converter) -> _Hook:
    """Take a value of the first kind that it fits."""

    def hook(given: Any, _: Any) -> Any:
        for each in get_args(kind):
            try:
                return converter.structure(given, each)
            except Exception:  # noqa: BLE001, S112  (the next kind may fit)
                continue
        raise ValueError(f"{given!r} is none of what may stand here")

    return hook


def _is_tuple(kind: Any) -> bool:
    origin: object = get_origin(kind)
    return origin is tuple


def _is_plain_union(kind: Any) -> bool:
    kinds = [each for each in get_args(kind) if each is not types.NoneType]
    is_union = get_origin(kind) in (Union, types.UnionType) and len(kinds) > 1
    return is_union and not any(map(attrs.has, kinds))


def _event(given: Any, _: Any) -> Event:
    """Tell events apart by their verbs, which are their classes' names."""
    if given == "reset":
        return Reset()
    verbs = {kind.__name__.lower(): kind for kind in get_args(Event) if kind is not Reset}
    found = [verb for verb in verbs if verb in _mapping(given)]
    if len(found) != 1:
        raise ValueError(f"{given!r} has not one verb of {', '.join(verbs)}, and is not 'reset'")
    return cast("Event", _CONVERTER.structure(given, verbs[found[0]]))


def _behaviours(given: Any, _: Any) -> tuple[Behaviour, ...]:
    is_one = not isinstance(given, list)
    return tuple(_CONVERTER.structure([given] if is_one else given, list[Behaviour]))


def _fields_of_line(given: Any) -> Any:
    facts = dict(_mapping(given))
    known = {field.name for field in attrs.fields(Line)} - {"endpoint", "what"}
    about = [key for key in facts if key not in known]
    if len(about) != 1:
        raise ValueError(f"{given!r} is not about one endpoint")
    return {"endpoint": about[0], "what": facts.pop(about[0]), **facts}


def _fields_of_behaviour(given: Any) -> Any:
    match given:
        case int():
            return {"status": given}
        case str():
            return {"does": given}
        case _:
            return given


def _fields_of_step(given: Any) -> Any:
    return {"say": given} if isinstance(given, str) else given


def _fields_of_condition(given: Any) -> Any:
    return {"state": given} if isinstance(given, str) else given


def _shorten(converter: Converter, kind: type, fields: Callable[[Any], Any]) -> None:
    """Let a value be written in a short form that stands for some of its fields."""
    from_dict: Any = make_dict_structure_fn
    whole: _Hook = from_dict(kind, converter, _cattrs_forbid_extra_keys=True)

    def hook(given: Any, to: Any) -> Any:
        return whole(fields(given), to)

    converter.register_structure_hook(kind, hook)


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    for kinds in ((int,), (str,), (bool,), (float, int)):
        converter.register_structure_hook(kinds[0], _exactly(*kinds))
    converter.register_structure_hook_factory(_is_tuple)(_list_of)
    converter.register_structure_hook_factory(_is_plain_union)(_one_of)
    converter.register_structure_hook_func(lambda kind: kind == tuple[Behaviour, ...], _behaviours)
    converter.register_structure_hook_func(lambda kind: kind == Event, _event)
    _shorten(converter, Behaviour, _fields_of_behaviour)
    _shorten(converter, Step, _fields_of_step)
    _shorten(converter, Condition, _fields_of_condition)
    _shorten(converter, Line, _fields_of_line)
    renamed = override(rename="with")
    whole = make_dict_structure_fn(Finish, converter, _cattrs_forbid_extra_keys=True, does=renamed)
    converter.register_structure_hook(Finish, whole)
    return converter


_CONVERTER: Final = _converter()
