"""The end of every fuser network, and its training; with the ``…_network`` files the only fuser code with Keras."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from taskfusion.errors import DataError
from taskfusion.fusers.balance import balancing_weights, pools_of
from taskfusion.fusers.base import FuseContext
from taskfusion.fusers.feeds import Feed, Tensors, hidden_tasks
from taskfusion.fusers.network_config import NetworkConfig
from taskfusion.images import Array
from taskfusion.training.backend import jit_compile, keras
from taskfusion.training.batches import Batches, BatchOptions
from taskfusion.training.callbacks import LastGoodWeights, ProgressCallback

layers = keras.layers
VALIDATION_BATCH = 32


def head(tensor: Any, targets: int | None, config: NetworkConfig) -> Any:
    """Dense, dropout, softmax of two classes (paper Figure 4): ``(cases, 2)``, of several ``(cases, targets, 2)``."""
    hidden = layers.Dense(config.dense, activation="relu")(tensor)
    hidden = layers.Dropout(config.dropout)(hidden)
    if targets is None:
        return layers.Dense(2, activation="softmax", dtype="float32")(hidden)
    pairs = layers.Reshape((targets, 2))(layers.Dense(2 * targets, dtype="float32")(hidden))
    return layers.Softmax(dtype="float32")(pairs)


def load_network(path: Path, custom_objects: Mapping[str, Any]) -> keras.Model:
    """A network that only answers; safe mode refuses files that carry code."""
    model = keras.saving.load_model(path, custom_objects=dict(custom_objects), compile=False, safe_mode=True)
    model.jit_compile = jit_compile()  # as it was trained: another way rounds otherwise
    return model


@attrs.frozen(eq=False)
class Labelled:
    """What a network sees of some cases, and their truth ``(cases,)`` or ``(cases, targets)``."""

    feed: Feed
    truth: Array


def train_network(
    model: keras.Model, train: Labelled, validation: Labelled | None, how: tuple[NetworkConfig, FuseContext, str]
) -> dict[str, Any]:
    """Adam, balanced batches, early stopping on validation loss (paper III-A.4b).

    Args:
        model: the untrained network.
        train: what it learns from.
        validation: what tells it to stop; without it all epochs are trained.
        how: configuration, seed and progress, and what the step is called.

    Returns:
        Epochs, parameters and the lowest losses, as JSON data.
    """
    config, context, label = how
    optimizer = keras.optimizers.Adam(config.learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=jit_compile())
    batches = training_batches(train, config, context.seed)
    guard = LastGoodWeights()
    with context.progress.step(label, total=config.epochs * len(batches)) as bar:
        history = model.fit(
            batches,
            validation_data=None if validation is None else _InOrder(validation),
            epochs=config.epochs,
            callbacks=[guard, ProgressCallback(bar), *_stopping(config, validation)],
            verbose=0,
        ).history
    if guard.spoiled_epoch is not None:
        _tell(guard.spoiled_epoch, label, context)
        history = {name: values[: guard.spoiled_epoch] for name, values in history.items()}
    losses = {name: round(float(min(values)), 5) for name, values in history.items()}
    return {"epochs": len(history["loss"]), "parameters": model.count_params(), **losses}


def _tell(spoiled: int, label: str, context: FuseContext) -> None:
    if not spoiled:
        raise DataError(
            f"fuser {label!r}: the loss is not a number in the first epoch, so nothing was learned; "
            "a lower learning_rate helps"
        )
    context.progress.say(
        f"fuser {label!r}: the loss was no longer a number in epoch {spoiled + 1}; stopped with the weights before it"
    )


def _stopping(config: NetworkConfig, validation: object | None) -> list[keras.callbacks.Callback]:
    if validation is None:
        return []
    stop = keras.callbacks.EarlyStopping(
        "val_loss", min_delta=config.tolerance, patience=config.patience, restore_best_weights=True
    )
    return [stop]


def training_batches(train: Labelled, config: NetworkConfig, seed: int) -> Batches:
    """Balanced batches of ``(tensors, truth)``, of several targets ``(tensors, truth, weights)``."""
    feed, truth = train.feed, train.truth
    options = BatchOptions(size=config.batch_size, seed=seed)

    def tensors(rows: Array, generator: np.random.Generator) -> Tensors:
        if not config.task_dropout:
            return feed.batch(rows)
        return feed.batch(rows, hidden_tasks(feed.present[rows], config.task_dropout, generator))

    if truth.ndim == 1:
        return Batches(np.arange(len(truth)), truth, options, tensors, classes=truth)
    pools = pools_of(truth, config.batch_size)
    labels = (np.maximum(truth, 0), balancing_weights(truth, pools))
    return _Weighted(np.arange(len(truth)), labels, options, tensors, classes=pools)


class _Weighted(Batches):
    """Batches whose targets are pairs of truth and weights."""

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        inputs, (truth, weights) = super().__getitem__(index)
        return inputs, truth, weights


class _InOrder(keras.utils.PyDataset):
    """The validation split, batch by batch; an unknown truth weighs nothing."""

    def __init__(self, data: Labelled) -> None:
        super().__init__()
        self._data = data

    def __len__(self) -> int:
        return -(-len(self._data.truth) // VALIDATION_BATCH)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        start = index * VALIDATION_BATCH
        rows = np.arange(start, min(start + VALIDATION_BATCH, len(self._data.truth)))
        inputs, truth = self._data.feed.batch(rows), self._data.truth[rows]
        if truth.ndim == 1:
            return inputs, truth
        return inputs, np.maximum(truth, 0), (truth >= 0).astype(np.float32)
