"""Images that are there twice: the same pixels, or nearly the same ones, of different exams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

SIDE = 16
"""The fingerprint compares neighbours on a grid this wide and high: 256 bits."""
STEP = 0.02
"""Share of the range of grey values by which a neighbour must be brighter: noise on a dark ground is nothing."""
NEAR = 4
"""Bits by which two fingerprints may differ: other scaling, compression or bit depth, hardly another breast."""
FEWEST = 8
"""Bits that must be set: what is nearly empty resembles everything that is."""


def look_print(pixels: np.ndarray) -> np.ndarray:
    """What an image looks like, in 256 bits (a difference hash): the same after scaling or another bit depth.

    Args:
        pixels: ``(height, width)`` grey values.

    Returns:
        uint8 ``(32,)``; all zero where there is nothing to see.
    """
    small = cv2.resize(pixels.astype(np.float32), (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA)
    step = STEP * max(float(small.max() - small.min()), 1e-6)
    return np.packbits(np.diff(small, axis=1) > step)


def near_pairs(prints: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs of rows that look alike, each once, the smaller number first.

    Args:
        prints: uint8 ``(images, 32)``.
    """
    words = np.ascontiguousarray(prints).view(np.uint64)
    rich = np.flatnonzero(np.bitwise_count(words).sum(axis=1) >= FEWEST)
    for place, row in enumerate(rich[:-1]):
        others = rich[place + 1 :]
        differing = np.bitwise_count(words[others] ^ words[row]).sum(axis=1)
        for other in others[differing <= NEAR]:
            yield int(row), int(other)


def same_rows(hashes: Sequence[str]) -> list[list[int]]:
    """Rows of equal hash, where there are several."""
    found: dict[str, list[int]] = {}
    for row, value in enumerate(hashes):
        found.setdefault(value, []).append(row)
    return [rows for rows in found.values() if len(rows) > 1]
