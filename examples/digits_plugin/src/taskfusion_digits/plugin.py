"""What this package adds to taskfusion: names, import paths and one line each. Imports nothing heavy."""

from __future__ import annotations

from taskfusion.hookspecs import Entry, hookimpl


@hookimpl
def taskfusion_readers() -> list[Entry]:
    """The cohort."""
    return [Entry("digits", "taskfusion_digits.reader:DigitsReader", "slips of paper with up to four digits each")]


@hookimpl
def taskfusion_tasks() -> list[Entry]:
    """One task on each level."""
    return [
        Entry("ink", "taskfusion_digits.ink:Ink", "level case: how much ink a slip has, and the total noted on it"),
        Entry("glance", "taskfusion_digits.glance:Glance", "level view: half a slip as a whole, by PCA"),
        Entry("windows", "taskfusion_digits.windows:Windows", "level detection: where which digit stands"),
    ]
