"""Non-maximum suppression of many lists at once, with fixed shapes and without a loop over boxes."""

from __future__ import annotations

from typing import Any

from mammo_localization import boxes as box
from taskfusion.training.backend import keras

ops = keras.ops


def survivors(boxes: Any, valid: Any, threshold: float) -> Any:
    """Which boxes greedy suppression keeps.

    A box stays if no better box that stays overlaps it more than ``threshold``. Starting from "all stay", one sweep for
    all boxes settles at least the best box not yet settled; sweeps go on until nothing changes, usually two or three.

    Args:
        boxes: ``(lists, k, 4)`` xyxy, best first.
        valid: ``(lists, k)`` booleans; others neither stay nor suppress.
        threshold: overlap (IoU) above which the weaker goes.

    Returns:
        ``(lists, k)`` booleans.
    """
    count = boxes.shape[1]
    better = ops.arange(count)[None, :] < ops.arange(count)[:, None]
    rivals = ops.cast((box.iou(boxes, boxes) > threshold) & better[None], "float32")
    valid = ops.cast(valid, "float32")

    def sweep(keep: Any, _: Any) -> tuple[Any, Any]:
        beaten = ops.matmul(rivals, keep[..., None])[..., 0] > 0
        after = ops.where(beaten, ops.zeros_like(valid), valid)
        return after, ops.any(after != keep)

    keep, _ = ops.while_loop(lambda _, changed: changed, sweep, sweep(valid, None))
    return keep > 0


def suppress(boxes: Any, scores: Any, threshold: float, counts: tuple[int, int]) -> tuple[Any, Any]:
    """The best boxes of each list that do not overlap each other.

    Args:
        boxes: ``(lists, n, 4)`` xyxy.
        scores: ``(lists, n)``; a score of 0 or less means "no box".
        threshold: overlap (IoU) above which the weaker goes.
        counts: how many candidates enter and how many results leave, per list (fewer where n is smaller).

    Returns:
        Index into n and score, both ``(lists, results)``, best first; score 0 where there are not so many.
    """
    candidates = min(counts[0], scores.shape[1])
    values, index = ops.top_k(scores, candidates)
    chosen = ops.take_along_axis(boxes, index[..., None], axis=1)
    keep = survivors(chosen, values > 0, threshold)
    values, rank = ops.top_k(ops.where(keep, values, ops.zeros_like(values)), min(counts[1], candidates))
    return ops.take_along_axis(index, rank, axis=1), values
