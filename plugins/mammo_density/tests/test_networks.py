from __future__ import annotations

import keras
import numpy as np
import pytest

from mammo_density.config import PAPER, DensityConfig
from mammo_density.networks import build, classifier, patient_model, start_from_views, view_model
from taskfusion.configs import structure

SMALL = DensityConfig(size=(32, 32), views=("L-CC", "R-CC"))
MOBILENET = 3_228_864
"""Published parameters of MobileNet 1.0 without its classifier, for images of three channels."""
BACKBONE = MOBILENET - 3 * 3 * 2 * 32
"""Ours sees one channel: 32 filters of 3x3 lack the other two, which is the whole difference."""


def test_the_patient_model_starts_as_the_mean_of_the_views_logits() -> None:
    view, patient = view_model(SMALL), patient_model(SMALL)
    view.set_weights([weight + 0.01 for weight in view.get_weights()])
    start_from_views(patient, view, SMALL)
    exams = np.random.default_rng(0).uniform(0, 255, (3, 2, 32, 32, 1)).astype(np.float32)
    single = np.log(view.predict_on_batch(exams.reshape(6, 32, 32, 1))[0]).reshape(3, 2, 2).mean(axis=1)
    expected = np.exp(single) / np.exp(single).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(patient.predict_on_batch(exams)[0], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["view", "patient"]),
        ({"pretrain": False}, ["patient"]),
        ({"answer": "views"}, ["view"]),
        ({"answer": "mean_of_views"}, ["view"]),
    ],
)
def test_only_what_the_answer_needs_is_built(options: dict, names: list[str]) -> None:
    assert list(build(DensityConfig(size=(32, 32), width=0.125, shared=True, **options))) == names


@pytest.mark.slow
def test_the_paper_preset_builds_the_published_networks() -> None:
    config = structure(DensityConfig, dict(PAPER), "paper")
    full = keras.applications.MobileNet(input_shape=(224, 224, 3), include_top=False, weights=None)
    assert full.count_params() == MOBILENET
    view = view_model(config)
    assert view.input_shape == (None, 336, 224, 1)
    assert [output.shape for output in view.outputs] == [(None, 2), (None, 1024)]
    assert view.count_params() == BACKBONE + 1024 * 2 + 2
    patient = patient_model(config)
    assert patient.input_shape == (None, 4, 336, 224, 1)
    assert [output.shape for output in patient.outputs] == [(None, 2), (None, 4096)]
    assert patient.count_params() == 4 * BACKBONE + 4096 * 2 + 2
    assert config.feature_size == 4096


@pytest.mark.slow
def test_training_steps_of_the_papers_networks_lower_the_loss() -> None:
    config = structure(DensityConfig, dict(PAPER), "paper")
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    exams = generator.uniform(0, 60, (2, 4, 336, 224, 1)).astype(np.float32)
    exams[1] += 150
    view, patient = view_model(config), patient_model(config)
    assert falls(classifier(view), exams[:, 0], 1e-3)
    start_from_views(patient, view, config)
    assert falls(classifier(patient), exams, 1e-4)


def falls(model: keras.Model, images: np.ndarray, rate: float) -> bool:
    """Whether the loss of one batch falls within three training steps."""
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", jit_compile=False)
    losses = [float(model.train_on_batch(images, np.array([0, 1]))) for _ in range(3)]
    return min(losses[1:]) < losses[0]
