"""The batches fuser networks learn from and are judged by, of whatever feed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from taskfusion.fusers.balance import balancing_weights, pools_of
from taskfusion.fusers.feeds import Feed, Tensors, hidden_tasks
from taskfusion.fusers.network_config import NetworkConfig
from taskfusion.images import Array
from taskfusion.training.backend import keras
from taskfusion.training.batches import Batches, BatchOptions

VALIDATION_BATCH = 32


@attrs.frozen(eq=False)
class Labelled:
    """What a network sees of some cases, and their truth ``(cases,)`` or ``(cases, targets)``."""

    feed: Feed
    truth: Array


class FeedBatches(Batches):
    """Balanced batches of ``(tensors, truth)``, of several targets ``(tensors, truth, weights)``."""

    def __init__(self, data: Labelled, config: NetworkConfig, seed: int) -> None:
        truth = data.truth
        pools = truth if truth.ndim == 1 else pools_of(truth, config.batch_size)
        options = BatchOptions(size=config.batch_size, seed=seed)
        super().__init__(np.arange(len(truth)), truth, options, classes=pools)
        self.feed, self.config = data.feed, config
        labels = {"truth": truth}
        if truth.ndim > 1:
            labels = {"truth": np.maximum(truth, 0), "weights": balancing_weights(truth, pools)}
        self._labels = labels

    def drawn(self, index: int) -> Tensors:
        """What batch ``index`` is made of: ``rows``, what is ``hidden`` of them (with task dropout), and labels."""
        rows = self.rows(index)
        labels = {name: values[rows] for name, values in self._labels.items()}
        if not self.config.task_dropout:
            return {"rows": rows, **labels}
        hidden = hidden_tasks(self.feed.present[rows], self.config.task_dropout, self.generator(index))
        return {"rows": rows, "hidden": hidden, **labels}

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Batch ``index`` of the running epoch; asking twice gives the same batch."""
        drawn = self.drawn(index)
        tensors = self.feed.batch(drawn["rows"], drawn.get("hidden"))
        return tensors, *(drawn[name] for name in self._labels)


class InOrder(keras.utils.PyDataset):
    """The validation split, batch by batch; an unknown truth weighs nothing."""

    def __init__(self, data: Labelled) -> None:
        super().__init__()
        self._data = data

    def __len__(self) -> int:
        return -(-len(self._data.truth) // VALIDATION_BATCH)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        start = index * VALIDATION_BATCH
        rows = np.arange(start, min(start + VALIDATION_BATCH, len(self._data.truth)))
        inputs, truth = self._data.feed.batch(rows), self._data.truth[rows]
        if truth.ndim == 1:
            return inputs, truth
        return inputs, np.maximum(truth, 0), (truth >= 0).astype(np.float32)


def in_order(data: Labelled) -> Iterator[Tensors]:
    """The same as rows and labels, every batch full: what fills the last one up weighs nothing, as unknown truth."""
    count = len(data.truth)
    for start in range(0, count, VALIDATION_BATCH):
        place = np.arange(start, start + VALIDATION_BATCH)
        rows = place % count
        truth = data.truth[rows]
        counts = (place < count).reshape(-1, *[1] * (truth.ndim - 1)) & (truth >= 0)
        yield {"rows": rows, "truth": np.maximum(truth, 0), "weights": counts.astype(np.float32)}
