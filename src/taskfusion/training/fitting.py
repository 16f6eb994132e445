"""Train a classifier by a recipe: optimizer, schedule, when to stop, and which weights to keep."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from taskfusion.images import Array
from taskfusion.progress import Step
from taskfusion.training.averaging import StochasticWeightAveraging
from taskfusion.training.backend import keras
from taskfusion.training.batches import Batches
from taskfusion.training.callbacks import LastGoodWeights, ProgressCallback
from taskfusion.training.recipe import Recipe


class RestAUC(keras.metrics.AUC):
    """Area under the ROC curve of "not class 0", for softmax outputs ``(samples, classes)`` and integer targets."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch."""
        anything = keras.ops.cast(keras.ops.reshape(y_true, (-1,)) > 0, "float32")
        score = keras.ops.clip(1.0 - y_pred[:, 0], 0.0, 1.0)
        super().update_state(anything, score, sample_weight)


def train(
    model: keras.Model, batches: Batches, validation: tuple[Array, Array] | None, recipe: Recipe, step: Step
) -> dict[str, list[float]]:
    """Train a softmax classifier by a recipe.

    Args:
        model: maps inputs to class probabilities ``(samples, classes)``.
        batches: training inputs and integer targets.
        validation: inputs and integer targets ``(samples,)``; used to choose, never to learn. None: nothing is
            chosen, the last weights (or their average) are kept.
        recipe: how.
        step: open progress step of ``recipe.total(len(batches))`` units.

    Returns:
        One list per figure (``loss``, ``val_loss``, ``val_auc`` …), an entry per epoch; ``spoiled_epoch`` is there only
        where the loss was no longer a number: training stopped in that epoch, with the weights from before it.
    """
    if validation is None:
        recipe = _without_validation(recipe)
    figures: dict[str, list[float]] = {}
    for rate in recipe.rates:
        for name, values in _round(model, batches, validation, attrs.evolve(recipe, learning_rate=rate), step).items():
            figures.setdefault(name, []).extend(float(value) for value in values)
    return figures


def _round(
    model: keras.Model, batches: Batches, validation: tuple[Array, Array] | None, recipe: Recipe, step: Step
) -> dict[str, list[Any]]:
    model.compile(
        optimizer=keras.optimizers.Adam(_learning_rate(recipe, len(batches))),
        loss="sparse_categorical_crossentropy",
        weighted_metrics=[RestAUC(name="auc")],
        jit_compile=False,
    )
    guard = LastGoodWeights()
    history = model.fit(
        batches,
        epochs=recipe.epochs,
        validation_data=validation,
        validation_batch_size=recipe.batch_size,
        callbacks=[guard, *_callbacks(recipe, batches, step)],
        verbose=0,
    )
    spoiled = {} if guard.spoiled_epoch is None else {"spoiled_epoch": [guard.spoiled_epoch]}
    return {**history.history, **spoiled}


def _without_validation(recipe: Recipe) -> Recipe:
    keep: Literal["last", "average"] = "average" if recipe.keep == "average" else "last"
    return attrs.evolve(
        recipe, patience=None, keep=keep, schedule="constant" if recipe.schedule == "plateau" else recipe.schedule
    )


def _learning_rate(recipe: Recipe, steps: int) -> Any:
    if recipe.schedule != "cosine":
        return recipe.learning_rate
    return keras.optimizers.schedules.CosineDecay(recipe.learning_rate, max(1, recipe.epochs * steps))


def _callbacks(recipe: Recipe, batches: Batches, step: Step) -> list[keras.callbacks.Callback]:
    mode = "max" if recipe.monitor == "val_auc" else "min"
    callbacks: list[keras.callbacks.Callback] = [ProgressCallback(step)]
    if recipe.schedule == "plateau":
        callbacks.append(keras.callbacks.ReduceLROnPlateau("val_loss", 0.2, recipe.plateau_patience))
    if recipe.patience is not None or recipe.keep == "best":
        patience = recipe.epochs if recipe.patience is None else recipe.patience
        options = {"mode": mode, "restore_best_weights": recipe.keep == "best"}
        callbacks.append(keras.callbacks.EarlyStopping(recipe.monitor, recipe.tolerance, patience, **options))
    if recipe.keep == "average":
        refresh = None if recipe.schedule == "cosine" else batches
        callbacks.append(StochasticWeightAveraging(recipe.average_from, refresh))
    return callbacks
