"""Boxes of many images in columns, and which of two such sets meet; nothing pairs boxes of different images."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from taskfusion.errors import DataError

Array = np.ndarray
HIT_IOU = 0.2


def _integers(values: object) -> Array:
    return np.asarray(values, np.int64)


def _floats(values: object) -> Array:
    return np.asarray(values, np.float64)


def _corners(values: object) -> Array:
    return np.asarray(values, np.float64).reshape(-1, 4)


@attrs.frozen(eq=False)
class Boxes:
    """Boxes in many images, columnar.

    Attributes:
        image: ``(boxes,)``, the number of the image each box lies in, from 0.
        boxes: ``(boxes, 4)`` xmin, ymin, xmax, ymax in pixels; the right and lower edges lie outside.
        labels: ``(boxes,)``, the number of each box's class.
        scores: ``(boxes,)`` of detections; empty for true boxes.

    Raises:
        DataError: columns of different lengths, a box that is not finite or ends before it begins, a NaN score.
    """

    image: Array = attrs.field(converter=_integers)
    boxes: Array = attrs.field(converter=_corners)
    labels: Array = attrs.field(converter=_integers)
    scores: Array = attrs.field(converter=_floats, factory=lambda: np.zeros(0))

    def __attrs_post_init__(self) -> None:
        lengths = {"image": len(self.image), "boxes": len(self.boxes), "labels": len(self.labels)}
        if len(self.scores):
            lengths["scores"] = len(self.scores)
        if len(set(lengths.values())) > 1:
            raise DataError(f"boxes: columns differ in length: {lengths}; expected one entry a box")
        bad = ~np.isfinite(self.boxes).all(axis=1) | (self.boxes[:, 2:] < self.boxes[:, :2]).any(axis=1)
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"boxes: row {row} is {self.boxes[row].tolist()}; expected finite xmin <= xmax, ymin <= ymax"
            )
        if np.isnan(self.scores).any():
            raise DataError(f"boxes: the score in row {int(np.isnan(self.scores).argmax())} is NaN; expected a number")

    def __len__(self) -> int:
        return len(self.image)

    def where(self, rows: Array) -> Boxes:
        """These boxes alone, by mask or by numbers."""
        scores = self.scores[rows] if len(self.scores) else self.scores
        return Boxes(self.image[rows], self.boxes[rows], self.labels[rows], scores)

    def of_label(self, label: int) -> Boxes:
        """Only the boxes of one class."""
        return self.where(self.labels == label)


def need_images(boxes: Boxes, images: int, what: str) -> None:
    """Refuse boxes in images that there are not; raises DataError with the row."""
    wrong = (boxes.image < 0) | (boxes.image >= images)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{what}: row {row} lies in image {boxes.image[row]}; there are {images}, counted from 0")


def pairs(first: Boxes, second: Boxes) -> tuple[Array, Array]:
    """Rows of all pairs of boxes in the same image, ``(pairs,)`` each; memory grows with these pairs alone."""
    order = np.argsort(first.image, kind="stable")
    ordered = first.image[order]
    start, end = (np.searchsorted(ordered, second.image, side) for side in ("left", "right"))
    counts = end - start
    begins = np.cumsum(counts) - counts
    place = np.repeat(start - begins, counts) + np.arange(counts.sum())
    return order[place], np.repeat(np.arange(len(second)), counts)


def overlap(first: Array, second: Array) -> Array:
    """IoU of boxes ``(n, 4)`` and ``(n, 4)``, row by row: ``(n,)``; 0 for two boxes without area."""
    low, high = np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])
    common = np.maximum(high - low, 0).prod(axis=1)
    whole = (first[:, 2:] - first[:, :2]).prod(axis=1) + (second[:, 2:] - second[:, :2]).prod(axis=1) - common
    return np.divide(common, whole, out=np.zeros(len(common)), where=whole > 0)


def hits(found: Array, truth: Array, iou: float = HIT_IOU, centre: bool = True) -> Array:
    """Which boxes ``found (n, 4)`` hit the true ones ``truth (n, 4)``, row by row: ``(n,)`` booleans.

    The paper's rule (section IV-A.3): they overlap by an IoU of at least ``iou``, or (with ``centre``) the detection's
    centre lies in the true box.
    """
    hit = overlap(found, truth) >= iou
    if not centre:
        return hit
    middle = (found[:, :2] + found[:, 2:]) / 2
    return hit | ((middle >= truth[:, :2]) & (middle <= truth[:, 2:])).all(axis=1)


def class_labels(classes: Sequence[str], known: Sequence[str]) -> Array:
    """Per class of ``known`` its number in ``classes``, -1 for one that is not there: ``(len(known),)``."""
    return np.array([classes.index(name) if name in classes else -1 for name in known], np.int64)
