"""What the overlays say of an exam: its lesions, and whether all of them are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from mammo_data.ddsm.faults import kind_of
from mammo_data.ddsm.files import read_text, shown
from mammo_data.ddsm.ics import VIEW_NAMES, Ics
from mammo_data.ddsm.overlay import Abnormality, LesionType, Overlay, box_of_outline, parse_overlay
from mammo_data.ddsm.walk import CaseFiles
from mammo_data.records import LesionRecord, Skipped, ViewRecord
from taskfusion.errors import DataError

PATHOLOGY = {"MALIGNANT": "malignant", "BENIGN": "benign", "BENIGN_WITHOUT_CALLBACK": "benign"}
KIND = {"MASS": "mass", "CALCIFICATION": "calcification"}
NORMAL = "normal"


@attrs.define
class Labels:
    """Lesions as they are gathered.

    Attributes:
        lesions: what could be used.
        skipped: what could not, and what is worth counting.
        lost: the pathology of each lesion that is missing among them; empty where it is unknown.
    """

    lesions: list[LesionRecord] = attrs.field(factory=list)
    skipped: list[Skipped] = attrs.field(factory=list)
    lost: list[str] = attrs.field(factory=list)

    @property
    def complete(self) -> bool:
        """Whether the exam's labels are sure: no lost lesion could change them."""
        if not self.lost:
            return True
        kept = {lesion.pathology for lesion in self.lesions}
        return "malignant" in kept or ("benign" in kept and set(self.lost) == {"benign"})

    def lose(self, what: str, reason: str, kind: str, pathology: str = "") -> None:
        """Note a lesion that cannot be used."""
        self.skipped.append(Skipped(what, reason, kind))
        self.lost.append(pathology)


def read_labels(files: CaseFiles, ics: Ics, views: Mapping[str, ViewRecord]) -> Labels:
    """The lesions of all views.

    Args:
        files: where the overlays are.
        ics: which views should have one.
        views: those that could be read, by the archive's names: a lesion needs its view.
    """
    labels = Labels()
    for name in VIEW_NAMES:
        promised = name in ics.views and ics.views[name].overlay
        if name in files.overlays:
            _read_overlay(files, name, views.get(name), labels)
        elif promised and files.category != NORMAL:
            what = f"{files.case}.{name}.OVERLAY"
            labels.lose(
                str(files.record.parent / what), "the record says OVERLAY, but there is no such file", "missing file"
            )
    if files.category not in (NORMAL, "") and not files.overlays and not labels.lost:
        labels.lose(files.id, f"an exam of category {files.category} without any .OVERLAY", "missing file")
    return labels


def _read_overlay(files: CaseFiles, name: str, view: ViewRecord | None, labels: Labels) -> None:
    path = files.overlays[name]
    try:
        overlay = parse_overlay(read_text(path))
    except DataError as error:
        labels.lose(str(path), str(error), kind_of(error, "unreadable overlay"))
        return
    _note_missing(str(path), overlay, labels)
    for abnormality in overlay.abnormalities:
        what = f"{path}: abnormality {abnormality.number}"
        labels.skipped += [Skipped(what, problem, "outline") for problem in abnormality.problems]
        _add(what, abnormality, view, labels)


def _note_missing(what: str, overlay: Overlay, labels: Labels) -> None:
    labels.skipped += [Skipped(what, problem, "mismatch") for problem in overlay.problems]
    labels.lost += [""] * (overlay.declared is None or overlay.declared > len(overlay.abnormalities))


def _add(what: str, abnormality: Abnormality, view: ViewRecord | None, labels: Labels) -> None:
    """One abnormality: a lesion of each of its kinds, or the reason why there is none."""
    pathology = PATHOLOGY.get(abnormality.pathology, "")
    kinds = sorted({KIND[kind.name] for kind in abnormality.types if kind.name in KIND})
    if view is None or view.pixels is None:
        labels.lose(what, "its view could not be read", "lesion without view", pathology)
    elif not pathology:
        said = shown(abnormality.pathology)
        labels.lose(what, f"pathology {said} is none of {', '.join(PATHOLOGY)}", "unknown pathology")
    elif not kinds:
        said = shown(" ".join(kind.name for kind in abnormality.types))
        labels.lose(what, f"lesion type {said} is neither {' nor '.join(KIND)}", "unknown type", pathology)
    else:
        try:
            box = _box(abnormality, view)
        except DataError as error:
            labels.lose(what, str(error), "unusable outline", pathology)
            return
        details = _details(abnormality)
        labels.lesions += [LesionRecord(view.name, kind, pathology, box, details) for kind in kinds]
        if len(kinds) > 1:
            reason = f"it is of {len(kinds)} types: nothing is lost, it counts as {len(kinds)} lesions with one box"
            labels.skipped.append(Skipped(what, reason, "both types"))


def _box(abnormality: Abnormality, view: ViewRecord) -> tuple[int, int, int, int]:
    """Of the boundary, as the view is hung."""
    if abnormality.boundary is None:
        raise DataError("no BOUNDARY could be read")
    assert view.pixels is not None  # its caller has looked
    height, width = view.pixels.shape
    left, top, right, bottom = box_of_outline(abnormality.boundary, (height, width))
    if view.details["mirrored"]:
        left, right = width - right, width - left
    return left, top, right, bottom


def _details(abnormality: Abnormality) -> dict[str, Any]:
    return {
        "abnormality": abnormality.number,
        "assessment": abnormality.assessment,
        "subtlety": abnormality.subtlety,
        "pathology": abnormality.pathology,
        "cores": sum(outline.core for outline in abnormality.outlines),
        **_attributes(abnormality.types),
    }


def _attributes(types: Iterable[LesionType]) -> dict[str, list[str]]:
    return {key.lower(): list(words) for kind in types for key, words in kind.attributes.items()}
