"""Training: a patch classifier to start from, then the detector; a killed training goes on where it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mammo_localization.config import LocalizationConfig
from mammo_localization.detector import Detector
from mammo_localization.learner import Learner
from mammo_localization.sampling import Sampler
from taskfusion.errors import DataError
from taskfusion.training.ahead import Ahead
from taskfusion.training.backend import jit_compile, keras
from taskfusion.training.callbacks import LastGoodWeights, ProgressCallback
from taskfusion.training.checkpoints import Checkpoint
from taskfusion.training.distribution import check_shares
from taskfusion.training.precision import computing_in
from taskfusion.training.tensorboard import TensorBoardFigures, require_tensorboard
from taskfusion.training.watch import Stage, Watch

TITLE = "localization"
WARM_UP = 0.1
History = dict[str, Any]


def train_patches(detector: Detector, sampler: Sampler, stage: Stage) -> History:
    """Teach both feature extractors and the second stage's classifier to tell patches apart. Returns the losses.

    Raises:
        DataError: the loss is no number from the start.
        SpecError: options that do not go with this machine: TensorBoard, devices.
    """
    config = detector.config
    model = patch_model(detector)
    draws = Draws(sampler.patches, config.patch_steps, config.epoch)
    with _computing(detector, stage, config.patch_batch):
        _compile(model, (config.patch_learning_rate, config.patch_steps), (config, stage))
        return _fit(model, draws, (stage, f"{TITLE}: patches"))


def train_detector(detector: Detector, sampler: Sampler, stage: Stage) -> History:
    """Teach both stages at once. Returns the losses.

    Raises:
        DataError: the loss is no number from the start.
        SpecError: options that do not go with this machine: TensorBoard, devices.
    """
    config = detector.config
    learner = Learner(detector, sampler.seed)
    draws = Draws(lambda step: (sampler.batch(step),), config.steps, config.epoch)
    with _computing(detector, stage, config.batch):
        _compile(learner, (config.learning_rate, config.steps), (config, stage))
        return _fit(learner, draws, (stage, f"{TITLE}: detector"))


def patch_model(detector: Detector) -> Any:
    """The network from patches ``(n, patch, patch, channels)`` to logits, of layers that are the detector's."""
    config = detector.config
    patch = keras.Input((config.patch, config.patch, config.channels))
    pooled = keras.layers.GlobalAveragePooling2D()(detector.second(detector.first(patch)))
    return keras.Model(patch, detector.box_head.get_layer("ClassPredictor")(pooled))


class Draws(keras.utils.PyDataset):
    """``steps`` batches ``draw(step)``, in epochs of ``epoch`` steps; :class:`Ending` cuts the last one short."""

    def __init__(self, draw: Callable[[int], Any], steps: int, epoch: int) -> None:
        super().__init__()
        self.steps, self.epochs = steps, math.ceil(steps / epoch)
        self._draw, self._length, self._epoch = draw, min(steps, epoch), 0

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self._length

    def __getitem__(self, index: int) -> Any:
        """Batch ``index`` of the running epoch."""
        return self._draw(self._epoch * self._length + index)

    def begin(self, epoch: int) -> None:
        """Draw for this epoch. ``fit`` itself says so, as Keras may draw batches before it, to see their shapes."""
        self._epoch = epoch


class Ending(keras.callbacks.Callback):
    """Tell the draws which epoch runs, and stop after the last of their steps, in the middle of an epoch too."""

    def __init__(self, draws: Draws) -> None:
        super().__init__()
        self._draws, self._epoch = draws, 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Know which epoch runs."""
        self._epoch = epoch
        self._draws.begin(epoch)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Count."""
        if self._epoch * len(self._draws) + batch + 1 >= self._draws.steps:
            self.model.stop_training = True


@contextmanager
def _computing(detector: Detector, stage: Stage, batch: int) -> Iterator[None]:
    """Both feature extractors in the precision of the stage; heads, boxes and losses always in single precision."""
    options = stage.context.training
    check_shares(TITLE, options, batch)
    with computing_in(detector.first, options.precision), computing_in(detector.second, options.precision):
        yield


def _fit(model: Any, draws: Draws, told: tuple[Stage, str]) -> History:
    """Train a compiled model on all draws; ``told`` is the stage and what it is called."""
    stage, title = told
    if stage.context.training.tensorboard:
        require_tensorboard(title)
    guard = LastGoodWeights()
    with stage.watched(title, draws.epochs * len(draws)) as watch:
        callbacks = [guard, ProgressCallback(watch.step), Ending(draws)]
        saved = Checkpoint.resuming(watch, callbacks)
        with Ahead(draws) as batches:
            model.fit(
                batches,
                epochs=draws.epochs,
                initial_epoch=saved.first_epoch,
                callbacks=[*callbacks, TensorBoardFigures(watch), saved],
                shuffle=False,
                verbose=0,
            )
        if guard.spoiled_epoch is None:
            return saved.history
        return saved.history | {"spoiled_epoch": [_told(guard.spoiled_epoch, draws, watch)]}


def _told(spoiled: int, draws: Draws, watch: Watch) -> int:
    """Say that training stopped, and in which epoch; where nothing was learned before, that is an error."""
    if not spoiled:
        raise DataError(
            f"{watch.title}: the loss is not a number within the first {len(draws)} steps, so nothing was learned; "
            "a lower learning rate helps, unless the initial weights are no good"
        )
    steps = spoiled * len(draws)
    watch.say(f"{watch.title}: the loss was no longer a number; stopped with the weights of step {steps}")
    return spoiled


def _compile(model: Any, rate: tuple[float, int], how: tuple[LocalizationConfig, Stage]) -> None:
    """Optimizer and loss; the optimizer's variables are made here, else TensorFlow would trace the step twice."""
    config, stage = how
    optimizer = make_optimizer(config, *rate)
    if stage.context.training.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    loss = None if isinstance(model, Learner) else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=jit_compile())


def make_optimizer(config: LocalizationConfig, rate: float, steps: int) -> Any:
    """The configured optimizer with its schedule over ``steps``."""
    schedule: Any = rate
    if config.schedule == "cosine":
        warm = max(1, math.ceil(WARM_UP * steps))
        schedule = keras.optimizers.schedules.CosineDecay(
            rate / 20, max(1, steps - warm), alpha=0.0, warmup_target=rate, warmup_steps=warm
        )
    if config.optimizer == "sgd":
        return keras.optimizers.SGD(schedule, momentum=config.momentum, global_clipnorm=config.clip_norm)
    return keras.optimizers.Adam(schedule, global_clipnorm=config.clip_norm)
