"""The networks of task ``findings``: a patch model, and F for whole views that starts from it (II-B.2).

Class 0 is "normal" everywhere; the score of a lesion is 1 minus its probability.
"""

from __future__ import annotations

from typing import Any

from mammo_findings.config import STRIDE, FindingsConfig
from taskfusion.training.backbones import mobilenet
from taskfusion.training.backend import keras

WHITE = 255.0
BACKBONE, PLACES, HEAD = "mobilenet", "places", "head"


def patch_model(config: FindingsConfig, classes: int) -> keras.Model:
    """(batch, patch, patch, 1) grey values 0..255 to probabilities (batch, classes)."""
    size = (config.patch, config.patch)
    patch = keras.Input((*size, 1), name="patch")
    pooled = keras.layers.GlobalAveragePooling2D()(_map(patch, size, config))
    dropped = keras.layers.Dropout(config.patch_dropout)(pooled)
    answer = keras.layers.Dense(classes, activation="softmax", name=HEAD)(dropped)
    return keras.Model(patch, answer, name="findings_patch")


def view_model(config: FindingsConfig, classes: int) -> keras.Model:
    """F: (batch, height, width, 1) 0..255 to probabilities (batch, classes) and feat_F (batch, 1024 x width)."""
    image = keras.Input((*config.size, 1), name="view")
    features = _pooled(_map(image, config.size, config), config, classes)
    inner = keras.layers.Dropout(config.dropout)(features)
    if config.hidden:
        inner = keras.layers.Dense(config.hidden, activation="relu", name="hidden")(inner)
    answer = keras.layers.Dense(classes, activation="softmax", name=HEAD)(inner)
    return keras.Model(image, [answer, features], name="findings_view")


def classifier(view: keras.Model) -> keras.Model:
    """F without its second output, for training; shares all weights."""
    return keras.Model(view.inputs, view.outputs[0], name="findings_classifier")


def start_from_patches(view: keras.Model, patch: keras.Model, config: FindingsConfig) -> None:
    """Give F the patch model's MobileNet, and its last layer wherever it fits.

    With pooling ``lesion`` F then begins with the answer of the patch most like a lesion.
    """
    view.get_layer(BACKBONE).set_weights(patch.get_layer(BACKBONE).get_weights())
    last = patch.get_layer(HEAD).get_weights()
    if config.pooling == "lesion":
        view.get_layer(PLACES).set_weights(last)
    if config.pooling != "average" and not config.hidden:
        view.get_layer(HEAD).set_weights(last)


def _map(image: Any, size: tuple[int, int], config: FindingsConfig) -> Any:
    scaled = keras.layers.Rescaling(2 / WHITE, -1)(image)
    return mobilenet(size, config.width, config.momentum, BACKBONE)(scaled)


def _pooled(features: Any, config: FindingsConfig, classes: int) -> Any:
    """(batch, rows, columns, channels) to (batch, channels)."""
    if config.pooling == "average":
        return keras.layers.GlobalAveragePooling2D()(features)
    window = config.patch // STRIDE  # a place sees as much as a patch did
    places = keras.layers.AveragePooling2D(window, strides=1)(features)
    if config.pooling == "max":
        return keras.layers.GlobalMaxPooling2D()(places)
    places = keras.layers.Reshape((-1, places.shape[-1]))(places)
    weights = keras.ops.softmax(lesion_logits(keras.layers.Dense(classes, name=PLACES)(places)), axis=1)
    return keras.ops.sum(keras.ops.expand_dims(weights, -1) * places, axis=1)


def lesion_logits(logits: Any) -> Any:
    """Log odds of any lesion (…,) from the logits (…, classes) of normal and the lesion classes."""
    return keras.ops.logsumexp(logits[..., 1:], axis=-1) - logits[..., 0]
