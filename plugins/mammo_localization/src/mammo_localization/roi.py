"""Crops of the feature map under boxes, sampled bilinearly."""

from __future__ import annotations

from typing import Any

from taskfusion.training.backend import keras

ops = keras.ops


def crop(maps: Any, boxes: Any, size: int) -> Any:
    """Sample each box on a ``size`` x ``size`` grid, corner to corner, like OD's crop-and-resize.

    A box is upright, so bilinear sampling is one matrix for the rows and one for the columns: two products instead of
    a gather, which is faster and whose gradient adds up in a fixed order.

    Args:
        maps: ``(n, h, w, depth)``.
        boxes: ``(n, boxes, 4)`` xyxy as shares of the image in [0, 1].
        size: samples per side.

    Returns:
        ``(n, boxes, size, size, depth)``.
    """
    maps, boxes = ops.convert_to_tensor(maps), ops.convert_to_tensor(boxes)  # PyTorch multiplies no arrays by tensors
    count, (height, width, depth) = boxes.shape[1], maps.shape[1:]
    rows = _weights(boxes[..., 1], boxes[..., 3], height, size)
    columns = _weights(boxes[..., 0], boxes[..., 2], width, size)
    turned = ops.reshape(ops.transpose(maps, (0, 2, 1, 3)), (-1, width, height * depth))
    across = ops.matmul(ops.reshape(columns, (-1, count * size, width)), turned)
    across = ops.reshape(across, (-1, count, size, height, depth))
    return ops.transpose(ops.matmul(rows[:, :, None], across), (0, 1, 3, 2, 4))


def crop_and_pool(maps: Any, boxes: Any, size: int, pool: int) -> Any:
    """Crops as one batch ``(n * boxes, size / pool, size / pool, depth)`` after max-pooling."""
    crops = crop(maps, boxes, size)
    flat = ops.reshape(crops, (-1, size, size, maps.shape[-1]))
    return ops.max_pool(flat, pool, pool, "valid") if pool > 1 else flat


def _weights(low: Any, high: Any, length: int, size: int) -> Any:
    """Share of each of ``length`` cells in each sample from ``low`` to ``high``: ``(n, boxes, size, length)``."""
    steps = ops.arange(size, dtype="float32") / max(size - 1, 1)
    place = (low[..., None] + (high - low)[..., None] * steps) * (length - 1)
    return ops.maximum(1 - ops.abs(place[..., None] - ops.arange(length, dtype="float32")), 0.0)
