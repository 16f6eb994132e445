"""Stochastic weight averaging: the mean of the weights along the way instead of the last ones.

Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from taskfusion.images import Array
from taskfusion.training.backend import keras


class StochasticWeightAveraging(keras.callbacks.Callback):
    """Average the weights at the end of every epoch from ``start_epoch`` on; swap the mean in when training ends.

    Batch normalisation: its moving means and variances are averaged like the weights, which is close but not what
    the averaged network sees. With ``refresh`` they are re-estimated: one pass over those batches in training mode
    with learning rate 0, which moves nothing but the statistics.

    Args:
        start_epoch: the first epoch (from 0) that counts. A training that ends earlier keeps its last weights.
        refresh: batches for the re-estimation; needs a learning rate that is a number, not a schedule.

    Attributes:
        averaged: how many epochs are in the mean.
    """

    def __init__(self, start_epoch: int, refresh: keras.utils.PyDataset | None = None) -> None:
        super().__init__()
        self.averaged = 0
        self._start, self._refresh = start_epoch, refresh
        self._sums: list[Array] = []

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"averaged": self.averaged, "sums": self._sums}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.averaged, self._sums = state["averaged"], list(state["sums"])

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Begin a new mean."""
        self.averaged, self._sums = 0, []

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Add this epoch's weights, unless its loss is spoiled."""
        if epoch < self._start or not math.isfinite((logs or {}).get("loss", 0.0)):
            return
        weights = [np.asarray(weight, np.float64) for weight in self.model.get_weights()]
        self._sums = [old + new for old, new in zip(self._sums, weights, strict=True)] if self._sums else weights
        self.averaged += 1

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Swap the mean in."""
        if not self.averaged:
            return
        self.model.set_weights([np.asarray(total / self.averaged, np.float32) for total in self._sums])
        if self._refresh is not None:
            _refresh_statistics(self.model, self._refresh)


def _refresh_statistics(model: keras.Model, batches: keras.utils.PyDataset) -> None:
    """Run the compiled training step at learning rate 0: only moving statistics change."""
    before = float(model.optimizer.learning_rate)
    model.optimizer.learning_rate = 0.0
    for index in range(len(batches)):
        model.train_on_batch(*batches[index])
    model.optimizer.learning_rate = before
