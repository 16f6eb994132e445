"""What this package adds to taskfusion; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from taskfusion.hookspecs import Entry, hookimpl


@hookimpl
def taskfusion_tasks() -> Iterable[Entry]:
    """The task ``density``."""
    return [Entry("density", "mammo_density.task:Density", "dense or fatty breasts, from the four views of an exam")]
