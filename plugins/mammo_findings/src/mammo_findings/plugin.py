"""What this package adds to taskfusion; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from taskfusion.hookspecs import Entry, hookimpl


@hookimpl
def taskfusion_tasks() -> Iterable[Entry]:
    """The task ``findings``."""
    return [Entry("findings", "mammo_findings.task:Findings", "does a mammographic view show a lesion?")]
