"""The networks of task ``density``: D^v for one view and D for an exam (II-B.1)."""

from __future__ import annotations

import numpy as np

from mammo_density.config import DensityConfig
from taskfusion.training.backbones import mobilenet
from taskfusion.training.backend import keras

WHITE = 255.0
BACKBONE, HEAD, FEATURES = "mobilenet", "head", "features"


def view_model(config: DensityConfig) -> keras.Model:
    """D^v: (batch, height, width, 1) grey values 0..255 to two outputs.

    They are the probabilities (batch, classes) of fatty and dense, or of a to d, and the pooled map
    (batch, 1024 x width). A dense layer on it is the paper's 1x1 convolution on a map of one place.
    """
    image = keras.Input((*config.size, 1), name="view")
    pooled = branch(config, BACKBONE)(image)
    dropped = keras.layers.Dropout(config.view_dropout)(pooled)
    answer = keras.layers.Dense(config.classes, activation="softmax", name=HEAD)(dropped)
    return keras.Model(image, [answer, pooled], name="density_view")


def branch(config: DensityConfig, name: str) -> keras.Model:
    """MobileNet with global average pooling: (batch, height, width, 1) 0..255 to (batch, 1024 x width)."""
    image = keras.Input((*config.size, 1))
    scaled = keras.layers.Rescaling(2 / WHITE, -1)(image)
    pooled = keras.layers.GlobalAveragePooling2D()(mobilenet(config.size, config.width, config.momentum)(scaled))
    return keras.Model(image, pooled, name=name)


def patient_model(config: DensityConfig) -> keras.Model:
    """D: (batch, views, height, width, 1) 0..255 to probabilities (batch, classes) and feat_D.

    One branch per view (or one for all where ``config.shared``), dropout in each, side by side (feat_D,
    (batch, views x 1024 x width)), one dense layer.
    """
    exam = keras.Input((len(config.views), *config.size, 1), name="exam")
    common = branch(config, "branch") if config.shared else None
    pooled = [(common or branch(config, f"branch_{i}"))(exam[:, i]) for i in range(len(config.views))]
    features = keras.layers.Concatenate(name=FEATURES)(pooled)
    dropped = keras.layers.Dropout(config.patient_dropout)(features)
    answer = keras.layers.Dense(config.classes, activation="softmax", name=HEAD)(dropped)
    return keras.Model(exam, [answer, features], name="density_patient")


def build(config: DensityConfig) -> dict[str, keras.Model]:
    """The networks that the answer needs, by name, untrained."""
    makers = {"view": view_model, "patient": patient_model}
    return {name: makers[name](config) for name in config.networks}


def classifier(network: keras.Model) -> keras.Model:
    """A network without its second output, for training; shares all weights."""
    return keras.Model(network.inputs, network.outputs[0], name=f"{network.name}_classifier")


def start_from_views(patient: keras.Model, view: keras.Model, config: DensityConfig) -> None:
    """Give every branch the view model's weights; with ``warm_head`` the last layer as well.

    The warm head answers with the mean of the four views' logits, so the patient model begins where averaging the
    view model would end.
    """
    weights = view.get_layer(BACKBONE).get_weights()
    for name in ["branch"] if config.shared else [f"branch_{i}" for i in range(len(config.views))]:
        patient.get_layer(name).set_weights(weights)
    if config.warm_head:
        kernel, bias = view.get_layer(HEAD).get_weights()
        patient.get_layer(HEAD).set_weights([np.tile(kernel / len(config.views), (len(config.views), 1)), bias])
