"""Which anchors and proposals stand for which true box, and which of them enter the loss.

Keras has box overlap and codes, which :mod:`.boxes` uses, but neither anchors, matching nor suppression. KerasHub's are
layers of RetinaNet (anchors per pyramid level, a matcher without sampling) and need TensorFlow Text on any backend.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from mammo_localization import boxes as box
from taskfusion.training.backend import keras

ops = keras.ops


@frozen
class Matches:
    """What each candidate box is to the truth.

    Attributes:
        truth: ``(n, candidates)`` row of the true box it overlaps most.
        positive: ``(n, candidates)`` whether it stands for that box.
        negative: ``(n, candidates)`` whether it is background; neither: it does not count.
    """

    truth: Any
    positive: Any
    negative: Any

    def among(self, mask: Any) -> Matches:
        """Only candidates of a mask, broadcast against ``(n, candidates)``, stand for anything."""
        return Matches(self.truth, self.positive & mask, self.negative & mask)


@frozen
class Thresholds:
    """Overlaps (IoU) from which a candidate is positive, below which it is negative; ``force`` gives every true box its
    best candidate whatever the overlap (OD's ``force_match_for_each_row``)."""

    positive: float
    negative: float
    force: bool = False


def match(candidates: Any, truth: Any, valid: Any, thresholds: Thresholds) -> Matches:
    """Compare candidates ``(candidates, 4)`` or ``(n, candidates, 4)`` with true boxes ``(n, boxes, 4)``.

    ``valid`` ``(n, boxes)`` says which rows of ``truth`` are boxes and which filling.
    """
    overlap = ops.where(valid[:, None, :], box.iou(candidates, truth), -1.0)
    best = ops.max(overlap, axis=2)
    positive = best >= thresholds.positive
    if thresholds.force:
        top = ops.max(overlap, axis=1, keepdims=True)
        positive = positive | ops.any((overlap >= top) & (top > 0) & (overlap > 0), axis=2)
    return Matches(ops.argmax(overlap, axis=2), positive, (best < thresholds.negative) & ~positive)


def choose(mask: Any, count: Any, limit: int, noise: Any) -> Any:
    """A random part of a mask ``(n, m)``: at most ``count`` ``(n,)`` or one number, itself at most ``limit``.

    ``noise`` ``(n, m)`` in (0, 1) decides: the highest are taken.
    """
    rank = ops.where(mask, noise, ops.zeros_like(noise))
    best, _ = ops.top_k(rank, min(limit, mask.shape[1]))
    count = ops.broadcast_to(ops.cast(count, "int32"), (ops.shape(mask)[0],))
    last = ops.clip(count - 1, 0, best.shape[1] - 1)
    threshold = ops.take_along_axis(best, last[:, None], axis=1)
    return mask & (rank >= threshold) & (count > 0)[:, None]


def sample(matches: Matches, samples: int, share: float, noise: Any) -> tuple[Any, Any]:
    """At most ``share`` of ``samples`` positives and negatives for the rest: two masks ``(n, candidates)``."""
    positive = choose(matches.positive, int(samples * share), samples, noise)
    left = samples - ops.sum(ops.cast(positive, "int32"), axis=1)
    return positive, choose(matches.negative, left, samples, noise)


def pick(values: Any, index: Any) -> Any:
    """Rows ``index`` ``(n, m)`` of ``values`` ``(n, k, d)``: ``(n, m, d)``."""
    return ops.take_along_axis(values, index[..., None], axis=1)
