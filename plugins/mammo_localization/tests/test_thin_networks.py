import numpy as np
import pytest

from mammo_localization import inception, layout
from mammo_localization.config import LocalizationConfig
from mammo_localization.detector import Detector
from mammo_localization.original import load_original, original_variables
from taskfusion.errors import DataError


@pytest.mark.parametrize("stride", [8, 16])
def test_the_first_stage_has_the_stride_it_says(thin, stride):
    config = LocalizationConfig(width=0.0625, min_depth=4, stride=stride)
    assert inception.first_stage(config).compute_output_shape((1, 64, 96, 1)) == (1, 64 // stride, 96 // stride, 36)
    assert layout.map_depth(config) == 36


def test_weights_of_the_original_come_in_under_its_names(tiny, thin, tmp_path):
    source, goal = Detector(tiny), Detector(tiny)
    arrays = {name: np.asarray(variable) + 1 for name, variable in original_variables(source).items()}
    arrays["SecondStageBoxPredictor/ClassPredictor/weights"] = np.zeros((3, 91), np.float32)
    np.savez(tmp_path / "coco.npz", **arrays)
    assert load_original(goal, tmp_path / "coco.npz").left == ("SecondStageBoxPredictor/ClassPredictor/weights",)
    name = "FirstStageFeatureExtractor/InceptionV2/Mixed_4e/Branch_0/Conv2d_0a_1x1/weights"
    assert np.asarray(original_variables(goal)[name]) == pytest.approx(arrays[name])


def test_weights_that_do_not_fit_are_refused(tiny, thin, tmp_path):
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    with pytest.raises(DataError, match=r"other\.npz lack \d+ of the network's variables .* need width 1"):
        load_original(Detector(tiny), tmp_path / "other.npz")
    with pytest.raises(DataError, match=r"initial weights not found: .*missing\.npz"):
        load_original(Detector(tiny), tmp_path / "missing.npz")
