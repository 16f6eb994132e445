"""What a reader of raw files says of one exam, whatever database it comes from; the way from files to a cohort folder.

A *source* lists exams cheaply (:class:`ExamPlan`), then reads one at a time, in any process and order. What cannot be
used is a :class:`Skipped`, never an exception, so that the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import attrs
import numpy as np

from mammo_data.synthetic import LESION_CLASSES, VIEWS
from taskfusion.cases import UNKNOWN, check_boxes
from taskfusion.errors import DataError

PATHOLOGIES = ("benign", "malignant")
KINDS = ("calcification", "mass")


def _xyxy(values: Iterable[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(edge) for edge in values)
    return left, top, right, bottom


@attrs.frozen
class LesionRecord:
    """One annotated lesion in one view.

    Attributes:
        view: ``L-CC`` …
        kind: ``calcification`` or ``mass``.
        pathology: ``benign`` or ``malignant``; ``BENIGN_WITHOUT_CALLBACK`` counts as benign (paper II-A.2).
        box: axis-aligned minimum box of its mask, xyxy in pixels of the view as stored (paper II-A.3).
        details: anything else that is known, as JSON data: subtlety, assessment, shape …
    """

    view: str = attrs.field(validator=attrs.validators.in_(VIEWS))
    kind: str = attrs.field(validator=attrs.validators.in_(KINDS))
    pathology: str = attrs.field(validator=attrs.validators.in_(PATHOLOGIES))
    box: tuple[float, float, float, float] = attrs.field(converter=_xyxy)
    details: Mapping[str, Any] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        check_boxes(np.array([self.box]), f"lesion in view {self.view}")

    @property
    def label(self) -> str:
        """One of the four lesion classes: ``malignant_mass`` …"""
        name = f"{self.pathology}_{self.kind}"
        assert name in LESION_CLASSES  # every pathology and kind make one
        return name


@attrs.frozen(eq=False)
class ViewRecord:
    """One view as it will be stored.

    Attributes:
        name: ``L-CC`` …
        pixels: ``(height, width)`` uint16, higher is denser tissue, as a radiologist hangs it; None where the image
            stays where it is (``path``).
        path: the image file it came from.
        details: anything else that is known, as JSON data: scanner, pixel spacing in mm …
    """

    name: str = attrs.field(validator=attrs.validators.in_(VIEWS))
    pixels: np.ndarray | None
    path: Path
    details: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class ExamRecord:
    """One exam with its labels.

    Attributes:
        id: unique in the database.
        group: the patient.
        views: what there is; an exam may lack views.
        lesions: all annotated lesions.
        density: BI-RADS density 0..3 for a..d; -1 unknown.
        split: ``train``, ``validation`` or ``test`` where the database says so; else empty.
        metadata: columns of the case: age, study date … (JSON data); a task may learn from any of them.
        details: what is known besides and must be no column, as it is the label in other words: DDSM's category …
        annotated: whether its lesions are known; False leaves the labels unknown instead of "no lesion".
    """

    id: str
    group: str
    views: tuple[ViewRecord, ...]
    lesions: tuple[LesionRecord, ...] = ()
    density: int = UNKNOWN
    split: str = ""
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    annotated: bool = True
    details: Mapping[str, Any] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        names = [view.name for view in self.views]
        if len(set(names)) < len(names):
            raise DataError(f"exam {self.id!r} has a view twice: {names}")
        for lesion in self.lesions:
            if lesion.view not in names:
                raise DataError(f"exam {self.id!r} has a lesion in view {lesion.view!r}, which it lacks")

    @property
    def labels(self) -> dict[str, int]:
        """``lesion``, ``malignancy`` (0, 1 or -1 unknown) and ``density``."""
        malignant = any(lesion.pathology == "malignant" for lesion in self.lesions)
        known = {"lesion": int(bool(self.lesions)), "malignancy": int(malignant)}
        return {**(known if self.annotated else dict.fromkeys(known, UNKNOWN)), "density": self.density}


@attrs.frozen
class Skipped:
    """Something that could not be used: an exam, a view, a file or a row.

    Attributes:
        what: the file, or the exam's id.
        reason: one sentence: what is wrong, and what would be right.
        kind: a short word to count by: ``truncated``, ``missing file``, ``excluded`` …
    """

    what: str
    reason: str
    kind: str = "unusable"


@attrs.frozen
class ExamPlan:
    """An exam that a source has found and not read yet; picklable, and the same for the same files.

    Attributes:
        id: unique in the database; names the exam's folder.
        files: every file it will be read from, to notice a change.
        payload: what the source needs to read it (plain, picklable data).
    """

    id: str
    files: tuple[Path, ...]
    payload: Any = None


class ExamSource(Protocol):
    """A database on a disk; ``name`` and ``notice`` may be attributes of the class, of the instance, or properties."""

    @property
    def name(self) -> str:
        """Of the cohort: short, lower case."""
        ...

    @property
    def notice(self) -> str:
        """Shown wherever results are shown: whose data it is, what to cite; may be empty."""
        ...

    def plans(self) -> Iterator[ExamPlan | Skipped]:
        """What there is, in a fixed order; reads no pixels."""
        ...

    def read(self, plan: ExamPlan) -> tuple[ExamRecord | None, Sequence[Skipped]]:
        """One exam, or None where it cannot be used, and everything of it that was skipped."""
        ...
