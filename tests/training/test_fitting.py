from __future__ import annotations

import numpy as np
import pytest
from recording import Recorder

from taskfusion.errors import DataError, SpecError
from taskfusion.training.backend import keras, repeatable
from taskfusion.training.batches import Batches
from taskfusion.training.fitting import RestAUC, train
from taskfusion.training.recipe import Recipe
from taskfusion.training.watch import Watch

pytestmark = pytest.mark.backend
X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def run(network: keras.Model, recipe: Recipe, bar: Recorder, chosen: bool = True) -> dict[str, list[float]]:
    repeatable(1)
    batches = Batches(X, Y, recipe.batches(seed=1))
    return train(network, batches, (X, Y) if chosen else None, recipe, Watch(bar))


@pytest.mark.parametrize("schedule", ["constant", "cosine", "plateau"])
def test_it_learns_with_every_schedule(network: keras.Model, bar: Recorder, schedule: str) -> None:
    figures = run(network, Recipe(5, 16, learning_rate=0.05, schedule=schedule), bar)  # type: ignore[arg-type]
    assert figures["val_auc"][-1] > 0.95
    assert len(figures["loss"]) == 5
    assert bar.amount == 20


def test_rounds_follow_each_other(network: keras.Model, bar: Recorder) -> None:
    recipe = Recipe(2, 16, learning_rate=0.05, then=(0.01, 0.001))
    assert len(run(network, recipe, bar)["loss"]) == 6
    assert bar.amount == recipe.total(4) == 24


def test_the_best_epoch_is_kept(network: keras.Model, bar: Recorder) -> None:
    figures = run(network, Recipe(6, 16, learning_rate=0.5, keep="best"), bar)
    loss = keras.losses.sparse_categorical_crossentropy(Y, network.predict_on_batch(X))
    assert float(keras.ops.mean(loss)) == pytest.approx(min(figures["val_loss"]), rel=1e-4)


def test_patience_stops(network: keras.Model, bar: Recorder) -> None:
    recipe = Recipe(50, 16, learning_rate=1e-6, monitor="val_auc", patience=1, tolerance=0.5)
    assert len(run(network, recipe, bar)["loss"]) < 5


@pytest.mark.parametrize("keep", ["last", "best", "average"])
def test_without_validation_nothing_is_chosen(network: keras.Model, bar: Recorder, keep: str) -> None:
    recipe = Recipe(3, 16, schedule="plateau", patience=1, keep=keep)  # type: ignore[arg-type]
    figures = run(network, recipe, bar, chosen=False)
    assert len(figures["loss"]) == 3
    assert "val_loss" not in figures


def test_a_training_spoiled_from_the_start_is_an_error(network: keras.Model, bar: Recorder) -> None:
    network.set_weights([weight * np.float32(1e30) for weight in network.get_weights()])
    with pytest.raises(DataError, match=r"^training: the loss is not a number in the first epoch, so nothing was lea"):
        run(network, Recipe(3, 16, learning_rate=1e30), bar)


def test_rest_auc_is_that_of_not_the_first_class() -> None:
    metric = RestAUC()
    metric.update_state(np.array([0, 2, 1, 0]), np.array([[0.9, 0.1, 0], [0.2, 0, 0.8], [0.3, 0.7, 0], [0.6, 0.4, 0]]))
    assert float(metric.result()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "^epochs and batch_size must be at least 1, got 0 and 32$"),
        ({"batch_size": 0}, "^epochs and batch_size must be at least 1, got 10 and 0$"),
        ({"learning_rate": 0.0}, r"^learning rates must be above 0, got 0\.0$"),
        ({"then": (1e-4, -1.0)}, r"^learning rates must be above 0, got -1\.0$"),
    ],
)
def test_impossible_recipes_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Recipe(**options)  # type: ignore[arg-type]
