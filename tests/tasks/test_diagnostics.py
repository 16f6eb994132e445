"""Curves and heat maps refuse what could not be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from taskfusion.errors import DataError
from taskfusion.tasks.diagnostics import Curve, HeatMap


def test_a_curve_keeps_its_points_as_numbers() -> None:
    curve = Curve("per view", "roc", [0, 1], [0.5, 1])
    assert curve.x.dtype == curve.y.dtype == np.float32
    assert curve.y.tolist() == [0.5, 1.0]


def test_a_curve_of_unequal_lengths_is_refused() -> None:
    with pytest.raises(DataError, match=r"curve 'per view': x and y must be \(points,\), got \(2,\) and \(1,\)"):
        Curve("per view", "roc", [0, 1], [1])


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((0, 3))])
def test_a_heat_map_has_rows_and_columns(values: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"a heat map must be \(rows, columns\)"):
        HeatMap(values)


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_a_heat_map_lies_in_0_to_1(value: float) -> None:
    with pytest.raises(DataError, match=r"a heat map's values must lie in 0\.\.1"):
        HeatMap(np.full((2, 2), value))
