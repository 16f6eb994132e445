"""Anchors: boxes of a few sizes and shapes around every cell of the first stage's map."""

from __future__ import annotations

import numpy as np

from mammo_localization.config import LocalizationConfig
from taskfusion.images import Array


def cell_anchors(config: LocalizationConfig) -> Array:
    """Width and height of the anchors of one cell, ``(anchors, 2)`` pixels; scales run fastest, as in OD."""
    root = np.sqrt(np.array(config.anchor_ratios))[:, None]
    side = np.array(config.anchor_scales)[None, :] * config.anchor_base
    return np.stack([(side * root).ravel(), (side / root).ravel()], axis=1)


def grid_anchors(config: LocalizationConfig, rows: int, columns: int) -> Array:
    """All anchors of a map, ``(rows * columns * anchors, 4)`` xyxy pixels, cell by cell, row by row."""
    y = (np.arange(rows) + config.anchor_offset) * config.stride
    x = (np.arange(columns) + config.anchor_offset) * config.stride
    centre = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1).reshape(-1, 1, 2)
    half = cell_anchors(config)[None] / 2
    return np.concatenate([centre - half, centre + half], axis=-1).reshape(-1, 4).astype(np.float32)
