"""Lay one film's picture on another's and say how alike they are: the proof that two are one film."""

from __future__ import annotations

import attrs
import cv2
import numpy as np

from mammo_data.matching.fingerprint import SIZE, Fingerprint

STEPS = ((4, 40), (2, 30), (1, 20))
"""Shrinking and most iterations, coarse to fine."""
FINE, BROAD = 1.0, 4.0
"""Blurs in pixels of the picture between which the compared detail lies: coarser than grain, finer than a breast."""
RIM = 6
"""Pixels from the skin that are not compared: outlines are alike in films of the same patient."""
LEAST_OVERLAP = 0.6
"""Share of the smaller breast that must lie on the other."""
LARGEST_CHANGE = 0.25
"""Films of one film differ in scale and slant by less; more is a registration gone astray."""


@attrs.frozen(eq=False)
class Comparison:
    """Two films laid on each other.

    Attributes:
        score: correlation of their details where both show breast, -1..1; 0 where they could not be laid so.
        warp: ``(2, 3)``, from pixels of the other's picture to pixels of the one's.
    """

    score: float
    warp: np.ndarray


def compare(one: Fingerprint, other: Fingerprint) -> Comparison:
    """Lay ``one`` on ``other`` by an affine map and compare."""
    warp = _register(one.picture, other.picture)
    if warp is None:
        return Comparison(0.0, np.eye(2, 3, dtype=np.float32))
    return Comparison(_likeness(one.picture, other.picture, warp), warp)


def map_boxes(boxes: np.ndarray, one: Fingerprint, other: Fingerprint, warp: np.ndarray) -> np.ndarray:
    """Boxes ``(k, 4)`` xyxy in pixels of the one film as boxes of the other: the bounds of the mapped corners."""
    placed = one.to_picture(boxes) - 0.5  # OpenCV's coordinates are those of pixel centres
    back = cv2.invertAffineTransform(warp.astype(np.float64))
    corners = placed[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2) @ back[:, :2].T + back[:, 2]
    bounds = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1) + 0.5
    return other.to_film(bounds)


def _register(one: np.ndarray, other: np.ndarray) -> np.ndarray | None:
    """The affine map by which ``one`` correlates best with ``other`` (Evangelidis and Psarakis 2008), or None."""
    warp: np.ndarray = np.eye(2, 3, dtype=np.float32)
    for shrink, iterations in STEPS:
        size = (SIZE[1] // shrink, SIZE[0] // shrink)
        small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (other, one)]
        warp[:, 2] = (warp[:, 2] + _shift(warp, shrink)) / shrink
        everywhere = np.ones(small[1].shape, np.uint8)
        ends = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, iterations, 1e-4)
        try:
            _, found = cv2.findTransformECC(small[0], small[1], warp, cv2.MOTION_AFFINE, ends, everywhere, 3)
        except cv2.error:  # its way of saying that nothing correlates
            return None
        warp = np.array(found, np.float32)
        warp[:, 2] = shrink * warp[:, 2] - _shift(warp, shrink)
    return warp if np.abs(warp[:, :2] - np.eye(2)).max() < LARGEST_CHANGE else None


def _shift(warp: np.ndarray, shrink: int) -> np.ndarray:
    """What halving the resolution does to an offset, as coordinates count from the first pixel's centre."""
    return (warp[:, :2] @ np.ones(2) - 1) * (shrink - 1) / 2


def _likeness(one: np.ndarray, other: np.ndarray, warp: np.ndarray) -> float:
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(one, warp, SIZE[::-1], flags=how)
    inner = _inner(one)
    both = _inner(other) & (cv2.warpAffine(inner.astype(np.uint8), warp, SIZE[::-1], flags=how) > 0)
    if both.sum() < LEAST_OVERLAP * min(inner.sum(), _inner(other).sum()) or both.sum() < 100:
        return 0.0
    a, b = _detail(laid)[both], _detail(other)[both]
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / max(float(np.sqrt((a @ a) * (b @ b))), 1e-6))


def _inner(picture: np.ndarray) -> np.ndarray:
    """The breast without its rim, also where the picture ends."""
    breast = np.pad((picture > 0).astype(np.uint8), 1)
    return cv2.erode(breast, np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8))[1:-1, 1:-1].astype(bool)


def _detail(picture: np.ndarray) -> np.ndarray:
    grey = picture.astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), FINE) - cv2.GaussianBlur(grey, (0, 0), BROAD))
