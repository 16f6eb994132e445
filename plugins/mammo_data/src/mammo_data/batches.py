"""The views of many cases as one compact array, ready to be cut into batches."""

from __future__ import annotations

from collections.abc import Sequence

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
        pixels: uint8 (cases, views, height, width), 255 is white; 0 where a case lacks the view.
        present: bool (cases, views), which views the cases have.
        placements: one per case and view, ``placements[case][view]``; None where the view is lacking.
    """

    pixels: np.ndarray
    present: np.ndarray
    placements: list[list[Placement | None]]


def prepare_views(
    cases: Sequence[Case], views: Sequence[str], size: tuple[int, int], step: Step | None = None
) -> PreparedViews:
    """Read and prepare each view once.

    Args:
        cases: any number of them.
        views: which of their views, in what order; the laterality first ("L-CC").
        size: height and width in pixels.
        step: advanced by one per case.

    Raises:
        DataError: an image that cannot be read or prepared, naming case and view.
    """
    pixels = np.zeros((len(cases), len(views), *size), np.uint8)
    placements: list[list[Placement | None]] = [[None] * len(views) for _ in cases]
    for row, case in enumerate(cases):
        for column, name in enumerate(views):
            if name in case.views:
                pixels[row, column], placements[row][column] = _prepare_one(case, name, size)
        if step is not None:
            step.advance()
    present = np.array([[name in case.views for name in views] for case in cases], bool)
    return PreparedViews(pixels, present.reshape(len(cases), len(views)), placements)


def _prepare_one(case: Case, name: str, size: tuple[int, int]) -> tuple[np.ndarray, Placement]:
    try:
        pixels, placement = prepare(case.views[name].read(), size, laterality_of(name))
    except DataError as error:
        raise DataError(f"case {case.id!r}, view {name!r}: {error}") from error
    return np.round(pixels * 255).astype(np.uint8), placement
