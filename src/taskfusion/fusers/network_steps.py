"""Training a fuser network many steps per call (TensorFlow); elsewhere ``fit`` does the same, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from taskfusion.fusers.feeds import ArrayFeed, Feed, Tensors
from taskfusion.fusers.network_batches import FeedBatches, Labelled, in_order
from taskfusion.images import Array
from taskfusion.training.backend import keras
from taskfusion.training.many_steps import ManySteps, many_losses

STEPS = 32  # of a call: few enough for a bar that moves, many enough that a call costs next to nothing
RESIDENT = 2**31  # bytes of arrays that are copied to where the network is; larger ones come batch by batch
STREAMED = 2**26  # bytes of batches that come together


def can_run_together() -> bool:
    """Whether the backend and the running policy of numbers allow for it."""
    return bool(keras.backend.backend() == "tensorflow" and keras.config.dtype_policy().name == "float32")


def fit_together(
    model: keras.Model,
    data: tuple[FeedBatches, Labelled | None],
    callbacks: Sequence[keras.callbacks.Callback],
) -> dict[str, list[float]]:
    """What ``model.fit`` does on balanced batches and a validation split: callbacks, stopping, history."""
    batches, validation = data
    epochs = batches.config.epochs
    run = _Run(model, batches, validation)
    watch = keras.callbacks.CallbackList(
        list(callbacks), add_history=True, model=model, epochs=epochs, steps=len(batches), verbose=0
    )
    batches.on_epoch_end()  # fit spends an epoch's order on looking at one batch, and backends shall see the same
    model.stop_training = False
    watch.on_train_begin()
    for epoch in range(epochs):
        watch.on_epoch_begin(epoch)
        watch.on_epoch_end(epoch, run.epoch(watch))
        batches.on_epoch_end()
        if model.stop_training:
            break
    watch.on_train_end()
    return dict(model.history.history)


class _Run:
    """One training: the network, its steps, and the data where it can look them up."""

    def __init__(self, model: keras.Model, batches: FeedBatches, validation: Labelled | None) -> None:
        self._model, self._batches = model, batches
        self._source = source_of(batches.feed)
        self._steps = ManySteps(model, batches.config.learning_rate, self._source.look_up)
        self._held_out = None if validation is None else _HeldOut(model, validation)

    def epoch(self, watch: keras.callbacks.CallbackList) -> dict[str, float]:
        """Train on every batch; returns the figures of the epoch."""
        total, done, logs = 0.0, 0, {}
        drawn = (self._batches.drawn(k) for k in range(len(self._batches)))
        for part in _together(drawn, self._source):
            total, done = total + self._steps.train(part), done + len(part["truth"])
            logs = {"loss": total / done}
            watch.on_train_batch_end(done - 1, logs)
            if self._model.stop_training:
                break
        return logs if self._held_out is None else {**logs, "val_loss": self._held_out.loss()}


class _HeldOut:
    """The loss on the validation split."""

    def __init__(self, model: keras.Model, data: Labelled) -> None:
        self._data, self._source = data, source_of(data.feed)
        self._losses = many_losses(model, self._source.look_up)

    def loss(self) -> float:
        """Its mean over the cases; an unknown truth weighs nothing."""
        total, size = 0.0, 0
        for part in _together(in_order(self._data), self._source):
            total, size = total + self._losses(part), part["truth"].shape[1]
        return total * size / len(self._data.truth)


class Source(Protocol):
    """How the cases of a feed reach the network."""

    def steps(self, carried: Tensors) -> int:
        """How many batches like this one come together."""
        ...

    def carried(self, drawn: Tensors) -> Tensors:
        """What has to be brought along for one batch, given its ``rows`` and what is ``hidden`` of them."""
        ...

    def look_up(self, batch: Any) -> Any:
        """The network's inputs, inside the graph, from what was brought along."""
        ...


class Resident:
    """The arrays of a feed where the network is; a batch is looked up by row."""

    def __init__(self, feed: ArrayFeed) -> None:
        import tensorflow as tf

        self._tensors = {name: tf.constant(array) for name, array in feed.tensors.items()}
        self._blank, self._owners = feed.blank, feed.owners

    def steps(self, carried: Tensors) -> int:
        """As many as make a call worth while."""
        return STEPS

    def carried(self, drawn: Tensors) -> Tensors:
        """Rows alone."""
        return drawn

    def look_up(self, batch: Any) -> Any:
        """See :class:`Source`; hidden answers look as :class:`ArrayFeed` makes them."""
        import tensorflow as tf

        taken = {name: tf.gather(tensor, batch["rows"]) for name, tensor in self._tensors.items()}
        if "hidden" not in batch:
            return taken
        return {name: self._hide(name, tensor, batch["hidden"]) for name, tensor in taken.items()}

    def _hide(self, name: str, tensor: Any, hidden: Any) -> Any:
        import tensorflow as tf

        out = tf.gather(hidden, self._owners[name], axis=1)
        out = tf.reshape(out, (*out.shape, *[1] * (len(tensor.shape) - len(out.shape))))
        return tf.where(out, self._blank[name], tensor)


class Streamed:
    """Batches as the feed gives them."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def steps(self, carried: Tensors) -> int:
        """So many that they take little memory."""
        size = sum(array.nbytes for array in carried.values())
        return max(1, min(STEPS, STREAMED // max(size, 1)))

    def carried(self, drawn: Tensors) -> Tensors:
        """The tensors themselves."""
        rest = {name: drawn[name] for name in drawn if name not in ("rows", "hidden")}
        return {**rest, **self._feed.batch(drawn["rows"], drawn.get("hidden"))}

    def look_up(self, batch: Any) -> Any:
        """See :class:`Source`."""
        return {name: tensor for name, tensor in batch.items() if name not in ("truth", "weights")}


def source_of(feed: Feed) -> Source:
    """Arrays that fit are held where the network is."""
    small = isinstance(feed, ArrayFeed) and sum(array.nbytes for array in feed.tensors.values()) <= RESIDENT
    return Resident(feed) if isinstance(feed, ArrayFeed) and small else Streamed(feed)


def _together(drawn: Iterator[Tensors], source: Source) -> Iterator[Tensors]:
    """Batches stacked, some steps at a time."""
    waiting = [source.carried(next(drawn))]
    steps = source.steps(waiting[0])
    for each in drawn:
        if len(waiting) == steps:
            yield _stacked(waiting)
            waiting = []
        waiting.append(source.carried(each))
    yield _stacked(waiting)


def _stacked(parts: Sequence[Tensors]) -> dict[str, Array]:
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}
