"""Frozen task outputs about one split of a cohort. Needs NumPy alone: it is read in the environment of every peer."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
VIEWS = ("L-CC", "L-MLO", "R-CC", "R-MLO")
CLASSES = ("benign calcification", "benign mass", "malignant calcification", "malignant mass")
MALIGNANT = 2  # labels from here on are malignant


@dataclass(frozen=True)
class Exams:
    """What three tasks said of some exams; or, of a reader study, a score a model and no more.

    Attributes:
        truth: ``(exams,)`` of 0 and 1.
        groups: ``(exams,)``, the patient.
        models: ``(exams, models)`` of a reader study; then all below is empty.
        density: ``(exams,)``, NaN where there is no answer.
        findings: ``(exams, 4)``, likewise.
        looked: ``(exams, 4)``, whether localization looked at the view.
        offsets: ``(4 * exams + 1,)``, where the detections of each view start.
        boxes, labels, scores: ``(detections, 4)``, ``(detections,)``, ``(detections,)``.
        density_features: ``(exams, 4096)``, or of no columns where features are left out.
        findings_features, background: ``(exams, 4, 1024)``, likewise.
        detection_features: ``(detections, 1024)``, likewise.
    """

    truth: Array
    groups: Array
    models: Array
    density: Array
    findings: Array
    looked: Array
    offsets: Array
    boxes: Array
    labels: Array
    scores: Array
    density_features: Array
    findings_features: Array
    background: Array
    detection_features: Array

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def is_study(self) -> bool:
        """Whether these are scores of models, one a case."""
        return bool(self.models.shape[1])

    def select(self, rows: Array) -> Exams:
        """These exams, in this order; one may come more than once."""
        index = np.asarray(rows, np.int64)
        if self.is_study:
            return study(self.truth[index], self.groups[index], self.models[index])
        cells = (index[:, None] * len(VIEWS) + np.arange(len(VIEWS))).ravel()
        counts = np.diff(self.offsets)[cells]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        found = np.repeat(self.offsets[cells] - offsets[:-1], counts) + np.arange(offsets[-1])
        ragged = {"boxes", "labels", "scores", "detection_features"}
        chosen = {
            f.name: getattr(self, f.name)[found if f.name in ragged else index]
            for f in fields(self)
            if f.name != "offsets"
        }
        return Exams(offsets=offsets, **chosen)

    def without_features(self) -> Exams:
        """The scores alone."""
        parts = ("density_features", "findings_features", "background", "detection_features")
        return replace(self, **{name: getattr(self, name)[..., :0] for name in parts})


def study(truth: Array, groups: Array, models: Array) -> Exams:
    """Cases about which every model gave one score."""
    n, none = len(truth), np.zeros(0)
    return Exams(
        truth,
        groups,
        models,
        np.zeros(n),
        np.zeros((n, 0)),
        np.zeros((n, 0), bool),
        np.zeros(1, np.int64),
        np.zeros((0, 4)),
        none,
        none,
        np.zeros((n, 0)),
        np.zeros((n, 0, 0)),
        np.zeros((n, 0, 0)),
        np.zeros((0, 0)),
    )


def joined(first: Exams, second: Exams) -> Exams:
    """Two splits as one, for a peer that makes its own folds."""
    names = [f.name for f in fields(first) if f.name != "offsets"]
    both = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
    return Exams(offsets=np.concatenate([first.offsets, second.offsets[1:] + first.offsets[-1]]), **both)


def write(folder: Path, exams: Exams) -> None:
    """A folder with an ``.npy`` for each array; features may be large, so nothing is packed."""
    folder.mkdir(parents=True, exist_ok=True)
    for f in fields(exams):
        np.save(folder / f"{f.name}.npy", getattr(exams, f.name))


def read(folder: Path) -> Exams:
    """What :func:`write` wrote."""
    return Exams(**{f.name: np.load(folder / f"{f.name}.npy") for f in fields(Exams)})
