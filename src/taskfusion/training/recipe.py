"""One recipe for training a classifier: optimizer, schedule, when to stop, and which weights to keep."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from taskfusion.errors import SpecError
from taskfusion.images import Array
from taskfusion.progress import Step
from taskfusion.training.averaging import StochasticWeightAveraging
from taskfusion.training.backend import keras
from taskfusion.training.batches import Batches
from taskfusion.training.callbacks import LastGoodWeights, ProgressCallback


@attrs.frozen
class Recipe:
    """How one network is trained. A task with other defaults subclasses it, so that a spec may name single options.

    Attributes:
        epochs: the most epochs to train.
        batch_size: samples per step.
        learning_rate: Adam's, at the start.
        schedule: ``constant``, ``cosine`` (to 0 at the last step) or ``plateau`` (times 0.2 after ``plateau_patience``
            epochs without a better ``val_loss``).
        plateau_patience: epochs, for schedule ``plateau``.
        monitor: what early stopping and ``keep: best`` look at: ``val_loss`` or ``val_auc``.
        patience: epochs without improvement before training stops; None: never.
        tolerance: the least change that counts as improvement.
        keep: the weights of the ``last`` epoch, of the ``best`` one, or the ``average`` of all from ``average_from``.
        average_from: first epoch (from 0) of the average.
    """

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    plateau_patience: int = 5
    monitor: Literal["val_loss", "val_auc"] = "val_loss"
    patience: int | None = None
    tolerance: float = 0.0
    keep: Literal["last", "best", "average"] = "last"
    average_from: int = 0

    def __attrs_post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise SpecError(f"epochs and batch_size must be at least 1, got {self.epochs} and {self.batch_size}")
        if not self.learning_rate > 0:
            raise SpecError(f"learning_rate must be above 0, got {self.learning_rate}")


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
        step: open progress step of ``recipe.epochs * len(batches)`` units.

    Returns:
        One list per figure (``loss``, ``val_loss``, ``val_auc`` …), an entry per epoch.
    """
    model.compile(
        optimizer=keras.optimizers.Adam(_learning_rate(recipe, len(batches))),
        loss="sparse_categorical_crossentropy",
        weighted_metrics=[RestAUC(name="auc")],
        jit_compile=False,
    )
    if validation is None:
        recipe = _without_validation(recipe)
    history = model.fit(
        batches,
        epochs=recipe.epochs,
        validation_data=validation,
        validation_batch_size=recipe.batch_size,
        callbacks=_callbacks(recipe, batches, step),
        verbose=0,
    )
    return {name: [float(value) for value in values] for name, values in history.history.items()}


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
    callbacks: list[keras.callbacks.Callback] = [LastGoodWeights(), ProgressCallback(step)]
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
