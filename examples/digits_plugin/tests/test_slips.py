from __future__ import annotations

import numpy as np
import pytest

from taskfusion.cases import Case, Cohort, View
from taskfusion.errors import DataError
from taskfusion_digits.slips import HEIGHT, WIDTH, read_views

PAGE = np.full((HEIGHT, WIDTH), 51, np.uint8)


def test_views_of_many_cases_become_one_array_with_a_mask() -> None:
    pixels, present = read_views([Case.of("both", {"left": PAGE, "right": PAGE}), Case.of("half", {"right": PAGE})])
    assert pixels.shape == (2, 2, HEIGHT, WIDTH) and present.tolist() == [[True, True], [False, True]]
    assert np.isnan(pixels[1, 0]).all() and pixels[present] == pytest.approx(0.2)


def test_no_cases_are_an_empty_array() -> None:
    pixels, present = read_views([])
    assert pixels.shape == (0, 2, HEIGHT, WIDTH) and present.shape == (0, 2)


def test_a_view_of_another_kind_is_named() -> None:
    expected = r"^case 'a', view 'left': expected uint8 of shape \(10, 20\), found uint8 of shape \(20, 10\)$"
    with pytest.raises(DataError, match=expected):
        read_views([Case.of("a", {"left": PAGE.T})])
    with pytest.raises(DataError, match=r"found float64 of shape \(10, 20\)$"):
        read_views([Case.of("a", {"left": PAGE / 255})])


def test_an_unreadable_view_is_named(cohort: Cohort) -> None:
    case = Case("a", {**cohort.cases[0].views, "right": View("right", "nowhere.png")})
    with pytest.raises(DataError, match=r"^case 'a', view 'right': image not found: nowhere\.png$"):
        read_views([case])
