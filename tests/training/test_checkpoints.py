from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from recording import Recorder

from taskfusion.training.backend import keras, repeatable
from taskfusion.training.batches import Batches
from taskfusion.training.fitting import train
from taskfusion.training.recipe import Recipe
from taskfusion.training.watch import Watch

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
ALL_AT_ONCE = Recipe(
    3,
    16,
    learning_rate=0.5,
    then=(0.01,),
    schedule="plateau",
    plateau_patience=1,
    keep="average",
    monitor="val_auc",
    patience=2,
)
RECIPES = {
    "all at once": ALL_AT_ONCE,
    "best": Recipe(4, 16, learning_rate=0.5, keep="best", patience=2, monitor="val_auc"),
    "cosine": Recipe(4, 16, learning_rate=0.05, schedule="cosine"),
}
pytestmark = pytest.mark.backend


class Killed(BaseException):
    """What stands for a SIGKILL: nothing catches it."""


@attrs.define
class Dying(Recorder):
    """A progress step that kills the training at a batch."""

    at: float

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def advance(self, amount: float = 1, **metrics: float) -> None:
        super().advance(amount, **metrics)
        if self.amount >= self.at:
            raise Killed


def network() -> keras.Model:
    """With all that has a state: batch normalisation and dropout."""
    repeatable(0)
    numbers = keras.Input((4,))
    inner = keras.layers.BatchNormalization(momentum=0.5)(keras.layers.Dense(8)(numbers))
    inner = keras.layers.Dropout(0.5)(inner)
    return keras.Model(numbers, keras.layers.Dense(2, activation="softmax")(inner))


def noisy(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return values + generator.normal(0, 0.1, values.shape).astype(np.float32)


def trained(recipe: Recipe, watch: Watch) -> tuple[list[np.ndarray], dict[str, Any]]:
    model = network()
    batches = Batches(X, Y, recipe.batches(seed=1), noisy)
    figures = train(model, batches, (X, Y), recipe, watch)
    return model.get_weights(), figures


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, tuple[list[np.ndarray], dict[str, Any]]]:
    """Do not mutate."""
    return {name: trained(recipe, Watch(Recorder())) for name, recipe in RECIPES.items()}


@pytest.mark.parametrize(("name", "batch"), [("all at once", 2), ("all at once", 15), ("best", 10), ("cosine", 6)])
def test_a_killed_training_ends_as_an_undisturbed_one(
    name: str, batch: int, tmp_path: Path, undisturbed: dict[str, tuple[list[np.ndarray], dict[str, Any]]]
) -> None:
    path = tmp_path / "stage.checkpoint.npz"
    with pytest.raises(Killed):
        trained(RECIPES[name], Watch(Dying(batch), checkpoint=path))
    assert path.exists() == (batch > 4)
    bar, said = Recorder(), []
    weights, figures = trained(RECIPES[name], Watch(bar, "it", said.append, checkpoint=path))
    expected, told = undisturbed[name]
    assert figures == told
    for found, wanted in zip(weights, expected, strict=True):
        assert np.array_equal(found, wanted)
    assert bar.amount == RECIPES[name].total(4)
    assert said == ([f"it: goes on after epoch {(batch - 1) // 4}"] if batch > 4 else [])
