"""The one real exam at hand; skipped where it is not."""

from pathlib import Path

import numpy as np
import pytest

from mammo_data.images import breast_mask, clearer_side, laterality_of, prepare
from mammo_data.readers.images import MammogramReader
from mammo_data.readers.images_config import MammogramTable
from mammo_data.synthetic import VIEWS
from taskfusion.images import FileSource
from taskfusion.progress import Progress

EXAM = Path(__file__).parents[4] / "shared" / "data" / "nyu_gmic_exam0"
pytestmark = pytest.mark.skipif(not EXAM.is_dir(), reason="needs the shared real exam")


@pytest.fixture(scope="module", params=VIEWS)
def view(request):
    """Do not mutate: name and pixels of a view."""
    return request.param, FileSource(EXAM / f"0_{request.param}.png").read()


SIZES = {"L-CC": (2023, 801), "R-CC": (2144, 801), "L-MLO": (2730, 981), "R-MLO": (2650, 1006)}


def test_sizes_and_grey_values_are_those_of_the_source(view):
    name, pixels = view
    assert (pixels.dtype, pixels.shape) == (np.uint16, SIZES[name])
    assert pixels.min() == 0 and 2048 < pixels.max() <= 4095
    assert 0.63 - 0.005 <= (pixels > 0).mean() <= 0.79 + 0.005


@pytest.mark.parametrize("view_name", ["R-CC", "R-MLO"])
def test_the_masks_are_of_another_size_than_the_images(view_name):
    mask = FileSource(EXAM / f"0_{view_name}_benign.png").read()
    assert mask.shape == (2944, 1920) and set(np.unique(mask)) == {0, 255}


def test_the_exam_is_read_as_a_table_of_images(tmp_path):
    lines = [f"exam 0,{name},0_{name}.png" for name in VIEWS]
    (tmp_path / "exam.csv").write_text("\n".join(["exam,view,file", *lines]))
    options = {"path": tmp_path / "exam.csv", "folder": EXAM, "case": ("exam",), "view": "view"}
    cohort = MammogramReader(MammogramTable(**options)).read(Progress())
    assert {name: cohort.cases[0].views[name].read().shape for name in VIEWS} == SIZES


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
