"""How a slip of paper is drawn, and how its halves are read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import attrs
import numpy as np

from taskfusion.cases import Case
from taskfusion.errors import DataError
from taskfusion.images import Array, short_hash

VIEWS = ("left", "right")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIDE = 8  # pixels of a digit, as scikit-learn has them
HEIGHT, WIDTH = 10, 20  # pixels of a view: two digits side by side, each shifted a little, over a row for a line
RECIPE = 1
"""Raise it when the same facts would be drawn otherwise, so that stored task outputs are not taken for current."""


@lru_cache(maxsize=1)
def handwriting() -> tuple[Array, Array]:
    """scikit-learn's digits: pixels ``(1797, 8, 8)`` from 0 to 1, read-only, and what each one is ``(1797,)``."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = np.asarray(data.images / 16, np.float32)
    pixels.setflags(write=False)
    return pixels, np.asarray(data.target, np.int64)


@attrs.frozen
class HalfSlip:
    """One view, drawn when it is read: an image source needs no more than ``read`` and ``fingerprint``.

    Attributes:
        seed: of the strokes and the noise.
        marks: (number of scikit-learn's image, row, column) of each digit.
        line: brightness of a pencil line along the lower edge; 0 is none.
        strokes: how many strokes go across on average.
        noise: standard deviation of the noise, where white is 1.
    """

    seed: tuple[int, ...]
    marks: tuple[tuple[int, int, int], ...]
    line: float
    strokes: float
    noise: float

    def read(self) -> Array:
        """Grey pixels, uint8 ``(HEIGHT, WIDTH)``; ink is white."""
        rng = np.random.default_rng(self.seed)
        page = np.zeros((HEIGHT, WIDTH), np.float32)
        page[-1] = self.line
        for image, row, column in self.marks:
            page[row : row + SIDE, column : column + SIDE] = handwriting()[0][image]
        for _ in range(rng.poisson(self.strokes)):
            rows, columns = _stroke(rng)
            page[rows, columns] = np.maximum(page[rows, columns], 0.8)
        page += self.noise * rng.standard_normal(page.shape, np.float32)
        return np.asarray(np.round(255 * np.clip(page, 0, 1)), np.uint8)

    def fingerprint(self) -> str:
        """From the recipe, without drawing."""
        return short_hash("taskfusion_digits", RECIPE, self)  # an attrs class prints all it holds


def _stroke(rng: np.random.Generator) -> tuple[Array, Array]:
    """Rows and columns of a straight line from anywhere."""
    start, way = rng.uniform((0, 0), (HEIGHT, WIDTH)), rng.normal(0, 6, 2)
    points = np.floor(start + np.linspace(0, 1, WIDTH)[:, None] * way).astype(np.int64)
    inside = ((points >= 0) & (points < (HEIGHT, WIDTH))).all(axis=1)
    return points[inside, 0], points[inside, 1]


def read_views(cases: Sequence[Case]) -> tuple[Array, Array]:
    """The views of many cases as one array: what every task of this package begins with.

    Returns:
        pixels ``(cases, views, HEIGHT, WIDTH)`` float32 from 0 to 1, NaN where a case lacks the view; and which views
        there are, ``(cases, views)``.

    Raises:
        DataError: an image that cannot be read or has another size, naming case and view.
    """
    present = np.array([[name in case.views for name in VIEWS] for case in cases], bool).reshape(-1, len(VIEWS))
    pixels = np.full((*present.shape, HEIGHT, WIDTH), np.nan, np.float32)
    for row, column in np.argwhere(present):
        pixels[row, column] = _read(cases[row], VIEWS[column])
    return pixels, present


def _read(case: Case, view: str) -> Array:
    try:
        found = case.views[view].read()
    except DataError as error:
        raise DataError(f"case {case.id!r}, view {view!r}: {error}") from error
    if found.shape != (HEIGHT, WIDTH) or found.dtype != np.uint8:
        expected = f"expected uint8 of shape {(HEIGHT, WIDTH)}"
        raise DataError(f"case {case.id!r}, view {view!r}: {expected}, found {found.dtype} of shape {found.shape}")
    return found / np.float32(255)
