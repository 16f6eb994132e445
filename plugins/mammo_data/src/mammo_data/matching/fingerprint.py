"""What is kept of a film to recognise it: a small picture of its breast and a vector, the same after another scan.

Size, hanging and borders go with the cut to the breast; window and gamma go with ranks in place of grey values.
"""

from __future__ import annotations

import attrs
import cv2
import numpy as np

from mammo_data.images import Placement, breast_mask, prepare
from taskfusion.errors import DataError

SIZE = (160, 128)
"""Height and width of the picture: 20 KB a film, 210 MB for the four views of 2,620 exams."""
COARSE = (15, 12)
"""Height and width of the vector's grid."""
WORKING_SIDE = 512
"""Larger films are shrunk to this long side first: ranks of 30 million pixels take seconds."""
LEVELS = 96
"""Grey levels among which the threshold of the breast is sought."""
FLOOR = 0.25
"""The darkest tissue in what is cut to the breast, where the background is 0 and the brightest tissue 1."""
LEAST_BREAST = 0.02
"""Share of the picture that must be breast."""


@attrs.frozen(eq=False)
class Fingerprint:
    """A film to be recognised.

    Attributes:
        picture: uint8 ``SIZE``, chest wall at the left; 0 outside the breast, ranks 1..255 inside.
        vector: float32 of length 1, to be compared by the scalar product.
        placement: from the shrunk film's pixels to the picture's.
        shrunk: width and height of the shrunk film by that of the film.
    """

    picture: np.ndarray
    vector: np.ndarray
    placement: Placement
    shrunk: tuple[float, float]

    def to_picture(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (k, 4) xyxy of the film in the picture."""
        return self.placement.to_prepared(np.asarray(boxes, np.float64).reshape(-1, 4) * np.tile(self.shrunk, 2))

    def to_film(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (k, 4) xyxy of the picture in the film; not clipped."""
        return self.placement.to_original(boxes) / np.tile(self.shrunk, 2)


def fingerprint_of(pixels: np.ndarray) -> Fingerprint:
    """The fingerprint of a film ``(height, width)`` of any resolution, hanging and grey scale.

    Raises:
        DataError: there is no breast on it.
    """
    small, shrunk = _shrink(pixels)
    mask = tissue_mask(small)
    flat = np.where(mask, FLOOR + (1 - FLOOR) * _ranks(small, mask), 0).astype(np.float32)
    prepared, placement = prepare(flat, SIZE)
    breast = prepared > FLOOR / 2
    if breast.mean() < LEAST_BREAST:
        raise DataError(f"no breast is to be seen on this film of shape {pixels.shape}")
    picture = np.where(breast, np.round(1 + 254 * _ranks(prepared, breast)), 0).astype(np.uint8)
    return Fingerprint(picture, vector_of(picture), placement, shrunk)


def tissue_mask(film: np.ndarray) -> np.ndarray:
    """The breast, at any usual gamma: background, fat and gland are told apart by the grey values' own groups.

    Of the roots of the grey values, as a dark film's fat is nearer to the background than to the gland.
    """
    soft = cv2.GaussianBlur(film, (0, 0), 1)
    low, high = np.quantile(soft, (0.01, 0.995))
    if not high > low:
        return np.zeros(film.shape, bool)
    grey = ((LEVELS - 1) * np.sqrt(np.clip((soft - low) / (high - low), 0, 1))).astype(np.uint8)
    return breast_mask((grey > lowest_split(np.bincount(grey.ravel(), minlength=LEVELS))).astype(np.uint8) * 255)


def lowest_split(counts: np.ndarray) -> int:
    """The lower of the two thresholds that part a histogram into three groups with the least variance (Otsu 1979)."""
    below = np.cumsum(counts).astype(np.float64)
    weighted = np.cumsum(counts * np.arange(len(counts), dtype=np.float64))
    first, second = np.triu_indices(len(counts) - 1, 1)
    masses = [below[first], below[second] - below[first], below[-1] - below[second]]
    sums = [weighted[first], weighted[second] - weighted[first], weighted[-1] - weighted[second]]
    between = sum(total**2 / np.maximum(mass, 1) for total, mass in zip(sums, masses, strict=True))
    return int(first[np.argmax(between)])


def _shrink(pixels: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    if pixels.ndim != 2 or 0 in pixels.shape:
        raise DataError(f"a film must be (height, width), got shape {pixels.shape}")
    height, width = pixels.shape
    factor = min(1.0, WORKING_SIDE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = pixels if factor == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return small.astype(np.float32), (size[0] / width, size[1] / height)


def _ranks(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Ranks 0..1 among the pixels where it counts, 0 elsewhere: any growing curve of grey values leaves them alike."""
    ranks = np.zeros(image.shape, np.float32)
    values = image[where]
    order = np.sort(values)
    ends = np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right")
    ranks[where] = ends / max(2 * len(order), 1)
    return ranks


def vector_of(picture: np.ndarray) -> np.ndarray:
    """The vector of a fingerprint's picture: coarse grey values about their mean, of length 1."""
    breast = cv2.resize((picture > 0).astype(np.float32), COARSE[::-1], interpolation=cv2.INTER_AREA)
    grey = cv2.resize(picture.astype(np.float32), COARSE[::-1], interpolation=cv2.INTER_AREA)
    pattern = grey - breast * grey.sum() / max(float(breast.sum()), 1e-6)
    return (pattern / max(float(np.linalg.norm(pattern)), 1e-6)).ravel().astype(np.float32)
