"""Random views of the same mammogram: one map an image, boxes taken along (III-A).

All that moves pixels is drawn first and done at once, so that an image is interpolated once and not for every step.
OpenCV moves the pixels. (albumentations has all of it too, each step by itself, but is no longer maintained; Keras'
layers lack transposing, grid distortion and crops that are resized back.)
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from attrs import Attribute, evolve, field, frozen

from taskfusion.errors import DataError, SpecError


def _share(below: float) -> Any:
    """A validator: from 0, and less than this."""

    def check(_: Any, attribute: Attribute[float], value: float) -> None:
        if not 0 <= value < below:
            raise SpecError(f"{attribute.name} must be from 0 to below {below:g}, got {value}")

    return check


@frozen
class Augmentation:
    """What may happen to an image; angles in degrees, shares of its height and width, grey values of [0, 1] images."""

    flip: bool = True
    vertical_flip: bool = False
    rotation: float = 15.0
    crop: float = 0.85
    """Smallest share of height and width that a random cut keeps; 1 cuts nothing."""
    shear: float = 0.0
    transpose: bool = False
    """Swap rows and columns; square images only."""
    shift: float = field(default=0.0, validator=_share(1))
    """Largest move, as a share of height and width."""
    scale: float = field(default=0.0, validator=_share(1))
    """Largest relative change of the size."""
    distortion: float = field(default=0.0, validator=_share(1))
    """Largest relative change of the width or height of a cell of a grid over the image."""
    cells: int = 5
    """Rows and columns of that grid."""
    blur: float = 0.0
    """Largest standard deviation of a Gaussian, in pixels."""
    brightness: float = 0.0
    """Largest shift of the grey values, where there is tissue."""
    contrast: float = 0.0
    """Largest relative change of the grey values."""
    visible: float = 0.3
    """A box is kept if at least this share of it stays in the image."""


STANDARD = Augmentation()
"""In each training of the paper: horizontal flip, rotation of 15 degrees, crop of 85 to 100 % resized back (III-A)."""
DENSITY_VIEW = evolve(STANDARD, shear=5.0)
"""Pre-training of the density model: shear too (III-A.1; the angle is ours)."""
DENSITY_PATIENT = evolve(STANDARD, flip=False, blur=1.0, distortion=0.2)
"""The patient's density model: blur and grid distortion, no flip (III-A.1; the amounts are ours)."""
PATCHES = evolve(STANDARD, vertical_flip=True, transpose=True, shift=0.06, scale=0.1)
"""The patch model: vertical flip, transpose, shift/scale/rotate (III-A.2; the amounts are ours)."""
FINDINGS = evolve(STANDARD, vertical_flip=True)
"""The findings model (III-A.2)."""


@frozen(eq=False)
class Movement:
    """Where pixels go: each axis stretched in some places and squeezed in others, then an affine map.

    Attributes:
        matrix: (3, 3), from stretched to augmented pixel coordinates (edges at whole numbers).
        across: (2, knots) x before and after stretching, rising; None leaves it.
        down: likewise y.
    """

    matrix: np.ndarray
    across: np.ndarray | None = None
    down: np.ndarray | None = None

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (k, 4) taken along: bounds of their moved corners, not clipped."""
        moved = np.array(boxes, np.float64).reshape(-1, 4)
        for axis, knots in enumerate((self.across, self.down)):
            if knots is not None:
                moved[:, axis::2] = np.interp(moved[:, axis::2], *knots)
        return warp_boxes(moved, self.matrix)

    def image(self, image: np.ndarray) -> np.ndarray:
        """The image (height, width) moved, same size, 0 where nothing comes from."""
        if self.across is None or self.down is None:
            return warp(image, self.matrix)
        height, width = image.shape
        back = np.linalg.inv(self.matrix)
        x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        from_x = _stretched(back[0, 0] * x + back[0, 1] * y + back[0, 2], self.across[::-1])
        from_y = _stretched(back[1, 0] * x + back[1, 1] * y + back[1, 2], self.down[::-1])
        maps = (from_x - 0.5).astype(np.float32), (from_y - 0.5).astype(np.float32)
        return cv2.remap(image, *maps, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def draw_movement(rng: np.random.Generator, size: tuple[int, int], how: Augmentation) -> Movement:
    """A random movement of images of this height and width.

    Raises:
        DataError: transposing an image that is not square.
    """
    matrix = random_affine(rng, size, how)
    if not how.distortion:
        return Movement(matrix)
    across, down = (_knots(rng, length, how) for length in (size[1], size[0]))
    return Movement(matrix, across, down)


def augment(
    image: np.ndarray, boxes: np.ndarray, rng: np.random.Generator, how: Augmentation
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One random image with its boxes.

    Args:
        image: float32 (height, width) in [0, 1].
        boxes: (k, 4) xyxy in pixels.
        rng: the source of chance.
        how: what may happen.

    Returns:
        the image, the boxes that are still in it (clipped), and bool (k,) which those are.
    """
    movement = draw_movement(rng, image.shape[:2], how)
    clipped, share = clip_boxes(movement.boxes(boxes), image.shape[:2])
    keep = share >= max(how.visible, 1e-6)
    return _look(movement.image(image), rng, how), clipped[keep], keep


