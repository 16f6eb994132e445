"""CBIS-DDSM as a source of exams: a patient's films that show lesions. Whole exams come from matching with the DDSM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mammo_data.cbis.dicom import UnusableFileError, find_files, read_film, read_mask
from mammo_data.cbis.split import VALIDATION, splits_of
from mammo_data.cbis.tables import TABLES, BadRow, LesionRow, density_of, read_tables
from mammo_data.images import breast_mask, chest_side
from mammo_data.masks import box_of_mask
from mammo_data.records import ExamPlan, ExamRecord, LesionRecord, Skipped, ViewRecord
from mammo_data.synthetic import VIEWS

NOTICE = "CBIS-DDSM, The Cancer Imaging Archive, doi 10.7937/K9/TCIA.2016.7O02S9CY, CC BY 3.0"
Lesions = tuple[list[LesionRecord], list[Skipped]]


@attrs.frozen
class CbisSource:
    """The archive on a disk.

    Attributes:
        root: folder with the case folders (``Mass-Training_P_00001_LEFT_CC`` …), itself or in ``CBIS-DDSM``.
        tables: folder with the four case tables; None: looked for in and just below ``root``.
        validation: share of the official training patients that becomes validation; 0 leaves the official split,
            which has none.
        seed: of that share.
    """

    name = "cbis"

    root: Path = attrs.field(converter=Path)
    tables: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path))
    validation: float = attrs.field(default=VALIDATION, validator=[attrs.validators.ge(0), attrs.validators.lt(1)])
    seed: int = attrs.field(default=0, validator=attrs.validators.ge(0))

    @property
    def notice(self) -> str:
        """Where it comes from, and what of the split is not official."""
        if not self.validation:
            return f"{NOTICE}; its official split, without validation"
        drawn = f"{100 * self.validation:g} % of the official training patients (drawn, seed {self.seed})"
        return f"{NOTICE}; test is the official one, validation {drawn}"

    def plans(self) -> Iterator[ExamPlan | Skipped]:
        """One per patient, in the order of their names, after what the tables had to skip.

        Raises:
            DataError: there are no tables.
        """
        rows, skipped = read_tables(self.tables or _tables_below(self.root))
        yield from skipped
        patients: dict[str, list[LesionRow]] = {}
        for row in rows:
            patients.setdefault(row.patient, []).append(row)
        doubtful = {one.patient for one in skipped if isinstance(one, BadRow)}
        archive = _archive(self.root)
        splits = splits_of(patients, self.validation, self.seed)
        for patient, own in sorted(patients.items()):
            yield plan_of(patient, own, archive, (splits[patient], patient not in doubtful))

    def read(self, plan: ExamPlan) -> tuple[ExamRecord | None, Sequence[Skipped]]:
        """One patient's films and lesions, or None where no film can be used."""
        rows: tuple[LesionRow, ...]
        archive, rows, (split, complete) = plan.payload
        views: list[ViewRecord] = []
        lesions: list[LesionRecord] = []
        skipped: list[Skipped] = []
        for name in VIEWS:
            own = [row for row in rows if row.view == name]
            if own:
                view, found, bad = _read_view(archive, own)
                views += [view] if view else []
                lesions += found
                skipped += bad
        if not views:
            return None, [*skipped, Skipped(plan.id, "none of its films can be used", "no film")]
        record = _record(plan.id, rows, views, lesions)
        return attrs.evolve(record, split=split, annotated=record.annotated and complete), skipped


def plan_of(patient: str, rows: Sequence[LesionRow], archive: Path, told: tuple[str, bool]) -> ExamPlan:
    """A patient's plan: every file that its rows name and that exists; ``told``: the split, and if no row was lost."""
    named = dict.fromkeys(path for row in rows for path in (row.image, row.mask, row.crop))
    files = dict.fromkeys(file for path in named for file in find_files(archive, path))
    return ExamPlan(patient, tuple(files), (archive, tuple(rows), told))


def _record(
    id: str, rows: Sequence[LesionRow], views: Sequence[ViewRecord], lesions: Sequence[LesionRecord]
) -> ExamRecord:
    """An exam is annotated only as far as every lesion of the tables was read: a lost one leaves labels unknown."""
    metadata: dict[str, Any] = {
        "density_written": sorted({row.density for row in rows}),
        "official_splits": sorted({row.split for row in rows}),
    }
    return ExamRecord(
        id=id,
        group=id,
        views=tuple(views),
        lesions=tuple(lesions),
        density=density_of(rows),
        metadata=metadata,
        annotated=len(lesions) == len(rows),
    )


def _read_view(archive: Path, rows: Sequence[LesionRow]) -> tuple[ViewRecord | None, list[LesionRecord], list[Skipped]]:
    """A film, the same one in the mass and the calcification table, with all its lesions."""
    skipped: list[Skipped] = []
    for path in dict.fromkeys(row.image for row in rows):
        for file in find_files(archive, path) or [archive / path]:
            try:
                pixels, details = read_film(file, path.parts[0])
            except UnusableFileError as error:
                skipped.append(Skipped(str(file), error.reason, error.kind))
                continue
            hung, mirrored = hang(pixels, rows[0].view)
            lesions, bad = _read_lesions(archive, rows, (pixels.shape[0], pixels.shape[1]), mirrored)
            view = ViewRecord(rows[0].view, hung, file, {**details, "mirrored": mirrored})
            return view, lesions, skipped + bad
    return None, [], [*skipped, *(Skipped(row.place, "its film cannot be used", "lesion without film") for row in rows)]


def hang(pixels: np.ndarray, view: str) -> tuple[np.ndarray, bool]:
    """The film as a radiologist hangs it, chest wall at the left edge in L views; and whether that mirrored it."""
    mirrored = chest_side(breast_mask(pixels)) != view[0]
    return (np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels), mirrored


def _read_lesions(archive: Path, rows: Iterable[LesionRow], shape: tuple[int, int], mirrored: bool) -> Lesions:
    lesions: list[LesionRecord] = []
    skipped: list[Skipped] = []
    for row in rows:
        files = list(dict.fromkeys([*find_files(archive, row.mask), *find_files(archive, row.crop)]))
        try:
            mask = read_mask(files or [archive / row.mask], shape, row.image.parts[0])
        except UnusableFileError as error:
            skipped.append(Skipped(f"{row.place}: {row.mask.parts[0]}", str(error), error.kind))
            continue
        if mask.path == archive / row.crop:
            text = f"holds no mask; it was found in {mask.path}, named as the cropped image"
            skipped.append(Skipped(str(archive / row.mask), text, "swapped"))
        lesions.append(lesion_of(row, mask.pixels[:, ::-1] if mirrored else mask.pixels))
    return lesions, skipped


def lesion_of(row: LesionRow, mask: np.ndarray) -> LesionRecord:
    """A row and its mask as hung."""
    details = {
        "number": row.number,
        "official_split": row.split,
        "assessment": row.assessment,
        "subtlety": row.subtlety,
        "pathology_written": row.pathology,
        **{name: list(words) for name, words in row.descriptors.items()},
    }
    return LesionRecord(row.view, row.kind, row.status, box_of_mask(mask), details)


def _archive(root: Path) -> Path:
    below = root / "CBIS-DDSM"
    return below if below.is_dir() else root


def _tables_below(root: Path) -> Path:
    """The folder of the tables: the root, or the first folder in it that has one."""
    places = [root, *sorted(path for path in root.glob("*") if path.is_dir())]
    return next((place for place in places if any((place / name).is_file() for name in TABLES)), root)
