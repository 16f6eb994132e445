from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from taskfusion.training.backbones import mobilenet
from taskfusion.training.backend import keras
from taskfusion.training.stages import once


def test_a_stage_that_is_done_is_not_done_again(network: keras.Model, tmp_path: Path) -> None:
    calls: list[int] = []

    def work() -> dict[str, Any]:
        calls.append(1)
        network.set_weights([weight + 1 for weight in network.get_weights()])
        return {"loss": [0.5]}

    path = tmp_path / "stage.weights.h5"
    before = network.get_weights()[0]
    assert once(network, path, work) == {"loss": [0.5]}
    network.set_weights([weight * 0 for weight in network.get_weights()])
    assert once(network, path, work) == {"loss": [0.5]}
    assert calls == [1]
    assert np.array_equal(network.get_weights()[0], before + 1)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["stage.weights.h5", "stage.weights.json"]


def test_without_a_path_every_stage_trains(network: keras.Model) -> None:
    calls: list[int] = []
    for _ in range(2):
        once(network, None, lambda: calls.append(1) or {})  # type: ignore[func-returns-value]
    assert calls == [1, 1]


@pytest.mark.slow
def test_mobilenet_has_the_published_number_of_weights() -> None:
    network = mobilenet((224, 224), 1.0)
    # 3,228,864 without its classifier (keras.io), for three channels; the first layer has 32 kernels of 3x3.
    assert network.count_params() == 3_228_864 - 2 * 9 * 32
    assert network.output_shape == (None, 7, 7, 1024)
    assert all(layer.momentum == 0.99 for layer in network.layers if hasattr(layer, "momentum"))
