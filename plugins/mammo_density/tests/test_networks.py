from __future__ import annotations

import numpy as np
import pytest

from mammo_density.config import PAPER, DensityConfig
from mammo_density.networks import patient_model, start_from_views, view_model
from taskfusion.configs import structure

SMALL = DensityConfig(size=(32, 32), views=("L-CC", "R-CC"))


def test_the_patient_model_starts_as_the_mean_of_the_views_logits() -> None:
    view, patient = view_model(SMALL), patient_model(SMALL)
    view.set_weights([weight + 0.01 for weight in view.get_weights()])
    start_from_views(patient, view, SMALL)
    exams = np.random.default_rng(0).uniform(0, 255, (3, 2, 32, 32, 1)).astype(np.float32)
    single = np.log(view.predict_on_batch(exams.reshape(6, 32, 32, 1))).reshape(3, 2, 2).mean(axis=1)
    expected = np.exp(single) / np.exp(single).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(patient.predict_on_batch(exams)[0], expected, rtol=1e-4)


@pytest.mark.slow
def test_the_paper_preset_builds_the_published_networks() -> None:
    config = structure(DensityConfig, dict(PAPER), "paper")
    backbone = 3_228_864 - 2 * 9 * 32  # MobileNet without classifier, one channel in place of three
    assert view_model(config).count_params() == backbone + 1024 * 2 + 2
    patient = patient_model(config)
    assert [output.shape for output in patient.outputs] == [(None, 2), (None, 4096)]
    assert patient.count_params() == 4 * backbone + 4096 * 2 + 2
    assert config.feature_size == 4096
