"""Random batches for the detector and for the patch classifier before it: turned, zoomed, flipped, cut."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mammo_data.augment import Augmentation, clip_boxes, random_affine, warp_boxes
from mammo_localization.config import LocalizationConfig
from mammo_localization.views import TrainingViews
from taskfusion.images import Array

VISIBLE = 0.5  # a box stays if this share of it is in the window


class Sampler:
    """Draws from training views; what it draws follows from its generator alone."""

    def __init__(self, views: TrainingViews, config: LocalizationConfig, rng: np.random.Generator) -> None:
        self.views, self.config, self.rng = views, config, rng
        self.how = Augmentation(flip=True, rotation=config.rotation, crop=config.zoom)
        self._lesions = _Deck(views.with_lesion(), rng)
        self._normals = _Deck(views.without(), rng)

    def batch(self) -> dict[str, Array]:
        """A batch for the detector: ``images``, ``boxes`` and ``labels`` as the learner wants them."""
        config = self.config
        size = config.window or config.size
        result = {
            "images": np.empty((config.batch, *size, config.channels), np.float32),
            "boxes": np.zeros((config.batch, config.max_boxes, 4), np.float32),
            "labels": np.full((config.batch, config.max_boxes), -1, np.int32),
        }
        for place, row in enumerate(self._rows(config.batch, config.normal_share)):
            image, boxes, labels = self.window(row, size)
            count = min(len(labels), config.max_boxes)
            result["images"][place] = image[..., None]
            result["boxes"][place, :count] = self._jittered(boxes)[:count]
            result["labels"][place, :count] = labels[:count]
        return result

    def patches(self) -> tuple[Array, Array]:
        """A batch for the patch classifier: images ``(n, patch, patch, channels)``, class ``(n,)``, 0: no lesion."""
        config = self.config
        images = np.empty((config.patch_batch, config.patch, config.patch, config.channels), np.float32)
        classes = np.zeros(config.patch_batch, np.int32)
        for place, row in enumerate(self._rows(config.patch_batch, 0.35)):
            image, boxes, labels = self.window(row, (config.patch, config.patch))
            images[place] = image[..., None]
            classes[place] = labels[_nearest(boxes, config.patch)] + 1 if len(labels) else 0
        return images, classes

    def window(self, row: int, size: tuple[int, int]) -> tuple[Array, Array, Array]:
        """One view at random: image ``size`` in [0, 1], the boxes in it and their labels."""
        views, shape = self.views, self.views.pixels.shape[1:3]
        matrix = random_affine(self.rng, shape, self.how)
        boxes = warp_boxes(views.boxes[row], matrix)
        if size != shape:
            matrix = self._shift(row, boxes, size, matrix) @ matrix
            boxes = warp_boxes(views.boxes[row], matrix)
        clipped, share = clip_boxes(boxes, size)
        keep = share >= VISIBLE
        return _warp(views.pixels[row], matrix, size), clipped[keep], views.labels[row][keep]

    def _rows(self, count: int, normal_share: float) -> list[int]:
        normals = int(self.rng.binomial(count, normal_share)) if len(self._normals) else 0
        return self._lesions.draw(count - normals) + self._normals.draw(normals)

    def _shift(self, row: int, boxes: Array, size: tuple[int, int], matrix: Array) -> Array:
        """Move what is to be seen into the window: a whole lesion where there is one, else some tissue."""
        extent = np.array([size[1], size[0]], float)
        if len(boxes):
            box = boxes[self.rng.integers(len(boxes))]
            first, last = box[2:] - extent, box[:2]
            corner = self.rng.uniform(np.minimum(first, last), np.maximum(first, last))
        else:
            corner = self._tissue(row, matrix) - self.rng.uniform(0.25, 0.75, 2) * extent
        shift = np.eye(3)
        shift[:2, 2] = -np.round(corner)
        return shift

    def _tissue(self, row: int, matrix: Array) -> Array:
        """A random point of the breast, x and y after the map."""
        step = 8
        points = np.argwhere(self.views.pixels[row, ::step, ::step] > 0)
        y, x = points[self.rng.integers(len(points))] * step if len(points) else (0, 0)
        return matrix[:2, :2] @ [x, y] + matrix[:2, 2]

    def _jittered(self, boxes: Array) -> Array:
        """Corners moved by up to ``jitter`` of the box's width and height (OD's ``random_jitter_boxes``)."""
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        return boxes + sides * self.rng.uniform(-1, 1, boxes.shape) * self.config.jitter


class _Deck:
    """Rows dealt in random order, shuffled anew when all were dealt."""

    def __init__(self, rows: Array, rng: np.random.Generator) -> None:
        self._rows, self._rng = rows, rng
        self._left: list[int] = []

    def __len__(self) -> int:
        return len(self._rows)

    def draw(self, count: int) -> list[int]:
        while len(self._left) < count:
            self._left += self._rng.permutation(self._rows).tolist()
        drawn, self._left = self._left[:count], self._left[count:]
        return drawn


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
