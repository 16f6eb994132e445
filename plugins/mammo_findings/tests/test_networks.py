from __future__ import annotations

import attrs
import keras
import numpy as np
import pytest

from mammo_findings.config import PAPER, FindingsConfig
from mammo_findings.networks import classifier, patch_model, set_scale, start_from_patches, view_model
from taskfusion.configs import structure

SMALL = FindingsConfig(size=(32, 32), patch=32)
MOBILENET = 3_228_864
"""Published parameters of MobileNet 1.0 without its classifier, for images of three channels."""
BACKBONE = MOBILENET - 3 * 3 * 2 * 32
"""Ours sees one channel: 32 filters of 3x3 lack the other two, which is the whole difference."""
STATISTICS = 3
"""Mean, variance and count of the grey values."""


@pytest.mark.backend
@pytest.mark.parametrize("pooling", ["lesion", "max"])
@pytest.mark.parametrize("classes", [2, 5])
def test_on_a_view_of_one_patch_f_begins_with_the_patch_models_answer(pooling: str, classes: int) -> None:
    config = attrs.evolve(SMALL, pooling=pooling)
    patch, view = patch_model(config, classes), view_model(config, classes)
    start_from_patches(view, patch, config)
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 1)).astype(np.float32)
    kinds = patch.predict_on_batch(images)
    expected = np.stack([kinds[:, 0], kinds[:, 1:].sum(axis=1)], axis=1)
    np.testing.assert_allclose(view.predict_on_batch(images)[0], expected, rtol=1e-4)


@pytest.mark.backend
def test_z_scores_undo_any_linear_change_of_the_grey_values() -> None:
    config = attrs.evolve(SMALL, normalise="z-score", width=0.125)
    view = view_model(config)
    images = np.random.default_rng(0).uniform(0, 120, (4, 32, 32, 1)).astype(np.float32)
    answers = []
    for changed in (images, images * 2 + 10):
        set_scale(view, float(changed.mean()), float(changed.var()))
        answers.append(view(changed)[1])
    np.testing.assert_allclose(answers[1], answers[0], rtol=1e-3, atol=1e-5)


@pytest.mark.backend
def test_networks_of_another_scale_need_no_statistics() -> None:
    view = view_model(attrs.evolve(SMALL, width=0.125))
    before = view.get_weights()
    set_scale(view, 3.0, 2.0)
    assert all(np.array_equal(one, other) for one, other in zip(before, view.get_weights(), strict=True))


@pytest.mark.slow
def test_the_paper_preset_builds_the_published_networks() -> None:
    config = structure(FindingsConfig, dict(PAPER), "paper")
    patch = patch_model(config, 2)
    assert patch.input_shape == (None, 224, 224, 1)
    assert patch.count_params() == BACKBONE + STATISTICS + 1024 * 2 + 2
    view = view_model(config)
    assert view.input_shape == (None, 1152, 896, 1)
    assert view.count_params() == BACKBONE + STATISTICS + 1024 * 256 + 256 + 256 * 2 + 2
    assert [output.shape for output in view.outputs] == [(None, 2), (None, 1024)]
    assert config.channels == 1024
    order = [layer.name for layer in view.layers[-4:]]
    assert order[1] == "hidden" and order[2].startswith("dropout") and order[3] == "head"


@pytest.mark.slow
def test_training_steps_of_the_papers_networks_lower_the_loss() -> None:
    config = structure(FindingsConfig, dict(PAPER), "paper")
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).uniform(0, 60, (2, 1152, 896, 1)).astype(np.float32)
    images[1] += 150
    patch, view = patch_model(config, 2), view_model(config)
    for network in (patch, view):
        set_scale(network, float(images.mean()), float(images.var()))
    assert falls(patch, images[:, :224, :224])
    start_from_patches(view, patch, config)
    assert falls(classifier(view), images)


def falls(model: keras.Model, images: np.ndarray) -> bool:
    """Whether the loss of one batch falls within three training steps."""
    model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", jit_compile=False)
    losses = [float(model.train_on_batch(images, np.array([0, 1]))) for _ in range(3)]
    return min(losses[1:]) < losses[0]
