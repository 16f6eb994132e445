"""The network of the feature fuser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskfusion.fusers.feat_config import FeatConfig
from taskfusion.fusers.network_training import head
from taskfusion.training.backend import keras

layers = keras.layers
Shapes = Mapping[str, tuple[int, ...]]


def build_network(shapes: Shapes, depths: Mapping[str, int], targets: int | None, config: FeatConfig) -> keras.Model:
    """A branch per task, ReLU before and after joining, dense, dropout, softmax of two classes (paper Figure 4).

    Args:
        shapes: ``(channels, feature_size)`` per task.
        depths: convolution blocks per task.
        targets: see :func:`taskfusion.fusers.network_training.head`.
        config: filters, kernel, dense units, dropout.
    """
    inputs = {task: keras.Input(shape, name=task) for task, shape in shapes.items()}
    branches = [branch(tensor, depths[task], config) for task, tensor in inputs.items()]
    return keras.Model(inputs, head(layers.ReLU()(joined(branches)), targets, config), name="feat")


def joined(branches: list[Any]) -> Any:
    """All branches side by side."""
    return layers.Concatenate()(branches) if len(branches) > 1 else branches[0]


def branch(tensor: Any, depth: int, config: FeatConfig) -> Any:
    """Blocks of convolution and pooling along the feature axis, views as channels; flattened, after ReLU."""
    hidden = layers.Permute((2, 1))(tensor)
    for filters in config.filters[:depth]:
        hidden = layers.Conv1D(filters, config.kernel, strides=2, padding="same")(hidden)
        hidden = layers.MaxPooling1D(2, padding="same")(hidden)
    return layers.ReLU()(layers.Flatten()(hidden))