def augment_batch(images: np.ndarray, rng: np.random.Generator, how: Augmentation) -> np.ndarray:
    """A batch (n, height, width[, 1]) float32, each image with a map of its own; a new array of the same shape."""
    result = np.empty_like(images)
    for image, place in zip(images, result, strict=True):
        moved = draw_movement(rng, image.shape[:2], how).image(image.reshape(image.shape[:2]))
        place[...] = _look(moved, rng, how).reshape(place.shape)
    return result


def random_affine(rng: np.random.Generator, size: tuple[int, int], how: Augmentation) -> np.ndarray:
    """A (3, 3) matrix from original to augmented pixel coordinates (edges at whole numbers); without distortion.

    Raises:
        DataError: transposing an image that is not square.
    """
    height, width = size
    turn = np.deg2rad(rng.uniform(-how.rotation, how.rotation))
    slant = np.tan(np.deg2rad(rng.uniform(-how.shear, how.shear)))
    flips = [-1.0 if wanted and rng.random() < 0.5 else 1.0 for wanted in (how.flip, how.vertical_flip)]
    cos, sin = np.cos(turn), np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, slant], [0, 1]]) @ np.diag(flips)
    keep = rng.uniform(how.crop, 1)
    corner = rng.uniform(0, 1, 2) * (1 - keep) * np.array([width, height])
    middle = np.array([width, height]) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear / keep
    matrix[:2, 2] = (middle - linear @ middle - corner) / keep
    return matrix @ _extra(rng, size, how)


def _extra(rng: np.random.Generator, size: tuple[int, int], how: Augmentation) -> np.ndarray:
    """Transpose, scale and shift; what is not asked for draws nothing, so that seeds keep their meaning."""
    height, width = size
    if how.transpose and height != width:
        raise DataError(f"transposing needs square images, got height {height}, width {width}")
    factor = rng.uniform(1 - how.scale, 1 + how.scale) if how.scale else 1.0
    move = rng.uniform(-how.shift, how.shift, 2) * [width, height] if how.shift else np.zeros(2)
    swap = np.eye(2)[::-1] if how.transpose and rng.random() < 0.5 else np.eye(2)
    middle = np.array([width, height]) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = factor * swap
    matrix[:2, 2] = middle - factor * (swap @ middle) + move
    return matrix


def _knots(rng: np.random.Generator, length: int, how: Augmentation) -> np.ndarray:
    """(2, cells + 1): evenly spaced lines, and where they go; the first and the last stay."""
    sides = rng.uniform(1 - how.distortion, 1 + how.distortion, how.cells)
    there = np.concatenate([[0.0], np.cumsum(sides)]) * (length / sides.sum())
    return np.stack([np.linspace(0, length, how.cells + 1), there])


def _stretched(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Piecewise linear from ``knots[0]`` to ``knots[1]``; what lies outside stays there, and so becomes background."""
    inside = np.interp(values, *knots)
    return np.where((values < knots[0, 0]) | (values > knots[0, -1]), values, inside)


def warp(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The image (height, width) under a (3, 3) matrix, same size, 0 where nothing comes from."""
    centred = matrix.copy()  # OpenCV's whole numbers are pixel centres, ours are pixel edges
    centred[:2, 2] += matrix[:2, :2] @ [0.5, 0.5] - 0.5
    size = (image.shape[1], image.shape[0])
    return cv2.warpAffine(image, centred[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def warp_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Boxes (k, 4) under a (3, 3) matrix: the bounds of their moved corners, float64 (k, 4)."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    corners = boxes[:, [[0, 1], [2, 1], [0, 3], [2, 3]]] @ matrix[:2, :2].T + matrix[:2, 2]
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def clip_boxes(boxes: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (k, 4) cut to an image of ``size`` (height, width), and the share (k,) of each box's area that is left."""
    limits = np.array([size[1], size[0], size[1], size[0]], np.float64)
    clipped = np.clip(boxes, 0, limits)
    return clipped, _areas(clipped) / np.maximum(_areas(boxes), 1e-12)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)


def _look(image: np.ndarray, rng: np.random.Generator, how: Augmentation) -> np.ndarray:
    """Blur, brightness and contrast; the background stays black."""
    if how.blur and (sigma := rng.uniform(0, how.blur)) > 0.1:  # less changes nothing
        image = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return _jitter(image, rng, how)


def _jitter(image: np.ndarray, rng: np.random.Generator, how: Augmentation) -> np.ndarray:
    """Brightness and contrast; the background stays black."""
    if not (how.brightness or how.contrast):
        return image
    gain = np.float32(1 + rng.uniform(-how.contrast, how.contrast))
    shift = np.float32(rng.uniform(-how.brightness, how.brightness))
    return np.clip(image * gain + shift * (image > 0), 0, 1)
