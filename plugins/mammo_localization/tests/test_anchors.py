import numpy as np
import pytest

from mammo_localization.anchors import cell_anchors, grid_anchors
from mammo_localization.config import PAPER, LocalizationConfig


def test_the_papers_anchors_have_its_areas_and_ratios():
    sides = cell_anchors(LocalizationConfig(**PAPER))
    assert sides.shape == (12, 2)
    assert np.sqrt(sides.prod(axis=1)) == pytest.approx(np.tile([64, 128, 256, 512], 3))
    assert sides[:, 0] / sides[:, 1] == pytest.approx(np.repeat([0.5, 1, 2], 4))


def test_anchors_go_cell_by_cell_and_row_by_row():
    config = LocalizationConfig(stride=16, anchor_base=10.0, anchor_scales=(1.0,), anchor_ratios=(1.0,))
    assert grid_anchors(config, 2, 3)[:, :2].tolist() == [[3, 3], [19, 3], [35, 3], [3, 19], [19, 19], [35, 19]]
    assert (grid_anchors(config, 2, 3)[:, 2:] - grid_anchors(config, 2, 3)[:, :2] == 10).all()
