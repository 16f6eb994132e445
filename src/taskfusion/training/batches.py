"""Batches from arrays in memory: shuffled, balanced between classes, augmented, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from taskfusion.errors import DataError
from taskfusion.images import Array
from taskfusion.training.backend import keras
from taskfusion.training.recipe import BatchOptions

Transform = Callable[[Any, np.random.Generator], Any]


class Batches(keras.utils.PyDataset):
    """Full, shuffled batches of ``(inputs, targets)`` for ``model.fit``; epoch ``e`` is the same for the same seed.

    Args:
        inputs: an array ``(samples, ...)``, or a tuple or dictionary of such arrays.
        targets: array ``(samples, ...)``, or a tuple or dictionary of such arrays.
        options: batch size, steps and seed.
        transform: ``transform(inputs of one batch, generator) -> inputs``: conversion and augmentation.
        classes: ``(samples,)``; each batch then holds as many samples of one class as of another (plus or minus one).
    """

    def __init__(
        self,
        inputs: Any,
        targets: Any,
        options: BatchOptions,
        transform: Transform | None = None,
        classes: Array | None = None,
    ) -> None:
        super().__init__()
        count = len(keras.tree.flatten(inputs)[0])
        if count == 0:
            raise DataError("no samples to train on")
        self._inputs, self._targets = inputs, targets
        self._options, self._transform = options, transform
        self._pools = _pools(np.zeros(count, int) if classes is None else np.asarray(classes))
        self._steps = options.steps or max(1, round(count / options.size))
        self._start_epoch(0)

    def __len__(self) -> int:
        """Batches per epoch."""
        return self._steps

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Batch ``index`` of the running epoch; asking twice gives the same batch."""
        rows = self.rows(index)
        inputs = _take(self._inputs, rows)
        if self._transform is not None:
            inputs = self._transform(inputs, self.generator(index))
        return inputs, _take(self._targets, rows)

    def rows(self, index: int) -> Array:
        """Which samples batch ``index`` of the running epoch is made of, ``(size,)``."""
        size = self._options.size
        return self._order[index * size : (index + 1) * size]

    def generator(self, index: int) -> np.random.Generator:
        """What is random in batch ``index`` of the running epoch follows from it."""
        return np.random.default_rng((self._options.seed, self._epoch, index))

    def class_shares(self) -> dict[int, float]:
        """The share of each integer target that occurs among the samples drawn in the long run."""
        targets = np.asarray(self._targets).ravel()
        # pools take turns, so each gives as much as another, whatever its size
        parts = [np.bincount(targets[pool], minlength=targets.max() + 1) / len(pool) for pool in self._pools]
        return {label: float(share) for label, share in enumerate(np.mean(parts, axis=0)) if share}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"epoch": self._epoch}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._start_epoch(state["epoch"])

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self._start_epoch(self._epoch + 1)

    def _start_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        generator = np.random.default_rng((self._options.seed, epoch))
        self._order = _interleaved(self._pools, self._steps * self._options.size, generator)


def _pools(classes: Array) -> list[Array]:
    """The rows of each class that occurs."""
    return [np.flatnonzero(classes == value) for value in np.unique(classes)]


def _interleaved(pools: list[Array], length: int, generator: np.random.Generator) -> Array:
    """``length`` rows, the pools taking turns; a pool that runs out is shuffled anew."""
    turns = -(-length // len(pools))
    columns = [np.concatenate([generator.permutation(p) for _ in range(-(-turns // len(p)))])[:turns] for p in pools]
    return np.stack(columns, axis=1).ravel()[:length]


def _take(arrays: Any, rows: Array) -> Any:
    return keras.tree.map_structure(lambda array: array[rows], arrays)
