"""Gated-attention pooling (Ilse, Tomczak, Welling 2018) over a bag of instances that may be empty, and its network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskfusion.fusers.attention_config import AttentionConfig
from taskfusion.fusers.network_training import head
from taskfusion.training.backend import keras

layers, ops = keras.layers, keras.ops
LOWEST = -1e9  # stands for "minus infinity", which would turn an empty bag into "no number"


def masked_softmax(scores: Any, known: Any) -> Any:
    """Weights ``(cases, slots)`` that sum to 1 over the slots that are known; all 0 where none is.

    Args:
        scores: ``(cases, slots)``, anything finite where nothing is known.
        known: ``(cases, slots)``, 1 for an instance and 0 for none.
    """
    there = known > 0
    scores = ops.where(there, scores, LOWEST)
    highest = ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True))
    raised = ops.where(there, ops.exp(scores - highest), 0.0)
    # The highest known score adds exp(0) = 1, so the sum is at least 1 unless the bag is empty.
    return raised / ops.maximum(ops.sum(raised, axis=-1, keepdims=True), 0.5)


def pool(values: Any, weights: Any) -> Any:
    """Sum of ``(cases, slots, width)`` by weights ``(cases, slots)``: ``(cases, width)``."""
    return ops.sum(values * ops.expand_dims(weights, -1), axis=1)


@keras.saving.register_keras_serializable("taskfusion")
class GatedAttention(keras.layers.Layer):
    """How much each instance counts: ``softmax(w . (tanh(V h) * sigmoid(U h)))`` over those that are known.

    Args:
        units: rows of V and U.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.content = layers.Dense(units, activation="tanh", name="content")
        self.gate = layers.Dense(units, activation="sigmoid", name="gate")
        self.score = layers.Dense(1, use_bias=False, name="score")

    def build(self, instances_shape: Any, known_shape: Any = None) -> None:
        """Weights of the three layers."""
        self.content.build(instances_shape)
        self.gate.build(instances_shape)
        self.score.build((*instances_shape[:-1], self.units))

    def call(self, instances: Any, known: Any) -> Any:
        """Instances ``(cases, slots, width)`` and which are known ``(cases, slots)`` to weights ``(cases, slots)``."""
        scores = self.score(self.content(instances) * self.gate(instances))
        return masked_softmax(ops.squeeze(scores, -1), known)

    def compute_output_shape(self, instances_shape: Any, known_shape: Any = None) -> Any:
        """One weight per slot."""
        return instances_shape[:-1]

    def get_config(self) -> dict[str, Any]:
        """What the constructor wants."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("taskfusion")
class WeightedSum(keras.layers.Layer):
    """See :func:`pool`."""

    def call(self, values: Any, weights: Any) -> Any:
        """Pool."""
        return pool(values, weights)

    def compute_output_shape(self, values_shape: Any, weights_shape: Any = None) -> Any:
        """One vector per case."""
        return (values_shape[0], values_shape[-1])


LAYERS = {"GatedAttention": GatedAttention, "WeightedSum": WeightedSum}


def build_network(widths: Mapping[str, int], targets: int | None, config: AttentionConfig) -> keras.Model:
    """A projection per task, one bag of all instances, attention, weighted sum, dense, softmax.

    Args:
        widths: numbers per instance of each task.
        targets: see :func:`taskfusion.fusers.network_training.head`.
        config: widths of projection and attention, dense units, dropout.
    """
    inputs = {
        f"instances_{task}": keras.Input((None, width), name=f"instances_{task}") for task, width in widths.items()
    }
    known = keras.Input((None,), name="known")
    projected = [layers.Dense(config.width, activation="relu")(tensor) for tensor in inputs.values()]
    bag = layers.Concatenate(axis=1)(projected) if len(projected) > 1 else projected[0]
    weights = GatedAttention(config.attention, name="attention")(bag, known)
    pooled = WeightedSum(name="pooled")(bag, weights)
    return keras.Model({**inputs, "known": known}, head(pooled, targets, config), name="attention_fuser")


def weights_network(model: keras.Model) -> keras.Model:
    """The same network up to the attention weights."""
    weights = keras.Model(model.inputs, model.get_layer("attention").output)
    weights.jit_compile = False
    return weights
