"""Patches for the patch model: on lesions, and on tissue of normal views (III-A.2)."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import field, frozen

from taskfusion.errors import DataError

OVERLAP = 0.9
"""Share of the lesion's box that a patch holds, and share of a normal patch that is breast."""
SLACK = 0.05
"""So much of a box's side may stick out on either axis: (1 - 0.05)² is just above the overlap."""


@frozen(eq=False)
class Patches:
    """Square cuts of one image."""

    pixels: np.ndarray = field(repr=False)
    """(n, size, size), 0 beyond the image."""
    corners: np.ndarray
    """(n, 2) x, y of each patch's upper left pixel."""
    boxes: np.ndarray
    """(n,) which box a patch shows, -1 for none."""


def sample_lesion_patches(
    image: np.ndarray, boxes: np.ndarray, size: int, count: int, rng: np.random.Generator
) -> Patches:
    """``count`` patches of every lesion, each at a random place that holds over 90 % of its box.

    A box larger than the patch on an axis is cut from within instead.

    Args:
        image: (height, width).
        boxes: (k, 4) xyxy in pixels.
        size: side of a patch in pixels.
        count: patches a lesion.
        rng: the source of chance.
    """
    _check(size, count)
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    corners = np.empty((len(boxes), count, 2), np.int64)
    for axis, length in enumerate((image.shape[1], image.shape[0])):
        low, high = _span(boxes[:, axis], boxes[:, axis + 2], size)
        drawn = np.floor(rng.uniform(low[:, None], high[:, None] + 1, (len(boxes), count)))
        corners[..., axis] = np.clip(drawn, 0, max(length - size, 0))
    flat = corners.reshape(-1, 2)
    return Patches(cut(image, flat, size), flat, np.repeat(np.arange(len(boxes)), count))


def sample_normal_patches(
    image: np.ndarray, mask: np.ndarray, size: int, count: int, rng: np.random.Generator
) -> Patches:
    """``count`` patches at random places with over 90 % breast.

    Where the breast is too small for that, the places with the most breast are used (within 2 % of the best); without
    any breast, the middle of the image.

    Args:
        image: (height, width).
        mask: bool (height, width), the breast.
        size: side of a patch in pixels.
        count: how many.
        rng: the source of chance.
    """
    _check(size, count)
    share = breast_share(mask, size)
    wanted = min(OVERLAP, 0.98 * float(share.max()))
    rows, columns = np.nonzero(share > wanted)
    if len(rows):
        pick = rng.integers(len(rows), size=count)
        corners = np.stack([columns[pick], rows[pick]], axis=1)
    else:
        corners = np.tile((np.array(share.shape[::-1]) - 1) // 2, (count, 1))
    return Patches(cut(image, corners, size), corners, np.full(count, -1))


def breast_share(mask: np.ndarray, size: int) -> np.ndarray:
    """Share of breast in the patch at every possible corner, (height - size + 1, width - size + 1), at least (1, 1)."""
    short = [max(size - side, 0) for side in mask.shape]
    padded = np.pad(mask.astype(np.uint8), [(0, short[0]), (0, short[1])])
    total = cv2.integral(padded)
    inner = total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
    return inner / float(size * size)


def cut(image: np.ndarray, corners: np.ndarray, size: int) -> np.ndarray:
    """The squares (n, size, size) at corners (n, 2) x, y, inside or beyond the image's lower and right edge."""
    patches = np.zeros((len(corners), size, size), image.dtype)
    for patch, (x, y) in zip(patches, corners, strict=True):
        part = image[y : y + size, x : x + size]
        patch[: part.shape[0], : part.shape[1]] = part
    return patches


def _span(start: np.ndarray, stop: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last whole corner on one axis: with the box in the patch, or the patch in the box if that is larger."""
    slack = SLACK * (stop - start)
    first, last = stop - slack - size, start + slack
    low, high = np.ceil(np.minimum(first, last)), np.floor(np.maximum(first, last))
    middle = np.round((start + stop - size) / 2)
    empty = low > high
    return np.where(empty, middle, low), np.where(empty, middle, high)


def _check(size: int, count: int) -> None:
    if size < 1 or count < 1:
        raise DataError(f"patch size and count must be positive, got {size} and {count}")
