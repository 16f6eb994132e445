"""The tree of errors: every mistake a user can make ends in one of these, and only the command line makes exit codes.

Each class has a second, standard base, so code that knows nothing of taskfusion can catch it too.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

Key = str | int  # an entry of a mapping, or the number of an item in a list
Keys = tuple[Key, ...]
NAMED = 200  # characters of a name in a message
LISTED = 1500  # characters of a list of names in a message


def shown_keys(keys: Iterable[Key]) -> str:
    """``tasks.mean.columns[0]``; a name that would not read back so stands in quotes: ``tasks."a.b".columns``."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f"{'.' if text else ''}{_shown_name(key)}"
    return text


def _shown_name(name: str) -> str:
    if re.fullmatch(r"[^\s.=\"'\[\]{}:,]+", name) and name.isprintable():
        return name
    return json.dumps(name, ensure_ascii=not name.isprintable())


@attrs.frozen
class Problem:
    """One mistake in a configuration or a spec.

    Attributes:
        keys: the way to the value that is wrong; empty for the whole.
        text: what is wrong, and what would be right.
        source: the file, or the ``--set`` of the command line, where it is known.
        line: from 1, where the value came from a file.
        column: from 1, likewise.
    """

    keys: Keys
    text: str
    source: str = ""
    line: int = 0
    column: int = 0

    @property
    def place(self) -> str:
        """``file:line:column``, or as much of it as is known."""
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, shown_keys(self.keys), self.text) if part)

    def data(self) -> Mapping[str, Any]:
        """As JSON data."""
        where = {"file": self.source, "line": self.line or None, "column": self.column or None}
        return {**where, "path": shown_keys(self.keys), "message": self.text}


class TaskFusionError(Exception):
    """Anything taskfusion refuses; the message says what, where and what would be right."""


class SpecError(TaskFusionError, ValueError):
    """A spec or a configuration that cannot be: unknown keys, wrong types, impossible values.

    ``problems`` lists them one by one, where they are known so.
    """

    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, where: str, problems: Iterable[Problem]) -> SpecError:
        """One error for all mistakes of one configuration, named ``where``: ``task 'density'.width: expected …``."""
        found = tuple(problems)
        return cls._with("; ".join(f"{where}{_joint(p)}{shown_keys(p.keys)}: {p.text}" for p in found), found)

    @classmethod
    def listed(cls, problems: Iterable[Problem]) -> SpecError:
        """One error for all mistakes of a spec, a line each."""
        found = tuple(problems)
        return cls._with("\n".join(map(str, found)), found)

    @classmethod
    def _with(cls, text: str, problems: tuple[Problem, ...]) -> SpecError:
        error = cls(text)
        error.problems = problems
        return error


def _joint(problem: Problem) -> str:
    return "." if problem.keys and isinstance(problem.keys[0], str) else ""


class UnknownNameError(TaskFusionError, LookupError):
    """A name nobody registered."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """Build the message: the nearest name and everything that exists."""
        shown = repr(name) if len(str(name)) <= NAMED else f"{repr(name)[:NAMED]}…"
        return cls(f"unknown {kind} {shown}{did_you_mean(str(name)[:NAMED], known)}")


class PluginError(TaskFusionError, RuntimeError):
    """A plugin that breaks the contract, or two that claim one name."""


class DataError(TaskFusionError, ValueError):
    """Input that cannot be used: an unreadable image, a bad row of a table, a box without area."""


class ContractError(TaskFusionError, ValueError):
    """A task or fuser that answered in a shape it did not declare."""


class NotFittedError(TaskFusionError, ValueError, AttributeError):
    """A prediction was asked of something not trained yet (same bases as scikit-learn's error)."""


class ModelFolderError(TaskFusionError, ValueError):
    """A saved model that is incomplete, changed, or of an unknown format."""


class EngineError(TaskFusionError, RuntimeError):
    """Workers that cannot be reached, cannot do the work, or were lost over it."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of an unknown-name message: `` (did you mean 'svm'?); known: forest, svm``."""
    names = sorted(set(known))
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{hint}; known: {_listed(names) or 'none'}"


def _listed(names: Iterable[str]) -> str:
    """Names somebody chose may be anything, and any number of them."""
    text = ", ".join(name if name.isprintable() else ascii(name) for name in names)
    return text if len(text) <= LISTED else f"{text[:LISTED]}…"


def first_line(error: BaseException) -> str:
    """What an error of a foreign library says, without its further lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
