"""Train a classifier by a recipe: optimizer, schedule, when to stop, and which weights to keep."""

from __future__ import annotations

from typing import Any, Literal

import attrs
import numpy as np

from taskfusion.errors import DataError, SpecError
from taskfusion.images import Array
from taskfusion.progress import Step
from taskfusion.training.ahead import Ahead
from taskfusion.training.averaging import StochasticWeightAveraging
from taskfusion.training.backend import jit_compile, keras
from taskfusion.training.batches import Batches
from taskfusion.training.callbacks import LastGoodWeights, ProgressCallback
from taskfusion.training.checkpoints import Checkpoint, History
from taskfusion.training.distribution import check_shares
from taskfusion.training.precision import computing_in
from taskfusion.training.recipe import Recipe
from taskfusion.training.tensorboard import TensorBoardFigures, require_tensorboard
from taskfusion.training.watch import Watch


class RestAUC(keras.metrics.AUC):
    """Area under the ROC curve of "not class 0", for softmax outputs ``(samples, classes)`` and integer targets."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch."""
        anything = keras.ops.cast(keras.ops.reshape(y_true, (-1,)) > 0, "float32")
        score = keras.ops.clip(1.0 - y_pred[:, 0], 0.0, 1.0)
        super().update_state(anything, score, sample_weight)


def train(
    model: keras.Model, batches: Batches, validation: tuple[Array, Array] | None, recipe: Recipe, watch: Watch
) -> dict[str, list[float]]:
    """Train a softmax classifier by a recipe; a training that was killed goes on after its last checkpoint.

    Args:
        model: maps inputs to class probabilities ``(samples, classes)``.
        batches: training inputs and integer targets.
        validation: inputs and integer targets ``(samples,)``; used to choose, never to learn. None: nothing is
            chosen, the last weights (or their average) are kept.
        recipe: how.
        watch: of ``Stage.watched``, with a step of ``recipe.total(len(batches))`` units.

    Returns:
        One list per figure (``loss``, ``val_loss``, ``val_auc`` …), an entry per epoch; ``spoiled_epoch`` is there only
        where the loss was no longer a number: training stopped in that epoch, with the weights from before it.

    Raises:
        DataError: the loss was no number in the very first epoch, so that nothing was learned.
        SpecError: options that do not go with this machine or this network: TensorBoard, devices, class weights.
    """
    _check(model, recipe, watch)
    with computing_in(model, watch.options.precision):
        return _trained(model, batches, validation, _possible(recipe, validation), watch)


def _check(model: keras.Model, recipe: Recipe, watch: Watch) -> None:
    if watch.logs is not None:
        require_tensorboard(watch.title)
    check_shares(watch.title, watch.options, recipe.batch_size)
    classes = model.output_shape[-1]
    if not isinstance(recipe.class_weight, str) and len(recipe.class_weight) != classes:
        raise SpecError(
            f"{watch.title}: class_weight has {len(recipe.class_weight)} weights, and there are {classes} classes"
        )


def _trained(
    model: keras.Model, batches: Batches, validation: tuple[Array, Array] | None, recipe: Recipe, watch: Watch
) -> dict[str, list[float]]:
    figures: History = {}
    for part, rate in enumerate(recipe.rates):
        round_ = _Round(model, batches, validation, attrs.evolve(recipe, learning_rate=rate), watch)
        figures, spoiled = round_.run(part, figures)
        if spoiled is not None:
            return figures | {"spoiled_epoch": [_told(spoiled, figures, watch)]}
    return figures


@attrs.frozen(eq=False)
class _Round:
    """One of the trainings with a learning rate of its own."""

    model: keras.Model
    batches: Batches
    validation: tuple[Array, Array] | None
    recipe: Recipe
    watch: Watch

    def run(self, part: int, before: History) -> tuple[History, int | None]:
        """Figures of all epochs so far, and the epoch whose loss was no number, if any."""
        guard = LastGoodWeights()
        callbacks = [guard, *_callbacks(self.recipe, self.batches, self.watch.step)]
        logs = TensorBoardFigures(self.watch, before=len(before.get("loss", ())))
        saved = Checkpoint.resuming(self.watch, [self.batches, *callbacks], part, before)
        if saved.is_past:
            self.watch.step.advance(self.recipe.epochs * len(self.batches))
            return before, None
        self._compile()
        with Ahead(self.batches) as batches:
            self.model.fit(
                batches,
                epochs=self.recipe.epochs,
                initial_epoch=saved.first_epoch,
                validation_data=self.validation,
                validation_batch_size=self.recipe.batch_size,
                class_weight=class_weights(self.recipe, self.batches),
                callbacks=[*callbacks, logs, saved],
                shuffle=False,  # the batches are, by their own seed; Keras would draw on Python's global generator
                verbose=0,
            )
        return saved.history, guard.spoiled_epoch

    def _compile(self) -> None:
        self.model.compile(
            optimizer=keras.optimizers.Adam(_learning_rate(self.recipe, len(self.batches))),
            loss="sparse_categorical_crossentropy",
            weighted_metrics=[RestAUC(name="auc")],
            jit_compile=jit_compile(),
        )


def _told(spoiled: int, figures: History, watch: Watch) -> int:
    """Say that training stopped, and in which epoch of all; where nothing was learned before, that is an error."""
    good = len(figures.get("loss", ()))
    if not good:
        raise DataError(
            f"{watch.title}: the loss is not a number in the first epoch, so nothing was learned; "
            "a lower learning_rate helps, unless the inputs themselves are no numbers"
        )
    watch.say(f"{watch.title}: the loss was no longer a number in epoch {good + 1}; stopped with the weights before it")
    return good


def _possible(recipe: Recipe, validation: tuple[Array, Array] | None) -> Recipe:
    """The recipe as far as there is something to choose on: an AUC needs two classes."""
    if validation is None:
        return _without_validation(recipe)
    if recipe.monitor == "val_auc" and len(set((np.asarray(validation[1]).ravel() > 0).tolist())) < 2:
        return attrs.evolve(recipe, monitor="val_loss")
    return recipe


def class_weights(recipe: Recipe, batches: Batches) -> dict[int, float] | None:
    """What a sample of each class counts in the loss; None where all count alike."""
    if recipe.class_weight == "none":
        return None
    if recipe.class_weight == "balanced":
        shares = batches.class_shares()
        return {label: 1 / (len(shares) * share) for label, share in shares.items()}
    return dict(enumerate(recipe.class_weight))


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
