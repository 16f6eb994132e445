"""A network with its 1-d convolutions as matrix products: on a CPU, small ones are several times faster so.

The twin is only trained; what is kept, saved and asked is the network itself, with the twin's weights.
"""

from __future__ import annotations

from typing import Any

from taskfusion.training.backend import keras

layers, ops = keras.layers, keras.ops


class MatrixConv1D(layers.Conv1D):
    """A convolution along the middle axis (padding ``same``) as one product of patches and kernel."""

    def call(self, inputs: Any) -> Any:
        """``(cases, length, channels)`` to ``(cases, ceil(length / stride), filters)``."""
        width, channels, filters = self.kernel.shape
        stride, length = self.strides[0], inputs.shape[1]
        steps, windows = -(-length // stride), -(-width // stride)
        # The signal is cut into blocks of one stride; a patch is as many neighbouring blocks as the kernel touches.
        left = max((steps - 1) * stride + width - length, 0) // 2
        right = (steps - 1 + windows) * stride - length - left
        cut = right if right < 0 else None
        padded = ops.pad(inputs[:, :cut], ((0, 0), (left, max(right, 0)), (0, 0)))
        blocks = ops.reshape(padded, (-1, steps - 1 + windows, stride * channels))
        patches = ops.concatenate([blocks[:, k : k + steps] for k in range(windows)], axis=-1)
        kernel = ops.pad(self.kernel, ((0, windows * stride - width), (0, 0), (0, 0)))
        kernel = ops.reshape(kernel, (windows * stride * channels, filters))
        flat = ops.matmul(ops.reshape(patches, (-1, windows * stride * channels)), kernel) + self.bias
        return ops.reshape(flat, (-1, steps, filters))


class PairPooling1D(layers.MaxPooling1D):
    """Maximum of neighbours (pool 2, padding ``same``), by one comparison of the even with the odd places."""

    def call(self, inputs: Any) -> Any:
        """``(cases, length, channels)`` to ``(cases, ceil(length / 2), channels)``."""
        length, channels = inputs.shape[1:]
        if length % 2:  # the last place stands alone: it is its own maximum
            inputs = ops.concatenate([inputs, inputs[:, -1:]], axis=1)
        pairs = ops.reshape(inputs, (-1, -(-length // 2), 2, channels))
        return ops.maximum(pairs[:, :, 0], pairs[:, :, 1])


def matrix_twin(model: keras.Model) -> keras.Model:
    """A functional network of the same weights, seeds and answers (up to rounding), to be trained in its stead."""
    twin = keras.models.clone_model(model, clone_function=_twin_layer)
    copy_variables(model, twin)
    return twin


def copy_variables(source: keras.Model, target: keras.Model) -> None:
    """Weights, and the states of random layers, from one network to its twin."""
    for there, here in zip(target.variables, source.variables, strict=True):
        there.assign(here)


def _twin_layer(layer: Any) -> Any:
    config = layer.get_config()
    if type(layer) is layers.Conv1D and _plain_convolution(layer):
        return MatrixConv1D.from_config(config)
    if type(layer) is layers.MaxPooling1D and (layer.pool_size, layer.strides, layer.padding) == ((2,), (2,), "same"):
        return PairPooling1D.from_config(config)
    return type(layer).from_config(config)


def _plain_convolution(layer: Any) -> bool:
    """Whether :class:`MatrixConv1D` does all of what it does."""
    usual = (layer.padding, layer.dilation_rate, layer.groups, layer.use_bias, layer.data_format)
    linear = layer.activation is keras.activations.linear
    return linear and usual == ("same", (1,), 1, True, "channels_last")
