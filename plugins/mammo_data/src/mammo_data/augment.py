"""Random views of the same mammogram: one affine map an image, boxes taken along (III-A)."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen


@frozen
class Augmentation:
    """What may happen to an image; angles in degrees, ``jitter`` in grey values of [0, 1] images."""

    flip: bool = True
    vertical_flip: bool = False
    rotation: float = 15.0
    crop: float = 0.85
    """Smallest share of height and width that a random cut keeps; 1 cuts nothing."""
    shear: float = 0.0
    brightness: float = 0.0
    """Largest shift of the grey values, where there is tissue."""
    contrast: float = 0.0
    """Largest relative change of the grey values."""
    visible: float = 0.3
    """A box is kept if at least this share of it stays in the image."""


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
    matrix = random_affine(rng, image.shape[:2], how)
    moved = warp_boxes(boxes, matrix)
    clipped, share = clip_boxes(moved, image.shape[:2])
    keep = share >= max(how.visible, 1e-6)
    return _jitter(warp(image, matrix), rng, how), clipped[keep], keep


def augment_batch(images: np.ndarray, rng: np.random.Generator, how: Augmentation) -> np.ndarray:
    """A batch (n, height, width[, 1]) float32, each image with a map of its own; a new array of the same shape."""
    result = np.empty_like(images)
    for image, place in zip(images, result, strict=True):
        warped = warp(image.reshape(image.shape[:2]), random_affine(rng, image.shape[:2], how))
        place[...] = _jitter(warped, rng, how).reshape(place.shape)
    return result


def random_affine(rng: np.random.Generator, size: tuple[int, int], how: Augmentation) -> np.ndarray:
    """A (3, 3) matrix from original to augmented pixel coordinates (edges at whole numbers)."""
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
    return matrix


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


def _jitter(image: np.ndarray, rng: np.random.Generator, how: Augmentation) -> np.ndarray:
    """Brightness and contrast; the background stays black."""
    if not (how.brightness or how.contrast):
        return image
    gain = np.float32(1 + rng.uniform(-how.contrast, how.contrast))
    shift = np.float32(rng.uniform(-how.brightness, how.brightness))
    return np.clip(image * gain + shift * (image > 0), 0, 1)
