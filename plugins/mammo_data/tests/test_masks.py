"""The box of a mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mammo_data.masks import box_of_mask
from taskfusion.errors import DataError


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_the_box_holds_all_of_the_mask_and_touches_it_on_every_side(mask):
    if not mask.any():
        return
    left, top, right, bottom = box_of_mask(mask)
    inside = mask[top:bottom, left:right]
    assert inside.sum() == mask.sum()
    assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


def test_one_pixel_has_area_1_and_a_full_mask_is_the_image():
    mask = np.zeros((5, 7), np.uint8)
    mask[2, 3] = 255
    assert box_of_mask(mask) == (3, 2, 4, 3)
    assert box_of_mask(np.ones((5, 7))) == (0, 0, 7, 5)


def test_what_has_no_box_is_refused():
    with pytest.raises(DataError, match=r"the mask of shape \(2, 3\) is empty: it has no box"):
        box_of_mask(np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"a mask must be \(height, width\), got shape \(2, 3, 1\)"):
        box_of_mask(np.zeros((2, 3, 1)))
