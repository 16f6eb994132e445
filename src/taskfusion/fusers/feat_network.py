"""The network of the feature fuser and its training; the only fuser code that imports Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskfusion.fusers.base import FuseContext
from taskfusion.fusers.feat_config import FeatConfig
from taskfusion.images import Array
from taskfusion.training.backend import keras
from taskfusion.training.batches import Batches, BatchOptions
from taskfusion.training.callbacks import LastGoodWeights, ProgressCallback

layers = keras.layers
Blocks = Mapping[str, Array]


def build_network(shapes: Mapping[str, tuple[int, ...]], depths: Mapping[str, int], config: FeatConfig) -> keras.Model:
    """A branch per task, ReLU before and after joining, dense, dropout, softmax of two classes (paper Figure 4).

    Args:
        shapes: ``(channels, feature_size)`` per task.
        depths: convolution blocks per task.
        config: filters, kernel, dense units, dropout.
    """
    inputs = {task: keras.Input(shape, name=task) for task, shape in shapes.items()}
    branches = [branch(tensor, depths[task], config) for task, tensor in inputs.items()]
    joined = layers.Concatenate()(branches) if len(branches) > 1 else branches[0]
    hidden = layers.Dense(config.dense, activation="relu")(layers.ReLU()(joined))
    hidden = layers.Dropout(config.dropout)(hidden)
    return keras.Model(inputs, layers.Dense(2, activation="softmax", dtype="float32")(hidden), name="feat")


def branch(tensor: Any, depth: int, config: FeatConfig) -> Any:
    """Blocks of convolution and pooling along the feature axis, views as channels; flattened, after ReLU."""
    hidden = layers.Permute((2, 1))(tensor)
    for filters in config.filters[:depth]:
        hidden = layers.Conv1D(filters, config.kernel, strides=2, padding="same")(hidden)
        hidden = layers.MaxPooling1D(2, padding="same")(hidden)
    return layers.ReLU()(layers.Flatten()(hidden))


def train_network(
    model: keras.Model,
    train: tuple[Blocks, Array],
    validation: tuple[Blocks, Array] | None,
    how: tuple[FeatConfig, FuseContext],
) -> dict[str, Any]:
    """Adam, balanced batches, early stopping on validation loss (paper III-A.4b); returns figures as JSON data."""
    config, context = how
    model.compile(keras.optimizers.Adam(config.learning_rate), "sparse_categorical_crossentropy", jit_compile=False)
    options = BatchOptions(size=config.batch_size, seed=context.seed)
    batches = Batches(dict(train[0]), train[1], options, classes=train[1])
    with context.progress.step("feature fuser", total=config.epochs * len(batches)) as bar:
        callbacks = [LastGoodWeights(), ProgressCallback(bar), *_stopping(config, validation)]
        history = model.fit(
            batches, validation_data=validation, epochs=config.epochs, callbacks=callbacks, verbose=0
        ).history
    losses = {name: round(float(min(values)), 5) for name, values in history.items()}
    return {"epochs": len(history["loss"]), "parameters": model.count_params(), **losses}


def _stopping(config: FeatConfig, validation: object | None) -> list[keras.callbacks.Callback]:
    if validation is None:
        return []
    stop = keras.callbacks.EarlyStopping(
        "val_loss", min_delta=config.tolerance, patience=config.patience, restore_best_weights=True
    )
    return [stop]
