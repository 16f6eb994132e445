"""Many optimizer steps per call, for small networks whose steps take less than starting one does (TensorFlow only)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from taskfusion.training.backend import keras

BETAS, EPSILON = (0.9, 0.999), 1e-7  # Adam's, as Keras has them
Batches = Mapping[str, Any]  # arrays with a leading axis of batches; of a single batch, without
LookUp = Callable[[Batches], Any]


class ManySteps:
    """Adam on a network, several batches a call; the same sums as ``fit`` with ``keras.optimizers.Adam``.

    A call gets arrays ``(steps, batch, ...)``: ``truth``, ``weights`` where there are any, and whatever ``look_up``
    turns, inside the graph, into the network's inputs.

    Args:
        model: a compiled network; its loss is used, its optimizer is not.
        learning_rate: Adam's.
        look_up: the network's inputs of one batch's arrays.
    """

    def __init__(self, model: keras.Model, learning_rate: float, look_up: LookUp) -> None:
        import tensorflow as tf

        self._rate, self._loss = learning_rate, _loss_of(model, look_up)
        self._weights = [weight.value for weight in model.trainable_weights]
        self._moments = [tuple(tf.Variable(tf.zeros_like(weight)) for _ in BETAS) for weight in self._weights]
        self._count = tf.Variable(0.0)
        self._all = _Summed(self._step)

    def train(self, batches: Batches) -> float:
        """Take a step on every batch; the sum of their losses."""
        return self._all(batches)

    def _step(self, batch: Batches) -> Any:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = self._loss(batch, True)
        self._apply(tape.gradient(loss, self._weights))
        return loss

    def _apply(self, gradients: list[Any]) -> None:
        """Adam in one pass over each weight; Keras makes about ten."""
        import tensorflow as tf

        count = self._count.assign_add(1.0)
        powers = [tf.pow(beta, count) for beta in BETAS]
        for weight, (mean, square), gradient in zip(self._weights, self._moments, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=self._rate,
                beta1=BETAS[0],
                beta2=BETAS[1],
                epsilon=EPSILON,
                grad=gradient,
            )


def many_losses(model: keras.Model, look_up: LookUp) -> Callable[[Batches], float]:
    """The sum of the losses of several batches, nothing learned; see :class:`ManySteps`."""
    loss = _loss_of(model, look_up)
    return _Summed(lambda batch: loss(batch, False))


def _loss_of(model: keras.Model, look_up: LookUp) -> Callable[[Batches, bool], Any]:
    """The loss of one batch, that the network was compiled with."""

    def loss(batch: Batches, training: bool) -> Any:
        inputs = look_up(batch)
        answers = model(inputs, training=training)
        return model.compute_loss(inputs, batch["truth"], answers, batch.get("weights"), training=training)

    return loss


class _Summed:
    """One batch after the other inside one graph, results added up; a graph serves any number of batches."""

    def __init__(self, step: Callable[[Batches], Any]) -> None:
        self._step = step
        self._graphs: dict[Any, Any] = {}

    def __call__(self, batches: Batches) -> float:
        kinds = tuple((name, values.shape[1:], values.dtype) for name, values in batches.items())
        if kinds not in self._graphs:
            self._graphs[kinds] = self._graph(batches)
        return float(self._graphs[kinds](dict(batches)))

    def _graph(self, batches: Batches) -> Any:
        import tensorflow as tf

        signature = {name: tf.TensorSpec((None, *array.shape[1:]), array.dtype) for name, array in batches.items()}
        return tf.function(self._all, input_signature=[signature], autograph=False)

    def _all(self, batches: Batches) -> Any:
        import tensorflow as tf

        def one(k: Any, total: Any) -> tuple[Any, Any]:
            return k + 1, total + self._step({name: values[k] for name, values in batches.items()})

        steps = tf.shape(batches["truth"])[0]
        start = (tf.constant(0), tf.constant(0.0))
        return tf.while_loop(lambda k, _: k < steps, one, start, parallel_iterations=1)[1]
