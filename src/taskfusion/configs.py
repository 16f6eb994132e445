"""Plain data to attrs configurations and back; all mistakes of one configuration in one error."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import AttributeValidationNote, ClassValidationError, ForbiddenExtraKeysError, IterableValidationNote

from taskfusion.errors import SpecError, TaskFusionError, did_you_mean

T = TypeVar("T")


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
        raise SpecError(f"{where}: expected a mapping of options, found {data!r}")
    try:
        return _converter().structure(data, cls)
    except (ClassValidationError, TaskFusionError, ValueError, TypeError) as error:
        raise SpecError.of(where, _problems(error, "")) from error


def unstructure(config: Any) -> Any:
    """An attrs configuration as plain JSON data (paths as text, tuples as lists)."""
    return _converter().unstructure(config)


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind in (int, float, bool, str):
        converter.register_structure_hook(kind, _strict)
    converter.register_structure_hook(StrEnum, lambda v, t: t(v))
    converter.register_structure_hook_func(_is_tuple, lambda v, t: _as_tuple(converter, v, t))
    converter.register_structure_hook_func(_is_plain_union, lambda v, t: _first_fit(converter, v, t))
    converter.register_structure_hook_func(lambda t: get_origin(t) is Literal, _one_of)
    converter.register_structure_hook(Path, lambda v, _: v if isinstance(v, Path) else Path(_strict(v, str)))
    converter.register_unstructure_hook(Path, str)
    converter.register_unstructure_hook(tuple, lambda v: [converter.unstructure(item) for item in v])
    return converter


def _strict(value: Any, kind: type) -> Any:
    if isinstance(value, str if kind is str else kind) and not (kind in (int, float) and isinstance(value, bool)):
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    raise ValueError(f"expected {kind.__name__}, found {value!r}")


def _one_of(value: Any, kind: Any) -> Any:
    choices = get_args(kind)
    if value not in choices:
        raise ValueError(f"found {value!r}{did_you_mean(str(value), map(str, choices))}")
    return value


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _as_tuple(converter: cattrs.Converter, value: Any, kind: Any) -> tuple[Any, ...]:
    """A lone value stands for a list of one: ``detections: 3`` is ``detections: [3]``."""
    items = list(value) if isinstance(value, list | tuple) else [value]
    kinds = get_args(kind)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(converter.structure(item, kinds[0]) for item in items)
    if len(items) != len(kinds):
        raise ValueError(f"expected {len(kinds)} values, found {value!r}")
    return tuple(converter.structure(item, k) for item, k in zip(items, kinds, strict=True))


def _is_plain_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType) and not any(attrs.has(k) for k in get_args(kind))


def _first_fit(converter: cattrs.Converter, value: Any, kind: Any) -> Any:
    choices = get_args(kind)
    if value is None and type(None) in choices:
        return None
    for choice in choices:
        if choice is Any:
            return value
        if choice is type(None):
            continue
        try:
            return converter.structure(value, choice)
        except (ValueError, TypeError, AttributeError, ClassValidationError):
            continue
    names = " or ".join("nothing" if c is type(None) else getattr(c, "__name__", str(c)) for c in choices)
    raise ValueError(f"expected {names}, found {value!r}")


def _problems(error: BaseException, path: str) -> list[tuple[str, str]]:
    """Flatten cattrs' tree of errors into (path, text) pairs."""
    if isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(error.cl)]
        return [(f"{path}.{key}", f"unknown key{did_you_mean(key, known)}") for key in sorted(error.extra_fields)]
    if isinstance(error, BaseExceptionGroup):
        return [pair for inner in error.exceptions for pair in _problems(inner, path + _note(inner))]
    if isinstance(error, KeyError):
        return [(path, f"missing key {error.args[0]!r}")]
    return [(path, str(error))]


def _note(error: BaseException) -> str:
    for note in getattr(error, "__notes__", []):
        if isinstance(note, AttributeValidationNote):
            return f".{note.name}"
        if isinstance(note, IterableValidationNote):
            return f"[{note.index}]"
    return ""
