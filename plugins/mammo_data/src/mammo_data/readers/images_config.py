"""What a spec says of a table of mammograms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs

from mammo_data.synthetic import LESION_CLASSES

FRACTIONS = {"train": 0.6, "validation": 0.15, "test": 0.25}


@attrs.frozen
class BoxColumns:
    """Where the boxes of lesions stand.

    Attributes:
        path: a second table of one row per box; by default the boxes stand in the table of the images, which may then
            name an image in several rows, and leaves them empty where there is none.
        file: in a second table, its column of image files, written as in the first.
        edges: four columns, as ``format`` says; pixels of the image as stored.
        format: ``xyxy`` (left, top, right, bottom) or ``xywh`` (left, top, width, height).
        label: the column of what the box shows.
        rename: value of that column to the class it means; null leaves such boxes out.
        classes: what boxes may show.
        complete: every lesion has a box, so that an exam without any has none. Gives the labels ``lesion`` and
            ``malignancy`` where no column does.
    """

    path: Path | None = None
    file: str = "file"
    edges: tuple[str, str, str, str] = ("xmin", "ymin", "xmax", "ymax")
    format: Literal["xyxy", "xywh"] = "xyxy"
    label: str = "label"
    rename: Mapping[str, str | None] = attrs.field(factory=dict)
    classes: tuple[str, ...] = LESION_CLASSES
    complete: bool = False


@attrs.frozen
class MammogramTable:
    """Which column says what of an image; the columns that are alike in all rows of an exam become its metadata.

    Attributes:
        path: a table (CSV, TSV or Parquet) of one row per image.
        folder: where the files are; by default where the table is.
        file: the column of files: DICOM, PNG, TIFF, JPEG or ``.npy``.
        case: columns that name the exam, joined with ``-``.
        group: the column that names the patient, whose exams stay together in every split; by default the exam.
        view: the column of the view: ``L-CC``, or ``CC`` beside a column of the laterality.
        laterality: the column of the breast: L or R, left or right.
        views: value of the view column to the view it means, such as ``{"cranio": CC}``; null leaves such images out.
        labels: label to its column, of whole numbers from 0, empty where unknown. The exam's is the largest of its
            images', and unknown as long as an unknown one could make it larger.
        density: the column of the BI-RADS density, a–d or 1–4; becomes the label ``density`` of 0..3.
        targets: labels to predict; by default every label that is 0 or 1.
        boxes: where the boxes of lesions stand.
        split: a column of train, validation and test; or their fractions; or null for no split.
        seed: of the drawn split.
        missing_files: ``refuse`` a table that names files which are not there, or ``drop`` those views.
        name: of the cohort; by default that of the table.
        notice: shown wherever results are shown.
    """

    path: Path
    folder: Path | None = None
    file: str = "file"
    case: tuple[str, ...] = ("case",)
    group: str | None = None
    view: str = "view"
    laterality: str | None = None
    views: Mapping[str, str | None] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    density: str | None = None
    targets: tuple[str, ...] | None = None
    boxes: BoxColumns | None = None
    split: str | Mapping[str, float] | None = attrs.field(factory=lambda: dict(FRACTIONS))
    seed: int = 0
    missing_files: Literal["refuse", "drop"] = "refuse"
    name: str = ""
    notice: str = ""

    @property
    def text(self) -> tuple[str, ...]:
        """Columns read as text."""
        single = (self.file, self.view, self.group, self.laterality, self.density)
        split = (self.split,) if isinstance(self.split, str) else ()
        label = (self.boxes.label,) if self.boxes is not None and self.boxes.path is None else ()
        return tuple(dict.fromkeys(name for name in (*self.case, *single, *split, *label) if name is not None))

    @property
    def where(self) -> Path:
        """The folder that files are relative to."""
        return self.path.parent if self.folder is None else self.folder
