"""Training: a patch classifier to start from, then the detector."""

from __future__ import annotations

import math
from typing import Any

from mammo_localization.config import LocalizationConfig
from mammo_localization.detector import Detector
from mammo_localization.learner import Learner
from mammo_localization.sampling import Sampler
from taskfusion.progress import Progress
from taskfusion.training.backend import keras

WARM_UP = 0.1


def train_patches(detector: Detector, sampler: Sampler, progress: Progress) -> float:
    """Teach both feature extractors and the second stage's classifier to tell patches apart. Returns the loss."""
    config = detector.config
    patch = keras.Input((config.patch, config.patch, config.channels))
    pooled = keras.layers.GlobalAveragePooling2D()(detector.second(detector.first(patch)))
    model = keras.Model(patch, detector.box_head.get_layer("ClassPredictor")(pooled))
    _compile(model, (config.patch_learning_rate, config.patch_steps), config)
    mean = _Mean()
    with progress.step("localization: patches", total=config.patch_steps) as bar:
        for _ in range(config.patch_steps):
            loss = model.train_on_batch(*sampler.patches())
            bar.advance(1, loss=mean.add(loss))
    return mean.value


def train_detector(detector: Detector, sampler: Sampler, seed: int, progress: Progress) -> float:
    """Teach both stages at once. Returns the loss."""
    config = detector.config
    learner = Learner(detector, seed)
    _compile(learner, (config.learning_rate, config.steps), config)
    mean = _Mean()
    with progress.step("localization: detector", total=config.steps) as bar:
        for _ in range(config.steps):
            loss = learner.train_on_batch(sampler.batch())
            bar.advance(1, loss=mean.add(loss))
    return mean.value


def _compile(model: Any, rate: tuple[float, int], config: LocalizationConfig) -> None:
    """Optimizer and loss; the optimizer's variables are made here, else TensorFlow would trace the step twice."""
    optimizer = make_optimizer(config, *rate)
    optimizer.build(model.trainable_variables)
    loss = None if isinstance(model, Learner) else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=False)


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


class _Mean:
    """Running mean of a loss that forgets slowly."""

    def __init__(self, keep: float = 0.95) -> None:
        self._keep, self._weight, self._sum = keep, 0.0, 0.0

    def add(self, loss: Any) -> float:
        number = float(loss[0] if isinstance(loss, list | tuple) else loss)
        self._sum = self._keep * self._sum + (1 - self._keep) * number
        self._weight = self._keep * self._weight + (1 - self._keep)
        return self.value

    @property
    def value(self) -> float:
        return self._sum / self._weight if self._weight else float("nan")
