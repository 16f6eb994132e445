"""From a mask to a box, in one convention for every database."""

from __future__ import annotations

import numpy as np

from taskfusion.errors import DataError


def box_of_mask(mask: np.ndarray) -> tuple[int, int, int, int]:
    """The axis-aligned minimum box of what is set (paper II-A.3).

    Pixel edges are whole numbers: column 0 covers 0..1, so a mask of one pixel has a box of area 1, and a full mask's
    right edge is the image's width.

    Args:
        mask: (height, width), anything; what is not 0 counts.

    Returns:
        xmin, ymin, xmax, ymax with xmin < xmax and ymin < ymax.

    Raises:
        DataError: where the mask is not two-dimensional, or nothing is set.
    """
    mask = np.asarray(mask)
    if mask.ndim != 2:
        raise DataError(f"a mask must be (height, width), got shape {mask.shape}")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        raise DataError(f"the mask of shape {mask.shape} is empty: it has no box")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
