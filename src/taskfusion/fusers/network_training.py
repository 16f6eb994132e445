"""The end of every fuser network, and its training; with the ``…_network`` files the only fuser code with Keras."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taskfusion.errors import DataError
from taskfusion.fusers.base import FuseContext
from taskfusion.fusers.network_batches import FeedBatches, InOrder, Labelled
from taskfusion.fusers.network_config import NetworkConfig
from taskfusion.fusers.network_steps import can_run_together, fit_together
from taskfusion.training.backend import jit_compile, keras
from taskfusion.training.callbacks import LastGoodWeights, ProgressCallback

layers = keras.layers


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
        callbacks = [guard, ProgressCallback(bar), *_stopping(config, validation)]
        history = _fitted(model, (batches, validation), callbacks)
    if guard.spoiled_epoch is not None:
        _tell(guard.spoiled_epoch, label, context)
        history = {name: values[: guard.spoiled_epoch] for name, values in history.items()}
    losses = {name: round(float(min(values)), 5) for name, values in history.items()}
    return {"epochs": len(history["loss"]), "parameters": model.count_params(), **losses}


def _fitted(
    model: keras.Model, data: tuple[FeedBatches, Labelled | None], callbacks: list[keras.callbacks.Callback]
) -> dict[str, list[float]]:
    """Train all epochs, or until a callback stops it; the history."""
    batches, validation = data
    if can_run_together():
        return fit_together(model, data, callbacks)
    held_out = None if validation is None else InOrder(validation)
    how: dict[str, Any] = {"epochs": batches.config.epochs, "callbacks": callbacks, "verbose": 0}
    how["shuffle"] = False  # the order of the batches is their own business, and the same on every backend
    return dict(model.fit(batches, validation_data=held_out, **how).history)


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


def training_batches(train: Labelled, config: NetworkConfig, seed: int) -> FeedBatches:
    """Balanced batches of ``(tensors, truth)``, of several targets ``(tensors, truth, weights)``."""
    return FeedBatches(train, config, seed)
