from __future__ import annotations

import attrs
import numpy as np
import pytest

from mammo_findings.config import PAPER, FindingsConfig
from mammo_findings.networks import patch_model, start_from_patches, view_model
from taskfusion.configs import structure

SMALL = FindingsConfig(size=(32, 32), patch=32)


@pytest.mark.parametrize("pooling", ["lesion", "max"])
def test_on_a_view_of_one_patch_f_begins_with_the_patch_models_answer(pooling: str) -> None:
    config = attrs.evolve(SMALL, pooling=pooling)
    patch, view = patch_model(config, 2), view_model(config)
    start_from_patches(view, patch, config)
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(view.predict_on_batch(images)[0], patch.predict_on_batch(images), rtol=1e-4)


@pytest.mark.slow
def test_the_paper_preset_builds_the_published_networks() -> None:
    config = structure(FindingsConfig, dict(PAPER), "paper")
    backbone = 3_228_864 - 2 * 9 * 32  # MobileNet without classifier, one channel in place of three
    assert patch_model(config, 2).count_params() == backbone + 1024 * 2 + 2
    view = view_model(config)
    assert view.count_params() == backbone + 1024 * 256 + 256 + 256 * 2 + 2
    assert [output.shape for output in view.outputs] == [(None, 2), (None, 1024)]
    assert config.channels == 1024
