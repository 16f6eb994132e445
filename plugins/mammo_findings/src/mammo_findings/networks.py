"""The networks of task ``findings``: a patch model, and F for whole views that starts from it (II-B.2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mammo_findings.config import STRIDE, FindingsConfig
from taskfusion.training.backbones import mobilenet
from taskfusion.training.backend import keras

WHITE = 255.0
BACKBONE, SCALE, MAP, PLACES, HIDDEN, HEAD = "mobilenet", "scale", "map", "places", "hidden", "head"


def patch_model(config: FindingsConfig, classes: int) -> keras.Model:
    """(batch, patch, patch, 1) grey values 0..255 to probabilities (batch, classes); class 0 is normal."""
    size = (config.patch, config.patch)
    patch = keras.Input((*size, 1), name="patch")
    pooled = keras.layers.GlobalAveragePooling2D()(_map(patch, size, config))
    dropped = keras.layers.Dropout(config.patch_dropout)(pooled)
    answer = keras.layers.Dense(classes, activation="softmax", name=HEAD)(dropped)
    return keras.Model(patch, answer, name="findings_patch")


def view_model(config: FindingsConfig, classes: int = 2) -> keras.Model:
    """F: (batch, height, width, 1) grey values 0..255 to two outputs.

    They are the probabilities (batch, 2) of no lesion and any, and feat_F (batch, 1024 x width). With more than two
    ``classes``, normal and kinds of lesions, the kinds' probabilities are added up.
    """
    image = keras.Input((*config.size, 1), name="view")
    features = _pooled(_map(image, config.size, config), config, classes)
    inner = features
    if config.hidden:
        inner = keras.layers.Dense(config.hidden, activation="relu", name=HIDDEN)(inner)
    dropped = keras.layers.Dropout(config.dropout)(inner)
    answer = keras.layers.Dense(classes, activation="softmax", name=HEAD)(dropped)
    if classes > 2:
        answer = keras.ops.concatenate([answer[:, :1], keras.ops.sum(answer[:, 1:], axis=1, keepdims=True)], axis=1)
    return keras.Model(image, [answer, features], name="findings_view")


def classifier(view: keras.Model) -> keras.Model:
    """F without its second output, for training; shares all weights."""
    return keras.Model(view.inputs, view.outputs[0], name="findings_classifier")


def mapped(view: keras.Model) -> keras.Model:
    """F with a third output, what it pools: vectors of places (batch, rows, columns, 1024 x width); same weights."""
    return keras.Model(view.inputs, [*view.outputs, view.get_layer(MAP).output], name="findings_mapped")


def set_scale(network: keras.Model, mean: float, variance: float) -> None:
    """Tell a network of ``normalise: z-score`` the statistics of grey values 0..255; others need none."""
    if any(layer.name == SCALE for layer in network.layers):
        values = {"0": mean, "1": variance, "2": 0}
        network.get_layer(SCALE).load_own_variables({key: np.asarray(value) for key, value in values.items()})


def start_from_patches(view: keras.Model, patch: keras.Model, config: FindingsConfig) -> None:
    """Give F the patch model's MobileNet, and its last layer wherever it fits.

    With pooling ``lesion`` F then begins with about the answer of the patch most like a lesion.
    """
    view.get_layer(BACKBONE).set_weights(patch.get_layer(BACKBONE).get_weights())
    last = patch.get_layer(HEAD).get_weights()
    if config.pooling == "lesion":
        view.get_layer(PLACES).set_weights(last)
    if config.pooling != "average" and not config.hidden:
        view.get_layer(HEAD).set_weights(last)


def _map(image: Any, size: tuple[int, int], config: FindingsConfig) -> Any:
    if config.normalise == "z-score":
        scaled = keras.layers.Normalization(axis=None, name=SCALE)(image)
    else:
        scaled = keras.layers.Rescaling(2 / WHITE, -1)(image)
    return mobilenet(size, config.width, config.momentum, BACKBONE)(scaled)


def _pooled(features: Any, config: FindingsConfig, classes: int) -> Any:
    """(batch, rows, columns, channels) to (batch, channels)."""
    if config.pooling == "average":
        return keras.layers.GlobalAveragePooling2D()(keras.layers.Identity(name=MAP)(features))
    places = keras.layers.AveragePooling2D(window(config), strides=1, name=MAP)(features)
    if config.pooling == "max":
        return keras.layers.GlobalMaxPooling2D()(places)
    places = keras.layers.Reshape((-1, places.shape[-1]))(places)
    logits = keras.layers.Dense(classes, name=PLACES)(places)
    lesion = keras.ops.logsumexp(logits[..., 1:], axis=-1, keepdims=True) - logits[..., :1]
    weights = keras.ops.exp(lesion - keras.ops.logsumexp(lesion, axis=1, keepdims=True))
    return keras.ops.sum(weights * places, axis=1)


def window(config: FindingsConfig) -> int:
    """Rows and columns of MobileNet's map that make a place: one where the map is averaged, else what a patch had."""
    return 1 if config.pooling == "average" else config.patch // STRIDE
