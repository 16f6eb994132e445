"""Plain data to attrs configurations and back; all mistakes of one configuration in one error."""

from __future__ import annotations

import functools
import math
from collections import abc
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs
import cattrs
from cattrs.errors import AttributeValidationNote, ClassValidationError, ForbiddenExtraKeysError, IterableValidationNote

from taskfusion.errors import Key, Keys, Problem, SpecError, TaskFusionError, did_you_mean

T = TypeVar("T")
SHOWN = 80  # characters of a value in a message


def structure(cls: type[T], data: Any, where: str) -> T:
    """Build a configuration from plain data.

    Args:
        cls: an attrs class.
        data: mapping of its fields; unknown keys are refused.
        where: what to call it in errors: a file, a path in a spec, ``task 'density'``.

    Raises:
        SpecError: naming every wrong key with its path and what would be right.
    """
    if not isinstance(data, Mapping):
        raise SpecError(f"{where}: expected a mapping of options, found {shown(data)}")
    try:
        return _converter().structure(data, cls)
    except (ClassValidationError, TaskFusionError, ArithmeticError, ValueError, TypeError) as error:
        found = [*_problems(error, ()), *_refused_by_validators(cls, data)]
        raise SpecError.of(where, dict.fromkeys(found)) from error


def unstructure(config: Any) -> Any:
    """An attrs configuration as plain JSON data (paths as text, tuples as lists)."""
    return _converter().unstructure(config)


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind in (int, float, bool, str):
        converter.register_structure_hook(kind, _strict)
    converter.register_structure_hook(StrEnum, _one_of_enum)
    converter.register_structure_hook_func(_is_tuple, lambda v, t: _as_tuple(converter, v, t))
    converter.register_structure_hook_func(_is_list, lambda v, t: _as_list(converter, v, t))
    converter.register_structure_hook_func(_is_mapping, lambda v, t: _as_mapping(converter, v, t))
    converter.register_structure_hook_func(_is_plain_union, lambda v, t: _first_fit(converter, v, t))
    converter.register_structure_hook_func(lambda t: get_origin(t) is Literal, _one_of)
    converter.register_structure_hook(Path, _as_path)
    converter.register_unstructure_hook(Path, str)
    converter.register_unstructure_hook(tuple, lambda v: [converter.unstructure(item) for item in v])
    return converter


def shown(value: Any) -> str:
    """A value in a message: as Python writes it, cut where it is long."""
    text = repr(value) if not isinstance(value, int) or value.bit_length() < 1000 else "a number of over 300 digits"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _strict(value: Any, kind: type) -> Any:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(value)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    hint = " (true or false)" if kind is bool else ""
    raise ValueError(f"expected {kind.__name__}{hint}, found {shown(value)}")


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, found {shown(value)}")
    return number


def _one_of(value: Any, kind: Any) -> Any:
    choices = get_args(kind)
    for choice in choices:
        if type(value) is type(choice) and value == choice:
            return choice
    raise ValueError(f"found {shown(value)}{did_you_mean(str(value)[:SHOWN], map(str, choices))}")


def _one_of_enum(value: Any, kind: type[StrEnum]) -> StrEnum:
    return kind(_one_of(value, Literal[tuple(str(choice) for choice in kind)]))


def _as_path(value: Any, _: type) -> Path:
    text = str(value) if isinstance(value, Path) else _strict(value, str)
    if not text or "\0" in text:
        raise ValueError(f"expected a path, found {shown(value)}")
    return Path(text)


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_list(kind: Any) -> bool:
    return get_origin(kind) in (list, abc.Sequence)


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) in (dict, abc.Mapping)


def _as_tuple(converter: cattrs.Converter, value: Any, kind: Any) -> tuple[Any, ...]:
    """A lone value stands for a list of one: ``detections: 3`` is ``detections: [3]``."""
    if isinstance(value, Mapping):
        raise ValueError(f"expected a list, found {shown(value)}")
    items = list(value) if isinstance(value, list | tuple) else [value]
    kinds = get_args(kind)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(items)
    if len(items) != len(kinds):
        raise ValueError(f"expected {len(kinds)} values, found {shown(value)}")
    if not isinstance(value, list | tuple):
        return (converter.structure(value, kinds[0]),)
    return tuple(_each(converter, enumerate(items), kinds))


def _as_list(converter: cattrs.Converter, value: Any, kind: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"expected a list, found {shown(value)}")
    return _each(converter, enumerate(value), get_args(kind) * len(value))


