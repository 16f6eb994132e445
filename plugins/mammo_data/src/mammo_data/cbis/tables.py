"""The four case tables of the CBIS-DDSM: one row is one lesion in one image.

What they do that a reader of lines would trip over: the density column has two names, every row has a bare line feed
inside a quoted cell, ``N/A`` stands for what is missing, and patients occur in several tables.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from mammo_data.ddsm.faults import MislabelledError, kind_of
from mammo_data.ddsm.files import shown, whole
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
FOLDER = re.compile(
    r"(?P<kind>Mass|Calc)-(?P<split>Training|Test)_(?P<patient>P_\d+)_(?P<side>LEFT|RIGHT)_(?P<film>CC|MLO)(_\d+)?",
    re.ASCII,
)
"""How the archive names a folder: it says again whose film it is, so a table under a wrong name is noticed."""
NAMED = {"Mass": "mass", "Calc": "calcification", "Training": "train", "Test": "test"}
LARGEST = 1 << 24
"""Bytes of a table; the archive's largest has 925,310. Columns and rows are limited likewise (14 and 1,546)."""
MOST_COLUMNS, MOST_ROWS = 100, 100_000
LONGEST_NAME = 255
"""Of a file, in bytes: file systems refuse longer ones with an error of their own."""


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


@attrs.frozen
class BadRow(Skipped):
    """A row that cannot be used, and whose it is as far as it says: that patient's lesions are not all known."""

    patient: str = ""


def read_tables(folder: Path) -> tuple[tuple[LesionRow, ...], tuple[Skipped, ...]]:
    """All rows of the tables in a folder, in the order of ``TABLES``, and what could not be read.

    Raises:
        DataError: no such folder, or no table in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; expected the one that holds the CBIS-DDSM's tables and images")
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
    if not records:
        return [], [Skipped(str(path), "it has a heading and no row; is it whole?", "unreadable table")]
    rows: list[LesionRow] = []
    skipped: list[Skipped] = []
    for number, record in enumerate(records, 1):
        place = f"{path}, row {number}"
        try:
            rows.append(_row(record, *TABLES[path.name], place))
        except DataError as error:
            skipped.append(BadRow(place, str(error), kind_of(error, "bad row"), record["patient_id"]))
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
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    _check_heading(reader.fieldnames or [])
    for number, record in enumerate(reader, 1):
        if number > MOST_ROWS:
            raise DataError(f"holds more than {MOST_ROWS:,} rows; is it a table of the CBIS-DDSM?")
        yield {name: (value or "").strip() for name, value in record.items() if isinstance(name, str)}


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise DataError(f"holds more than {LARGEST:,} bytes; is it a table of the CBIS-DDSM?")
    return data.decode("utf-8-sig")


def _check_heading(names: Sequence[str]) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing or not any(name in names for name in DENSITY):
        lacking = missing or [DENSITY[0]]
        raise DataError(f"lacks the columns {', '.join(lacking)}; is it a table of the CBIS-DDSM, and whole?")
    if len(names) > MOST_COLUMNS:
        raise DataError(f"has {len(names)} columns; is it a table of the CBIS-DDSM?")


def _row(record: Mapping[str, str], kind: str, split: str, place: str) -> LesionRow:
    written = next(record[name] for name in DENSITY if name in record)
    side = _one_of(record, "left or right breast", SIDES)
    row = LesionRow(
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
    for path in (row.image, row.crop, row.mask):
        _check_folder(row, path)
    return row


def _check_folder(row: LesionRow, path: Path) -> None:
    """A folder named as the archive names them must name this row; others are believed."""
    found = FOLDER.fullmatch(path.parts[0])
    if found is None:
        return
    named = (NAMED[found["kind"]], NAMED[found["split"]], found["patient"], f"{SIDES[found['side']]}-{found['film']}")
    own = (row.kind, row.split, row.patient, row.view)
    if named != own:
        raise MislabelledError(
            f"its file lies in {path.parts[0]}, but the row is {' '.join(own)} here; is the table under its own name?"
        )


def _patient(text: str) -> str:
    if not re.fullmatch(r"P_[0-9]{1,9}", text):
        raise DataError(f"patient_id is {shown(text)}; expected such as P_00001")
    return text


def _one_of(record: Mapping[str, str], name: str, known: Iterable[str]) -> str:
    if record[name] not in known:
        raise DataError(f"{name} is {shown(record[name])}; expected {' or '.join(known)}")
    return record[name]


def _number(name: str, text: str, low: int, high: int) -> int:
    number = whole(text)
    if number is None or not low <= number <= high:
        raise DataError(f"{name} is {shown(text)}; expected a whole number from {low} to {high}")
    return number


def _words(text: str) -> tuple[str, ...]:
    if text in ("", "N/A"):
        return ()
    return tuple(SPELLINGS.get(word, word) for word in text.split("-"))


def _path(record: Mapping[str, str], name: str) -> Path:
    """A file below the archive: nothing may lead out of it."""
    text = record[name]
    path = Path(text)
    if path.is_absolute() or ".." in path.parts or len(path.parts) < 2 or not _nameable(path):
        raise DataError(f"{name} is {shown(text)}; expected FOLDER/…/FILE.dcm below the archive")
    return path


def _nameable(path: Path) -> bool:
    """Whether a file system can have it: what it refuses it refuses with an error of its own."""
    text = str(path)
    short = all(len(part.encode("utf-8", "replace")) <= LONGEST_NAME for part in path.parts)
    return text.isprintable() and short and len(text) <= 4 * LONGEST_NAME
