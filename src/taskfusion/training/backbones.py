"""Image networks that several tasks build on."""

from __future__ import annotations

from taskfusion.training.backend import keras


def mobilenet(
    size: tuple[int, int], width: float = 1.0, momentum: float = 0.99, name: str = "mobilenet"
) -> keras.Model:
    """MobileNet (Howard et al. 2017) for grey images, randomly initialised, without its classifier.

    Args:
        size: height and width of the input, a multiple of 32 wherever nothing is to be cut off.
        width: multiplies the channels of every layer; the last has ``int(1024 * width)``.
        momentum: of the moving statistics in batch normalisation; short trainings need less than Keras' 0.99.
        name: of the network, unique within a larger one.

    Returns:
        ``(batch, height, width, 1)`` in -1..1 to a map ``(batch, height / 32, width / 32, channels)``.
    """
    network = keras.applications.MobileNet(
        input_shape=(*size, 1), alpha=width, include_top=False, weights=None, name=name
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum
    return network
