"""All that a plugin can add, a hook each; built-ins use the same hooks. Nothing is imported until its name is used."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import pluggy

hookspec = pluggy.HookspecMarker("taskfusion")
hookimpl = pluggy.HookimplMarker("taskfusion")


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
def taskfusion_fusers() -> Iterable[Entry]:  # type: ignore[empty-body]  # as above, and so below
    """Fusers: subclasses of ``taskfusion.fusers.base.Fuser``."""


@hookspec
def taskfusion_paddings() -> Iterable[Entry]:  # type: ignore[empty-body]
    """Padding policies: subclasses of ``taskfusion.padding.Padding``."""


@hookspec
def taskfusion_readers() -> Iterable[Entry]:  # type: ignore[empty-body]
    """Cohort readers: subclasses of ``taskfusion.readers.CohortReader``."""


@hookspec
def taskfusion_targets() -> Iterable[Entry]:  # type: ignore[empty-body]
    """Targets derived from a cohort's labels or boxes: subclasses of ``taskfusion.targets.TargetMaker``."""


@hookspec
def taskfusion_commands() -> Iterable[Entry]:  # type: ignore[empty-body]
    """Subcommands of ``taskfusion``: click commands (``package.module:command``); the name is what one types."""
