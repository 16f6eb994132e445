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

    Batches that are told about together, as with ``steps_per_execution``, count as many as they are.

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
        self._before = 0  # batches of all epochs but the running one

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """One batch more, or several: ``batch`` is the number of the last."""
        more = self._before + batch + 1 - self._done
        self._done += more
        self._step.advance(more, **self._figures(logs))

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Count the epochs that a killed training has done."""
        self._before = max(self._done, epoch * (self.params.get("steps") or 0))
        missed = self._before - self._done
        if missed:
            self._done += missed
            self._step.advance(missed)

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

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps; the good weights are those of the network itself."""
        return {"spoiled_epoch": self.spoiled_epoch}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint, with the network as it is now."""
        self.spoiled_epoch = state["spoiled_epoch"]
        self._good = self.model.get_weights()

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Remember the weights training starts from."""
        self._good = self.model.get_weights()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Know which epoch runs."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Look at the running mean of the loss, which stays spoiled once it is."""
        if self.spoiled_epoch is None and not _finite(logs):
            self._spoil(self._epoch)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Remember the weights of a good epoch."""
        if self.spoiled_epoch is None and not _finite(logs, "val_loss"):
            self._spoil(epoch)
        elif self.spoiled_epoch is None:
            self._good = self.model.get_weights()

    def _spoil(self, epoch: int) -> None:
        self.spoiled_epoch = epoch
        self.model.stop_training = True
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # else what the running epoch has learned would come back over ours
        self.model.set_weights(self._good)


def _finite(logs: Mapping[str, Any] | None, name: str = "loss") -> bool:
    return math.isfinite(float((logs or {}).get(name, 0.0)))
