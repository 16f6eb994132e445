"""The tree of errors: every mistake a user can make ends in one of these, and only the command line makes exit codes.

Each class has a second, standard base, so code that knows nothing of taskfusion can catch it too.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TaskFusionError(Exception):
    """Anything taskfusion refuses; the message says what, where and what would be right."""


class SpecError(TaskFusionError, ValueError):
    """A spec or a configuration that cannot be: unknown keys, wrong types, impossible values.

    ``problems`` has a (path, text) pair for every mistake of a configuration, where they are known one by one.
    """

    problems: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, where: str, problems: Iterable[tuple[str, str]]) -> SpecError:
        """One error for all mistakes of one configuration."""
        found = tuple(problems)
        error = cls("; ".join(f"{where}{path}: {text}" for path, text in found))
        error.problems = found
        return error


class UnknownNameError(TaskFusionError, LookupError):
    """A name nobody registered."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """Build the message: the nearest name and everything that exists."""
        return cls(f"unknown {kind} {name!r}{did_you_mean(name, known)}")


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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of an unknown-name message: `` (did you mean 'svm'?); known: forest, svm``."""
    names = sorted(set(known))
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{hint}; known: {', '.join(names) or 'none'}"
