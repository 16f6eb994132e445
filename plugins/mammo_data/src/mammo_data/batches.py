"""The views of many cases as one compact array, ready to be cut into batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from attrs import frozen

from mammo_data.images import Placement, laterality_of, prepare
from taskfusion.cases import Case
from taskfusion.errors import DataError
from taskfusion.progress import Step


@frozen(eq=False)
class PreparedViews:
    """Prepared views of many cases.

    Attributes:
        pixels: uint8 or uint16 (cases, views, height, width), the largest number is white; 0 where a case lacks the
            view.
        present: bool (cases, views), which views the cases have.
        placements: one per case and view, ``placements[case][view]``; None where the view is lacking.
        shapes: int (cases, views, 2), height and width of the images as read; 0 where the view is lacking.
    """

    pixels: np.ndarray
    present: np.ndarray
    placements: list[list[Placement | None]]
    shapes: np.ndarray


def grey(pixels: np.ndarray) -> np.ndarray:
    """Prepared pixels of 8 or 16 bits as float32 in 0..255."""
    return pixels.astype(np.float32) * np.float32(255 / np.iinfo(pixels.dtype).max)


def content_hash(arrays: Iterable[np.ndarray]) -> str:
    """Of shapes, types and every number, without a copy: what a training saw."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def prepare_views(
    cases: Sequence[Case],
    views: Sequence[str],
    size: tuple[int, int],
    step: Step | None = None,
    bits: Literal[8, 16] = 8,
) -> PreparedViews:
    """Read and prepare each view once.

    Args:
        cases: any number of them.
        views: which of their views, in what order; the laterality first ("L-CC").
        size: height and width in pixels.
        step: advanced by one per case.
        bits: of a pixel; 16 keep what fine films hold, in twice the memory.

    Raises:
        DataError: an image that cannot be read or prepared, naming case and view.
    """
    pixels = np.zeros((len(cases), len(views), *size), np.uint8 if bits == 8 else np.uint16)
    shapes = np.zeros((len(cases), len(views), 2), np.int64)
    placements: list[list[Placement | None]] = [[None] * len(views) for _ in cases]
    for row, case in enumerate(cases):
        for column, name in enumerate(views):
            if name in case.views:
                found = prepared_view(case, name, size, bits)
                pixels[row, column], placements[row][column], shapes[row, column] = found
        if step is not None:
            step.advance()
    return PreparedViews(pixels, present_views(cases, views), placements, shapes)


def prepared_view(
    case: Case, name: str, size: tuple[int, int], bits: Literal[8, 16] = 8
) -> tuple[np.ndarray, Placement, tuple[int, ...]]:
    """One view as :func:`prepare_views` gives it: pixels ``size``, its placement, height and width as read.

    Raises:
        DataError: an image that cannot be read or prepared, naming case and view.
    """
    try:
        image = case.views[name].read()
        made, placement = prepare(image, size, laterality_of(name))
    except DataError as error:
        raise DataError(f"case {case.id!r}, view {name!r}: {error}") from error
    kind = np.uint8 if bits == 8 else np.uint16
    return np.round(made * np.iinfo(kind).max).astype(kind), placement, image.shape[:2]


def present_views(cases: Sequence[Case], views: Sequence[str]) -> np.ndarray:
    """bool (cases, views), which views the cases have."""
    return np.array([[name in case.views for name in views] for case in cases], bool).reshape(len(cases), len(views))
