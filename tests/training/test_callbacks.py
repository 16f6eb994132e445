from __future__ import annotations

import numpy as np
import pytest
from recording import Recorder

from taskfusion.training.averaging import StochasticWeightAveraging
from taskfusion.training.backend import keras
from taskfusion.training.batches import Batches
from taskfusion.training.callbacks import LastGoodWeights, ProgressCallback
from taskfusion.training.recipe import BatchOptions

pytestmark = pytest.mark.backend
X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


class Snapshots(keras.callbacks.Callback):
    """Weights at the end of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[list[np.ndarray]] = []

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.taken.append(self.model.get_weights())


def fit(network: keras.Model, callbacks: list[keras.callbacks.Callback], epochs: int = 3, y: np.ndarray = Y) -> None:
    network.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", jit_compile=False)
    network.fit(X, y, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks)


def test_progress_counts_batches_and_shows_figures(network: keras.Model, bar: Recorder) -> None:
    fit(network, [ProgressCallback(bar)])
    assert bar.amount == 12
    assert all(set(shown) == {"loss"} for shown in bar.shown)


def test_progress_fills_the_bar_when_training_stops_early(network: keras.Model, bar: Recorder) -> None:
    stop = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: setattr(network, "stop_training", True))
    fit(network, [ProgressCallback(bar), stop])
    assert bar.amount == 12


def test_spoiled_loss_stops_with_the_last_good_weights(network: keras.Model) -> None:
    spoil = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: _spoil(network) if epoch == 2 else None)
    guard, snapshots = LastGoodWeights(), Snapshots()
    fit(network, [guard, snapshots, spoil], epochs=5)
    assert guard.spoiled_epoch == 2
    assert len(snapshots.taken) == 3
    for left, good in zip(network.get_weights(), snapshots.taken[1], strict=True):
        assert np.array_equal(left, good)


def test_average_is_the_mean_of_the_counted_epochs(network: keras.Model) -> None:
    snapshots, average = Snapshots(), StochasticWeightAveraging(start_epoch=1)
    fit(network, [snapshots, average], epochs=4)
    assert average.averaged == 3
    for found, *kept in zip(network.get_weights(), *snapshots.taken[1:], strict=True):
        np.testing.assert_allclose(found, np.mean(kept, axis=0), rtol=1e-6, atol=1e-7)


def test_average_leaves_a_short_training_alone(network: keras.Model) -> None:
    snapshots, average = Snapshots(), StochasticWeightAveraging(start_epoch=5)
    fit(network, [snapshots, average], epochs=2)
    assert average.averaged == 0
    assert np.array_equal(network.get_weights()[0], snapshots.taken[-1][0])


def test_refreshed_statistics_are_those_of_the_averaged_network(network: keras.Model) -> None:
    batches = Batches(X, Y, BatchOptions(32, steps=30))
    fit(network, [StochasticWeightAveraging(0, refresh=batches)], epochs=3)
    kernel, bias = network.layers[1].get_weights()
    mean, variance = network.layers[2].get_weights()[2:]
    seen = X @ kernel + bias
    np.testing.assert_allclose(mean, seen.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(variance, seen.var(axis=0), rtol=1e-3)
    assert float(network.optimizer.learning_rate) == np.float32(0.1)


def _spoil(network: keras.Model) -> None:
    network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
