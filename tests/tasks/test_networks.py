"""What a task of Keras networks gets from its base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs
import keras
import numpy as np
import pytest

from taskfusion.cases import Case, Cohort
from taskfusion.errors import NotFittedError
from taskfusion.outputs import TaskOutput, TaskSpec
from taskfusion.tasks.base import FitContext
from taskfusion.tasks.networks import NetworksTask


@attrs.frozen
class PairConfig:
    inputs: int = 3


class Pair(NetworksTask):
    """Two layers; how wide the second is, training decides."""

    Config = PairConfig
    title = "pair"

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec("case", ("score",))

    def build(self) -> Mapping[str, keras.Model]:
        sizes = {"one": 2, "other": self.summary().get("width", 1)}
        return {name: dense(self.config.inputs, size) for name, size in sizes.items()}

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        raise NotImplementedError

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        raise NotImplementedError


def dense(inputs: int, outputs: int) -> keras.Model:
    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)])


def learned(**figures: Any) -> Pair:
    task = Pair()
    task.keep({"one": dense(3, 2), "other": dense(3, figures.get("width", 1))}, figures)
    return task


def test_networks_and_figures_come_back(tmp_path: Path) -> None:
    task = learned(width=4, loss=[0.5, 0.25])
    task.save(tmp_path)
    loaded = Pair.load(tmp_path)
    assert loaded.summary() == {"width": 4, "loss": [0.5, 0.25]}
    for name in ("one", "other"):
        pairs = zip(loaded.network(name).get_weights(), task.network(name).get_weights(), strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)


def test_before_training_there_is_nothing(tmp_path: Path) -> None:
    task = Pair()
    assert not task.is_fitted and task.summary() == {}
    with pytest.raises(NotFittedError, match=r"^task 'pair' is not trained; call fit, or load a trained one$"):
        task.network("one")
    with pytest.raises(NotFittedError, match=r"^task 'pair' is not trained; there are no weights to save$"):
        task.save_weights(tmp_path)


def test_a_network_that_was_left_out_is_named() -> None:
    with pytest.raises(
        NotFittedError, match=r"^task 'pair' was trained without its network 'third'; it has: one, other$"
    ):
        learned().network("third")