def _as_mapping(converter: cattrs.Converter, value: Any, kind: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a mapping, found {shown(value)}")
    return dict(zip(value, _each(converter, value.items(), get_args(kind)[1:] * len(value)), strict=True))


def _each(converter: cattrs.Converter, items: Iterable[tuple[Any, Any]], kinds: Sequence[Any]) -> list[Any]:
    """Every item by its kind; all that are wrong at once, each with its key."""
    made, wrong = [], []
    for (key, item), kind in zip(items, kinds, strict=True):
        try:
            made.append(converter.structure(item, kind))
        except Exception as error:  # gathered, and raised together below
            error.add_note(IterableValidationNote(f"at {key!r}", key, kind))
            wrong.append(error)
    if wrong:
        raise ExceptionGroup("items", wrong)
    return made


def _is_plain_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType) and not any(attrs.has(k) for k in get_args(kind))


def _first_fit(converter: cattrs.Converter, value: Any, kind: Any) -> Any:
    choices = get_args(kind)
    if value is None and type(None) in choices:
        return None
    fitting = [choice for choice in choices if _might_be(value, choice)]
    if len(fitting) == 1:
        return value if fitting[0] is Any else converter.structure(value, fitting[0])
    for choice in fitting:
        try:
            return value if choice is Any else converter.structure(value, choice)
        except Exception:  # another choice may fit; the message below is for none
            continue
    raise ValueError(f"expected {' or '.join(map(_called, choices))}, found {shown(value)}")


def _might_be(value: Any, kind: Any) -> bool:
    """Whether it is worth trying: containers are told apart by what they are, so their mistakes are told apart too."""
    if kind is type(None):
        return False
    if isinstance(value, Mapping):
        return kind is Any or _is_mapping(kind)
    if isinstance(value, list | tuple):
        return kind is Any or _is_tuple(kind) or _is_list(kind)
    return not (_is_mapping(kind) or _is_list(kind)) and not (kind in (int, float, bool) and isinstance(value, str))


def _called(kind: Any) -> str:
    if kind is type(None):
        return "nothing"
    origin = get_origin(kind) or kind
    return {tuple: "list", abc.Mapping: "mapping", dict: "mapping"}.get(origin, getattr(origin, "__name__", str(kind)))


def _problems(error: BaseException, keys: Keys) -> list[Problem]:
    """Flatten cattrs' tree of errors."""
    if isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(error.cl)]
        extra = sorted(map(str, error.extra_fields))
        return [Problem((*keys, key), f"unknown key{did_you_mean(key, known)}") for key in extra]
    if isinstance(error, BaseExceptionGroup):
        return [found for inner in error.exceptions for found in _problems(inner, (*keys, *_notes(inner)))]
    if isinstance(error, KeyError) and not isinstance(error, TaskFusionError):
        return [Problem(keys, f"missing key {error.args[0]!r}")]
    # attrs' own validators put the message first and what it is about behind it
    text = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    return [Problem(keys, text or type(error).__name__)]


def _refused_by_validators(cls: Any, data: Mapping[str, Any]) -> list[Problem]:
    """A class stops at the first value its validators refuse, and asks none where a type is wrong; here all speak."""
    kinds = get_type_hints(cls)
    given = [(field, data[field.alias]) for field in attrs.fields(cls) if field.alias in data]
    found: list[Problem] = []
    for field, value in given:
        if attrs.has(kinds[field.name]) and isinstance(value, Mapping):
            inner = _refused_by_validators(kinds[field.name], value)
            found += [attrs.evolve(problem, keys=(field.name, *problem.keys)) for problem in inner]
        elif field.validator is not None:
            found += _said_by(field, value, kinds[field.name])
    return found


def _said_by(field: attrs.Attribute[Any], data: Any, kind: Any) -> list[Problem]:
    try:
        value = _converter().structure(data, kind)
    except Exception:  # a wrong type, which is reported already
        return []
    try:
        field.validator(None, field, value)  # type: ignore[misc]  # the caller has seen that there is one
    except (SpecError, ValueError, TypeError) as error:
        return _problems(error, ())
    except AttributeError:  # a check that looks at other fields too
        return []
    return []


def _notes(error: BaseException) -> tuple[Key, ...]:
    for note in getattr(error, "__notes__", []):
        if isinstance(note, AttributeValidationNote):
            return (note.name,)
        if isinstance(note, IterableValidationNote):
            return (note.index,)
    return ()
