"""What watches a training: the progress bar, and the guard against losses that are no numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from taskfusion.images import Array
from taskfusion.progress import Step
from taskfusion.training.backend import keras

SHOWN = ("loss", "auc", "val_loss", "val_auc")


class ProgressCallback(keras.callbacks.Callback):
    """Tell a progress step about every batch; validation figures stay beside the bar until the next epoch's.

    Open the step with ``total=epochs * len(batches)``; epochs that early stopping saves are advanced at the end::

        with context.progress.step("density: view model", total=epochs * len(batches)) as bar:
            model.fit(batches, epochs=epochs, verbose=0, callbacks=[ProgressCallback(bar)])

    Args:
        step: the running step.
        shown: names of the logged figures to show.
    """

    def __init__(self, step: Step, shown: tuple[str, ...] = SHOWN) -> None:
        super().__init__()
        self._step, self._shown = step, shown
        self._done = 0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """One batch more."""
        self._done += 1
        self._step.advance(1, **self._figures(logs))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Show what the validation said."""
        self._step.advance(0, **self._figures(logs))

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Fill the bar where training stopped early."""
        planned = (self.params.get("epochs") or 0) * (self.params.get("steps") or 0)
        if planned > self._done:
            self._step.advance(planned - self._done)

    def _figures(self, logs: Mapping[str, float] | None) -> dict[str, float]:
        return {name: float(value) for name, value in (logs or {}).items() if name in self._shown}


class LastGoodWeights(keras.callbacks.Callback):
    """Stop when the loss is no longer a finite number, and put back the weights of the last epoch that had one.

    Put it first among the callbacks: those after it then never see a spoiled network.

    Attributes:
        spoiled_epoch: the epoch (from 0) in which it happened; None while all is well.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spoiled_epoch: int | None = None
        self._epoch = 0
        self._good: list[Array] = []

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Remember the weights training starts from."""
        self._good = self.model.get_weights()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Know which epoch runs."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Look at the running mean of the loss, which stays spoiled once it is."""
        if self.spoiled_epoch is None and not _finite(logs):
            self.spoiled_epoch = self._epoch
            self.model.stop_training = True
            self.model.set_weights(self._good)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Remember the weights of a good epoch."""
        if self.spoiled_epoch is None:
            self._good = self.model.get_weights()


def _finite(logs: Mapping[str, Any] | None) -> bool:
    return math.isfinite(float((logs or {}).get("loss", 0.0)))
