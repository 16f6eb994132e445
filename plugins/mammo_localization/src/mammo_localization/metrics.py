"""How well lesions are found: free-response ROC (section III-B), in numpy."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen

from taskfusion.images import Array

HIT_IOU = 0.2


def _four_columns(values: object) -> Array:
    return np.asarray(values, float).reshape(-1, 4)


@frozen(eq=False)
class Boxes:
    """Boxes of many images, columnar: ``image`` ``(k,)``, ``boxes`` ``(k, 4)`` xyxy, ``labels`` ``(k,)``, and for
    detections ``scores`` ``(k,)``."""

    image: Array = field(converter=np.asarray)
    boxes: Array = field(converter=_four_columns)
    labels: Array = field(converter=np.asarray)
    scores: Array = field(converter=np.asarray, factory=lambda: np.zeros(0))

    def of_label(self, label: int) -> Boxes:
        """Only the boxes of one label."""
        rows = self.labels == label
        return Boxes(self.image[rows], self.boxes[rows], self.labels[rows], self.scores[rows[: len(self.scores)]])


@frozen(eq=False)
class Froc:
    """True and false positives by score.

    Attributes:
        truth: ``(true boxes,)`` score of the best detection that hits each, -inf where none does.
        false: ``(false detections,)`` scores of detections that hit nothing, descending.
        images: number of images, those without a lesion included.
    """

    truth: Array
    false: Array
    images: int

    def sensitivity(self, false_per_image: float = 1.0) -> float:
        """Share of true boxes found at so many false detections per image; NaN without true boxes."""
        allowed = int(false_per_image * self.images)
        threshold = self.false[allowed] if allowed < len(self.false) else -np.inf
        return float(np.mean(self.truth > threshold)) if len(self.truth) else float("nan")

    def curve(self) -> tuple[Array, Array]:
        """False detections per image and sensitivity ``(false detections + 1,)``, as the threshold falls."""
        rate = np.arange(len(self.false) + 1) / max(self.images, 1)
        thresholds = np.append(self.false, -np.inf)
        return rate, np.mean(self.truth[None, :] > thresholds[:, None], axis=1)


def froc(found: Boxes, truth: Boxes, images: int) -> Froc:
    """Compare detections with true boxes, whatever the labels.

    A detection hits a true box if they overlap by an IoU of at least 0.2 or its centre lies in the box. Several
    detections of one lesion count once; those that hit nothing are false.
    """
    hit = hits(found.boxes, truth.boxes) & (found.image[:, None] == truth.image[None, :])
    best = np.where(hit, found.scores[:, None], -np.inf).max(axis=0, initial=-np.inf)
    return Froc(best, np.sort(found.scores[~hit.any(axis=1)])[::-1], images)


def hits(found: Array, truth: Array) -> Array:
    """Which of the boxes ``found`` ``(m, 4)`` hit which of ``truth`` ``(k, 4)``: ``(m, k)`` booleans."""
    centre = ((found[:, :2] + found[:, 2:]) / 2)[:, None]
    inside = ((centre >= truth[None, :, :2]) & (centre <= truth[None, :, 2:])).all(axis=-1)
    return inside | (overlap(found, truth) >= HIT_IOU)


def overlap(first: Array, second: Array) -> Array:
    """IoU of boxes ``(m, 4)`` and ``(k, 4)``: ``(m, k)``."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=-1)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1) for boxes in (first, second)]
    return common / np.maximum(areas[0][:, None] + areas[1][None, :] - common, 1e-12)


def sensitivities(found: Boxes, truth: Boxes, images: int, classes: tuple[str, ...]) -> dict[str, float]:
    """Sensitivity at one false detection per image: over all lesions whatever the label (``any``), and per class.

    Per class only detections and true boxes of that class count, so a lesion called another class is missed.
    """
    result = {"any": froc(found, truth, images).sensitivity()}
    for label, name in enumerate(classes):
        result[name] = froc(found.of_label(label), truth.of_label(label), images).sensitivity()
    return result
