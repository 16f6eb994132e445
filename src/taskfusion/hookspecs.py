"""Everything a plugin can add, one hook each. Built-ins come through the same hooks.

Each hook returns :class:`Entry` records: a name, the import path of the class, and one line for listings. Nothing is
imported until somebody uses the name.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import pluggy

PROJECT = "taskfusion"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@attrs.frozen
class Entry:
    """A name to use in specs, where its class is (``package.module:Class``), and a summary of one line."""

    name: str
    path: str
    summary: str = ""


@hookspec
def taskfusion_tasks() -> Iterable[Entry]:  # type: ignore[empty-body]  # a specification has no body
    """Task models: subclasses of ``taskfusion.tasks.base.TaskModel``."""


@hookspec
def taskfusion_fusers() -> Iterable[Entry]:  # type: ignore[empty-body]  # a specification has no body
    """Fusers: subclasses of ``taskfusion.fusers.base.Fuser``."""


@hookspec
def taskfusion_paddings() -> Iterable[Entry]:  # type: ignore[empty-body]  # a specification has no body
    """Padding policies: subclasses of ``taskfusion.padding.Padding``."""


@hookspec
def taskfusion_readers() -> Iterable[Entry]:  # type: ignore[empty-body]  # a specification has no body
    """Cohort readers: subclasses of ``taskfusion.readers.CohortReader``."""
