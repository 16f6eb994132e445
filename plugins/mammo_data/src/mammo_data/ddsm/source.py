"""DDSM on a disk, as a source of exams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from mammo_data.ddsm.density import scanner_of
from mammo_data.ddsm.faults import MislabelledError, kind_of
from mammo_data.ddsm.files import read_text
from mammo_data.ddsm.ics import VIEW_NAMES, Ics, parse_ics
from mammo_data.ddsm.labels import Labels, read_labels
from mammo_data.ddsm.pixels import Scan, read_view
from mammo_data.ddsm.walk import CaseFiles, find_cases
from mammo_data.records import ExamPlan, ExamRecord, Skipped, ViewRecord
from taskfusion.cases import UNKNOWN
from taskfusion.errors import DataError

MIRRORED_SITES = ("A",)
"""Where the stored image of a left breast has the nipple at the left (Heath); hung, the chest wall is there."""


@attrs.frozen
class DdsmSource:
    """The Digital Database for Screening Mammography, in the layout of its archive.

    An exam is a folder with an ``.ics`` record, at any depth. Its id is ``VOLUME-CASE``, as names of folders (and 18
    cases) occur in several volumes; its group is the case. An abnormality of both types is two lesions with one box;
    one of neither, or without a known pathology, is skipped, and if that could change the exam's labels they are
    unknown.

    Attributes:
        root: the archive's folder, or any folder in it.
        hang: turn the views of site A, which are stored mirrored, so that every view hangs alike.
        outlines: read the lesions; False for who has others for the same exams: then its labels are unknown.
    """

    name = "ddsm"
    notice = (
        "DDSM: M. Heath, K. Bowyer, D. Kopans, R. Moore, W. P. Kegelmeyer: The Digital Database for Screening"
        " Mammography, IWDM 2000; free for research with this citation"
    )

    root: Path = attrs.field(converter=Path)
    hang: bool = True
    outlines: bool = True

    def plans(self) -> Iterator[ExamPlan | Skipped]:
        """Every exam below the root, sorted by folder; opens no file.

        Raises:
            DataError: where the root is no folder, or there is no exam in it.
        """
        ids = set()
        empty = True
        for found in find_cases(self.root):
            empty = False
            if isinstance(found, Skipped):
                yield found
            elif found.id in ids:
                what = str(found.record.parent)
                yield Skipped(what, f"exam {found.id} has been found in another folder already", "duplicate")
            else:
                ids.add(found.id)
                yield ExamPlan(found.id, found.used, found)
        if empty:
            raise DataError(f"{self.root} holds no DDSM exam; expected folders such as cancers/cancer_08/case1509")

    def read(self, plan: ExamPlan) -> tuple[ExamRecord | None, Sequence[Skipped]]:
        """One exam; None where its record cannot be used, or none of its views."""
        files: CaseFiles = plan.payload
        try:
            ics, scan = self._record(files)
        except DataError as error:
            return None, [Skipped(str(files.record), str(error), kind_of(error, "unusable record"))]
        skipped = [_stranger(path, files) for path in files.strangers]
        skipped += [Skipped(str(files.record), problem, "record") for problem in ics.problems]
        views = _read_views(files, ics, scan, skipped)
        if not views:
            return None, [*skipped, Skipped(plan.id, "none of its views could be read", "no views")]
        labels = read_labels(files, ics, views) if self.outlines else Labels()
        exam = ExamRecord(
            id=plan.id,
            group=files.case,
            views=tuple(views.values()),
            lesions=tuple(labels.lesions),
            density=ics.density - 1 if ics.density in (1, 2, 3, 4) else UNKNOWN,
            metadata=_metadata(ics, scan),
            details={"category": files.category, "volume": files.volume},
            annotated=self.outlines and labels.complete,
        )
        return exam, [*skipped, *labels.skipped]

    def _record(self, files: CaseFiles) -> tuple[Ics, Scan]:
        ics = parse_ics(read_text(files.record))
        if ics.case.replace("-", "_") != files.case:
            raise MislabelledError(f"the record of {files.case} names another case: {ics.case}")
        mirrored = self.hang and ics.case[0].upper() in MIRRORED_SITES
        return ics, Scan(scanner_of(ics.case, ics.digitizer), mirrored)


def _stranger(path: Path, files: CaseFiles) -> Skipped:
    return Skipped(str(path), f"a file of another case in the folder of {files.case}", "mislabelled")


def _read_views(files: CaseFiles, ics: Ics, scan: Scan, skipped: list[Skipped]) -> dict[str, ViewRecord]:
    """The views that can be read, by the archive's names; the others go to ``skipped``."""
    views = {}
    for name in VIEW_NAMES:
        path = files.images.get(name)
        if path is None:
            expected = files.record.parent / f"{files.case}.{name}.LJPEG"
            skipped.append(Skipped(str(expected), "the file is missing: the exam lacks this view", "missing file"))
        elif name not in ics.views:
            skipped.append(Skipped(str(path), f"the record has no usable line of {name}", "missing record"))
        else:
            try:
                views[name] = read_view(path, ics.views[name], scan)
            except DataError as error:
                skipped.append(Skipped(str(path), str(error), kind_of(error, "unusable image")))
    return views


def _metadata(ics: Ics, scan: Scan) -> dict[str, Any]:
    """Columns of the case. Its category and volume are none: "cancer" and "benign" are the label itself."""
    return {
        "age": ics.age or None,
        "scanner": scan.scanner,
        "film_type": ics.film_type,
        "study_date": _date(ics.study_date),
        "digitized": _date(ics.digitized),
    }


def _date(numbers: tuple[int, int, int] | None) -> str:
    """As the record has it: the order of day and month differs between exams. Zeros are none."""
    return " ".join(map(str, numbers)) if numbers and all(numbers) else ""
