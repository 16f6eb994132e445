"""What stands for the content of task outputs and for the code of classes, so that equal work is known again."""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path

import numpy as np

from taskfusion.configs import unstructure
from taskfusion.images import short_hash
from taskfusion.outputs import TaskOutput
from taskfusion.store import StoredOutput

NO_CODE = {"abc", "builtins", "typing"}  # of these modules a class inherits nothing that changes


def digest(output: TaskOutput) -> str:
    """What stands for an output: its spec, its cases and every array, to the bit."""
    if isinstance(output, StoredOutput):
        return output.digest()
    found = hashlib.sha256(repr((unstructure(output.spec), output.cases)).encode())
    for name, array in output.arrays():
        found.update(f"{name} {array.dtype} {array.shape} ".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()[:16]


def code_of(*classes: type) -> str | None:
    """What stands for the code of classes: their modules, those of their bases, and the packages these are in.

    A version number seldom changes while a fuser of one's own is being written. None where there is no file to read,
    as for a class of a notebook.
    """
    modules = {base.__module__ for cls in classes for base in cls.__mro__}
    return _code_of(tuple(sorted(modules - NO_CODE)))


@functools.cache
def _code_of(modules: tuple[str, ...]) -> str | None:
    files: set[Path] = set()
    for name in modules:
        found = sys.modules.get(name)
        path = getattr(found, "__file__", None)
        if path is None or not Path(path).is_file():
            return None
        files |= set(Path(path).parent.glob("*.py")) if getattr(found, "__package__", "") else {Path(path)}
    return short_hash(*(part for path in sorted(files) for part in (path.name, path.read_bytes())))
