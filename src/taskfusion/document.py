"""A spec as one piece: a YAML file, what it ``extends``, and the ``--set`` of the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from taskfusion.errors import Key, Keys, Problem, SpecError, shown_keys
from taskfusion.yamlfile import MAX_DEPTH, parse_value, parse_yaml, read_yaml
from taskfusion.yamltree import Node, Place, places, plain

EXTENDS = "extends"
MAX_PARENTS = 20
OWN = (EXTENDS, "name")  # what a spec does not inherit: a run of its own has a name of its own
NAMED = {"tasks": "task", "fusers": "fuser", "missing": ""}  # sections of named entries, and the key of their kind
SEGMENT = re.compile(r'"((?:[^"\\]|\\.)+)"|([^."\[\]=]+)|\[(\d+)\]')


@attrs.frozen(eq=False)
class Document:
    """The data of a spec, where each part of it stands, and the mistakes found so far.

    Attributes:
        name: the file, as given.
        data: plain data.
        places: where each part stands, by the way to it; ``()`` is the file itself.
        problems: mistakes that did not stop the reading.
    """

    name: str
    data: dict[str, Any]
    places: dict[Keys, Place]
    problems: tuple[Problem, ...] = ()

    def place(self, keys: Keys) -> Place:
        """Where the deepest part of a way stands that is there."""
        return next(self.places[keys[:n]] for n in range(len(keys), -1, -1) if keys[:n] in self.places)

    def problem(self, keys: Keys, text: str) -> Problem:
        """A mistake at this place, on one line."""
        return _problem(self.place(keys), keys, " ".join(text.splitlines()))


def load_document(path: str | Path, overrides: Sequence[str] = ()) -> Document:
    """Read a file with everything it extends, and apply ``a.b.c=value`` assignments, values in YAML.

    Parents are merged section by section, in their order, the file itself last. ``null`` removes an inherited section
    or entry; an entry that names another kind (``reader:``, ``task:``, ``fuser:``) starts anew.

    Raises:
        SpecError: a file that is not there or cannot be read as a mapping.
    """
    root, found = _Family().read(Path(path))
    problems = list(found)
    for text in overrides:
        root, wrong = _set(root, text)
        problems += wrong
    return Document(str(path), plain(root), dict(places(root)), tuple(dict.fromkeys(problems)))


def document_of(text: str, name: str, base: Path | None = None) -> Document:
    """A document from text that extends nothing; relative paths in it start at ``base``."""
    file = parse_yaml(text, name, base)
    return Document(name, plain(file.root), dict(places(file.root)), file.problems)


class _Family:
    """A file and its parents, each read once however often it is named."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Node, list[Problem]]] = {}

    def read(self, path: Path, below: tuple[Path, ...] = ()) -> tuple[Node, list[Problem]]:
        """A file over its parents; ``below`` are the files that led here."""
        _refuse_circle(path, below)
        real = os.path.realpath(path)
        if real not in self._known:
            self._known[real] = self._read(path, below)
        return self._known[real]

    def _read(self, path: Path, below: tuple[Path, ...]) -> tuple[Node, list[Problem]]:
        file = read_yaml(path)
        problems = list(file.problems)
        root: Node | None = None
        for name, place, keys in _parents(file.root, problems):
            try:
                inherited, found = self.read(Path(os.path.normpath(path.parent / name)), (*below, path))
            except SpecError as error:
                problems += error.problems or [_problem(place, keys, str(error))]
                continue
            problems += found
            inherited = _without(inherited, OWN)
            root = inherited if root is None else merged(root, inherited)
        own = _without(file.root, (EXTENDS,))
        return (own if root is None else merged(root, own)), problems


def _refuse_circle(path: Path, below: tuple[Path, ...]) -> None:
    known = [os.path.realpath(other) for other in below]
    if os.path.realpath(path) in known:
        way = (*below[known.index(os.path.realpath(path)) :], path)
        raise SpecError(f"specs extend each other in a circle: {' → '.join(map(str, way))}")
    if len(below) > MAX_PARENTS:
        raise SpecError(f"specs extend each other over more than {MAX_PARENTS} files")


def _without(root: Node, keys: Sequence[str]) -> Node:
    return attrs.evolve(root, value={key: node for key, node in root.value.items() if key not in keys})


def _problem(place: Place, keys: Keys, text: str) -> Problem:
    return Problem(keys, text, place.source, place.line, place.column)


