"""How a network is trained, as plain options; light, so that a configuration needs no Keras."""

from __future__ import annotations

from typing import Literal

import attrs

from taskfusion.errors import SpecError


@attrs.frozen
class BatchOptions:
    """How batches are drawn.

    Attributes:
        size: samples per batch; every batch is full, so a network is compiled once.
        steps: batches per epoch; None: about as many as the samples fill once.
        seed: order and augmentation follow from it, and from the number of the epoch.
    """

    size: int = 32
    steps: int | None = None
    seed: int = 0


@attrs.frozen
class Recipe:
    """How one network is trained. A task with other defaults subclasses it, so that a spec may name single options.

    Attributes:
        epochs: the most epochs to train.
        batch_size: samples per step.
        steps: steps per epoch; None: about as many as see every sample once.
        learning_rate: Adam's, at the start.
        then: learning rates of further rounds of as many epochs, each from the weights the round before kept.
        schedule: ``constant``, ``cosine`` (to 0 at the last step) or ``plateau`` (times 0.2 after ``plateau_patience``
            epochs without a better ``val_loss``).
        plateau_patience: epochs, for schedule ``plateau``.
        monitor: what early stopping and ``keep: best`` look at: ``val_loss`` or ``val_auc``.
        patience: epochs without improvement before training stops; None: never.
        tolerance: the least change that counts as improvement.
        keep: the weights of the ``last`` epoch, of the ``best`` one, or the ``average`` of all from ``average_from``.
        average_from: first epoch (from 0) of the average.
        class_weight: what a sample counts in the loss, by its class: ``none`` is 1 for all, ``balanced`` the less the
            more of the class are drawn (so that each class counts as much as another), or a weight per class.
    """

    epochs: int = 10
    batch_size: int = 32
    steps: int | None = None
    learning_rate: float = 1e-3
    then: tuple[float, ...] = ()
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    plateau_patience: int = 5
    monitor: Literal["val_loss", "val_auc"] = "val_loss"
    patience: int | None = None
    tolerance: float = 0.0
    keep: Literal["last", "best", "average"] = "last"
    average_from: int = 0
    class_weight: Literal["none", "balanced"] | tuple[float, ...] = "none"

    def __attrs_post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise SpecError(f"epochs and batch_size must be at least 1, got {self.epochs} and {self.batch_size}")
        if not min(self.rates) > 0:
            raise SpecError(f"learning rates must be above 0, got {min(self.rates)}")
        if not isinstance(self.class_weight, str) and not (
            min(self.class_weight, default=-1) >= 0 < sum(self.class_weight)
        ):
            raise SpecError(f"class_weight must be 0 or more, not all 0, got {list(self.class_weight)}")

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rate of every round."""
        return (self.learning_rate, *self.then)

    def batches(self, seed: int) -> BatchOptions:
        """How the batches of this recipe are drawn."""
        return BatchOptions(self.batch_size, self.steps, seed)

    def total(self, steps: int) -> int:
        """Steps of all epochs and rounds, for a progress step; ``steps`` is the length of an epoch."""
        return self.epochs * len(self.rates) * steps
