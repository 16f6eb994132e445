"""The preset ``paper``: the original's settings and the network at its full width."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mammo_localization.config import PAPER, PRESETS, LocalizationConfig
from mammo_localization.detector import Detector
from mammo_localization.learner import Learner
from mammo_localization.original import original_variables
from mammo_localization.training import make_optimizer
from taskfusion.training.backend import keras

SETTINGS = Path(__file__).parents[4] / "shared" / "data" / "tf1_frcnn_inception_v2" / "SOURCE.md"
SMALL = {"size": (192, 128), "anchor_base": 64.0, "rpn_candidates": 200, "proposals": 16, "roi_samples": 8}

# What the text says of each setting, as a pattern with a group per number, and the settings it must equal.
SAID = {
    r"feature stride (\d+)": lambda c: (c.stride,),
    r"anchors scales ([\d.]+), ([\d.]+), ([\d.]+), ([\d.]+)": lambda c: c.anchor_scales,
    r"\(of (\d+) px\)": lambda c: (c.anchor_base,),
    r"ratios ([\d.]+), ([\d.]+), ([\d.]+)": lambda c: c.anchor_ratios,
    r"first-stage NMS IoU ([\d.]+)": lambda c: (c.rpn_nms_iou,),
    r"at most (\d+) proposals": lambda c: (c.proposals,),
    r"RoI crop (\d+) x (\d+)": lambda c: (c.crop, c.crop),
    r"then (\d+) x (\d+) max-pool": lambda c: (c.pool, c.pool),
    r"max-pool, stride (\d+)": lambda c: (c.pool,),
    r"second-stage NMS per class IoU ([\d.]+)": lambda c: (c.nms_iou,),
    r"(\d+) per class": lambda c: (c.per_class,),
    r"(\d+) in all": lambda c: (c.detections,),
    r"loss weights: localization ([\d.]+)": lambda c: (c.rpn_box_weight,),
    r"localization ([\d.]+) and classification": lambda c: (c.roi_box_weight,),
    r"classification/objectness ([\d.]+)": lambda c: (c.rpn_object_weight,),
    r"objectness ([\d.]+) in both stages": lambda c: (c.roi_class_weight,),
    r"SGD momentum ([\d.]+)": lambda c: (c.momentum,),
    r"gradient clip norm (\d+)": lambda c: (c.clip_norm,),
    r"the (\d+)-dim feature": lambda c: (c.depth(1024),),
    r"(\d+) anchors a cell": lambda c: (c.anchors_per_cell,),
}


@pytest.mark.parametrize("pattern", SAID)
def test_the_preset_has_the_originals_settings(pattern):
    if not SETTINGS.is_file():
        pytest.skip(f"the original's settings are not here: {SETTINGS}")
    said = re.search(pattern, " ".join(SETTINGS.read_text().split()))
    assert said is not None, pattern
    assert tuple(map(float, said.groups())) == SAID[pattern](LocalizationConfig(**PAPER))


def test_the_preset_has_the_papers_settings():
    """II-B.3 and III-A.3."""
    paper = LocalizationConfig(**PRESETS["paper"])
    assert (paper.size, paper.optimizer, paper.learning_rate, paper.schedule) == ((2700, 1200), "sgd", 1e-4, "constant")
    assert (paper.steps, paper.batch, paper.normal_share, paper.jitter) == (100_000, 2, 0, 0.005)
    assert (paper.rotation, paper.zoom) == (15, 0.85)
    assert paper.classes == ("benign_calcification", "benign_mass", "malignant_calcification", "malignant_mass")


@pytest.fixture(scope="module")
def full() -> Detector:
    """The detector at the paper's size."""
    return Detector(LocalizationConfig(**PAPER))


@pytest.mark.slow
def test_the_network_has_the_published_number_of_weights(full):
    sizes = {name: int(np.prod(variable.shape)) for name, variable in original_variables(full).items()}
    trunk = {name: size for name, size in sizes.items() if "InceptionV2" in name}
    scales = sum(size for name, size in trunk.items() if name.endswith("gamma"))
    # TF-Slim's InceptionV2 has 10,173,112: no scales, and a bias after the first layer instead of three statistics
    assert sum(trunk.values()) - scales - 2 * 64 == 10_173_112
    one_class = (
        12_880_998  # the fine-tuned original's; each class more has four codes and a logit of 1024 weights, 1 bias
    )
    assert sum(sizes.values()) == one_class + 3 * 5 * 1025


@pytest.mark.slow
def test_the_papers_images_give_maps_features_and_detections_of_the_papers_sizes(full):
    image = keras.KerasTensor((1, 2700, 1200, 3))
    assert full.first(image).shape == (1, 169, 75, 576)
    assert full.second(keras.KerasTensor((5, 7, 7, 576))).shape == (5, 4, 4, 1024)
    found = full(image)
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "boxes": (1, 300, 4),
        "labels": (1, 300),
        "scores": (1, 300),
        "features": (1, 300, 1024),
        "background": (1, 1024),
    }


@pytest.mark.slow
def test_a_step_at_full_width_lowers_the_loss():
    """Images of 192x128 with anchors to match, as the paper's take minutes on a CPU; all else is the preset's."""
    config = LocalizationConfig(**(PAPER | SMALL))
    keras.utils.set_random_seed(0)
    learner = Learner(Detector(config), seed=0)
    rng = np.random.default_rng(0)
    boxes = np.array([[[30, 40, 80, 100]], [[20, 90, 70, 150]]], np.float32)
    images = rng.uniform(0.2, 0.3, (2, 192, 128, 3)).astype(np.float32)
    for image, ((x0, y0, x1, y1),) in zip(images, boxes.astype(int), strict=True):
        image[y0:y1, x0:x1] += 0.5
    batch = {"images": images, "boxes": boxes, "labels": np.array([[1], [3]], np.int32)}
    learner.compile(optimizer=make_optimizer(config, config.learning_rate, config.steps), jit_compile=False)
    losses = []
    for _ in range(2):
        learner.random.state.assign(np.zeros_like(learner.random.state))  # the same samples both times
        losses.append(float(learner.train_on_batch(batch)))
    assert losses[1] < losses[0]
