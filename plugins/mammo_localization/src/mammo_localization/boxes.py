"""Boxes as tensors, xyxy in pixels: overlap, clipping, and the code that the heads speak."""

from __future__ import annotations

from typing import Any

from taskfusion.training.backend import keras

ops = keras.ops

#: One over OD's ``faster_rcnn_box_coder`` scales 10, 10, 5, 5, in its order y, x, height, width.
VARIANCE = (0.1, 0.1, 0.2, 0.2)
LARGEST_GROWTH = 4.0  # of log height and width: an untrained head must not overflow


def iou(first: Any, second: Any) -> Any:
    """Overlap of every box of ``first`` ``(..., m, 4)`` with every box of ``second`` ``(..., k, 4)``: ``(..., m, k)``.

    Boxes without area overlap nothing.
    """
    return keras.utils.bounding_boxes.compute_iou(first, second, bounding_box_format="xyxy")


def encode(anchors: Any, boxes: Any) -> Any:
    """Code of boxes relative to anchors, ``(..., 4)``: shift in y and x, log growth of height, width (OD's order)."""
    return keras.utils.bounding_boxes.encode_box_to_deltas(
        anchors, boxes, anchor_format="xyxy", box_format="xyxy", encoding_format="center_yxhw", variance=VARIANCE
    )


def decode(anchors: Any, codes: Any) -> Any:
    """The boxes ``(..., 4)`` that :func:`encode` coded."""
    limit = LARGEST_GROWTH / VARIANCE[-1]
    codes = ops.concatenate([codes[..., :2], ops.clip(codes[..., 2:], -limit, limit)], axis=-1)
    return keras.utils.bounding_boxes.decode_deltas_to_boxes(
        anchors,
        codes,
        anchor_format="xyxy",
        box_format="xyxy",
        encoded_format="center_yxhw",
        variance=ops.convert_to_tensor(VARIANCE, "float32"),
    )


def clip(boxes: Any, height: float, width: float) -> Any:
    """Boxes ``(..., 4)`` cut to the image."""
    low = ops.maximum(boxes, 0.0)
    return ops.minimum(low, ops.convert_to_tensor([width, height, width, height], "float32"))


def grow(boxes: Any, factor: float) -> Any:
    """Boxes ``(..., 4)`` made ``factor`` times as wide and high around their centres."""
    centre, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) * (factor / 2)
    return ops.concatenate([centre - half, centre + half], axis=-1)


def area(boxes: Any) -> Any:
    """Pixels, ``(...)``; 0 for a box turned inside out."""
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return sides[..., 0] * sides[..., 1]