def _parents(root: Node, problems: list[Problem]) -> list[tuple[str, Place, Keys]]:
    node = root.value.get(EXTENDS)
    if node is None or node.value is None:
        return []
    items = enumerate(node.value) if isinstance(node.value, list) else [(None, node)]
    found: list[tuple[str, Place, Keys]] = []
    for index, item in items:
        keys: Keys = (EXTENDS,) if index is None else (EXTENDS, index)
        if isinstance(item.value, str) and item.value and "\0" not in item.value:
            found.append((item.value, item.place, keys))
        else:
            text = f"expected the path of a spec or a list of them, found {plain(item)!r}"[:200]
            problems.append(_problem(item.place, keys, text))
    return found


def merged(parent: Node, child: Node, keys: Keys = ()) -> Node:
    """``child`` over ``parent``; see :func:`load_document`."""
    if not isinstance(parent.value, dict) or not isinstance(child.value, dict) or _is_another(parent, child, keys):
        return child
    value = dict(parent.value)
    for key, inner in child.value.items():
        if key in value and inner.value is None and _is_removable((*keys, key)):
            del value[key]
        else:
            value[key] = merged(value[key], inner, (*keys, key)) if key in value else inner
    return Node(value, child.place)


def _is_removable(keys: Keys) -> bool:
    """Deeper down null is a value like any other: ``split: null``."""
    return len(keys) == 1 or (len(keys) == 2 and keys[0] in NAMED)


def _is_another(parent: Node, child: Node, keys: Keys) -> bool:
    """Whether the child names another kind of reader, task or fuser, whose options are others."""
    kind = "reader" if keys == ("cohort",) else NAMED.get(str(keys[0]), "") if len(keys) == 2 else ""
    if not kind or kind not in child.value:
        return False
    before = plain(parent.value[kind]) if kind in parent.value else keys[-1]
    return bool(plain(child.value[kind]) != before)


def _set(root: Node, text: str) -> tuple[Node, list[Problem]]:
    """One assignment; where it cannot be done, the mistake."""
    place = Place(f"--set {text!r}", Path.cwd())
    try:
        keys, value = _assignment(text)
        if keys[0] == EXTENDS:
            raise SpecError(f"{EXTENDS} stands in a file; the command line changes what comes of it")
        node, problems = parse_value(value, place)
        return _assigned(root, keys, node, ()), [attrs.evolve(p, keys=(*keys, *p.keys)) for p in problems]
    except SpecError as error:
        found = error.problems[0].text if error.problems else str(error)
        return root, [Problem((), found, place.source)]


def _assignment(text: str) -> tuple[Keys, str]:
    """``tasks."a.b".columns[0]=x``: the keys, the number of a list item also as ``columns.0``, and the value's text."""
    keys: list[Key] = []
    position = 0
    while match := SEGMENT.match(text, position):
        quoted, bare, index = match.groups()
        keys.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare or int(index))
        position = match.end()
        if text[position : position + 1] == "=" and len(keys) <= MAX_DEPTH:
            return tuple(keys), text[position + 1 :]
        position += text[position : position + 1] == "."
    raise SpecError('expected KEY.KEY=VALUE, a name with dots in quotes: tasks."a.b".columns[0]=x')


def _assigned(node: Node, keys: Keys, new: Node, done: Keys) -> Node:
    """``node`` with ``new`` in place of what the keys lead to."""
    if not keys:
        return new
    here = (*done, keys[0])
    if isinstance(node.value, list):
        return _assigned_item(node, keys, new, done)
    if not isinstance(node.value, dict) and node.value is not None:
        raise SpecError(f"{shown_keys(done)} is {_short(plain(node))}, so it has no {shown_keys(keys[:1])}")
    value, key = dict(node.value or {}), str(keys[0])
    if len(keys) == 1 and new.value is None and key in value and _is_removable(here):
        del value[key]
        return attrs.evolve(node, value=value)
    value[key] = _assigned(value.get(key, Node(None, new.place)), keys[1:], new, here)
    return attrs.evolve(node, value=value)


def _assigned_item(node: Node, keys: Keys, new: Node, done: Keys) -> Node:
    items, text = list(node.value), str(keys[0])
    if not text.isdecimal() or int(text) >= len(items):
        numbers = f"its items are 0 to {len(items) - 1}" if items else "it is empty"
        raise SpecError(f"{shown_keys(done)} is a list and {numbers}; found {text!r}")
    items[int(text)] = _assigned(items[int(text)], keys[1:], new, (*done, int(text)))
    return attrs.evolve(node, value=items)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
