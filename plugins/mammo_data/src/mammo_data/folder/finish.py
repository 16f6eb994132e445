"""The last step of a preparation: the exams' records become tables, a list of what was skipped, and a report."""

from __future__ import annotations

import csv as csv_files
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mammo_data.folder.exam import read_exam
from mammo_data.folder.layout import REPORT, SKIPPED, SURVEY, TABLES, mark_complete, table_path
from mammo_data.folder.plain import plain
from mammo_data.folder.report import report_text
from mammo_data.folder.summary import Counting, Summary
from mammo_data.folder.tables import Rows, write_tables
from mammo_data.records import Skipped
from mammo_data.survey import Survey
from mammo_data.synthetic import LESION_CLASSES, VIEWS
from taskfusion.errors import DataError
from taskfusion.files import write_text
from taskfusion.plugins import version_of

TARGETS = {"lesion": None, "malignancy": list(LESION_CLASSES[2:])}


@attrs.frozen
class About:
    """What the folder says of itself besides its tables.

    Attributes:
        name: of the source.
        notice: shown wherever results are shown.
        options: the source was built from.
        limit: only the first exams were prepared; None for all.
    """

    name: str
    notice: str
    options: Mapping[str, Any]
    limit: int | None = None

    def data(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "name": self.name,
            "notice": self.notice,
            "options": plain(self.options),
            "limit": self.limit,
            "views": list(VIEWS),
            "classes": list(LESION_CLASSES),
            "targets": TARGETS,
            "versions": versions(),
        }


def versions() -> dict[str, str]:
    """Of what wrote the folder."""
    return {name: version_of(name) for name in ("mammo-data", "taskfusion")}


def finish(folder: Path, survey: Survey, about: About, *, csv: bool) -> Summary:
    """Write tables, ``skipped.csv``, ``report.md`` and, last, ``cohort.json``: byte for byte the same for the same.

    Args:
        folder: with a record of every exam.
        survey: the exams, what was skipped before any of them was read, and what the source has to tell.
        about: what the folder says of itself.
        csv: whether the tables are written as CSV too.

    Raises:
        DataError: an exam that has gone meanwhile, or none that can be used.
    """
    rows, counting, skipped = Rows(), Counting(), list(survey.listed)
    counting.add_skipped(one for _, one in survey.listed)
    for exam in sorted(plan.id for plan in survey.plans):
        stored = read_exam(folder, exam)
        if stored is None:
            raise DataError(f"exam {exam!r} has gone from {folder} meanwhile; the same command prepares it again")
        counting.add(stored)
        skipped += [(exam, one) for one in stored.skipped]
        if stored.case is not None:
            rows.add(stored.case)
    summary = counting.summary()
    write_tables(folder, rows, csv)
    if not csv:
        for table in TABLES:
            table_path(folder, table).with_suffix(".csv").unlink(missing_ok=True)
    write_text(folder / SKIPPED, skipped_csv(skipped))
    _write_survey(folder, survey)
    title = f"Cohort {about.name}" + (f" (only the first {about.limit:,} exams)" if about.limit else "")
    write_text(folder / REPORT, report_text(title, about.notice, versions(), summary, survey.report))
    if not rows.cases:
        raise DataError(_none_usable(folder, skipped))
    mark_complete(folder, {**about.data(), "counts": _counts(summary)})
    return summary


def _write_survey(folder: Path, survey: Survey) -> None:
    """What a program reads of it."""
    for name, text in survey.files.items():
        write_text(folder / SURVEY / name, text)


def _counts(summary: Summary) -> dict[str, Any]:
    return attrs.asdict(summary, filter=lambda field, _: field.name != "examples")


def _none_usable(folder: Path, skipped: Sequence[tuple[str, Skipped]]) -> str:
    _, first = skipped[0]
    return f"no exam can be used; the first thing skipped: {first.what}: {first.reason}; all: {folder / SKIPPED}"


def skipped_csv(skipped: Iterable[tuple[str, Skipped]]) -> str:
    """A row each: the exam (empty for what belongs to none), what, the kind, the reason."""
    text = io.StringIO()
    writer = csv_files.writer(text, lineterminator="\n")
    writer.writerow(("exam", "what", "kind", "reason"))
    writer.writerows((exam, one.what, one.kind, one.reason) for exam, one in skipped)
    return text.getvalue()
