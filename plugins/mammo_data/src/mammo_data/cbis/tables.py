"""The four case tables of the CBIS-DDSM: one row is one lesion in one image.

What they do that a reader of lines would trip over: the density column has two names, every row has a bare line feed
inside a quoted cell, ``N/A`` stands for what is missing, and patients occur in several tables.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import attrs

from mammo_data.records import Skipped
from taskfusion.cases import UNKNOWN
from taskfusion.errors import DataError

TABLES = {
    "mass_case_description_train_set.csv": ("mass", "train"),
    "mass_case_description_test_set.csv": ("mass", "test"),
    "calc_case_description_train_set.csv": ("calcification", "train"),
    "calc_case_description_test_set.csv": ("calcification", "test"),
}
"""File name to the kind of lesion and the official split."""
PATHOLOGIES = {"MALIGNANT": "malignant", "BENIGN": "benign", "BENIGN_WITHOUT_CALLBACK": "benign"}
"""As the tables write it to what counts (paper II-A.2)."""
SIDES = {"LEFT": "L", "RIGHT": "R"}
FILMS = ("CC", "MLO")
DESCRIPTORS = {
    "mass shape": "shape",
    "mass margins": "margins",
    "calc type": "type",
    "calc distribution": "distribution",
}
SPELLINGS = {"LUCENT_CENTERED": "LUCENT_CENTER"}
COLUMNS = (
    "patient_id",
    "left or right breast",
    "image view",
    "abnormality id",
    "assessment",
    "pathology",
    "subtlety",
    "image file path",
    "cropped image file path",
    "ROI mask file path",
)
DENSITY = ("breast_density", "breast density")


@attrs.frozen
class LesionRow:
    """One row.

    Attributes:
        patient: ``P_00001``.
        view: ``L-CC`` …
        number: counts the image's lesions in this table, from 1.
        kind: ``mass`` or ``calcification``.
        split: ``train`` or ``test``, the official one.
        density: as written, 1..4; 0 not rated.
        pathology: as written: ``MALIGNANT``, ``BENIGN``, ``BENIGN_WITHOUT_CALLBACK``.
        assessment: BI-RADS 0..5, 0 incomplete.
        subtlety: 0..5.
        descriptors: shape and margins, or type and distribution, each a tuple of words, empty where ``N/A``.
        image: the whole film's file, below the archive.
        crop: the cut-out's file.
        mask: the mask's file.
        place: table and row, counted by records after the heading from 1, for messages.
    """

    patient: str
    view: str
    number: int
    kind: str
    split: str
    density: int
    pathology: str
    assessment: int
    subtlety: int
    descriptors: Mapping[str, tuple[str, ...]]
    image: Path
    crop: Path
    mask: Path
    place: str

    @property
    def status(self) -> str:
        """``malignant`` or ``benign``."""
        return PATHOLOGIES[self.pathology]


def read_tables(folder: Path) -> tuple[tuple[LesionRow, ...], tuple[Skipped, ...]]:
    """All rows of the tables in a folder, in the order of ``TABLES``, and what could not be read.

    Raises:
        DataError: no table is there.
    """
    rows: list[LesionRow] = []
    skipped: list[Skipped] = []
    for name in TABLES:
        path = folder / name
        if not path.is_file():
            skipped.append(Skipped(str(path), "this table of the CBIS-DDSM is not there", "missing file"))
            continue
        found, bad = read_table(path)
        rows += found
        skipped += bad
    if len(skipped) == len(TABLES) and not any((folder / name).is_file() for name in TABLES):
        raise DataError(f"{folder} has no table of the CBIS-DDSM; expected {', '.join(TABLES)}")
    return tuple(rows), tuple(skipped)


def read_table(path: Path) -> tuple[list[LesionRow], list[Skipped]]:
    """The rows of one table, told by its name; a bad row, or a bad table, is skipped with the reason."""
    if path.name not in TABLES:
        raise DataError(f"{path} is no table of the CBIS-DDSM; expected one of {', '.join(TABLES)}")
    try:
        records = list(_records(path))
    except (OSError, UnicodeDecodeError, csv.Error, DataError) as error:
        return [], [Skipped(str(path), str(error), "unreadable table")]
    rows: list[LesionRow] = []
    skipped: list[Skipped] = []
    for number, record in enumerate(records, 1):
        place = f"{path}, row {number}"
        try:
            rows.append(_row(record, *TABLES[path.name], place))
        except DataError as error:
            skipped.append(Skipped(place, str(error), "bad row"))
    return rows, skipped


def patients_in_both(rows: Iterable[LesionRow]) -> tuple[str, ...]:
    """Patients that the official split has in training and test, pooled over masses and calcifications: 31."""
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row.patient, set()).add(row.split)
    return tuple(sorted(patient for patient, found in splits.items() if len(found) > 1))


def density_of(rows: Iterable[LesionRow]) -> int:
    """Density 0..3 of one patient's rows; unknown where they say nothing or contradict each other."""
    found = {row.density for row in rows} - {0}
    return found.pop() - 1 if len(found) == 1 else UNKNOWN


def split_of(rows: Iterable[LesionRow]) -> str:
    """One patient's split: test where any row is in test, so that no test image is trained on."""
    return "test" if any(row.split == "test" for row in rows) else "train"


def _records(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, strict=True)
        names = reader.fieldnames or []
        missing = [name for name in COLUMNS if name not in names]
        if missing or not any(name in names for name in DENSITY):
            lacking = missing or [DENSITY[0]]
            raise DataError(f"lacks the columns {', '.join(lacking)}; is it a table of the CBIS-DDSM, and whole?")
        for record in reader:
            yield {name: (value or "").strip() for name, value in record.items() if isinstance(name, str)}


def _row(record: Mapping[str, str], kind: str, split: str, place: str) -> LesionRow:
    written = next(record[name] for name in DENSITY if name in record)
    side = _one_of(record, "left or right breast", SIDES)
    return LesionRow(
        patient=_patient(record["patient_id"]),
        view=f"{SIDES[side]}-{_one_of(record, 'image view', FILMS)}",
        number=_number("abnormality id", record["abnormality id"], 1, 99),
        kind=kind,
        split=split,
        density=_number("density", written, 0, 4),
        pathology=_one_of(record, "pathology", PATHOLOGIES),
        assessment=_number("assessment", record["assessment"], 0, 5),
        subtlety=_number("subtlety", record["subtlety"], 0, 5),
        descriptors={short: _words(record[name]) for name, short in DESCRIPTORS.items() if name in record},
        image=_path(record, "image file path"),
        crop=_path(record, "cropped image file path"),
        mask=_path(record, "ROI mask file path"),
        place=place,
    )


def _patient(text: str) -> str:
    if not (text.startswith("P_") and text[2:].isdecimal()):
        raise DataError(f"patient_id is {text!r}; expected such as P_00001")
    return text


def _one_of(record: Mapping[str, str], name: str, known: Iterable[str]) -> str:
    if record[name] not in known:
        raise DataError(f"{name} is {record[name]!r}; expected {' or '.join(known)}")
    return record[name]


def _number(name: str, text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise DataError(f"{name} is {text!r}; expected a whole number from {low} to {high}")
    return int(text)


def _words(text: str) -> tuple[str, ...]:
    if text in ("", "N/A"):
        return ()
    return tuple(SPELLINGS.get(word, word) for word in text.split("-"))


def _path(record: Mapping[str, str], name: str) -> Path:
    """A file below the archive: nothing may lead out of it."""
    path = Path(record[name])
    if path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        raise DataError(f"{name} is {record[name]!r}; expected FOLDER/…/FILE.dcm below the archive")
    return path
