"""Sources that must look at every file before they know their exams, as two databases that are matched do.

Such a source has a method ``survey`` besides those of every :class:`~mammo_data.records.ExamSource`; whoever prepares
calls it in place of ``plans``. It gets a place where to keep what it found, and has a report of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import attrs

from mammo_data.records import ExamPlan, ExamSource, Skipped
from taskfusion.engine import LOCAL, Engine
from taskfusion.progress import Progress


def _go_on(skipped: Sequence[Skipped]) -> None:
    """What cannot be used is listed, and stops nothing."""


@attrs.frozen
class Desk:
    """How a survey is done.

    Attributes:
        cache: folder for what has been found out already, so that a killed survey goes on; None: nothing is kept.
        jobs: processes; -1 for one per core.
        again: look again at what was skipped before.
        refuse: is told of everything that cannot be used as soon as that is known; raises where that must stop all.
        progress: shows each step.
        engine: a cluster that looks in place of processes of this machine.
    """

    cache: Path | None = None
    jobs: int = -1
    again: bool = False
    refuse: Callable[[Sequence[Skipped]], None] = _go_on
    progress: Progress = attrs.field(factory=Progress)
    engine: Engine = LOCAL


@attrs.frozen
class Survey:
    """What a survey found.

    Attributes:
        plans: the exams to prepare, in a fixed order.
        listed: what was skipped, or left out by a rule, with the exam's id or "".
        report: Markdown for the folder's report, sections from ``##`` on.
        lines: of the same for the console, the number first.
        files: name to text of what a program reads of it.
    """

    plans: tuple[ExamPlan, ...] = ()
    listed: tuple[tuple[str, Skipped], ...] = ()
    report: str = ""
    lines: tuple[str, ...] = ()
    files: Mapping[str, str] = attrs.field(factory=dict)


@runtime_checkable
class SurveyingSource(ExamSource, Protocol):
    """A source that looks before it lists."""

    def survey(self, desk: Desk) -> Survey:
        """Look at everything; the same for the same files, killed and gone on with or not.

        Raises:
            DataError: what ``plans`` raises, and what ``desk.refuse`` does.
        """
        ...
