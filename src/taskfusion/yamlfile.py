"""YAML text to data and back: every mistake with its line and column, plain data only, bounded in size.

Read as YAML 1.2, as editors do: ``yes`` is text, ``1e-4`` a number, ``2026-01-31`` text; keys are the text that stands
there. Merge keys (``<<``) and aliases work. Tags are refused, so nothing but plain data can come out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import yaml

from taskfusion.errors import Keys, Problem, SpecError
from taskfusion.yamltree import Node, Place

MAX_BYTES = 1_000_000
MAX_PARTS = 50_000  # after aliases are written out: a few lines of them can stand for billions
MAX_DEPTH = 40
MAX_KEY = 200
TAG = "tag:yaml.org,2002:"
MERGE = f"{TAG}merge"
# YAML 1.2, core schema: tag, how it is written, the characters it can start with
WRITTEN = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
)
BOOLEANS = {"true": True, "false": False}


@attrs.frozen(eq=False)
class YamlFile:
    """What stands in a file, and the mistakes that do not stop the reading: keys twice, tags, keys that are no text."""

    root: Node
    problems: tuple[Problem, ...] = ()


def read_yaml(path: Path) -> YamlFile:
    """Read a file.

    Raises:
        SpecError: not there, a folder, empty, not UTF-8, too large, not YAML, or not a mapping.
    """
    data = _bytes(path)
    if len(data) > MAX_BYTES:
        raise SpecError(f"{path}: {len(data)} bytes; a spec has at most {MAX_BYTES}")
    return parse_yaml(_decoded(data, str(path)), str(path), path.resolve().parent)


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise SpecError(f"spec is a folder, not a file: {path}")
        if not path.is_file():
            raise SpecError(f"spec not found: {path}")
        return path.read_bytes()
    except OSError as error:
        raise SpecError(f"spec not readable: {path}: {error.strerror}") from error


def parse_yaml(text: str, name: str, base: Path | None = None) -> YamlFile:
    """Parse text whose top level is a mapping; see :func:`read_yaml`."""
    place = Place(name, base or Path(), 1, 1)
    root, problems = _built(text, place)
    if root is None:
        raise SpecError(f"{name}: is empty; expected a mapping with cohort, tasks and fusers")
    if not isinstance(root.value, dict) and not problems:
        raise SpecError(f"{name}: expected a mapping with cohort, tasks and fusers, found {_kind(root.value)}")
    if not isinstance(root.value, dict):
        raise SpecError.listed(problems)
    return YamlFile(root, problems)


def parse_value(text: str, place: Place) -> tuple[Node, tuple[Problem, ...]]:
    """A value alone, such as that of a ``--set``; everything in it stands at ``place``."""
    root, problems = _built(text, place)
    return root or Node(None, place), problems


def dump_yaml(data: Any) -> str:
    """Plain data as YAML that reads back as the same data, also by readers of YAML 1.1.

    Raises:
        SpecError: for anything but plain data.
    """
    how: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 110, "default_flow_style": None}
    try:
        return str(yaml.dump(data, Dumper=_Dumper, **how))
    except yaml.representer.RepresenterError as error:
        raise SpecError(f"{_kind(error.args[-1])} is no plain data") from error


def _built(text: str, place: Place) -> tuple[Node | None, tuple[Problem, ...]]:
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        code = error.character if isinstance(error.character, int) else ord(error.character)
        problem = f"not valid YAML: character U+{code:04X} is not allowed"
        raise _stop(place, _line_column(text, error.position), problem) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise _stop(place, where, f"not valid YAML: {_syntax(error)}") from error
    except (yaml.YAMLError, RecursionError, ValueError, IndexError) as error:
        raise _stop(place, (0, 0), f"not valid YAML: {type(error).__name__}: {error}") from error
    builder = _Builder(place)
    return (None if node is None else builder.build(node, (), None)), tuple(builder.problems)


def _stop(place: Place, where: tuple[int, int], text: str) -> SpecError:
    line, column = where if place.line else (0, 0)
    return SpecError.listed([Problem((), text, place.source, line, column)])


def _syntax(error: yaml.MarkedYAMLError) -> str:
    text = str(error.problem or error.context)
    return f"{text} (YAML indents with spaces, not with tabs)" if "'\\t'" in text else text


def _line_column(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        text = f"spec not readable: byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise SpecError.listed([Problem((), text, name, line, column)]) from error


class _Loader(yaml.SafeLoader):
    """Composes nodes only, by the rules of YAML 1.2; constructs nothing."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # the stubs declare it so; those of YAML 1.1 go

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuses depth before Python's own limit does."""
        if self._depth > MAX_DEPTH:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(problem=f"nested more than {MAX_DEPTH} levels", problem_mark=mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    """Quotes what either YAML 1.1 or 1.2 would not read as text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Everything is written out."""
        return True

    def represent_text(self, text: str) -> yaml.Node:
        """PyYAML writes some line breaks as they are, and they would be read as spaces; escapes are not."""
        style = None if text.isprintable() else '"'
        return self.represent_scalar(f"{TAG}str", text, style=style)


def _learn_core_schema(kind: Any) -> None:
    for tag, pattern, first in WRITTEN:
        kind.add_implicit_resolver(f"{TAG}{tag}", re.compile(rf"^(?:{pattern})$"), first)


_learn_core_schema(_Loader)
_learn_core_schema(_Dumper)
_Dumper.add_representer(str, _Dumper.represent_text)


class _Builder:
    """PyYAML's nodes to ours; collects mistakes and goes on."""

    def __init__(self, place: Place) -> None:
        self.problems: list[Problem] = []
        self._place, self._parts = place, 0
        self._open: set[int] = set()

    def build(self, node: yaml.Node, keys: Keys, place: Place | None) -> Node:
        """``place`` is that of the key, for an entry of a mapping."""
        place = place or self._at(node)
        self._parts += 1
        if self._parts > MAX_PARTS or len(keys) > MAX_DEPTH or id(node) in self._open:
            raise SpecError.listed([attrs.evolve(self._problem(place, (), ""), text=self._endless(node))])
        if not isinstance(node, yaml.CollectionNode):
            return Node(self._scalar(node, keys, place), place)
        self._open.add(id(node))
        value = self._mapping(node, keys) if isinstance(node, yaml.MappingNode) else self._list(node, keys)
        self._open.discard(id(node))
        if node.tag not in (f"{TAG}map", f"{TAG}seq"):
            self._refuse_tag(node, keys, place)
        return Node(value, place)

    def _endless(self, node: yaml.Node) -> str:
        if id(node) in self._open:
            return "an alias (*) stands inside what it refers to"
        if self._parts > MAX_PARTS:
            return f"with aliases (*) written out there are more than {MAX_PARTS} values"
        return f"nested more than {MAX_DEPTH} levels"

    def _list(self, node: Any, keys: Keys) -> list[Node]:
        return [self.build(item, (*keys, index), None) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key, place = self._key(key_node, keys), self._at(key_node)
            if key is None:
                continue
            if key in seen:
                self._fail(place, (*keys, key), "this key stands here twice")
                continue
            seen.add(key)
            if key_node.tag == MERGE:
                merged = self._merged(value_node, keys, place)
            else:
                own[key] = self.build(value_node, (*keys, key), place)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, keys: Keys, place: Place) -> dict[str, Node]:
        """The entries that ``<<`` brings; of several mappings the first one to have a key wins."""
        found: dict[str, Node] = {}
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            part = self.build(source, keys, None)
            if isinstance(part.value, dict):
                found = {**part.value, **found}
            else:
                self._fail(place, (*keys, "<<"), f"expected a mapping to merge, found {_kind(part.value)}")
        return found

    def _key(self, node: yaml.Node, keys: Keys) -> str | None:
        text = node.value if isinstance(node, yaml.ScalarNode) else None
        if text is None or not text or len(text) > MAX_KEY:
            what = "a list or mapping" if text is None else f"one of {len(text)} characters" if text else "nothing"
            self._fail(self._at(node), keys, f"expected a key of at most {MAX_KEY} characters, found {what}")
            return None
        if node.tag.removeprefix(TAG) not in (*SCALARS, "merge"):
            self._refuse_tag(node, (*keys, text), self._at(node))
        return str(text)

    def _scalar(self, node: yaml.Node, keys: Keys, place: Place) -> Any:
        kind = node.tag.removeprefix(TAG)
        if kind not in SCALARS:
            self._refuse_tag(node, keys, place)
            return None
        try:
            return SCALARS[kind](node.value)
        except (ValueError, KeyError):
            shown = node.value if len(node.value) < MAX_KEY else f"{node.value[:20]}… ({len(node.value)} digits)"
            self._fail(place, keys, f"{shown!r} cannot be read as {kind}")
            return None

    def _refuse_tag(self, node: yaml.Node, keys: Keys, place: Place) -> None:
        tag = node.tag.replace(TAG, "!!", 1)[:MAX_KEY]
        self._fail(place, keys, f"tag {tag!r} is not allowed; a spec is plain data")

    def _at(self, node: yaml.Node) -> Place:
        if not self._place.line:
            return self._place
        mark = node.start_mark
        return attrs.evolve(self._place, line=mark.line + 1, column=mark.column + 1)

    def _fail(self, place: Place, keys: Keys, text: str) -> None:
        self.problems.append(self._problem(place, keys, text))

    @staticmethod
    def _problem(place: Place, keys: Keys, text: str) -> Problem:
        return Problem(keys, text, place.source, place.line, place.column)


def _whole(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: BOOLEANS[text.lower()],
    "int": _whole,
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    "str": str,
    "merge": str,  # as a value, << is text
}


def _kind(value: Any) -> str:
    return {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value), repr(value)[:MAX_KEY])
