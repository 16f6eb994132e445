"""The four losses of Faster R-CNN, each summed over samples and divided by their number per image, as in OD."""

from __future__ import annotations

from typing import Any

from taskfusion.training.backend import keras

ops = keras.ops


def cross_entropy(logits: Any, labels: Any, mask: Any) -> Any:
    """Softmax cross-entropy of logits ``(n, m, classes)``, mean of each image's masked, then of images."""
    log = ops.log_softmax(logits, axis=-1)
    wanted = ops.one_hot(labels, logits.shape[-1], dtype=log.dtype)
    return per_image(-ops.sum(log * wanted, axis=-1), mask, mask)


def box_loss(codes: Any, wanted: Any, positive: Any, sampled: Any) -> Any:
    """Smooth L1 between box codes ``(n, m, 4)`` of positives, over the number of all that were sampled."""
    error = ops.abs(codes - wanted)
    smooth = ops.where(error < 1, 0.5 * ops.square(error), error - 0.5)
    return per_image(ops.sum(smooth, axis=-1), positive, sampled)


def per_image(values: Any, mask: Any, counted: Any) -> Any:
    """Sum of values ``(n, m)`` where ``mask``, over the number of ``counted`` of the image; mean over images."""
    values = ops.where(mask, values, ops.zeros_like(values))
    number = ops.maximum(ops.sum(ops.cast(counted, values.dtype), axis=1), 1.0)
    return ops.mean(ops.sum(values, axis=1) / number)
