"""Any folder of DICOM files as exams."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import numpy as np

from mammo_data.dicom.exams import Found, Identity, exams_of
from mammo_data.dicom.hanging import turned, turns
from mammo_data.dicom.header import Mammogram, read_mammogram
from mammo_data.dicom.pixels import read_pixels
from mammo_data.dicom.unusable import UnusableError
from mammo_data.records import ExamPlan, ExamRecord, Skipped, ViewRecord
from taskfusion.errors import DataError


@attrs.frozen
class DicomSource:
    """Full-field CC and MLO mammograms below a folder, whatever the files are called and however they are sorted.

    An exam is a study. Views it lacks are lacking, not a reason to leave it out. Of several images of one view the one
    "for presentation" is used, then the one of more pixels, then the latest; if it cannot be decoded, the next. Labels
    are unknown: DICOM holds none.

    Attributes:
        root: searched with everything below; hidden files, and links to folders, are passed over.
        hide_ids: call patients and studies by a hash; False keeps PatientID and StudyInstanceUID.
        salt: goes into the hash, so that nobody can find a patient's by trying all patient ids.
        window: apply the VOI LUT or window, as the manufacturer wants the image to be shown.
        synthesized: accept 2D images computed from tomosynthesis too.
        name: of the cohort.
        notice: shown wherever results are shown.
    """

    root: Path = attrs.field(converter=Path)
    hide_ids: bool = True
    salt: str = ""
    window: bool = True
    synthesized: bool = False
    name: str = attrs.field(default="dicom", kw_only=True)
    notice: str = attrs.field(default="", kw_only=True)

    def plans(self) -> Iterator[ExamPlan | Skipped]:
        """Every study, after everything that is no usable mammogram; reads all headers, in a fixed order.

        Raises:
            DataError: a folder that is not there, or in which no file is.
        """
        found: list[Mammogram] = []
        for path in files_below(self.root):
            try:
                one = read_mammogram(path, self.synthesized)
            except UnusableError as error:
                yield error.skipped(path)
                continue
            found += [] if one is None else [one]
        yield from exams_of(found, Identity(self.hide_ids, self.salt))

    def read(self, plan: ExamPlan) -> tuple[ExamRecord | None, Sequence[Skipped]]:
        """The exam's views hung as radiologists do; None if none of its images can be decoded."""
        found: Found = plan.payload
        views: list[ViewRecord] = []
        skipped: list[Skipped] = []
        for candidates in found.candidates.values():
            view, left = self._first_readable(candidates)
            views += [] if view is None else [view]
            skipped += left
        if not views:
            return None, [*skipped, Skipped(plan.id, "none of its images can be used", "no view")]
        record = ExamRecord(plan.id, found.group, tuple(views), metadata=found.metadata, annotated=False)
        return record, skipped

    def _first_readable(self, candidates: Sequence[Mammogram]) -> tuple[ViewRecord | None, list[Skipped]]:
        skipped: list[Skipped] = []
        for position, one in enumerate(candidates):
            try:
                view = self._view(one)
            except UnusableError as error:
                skipped.append(error.skipped(one.path))
                continue
            reason = f"is another image of view {one.view} of its study; {one.path} is used"
            rest = candidates[position + 1 :]
            return view, [*skipped, *(Skipped(str(other.path), reason, "another image") for other in rest)]
        return None, skipped

    def _view(self, one: Mammogram) -> ViewRecord:
        pixels = read_pixels(one.path, self.window)
        mirrored = turns(pixels, one.view, one.orientation)
        details = {**one.details, "mirrored": mirrored[0], "upside_down": mirrored[1]}
        return ViewRecord(one.view, np.ascontiguousarray(turned(pixels, mirrored)), one.path, details)


def files_below(root: Path) -> list[Path]:
    """Every file, sorted; hidden ones and links to folders are passed over.

    Raises:
        DataError: a folder that is not there or cannot be listed, or no file in it.
    """
    if not root.is_dir():
        raise DataError(f"folder not found: {root}")
    found = [
        Path(folder, name)
        for folder, _, names in os.walk(root, onerror=_refuse)
        for name in names
        if not name.startswith(".")
    ]
    if not found:
        raise DataError(f"no file below {root}; expected DICOM files, of any name")
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise DataError(f"folder cannot be listed: {error.filename}: {error.strerror}") from error
