"""Tiny image networks whose answers vary; do not train them."""

from __future__ import annotations

from taskfusion.training.backend import keras, repeatable

SIZE = (12, 10, 1)


def made(seed: int = 0) -> keras.Model:
    """Grey images to two probabilities and three features, with what image networks are made of."""
    repeatable(seed)
    image = keras.Input(SIZE)
    scaled = keras.layers.Normalization(axis=None, mean=120.0, variance=900.0)(image)
    inner = keras.layers.Conv2D(3, 3, strides=2, padding="same")(scaled)
    inner = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(inner))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.DepthwiseConv2D(3, padding="same")(inner))
    return keras.Model(image, [keras.layers.Dense(2, activation="softmax")(features), features])
