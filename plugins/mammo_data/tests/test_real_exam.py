"""The one real exam at hand; skipped where it is not."""

from pathlib import Path

import numpy as np
import pytest

from mammo_data.images import breast_mask, clearer_side, laterality_of, prepare
from mammo_data.synthetic import VIEWS
from taskfusion.images import FileSource

EXAM = Path(__file__).parents[4] / "shared" / "data" / "nyu_gmic_exam0"
pytestmark = pytest.mark.skipif(not EXAM.is_dir(), reason="needs the shared real exam")


@pytest.fixture(scope="module", params=VIEWS)
def view(request):
    """Do not mutate: name and pixels of a view."""
    return request.param, FileSource(EXAM / f"0_{request.param}.png").read()


def test_the_mask_is_the_breast_whole_up_to_the_chest_wall(view):
    name, pixels = view
    mask = breast_mask(pixels)
    assert clearer_side(mask) == name[0]
    assert mask[pixels > 0].mean() > 0.97
    assert mask[:, 0 if name[0] == "L" else -1].mean() > 0.97
    assert not mask[:, -1 if name[0] == "L" else 0].any()


def test_prepared_the_chest_wall_is_at_the_left_and_no_grey_is_lost(view):
    name, pixels = view
    prepared, placement = prepare(pixels, (288, 224), laterality_of(name))
    assert placement.flipped is (name[0] == "R")
    assert (prepared[:, 0] > 0).mean() > 0.9
    assert prepared[:, -1].max() == 0
    assert 0.2 < np.median(prepared[prepared > 0]) < 0.6
