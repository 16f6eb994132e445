"""YAML with line numbers: which line a key of a spec stands in, duplicate keys refused, overrides applied."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import yaml

from taskfusion.errors import SpecError

Keys = tuple[str, ...]


@attrs.frozen
class YamlFile:
    """The data of a YAML file and the line (from 1) of every key path."""

    name: str
    data: Any
    lines: dict[Keys, int] = attrs.field(factory=dict)

    def where(self, keys: Keys) -> str:
        """``file:line: a.b.c`` for the deepest part of the path that stands in the file."""
        known = next((keys[:n] for n in range(len(keys), 0, -1) if keys[:n] in self.lines), None)
        place = f"{self.name}:{self.lines[known]}" if known else self.name
        return f"{place}: {'.'.join(keys)}" if keys else place


def read_yaml(path: Path) -> YamlFile:
    """Read a file.

    Raises:
        SpecError: not there, not YAML (with line and column), a key twice, or not a mapping.
    """
    if not path.is_file():
        raise SpecError(f"spec not found: {path}")
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"spec not readable: {path}: {error}") from error


def parse_yaml(text: str, name: str) -> YamlFile:
    """Parse text; see :func:`read_yaml`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines: dict[Keys, int] = {}
        _collect(node, (), lines, name)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise SpecError(f"{place}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SpecError(f"{name}: not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise SpecError(f"{name}: expected a mapping with cohort, tasks and fusers, found {type(data).__name__}")
    return YamlFile(name, data, lines)


def override(file: YamlFile, assignments: Sequence[str]) -> YamlFile:
    """Apply ``a.b.c=value`` assignments, values in YAML; sections that are not there are made.

    Raises:
        SpecError: an assignment without ``=``, or through something that is no mapping.
    """
    data = _copied(file.data)
    for text in assignments:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise SpecError(f"--set {text!r}: expected KEY.KEY=VALUE")
        _assign(data, path.split("."), _value(value, text), text)
    return attrs.evolve(file, data=data)


def _assign(data: Any, keys: Sequence[str], value: Any, text: str) -> None:
    for key in keys[:-1]:
        if data.get(key) is None:
            data[key] = {}
        data = data[key]
        if not isinstance(data, dict):
            raise SpecError(f"--set {text!r}: {key!r} is not a section")
    data[keys[-1]] = value


def _value(text: str, assignment: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SpecError(f"--set {assignment!r}: the value is not valid YAML") from error


def _copied(data: Any) -> Any:
    return {key: _copied(value) for key, value in data.items()} if isinstance(data, dict) else data


def _collect(node: yaml.Node | None, keys: Keys, lines: dict[Keys, int], name: str) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key_node, value_node in node.value:
        key = str(key_node.value)
        line = key_node.start_mark.line + 1
        if key in seen:
            raise SpecError(f"{name}:{line}: {'.'.join((*keys, key))}: this key stands here twice")
        seen.add(key)
        lines[(*keys, key)] = line
        _collect(value_node, (*keys, key), lines, name)
