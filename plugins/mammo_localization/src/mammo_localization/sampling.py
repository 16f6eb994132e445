"""Random batches for the detector and for the patch classifier before it: turned, zoomed, flipped, cut.

Batch ``step`` follows from the seed and the step alone, so that a training goes on anywhere.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mammo_data.augment import Augmentation, clip_boxes, random_affine, warp_boxes
from mammo_localization.config import LocalizationConfig
from mammo_localization.views import TrainingViews
from taskfusion.images import Array

VISIBLE = 0.5  # a box stays if this share of it is in the window
PATCHES_WITHOUT = 0.35  # share of patches from views without a lesion
_BATCH, _PATCHES, _LESIONS, _NORMALS = range(4)  # streams of random numbers of one seed


class Sampler:
    """Draws from training views; the same seed and step draw the same."""

    def __init__(self, views: TrainingViews, config: LocalizationConfig, seed: int) -> None:
        self.views, self.config, self.seed = views, config, seed
        self.how = Augmentation(flip=True, rotation=config.rotation, crop=config.zoom)
        self._lesions = _Deck(views.with_lesion(), (seed, _LESIONS))
        self._normals = _Deck(views.without(), (seed, _NORMALS))

    def batch(self, step: int) -> dict[str, Array]:
        """A batch for the detector: ``images``, ``boxes`` and ``labels`` as the learner wants them."""
        config, rng = self.config, np.random.default_rng((self.seed, _BATCH, step))
        size = config.window or config.size
        result = {
            "images": np.empty((config.batch, *size, config.channels), np.float32),
            "boxes": np.zeros((config.batch, config.max_boxes, 4), np.float32),
            "labels": np.full((config.batch, config.max_boxes), -1, np.int32),
        }
        for place, row in enumerate(self._rows(step, config.batch, config.normal_share)):
            image, boxes, labels = self.window(row, size, rng)
            count = min(len(labels), config.max_boxes)
            result["images"][place] = image[..., None]
            result["boxes"][place, :count] = self._jittered(boxes, rng)[:count]
            result["labels"][place, :count] = labels[:count]
        return result

    def patches(self, step: int) -> tuple[Array, Array]:
        """A batch for the patch classifier: images ``(n, patch, patch, channels)``, class ``(n,)``, 0: no lesion."""
        config, rng = self.config, np.random.default_rng((self.seed, _PATCHES, step))
        images = np.empty((config.patch_batch, config.patch, config.patch, config.channels), np.float32)
        classes = np.zeros(config.patch_batch, np.int32)
        for place, row in enumerate(self._rows(step, config.patch_batch, PATCHES_WITHOUT)):
            image, boxes, labels = self.window(row, (config.patch, config.patch), rng)
            images[place] = image[..., None]
            classes[place] = labels[_nearest(boxes, config.patch)] + 1 if len(labels) else 0
        return images, classes

    def window(self, row: int, size: tuple[int, int], rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """One view at random: image ``size`` in [0, 1], the boxes in it and their labels."""
        views, shape = self.views, self.views.pixels.shape[1:3]
        matrix = random_affine(rng, shape, self.how)
        boxes = warp_boxes(views.boxes[row], matrix)
        if size != shape:
            matrix = self._shift((row, boxes), size, matrix, rng) @ matrix
            boxes = warp_boxes(views.boxes[row], matrix)
        clipped, share = clip_boxes(boxes, size)
        keep = share >= VISIBLE
        return _warp(views.pixels[row], matrix, size), clipped[keep], views.labels[row][keep]

    def _rows(self, step: int, count: int, normal_share: float) -> list[int]:
        """The rows of a batch: the share of normal ones is kept as closely as whole numbers can."""
        share = normal_share if len(self._normals) else 0.0
        before, after = int(step * count * share), int((step + 1) * count * share)
        lesions = self._lesions.deal(step * count - before, (step + 1) * count - after)
        return lesions + self._normals.deal(before, after)

    def _shift(self, seen: tuple[int, Array], size: tuple[int, int], matrix: Array, rng: np.random.Generator) -> Array:
        """Move what is to be seen into the window: a whole lesion where there is one, else some tissue."""
        row, boxes = seen
        extent = np.array([size[1], size[0]], float)
        if len(boxes):
            box = boxes[rng.integers(len(boxes))]
            first, last = box[2:] - extent, box[:2]
            corner = rng.uniform(np.minimum(first, last), np.maximum(first, last))
        else:
            corner = self._tissue(row, matrix, rng) - rng.uniform(0.25, 0.75, 2) * extent
        shift = np.eye(3)
        shift[:2, 2] = -np.round(corner)
        return shift

    def _tissue(self, row: int, matrix: Array, rng: np.random.Generator) -> Array:
        """A random point of the breast, x and y after the map; the corner of an image that is all black."""
        step = 8
        points = np.argwhere(self.views.pixels[row, ::step, ::step] > 0)
        y, x = points[rng.integers(len(points))] * step if len(points) else (0, 0)
        return matrix[:2, :2] @ [x, y] + matrix[:2, 2]

    def _jittered(self, boxes: Array, rng: np.random.Generator) -> Array:
        """Corners moved by up to ``jitter`` of the box's width and height (OD's ``random_jitter_boxes``)."""
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        return boxes + sides * rng.uniform(-1, 1, boxes.shape) * self.config.jitter


class _Deck:
    """Rows in random order, shuffled anew each time that all were dealt."""

    def __init__(self, rows: Array, seed: tuple[int, ...]) -> None:
        self._rows, self._seed = rows, seed

    def __len__(self) -> int:
        return len(self._rows)

    def deal(self, first: int, last: int) -> list[int]:
        """The rows dealt from place ``first`` up to before ``last``."""
        if first == last:
            return []
        size = len(self._rows)
        rounds = range(first // size, (last - 1) // size + 1)
        dealt = np.concatenate([np.random.default_rng((*self._seed, n)).permutation(self._rows) for n in rounds])
        start = rounds[0] * size
        return [int(row) for row in dealt[first - start : last - start]]


def _nearest(boxes: Array, size: int) -> int:
    """The box whose centre is nearest to the middle of a square."""
    distance = np.abs((boxes[:, :2] + boxes[:, 2:]) / 2 - size / 2).sum(axis=1)
    return int(np.argmin(distance))


def _warp(pixels: Array, matrix: Array, size: tuple[int, int]) -> Any:
    """uint8 pixels under a (3, 3) map as floats ``size`` in [0, 1]; OpenCV's whole numbers are pixel centres."""
    centred = matrix.copy()
    centred[:2, 2] += matrix[:2, :2] @ [0.5, 0.5] - 0.5
    moved = cv2.warpAffine(pixels, centred[:2], (size[1], size[0]), flags=cv2.INTER_LINEAR)
    return moved.astype(np.float32) / 255
