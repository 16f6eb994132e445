"""COCO's average precision of detections, by the reference implementation: a cross-check beside FROC.

``pycocotools`` is optional (``taskfusion[detection]``). COCO counts a lesion only where the class is right and the IoU
high enough, has no rule about centres, and looks at the 100 best detections per image and class.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from taskfusion.errors import PluginError
from taskfusion.evaluation.boxes import HIT_IOU, Array, Boxes, need_images

STEPS = tuple(np.round(np.arange(0.5, 1.0, 0.05), 2).tolist())


def is_installed() -> bool:
    """Whether :func:`average_precision` can be called."""
    return importlib.util.find_spec("pycocotools") is not None


def average_precision(found: Boxes, truth: Boxes, images: int, classes: Sequence[str]) -> Mapping[str, float]:
    """Mean over the classes that have a true box of COCO's average precision, at three demands on the overlap.

    Args:
        found: detections, with scores.
        truth: true boxes.
        images: number of images, those without any box included.
        classes: names of the labels.

    Returns:
        ``{"AP@0.2": …, "AP@0.5": …, "AP@[.5:.95]": …}``; empty without true boxes.

    Raises:
        PluginError: pycocotools is not installed.
        DataError: a box in an image that there is not.
    """
    need_images(found, images, "detections")
    need_images(truth, images, "true boxes")
    if not len(truth):
        return {}
    precision = _precision(found, truth, images, len(classes))
    at = {HIT_IOU: 0, 0.5: 1}
    single = {f"AP@{iou:g}": _mean(precision[row]) for iou, row in at.items()}
    return {**single, "AP@[.5:.95]": _mean(precision[1:])}


def _precision(found: Boxes, truth: Boxes, images: int, classes: int) -> Array:
    """Precision at 101 recalls, ``(overlaps, classes * 101)``; -1 for classes without true boxes."""
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise PluginError("average precision needs pycocotools: install taskfusion[detection]") from error
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        true, answers = (_coco(COCO(), boxes, images, classes) for boxes in (truth, found))
        judge = COCOeval(true, answers, "bbox")
        judge.params.iouThrs = np.array([HIT_IOU, *STEPS])
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]  # of our few sizes none is COCO's
        judge.params.maxDets = [100]
        judge.evaluate()
        judge.accumulate()
    # (overlaps, recalls, classes, areas, detections) with one area and one number of detections
    return np.asarray(judge.eval["precision"])[..., 0, 0].reshape(1 + len(STEPS), -1)


def _coco(dataset: Any, boxes: Boxes, images: int, classes: int) -> Any:
    """Boxes as COCO's index wants them; ids from 1, as COCO takes 0 for none."""
    corner, size = boxes.boxes[:, :2], boxes.boxes[:, 2:] - boxes.boxes[:, :2]
    rows = zip(boxes.image, boxes.labels, np.concatenate([corner, size], axis=1), strict=True)
    entries = [
        {"id": k, "image_id": int(i), "category_id": int(c), "bbox": b.tolist(), "area": float(b[2] * b[3])}
        for k, (i, c, b) in enumerate(rows, 1)
    ]
    for entry in entries:
        entry["iscrowd"] = 0
    for entry, score in zip(entries, boxes.scores, strict=False):
        entry["score"] = float(score)
    dataset.dataset = {
        "images": [{"id": image} for image in range(images)],
        "categories": [{"id": label, "name": str(label)} for label in range(classes)],
        "annotations": entries,
    }
    dataset.createIndex()
    return dataset


def _mean(precision: Array) -> float:
    known = precision[precision > -1]
    return float(known.mean()) if len(known) else float("nan")
