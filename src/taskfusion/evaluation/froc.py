"""How well lesions are found: free-response ROC by the paper's rule (sections III-B and IV-A.3, Table IV, Fig. 9b)."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from taskfusion.errors import DataError
from taskfusion.evaluation.boxes import HIT_IOU, Array, Boxes, hits, need_images, pairs

ANY = "any"
SLACK = 1e-9  # 0.29 x 100 images are 29 false detections, though floats say 28.999…


@attrs.frozen(eq=False)
class Froc:
    """True and false detections by score.

    Attributes:
        truth: ``(true boxes,)``, the score of the best detection that hits each; -inf where none does.
        false: ``(false detections,)``, scores of detections that hit nothing, descending.
        images: how many images the false detections are counted in.
    """

    truth: Array
    false: Array
    images: int

    def sensitivity(self, false_per_image: float = 1.0) -> float:
        """Share of true boxes found (TPR) at no more than so many false detections per image; NaN without true
        boxes or images.

        Raises:
            DataError: a negative rate.
        """
        if not false_per_image >= 0:
            raise DataError(f"false_per_image is {false_per_image}; expected 0 or more false detections per image")
        if not len(self.truth) or not self.images:
            return float("nan")
        allowed = int(min(false_per_image * self.images + SLACK, len(self.false)))
        threshold = self.false[allowed] if allowed < len(self.false) else -np.inf
        return float(np.mean(self.truth > threshold))

    def false_per_image(self, sensitivity: float) -> float:
        """The fewest false detections per image at which this share of true boxes is found; NaN where it never is."""
        x, y = self.curve()
        reached = np.flatnonzero(y >= sensitivity - SLACK)
        return float(x[reached[0]]) if len(reached) else float("nan")

    def curve(self) -> tuple[Array, Array]:
        """False detections per image, ascending, and the sensitivity at each: the corners of a staircase.

        Both ``(corners,)``. Between two corners the sensitivity stays that of the left one; the last point is that of
        all detections. Empty without true boxes, or without images.
        """
        if not len(self.truth) or not self.images:
            return np.zeros(0), np.zeros(0)
        levels, counts = np.unique(-self.false, return_counts=True)  # equal scores come and go together
        thresholds = np.append(-levels, -np.inf)
        x = np.append(0, np.cumsum(counts)) / self.images
        y = 1 - np.searchsorted(np.sort(self.truth), thresholds, side="right") / len(self.truth)
        corner = np.append(True, np.diff(y) > 0)
        corner[-1] = True
        return x[corner], y[corner]


def froc(
    found: Boxes,
    truth: Boxes,
    images: int,
    counted: Array | None = None,
    iou: float = HIT_IOU,
) -> Froc:
    """Compare detections with true boxes, whatever their classes.

    A detection hits a true box of its image if they overlap by an IoU of at least ``iou`` or its centre lies in the
    box. A box that several detections hit counts once; a detection that hits two boxes finds both; those that hit
    nothing are false.

    Args:
        found: detections, with scores.
        truth: true boxes.
        images: number of images, those without any box included.
        counted: ``(images,)`` booleans: the images in which false detections are counted; all by default. The paper
            gives rates over the images with lesions, and counts those in normal images apart.
        iou: the least overlap that is a hit.

    Raises:
        DataError: a box in an image that there is not, detections without scores, a mask of another length.
    """
    _check(found, truth, images, counted)
    detection, box = pairs(found, truth)
    hit = hits(found.boxes[detection], truth.boxes[box], iou)
    best = np.full(len(truth), -np.inf)
    np.maximum.at(best, box[hit], found.scores[detection[hit]])
    wrong = np.ones(len(found), bool)
    wrong[detection[hit]] = False
    if counted is not None:
        wrong &= counted[found.image]
    return Froc(best, np.sort(found.scores[wrong])[::-1], images if counted is None else int(counted.sum()))


def froc_by_class(
    found: Boxes, truth: Boxes, images: int, classes: Sequence[str], counted: Array | None = None
) -> dict[str, Froc]:
    """Over all boxes whatever their class (``any``), then per class.

    Per class only detections and true boxes of that class count, so a lesion called another class is missed.
    """
    result = {ANY: froc(found, truth, images, counted)}
    for label, name in enumerate(classes):
        result[name] = froc(found.of_label(label), truth.of_label(label), images, counted)
    return result


def with_boxes(truth: Boxes, images: int) -> Array:
    """Which images hold a true box, ``(images,)`` booleans: what ``counted`` takes; its negation are normal images."""
    need_images(truth, images, "true boxes")
    mask = np.zeros(images, bool)
    mask[truth.image] = True
    return mask


def _check(found: Boxes, truth: Boxes, images: int, counted: Array | None) -> None:
    need_images(found, images, "detections")
    need_images(truth, images, "true boxes")
    if len(found) and not len(found.scores):
        raise DataError(f"detections: {len(found)} boxes without scores; FROC needs a score a detection")
    if counted is not None and np.shape(counted) != (images,):
        raise DataError(f"counted has shape {np.shape(counted)}; expected ({images},), a boolean an image")
