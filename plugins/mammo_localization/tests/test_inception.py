import csv
from pathlib import Path

import pytest

from mammo_localization import layout
from mammo_localization.config import PAPER, LocalizationConfig
from mammo_localization.detector import Detector
from mammo_localization.original import original_variables

TABLE = Path(__file__).parents[4] / "shared" / "data" / "tf1_frcnn_inception_v2" / "variables.tsv"


@pytest.fixture(scope="module")
def full() -> Detector:
    """The detector at the paper's size; do not change it."""
    return Detector(LocalizationConfig(**PAPER, classes=("lesion",)))


def test_every_variable_has_the_originals_name_and_shape(full):
    if not TABLE.is_file():
        pytest.skip(f"the table of the original's variables is not here: {TABLE}")
    with TABLE.open() as lines:
        table = {row["name"]: row["shape"] for row in csv.DictReader(lines, delimiter="\t")}
    del table["global_step"]
    ours = {name: ",".join(map(str, variable.shape)) for name, variable in original_variables(full).items()}
    assert ours == table


def test_the_counts_of_the_original(full):
    named = original_variables(full)
    first = [name for name in named if name.startswith("FirstStageFeatureExtractor")]
    second = [name for name in named if name.startswith("SecondStageFeatureExtractor")]
    assert (len(named), len(first), len(second)) == (356, 251, 95)
    assert named["FirstStageFeatureExtractor/InceptionV2/Conv2d_1a_7x7/depthwise_weights"].shape == (7, 7, 3, 8)


def test_depths_follow_the_width():
    assert layout.map_depth(LocalizationConfig(**PAPER)) == 576
    assert layout.feature_size(LocalizationConfig(**PAPER)) == 1024
    assert layout.feature_size(LocalizationConfig(width=0.25)) == 256
