from __future__ import annotations

import numpy as np
import pytest

from taskfusion.training.backend import keras
from taskfusion.training.inference import predict_batches

pytestmark = pytest.mark.backend
X = np.random.default_rng(0).normal(size=(11, 4)).astype(np.float32)


def test_answers_do_not_depend_on_the_cut(network: keras.Model) -> None:
    whole = predict_batches(network, X, 4)[0]
    parts = [predict_batches(network, X[start : start + 3], 4)[0] for start in range(0, len(X), 3)]
    assert np.array_equal(whole, np.concatenate(parts))
    np.testing.assert_allclose(whole, keras.ops.convert_to_numpy(network(X)), rtol=1e-5)


def test_every_output_comes_back(network: keras.Model) -> None:
    double = keras.Model(network.input, [network.outputs[0], network.layers[1].output])
    scores, features = predict_batches(double, X, 4)
    assert scores.shape == (11, 2)
    assert features.shape == (11, 8)


def test_no_samples_give_empty_answers(network: keras.Model) -> None:
    assert predict_batches(network, X[:0], 4)[0].shape == (0, 2)
