"""InceptionV2, cut in two for Faster R-CNN: up to Mixed_4e for the first stage, Mixed_5a to 5c for the second.

Layer names, order, kernel shapes and batch normalisation (with scale and offset, epsilon 0.001) follow the TF1
original, so that :mod:`mammo_localization.original` can name every variable as its checkpoint does.
"""

from __future__ import annotations

from typing import Any

from mammo_localization.config import LocalizationConfig
from mammo_localization.layout import FIRST_MODULES, SECOND_MODULES, Mixed, Module, Reduction, map_depth
from taskfusion.training.backend import keras

FIRST_STAGE = "FirstStageFeatureExtractor"
SECOND_STAGE = "SecondStageFeatureExtractor"
ROOT = "InceptionV2"
EPSILON = 0.001
SEPARATOR = "-"  # stands for the original's "/", which Keras does not allow in a layer's name
STEM_DEPTH, STEM_MULTIPLIER = 64, 8


def first_stage(config: LocalizationConfig) -> Any:
    """Network from images ``(n, height, width, channels)`` in [0, 1] to maps ``(n, h, w, depth)``, ``stride`` apart."""
    image = keras.Input((None, None, config.channels))
    x = keras.layers.Rescaling(2.0, offset=-1.0, name="to_minus_one_to_one")(image)
    x = _stem(x, config)
    for name, module in FIRST_MODULES.items():
        step = config.stride // 8 if isinstance(module, Reduction) else 1
        x = _module(x, name, module, (config, step))
    return keras.Model(image, x, name=FIRST_STAGE)


def second_stage(config: LocalizationConfig) -> Any:
    """Network from maps ``(n, h, w, depth)``, whole or cropped, to maps of half the size and ``feature_size`` deep."""
    maps = keras.Input((None, None, map_depth(config)))
    x = maps
    for name, module in SECOND_MODULES.items():
        x = _module(x, name, module, (config, 2))
    return keras.Model(maps, x, name=SECOND_STAGE)


def _stem(x: Any, config: LocalizationConfig) -> Any:
    depth = config.depth(STEM_DEPTH)
    x = keras.layers.SeparableConv2D(
        depth,
        7,
        strides=2,
        padding="same",
        use_bias=False,
        depth_multiplier=STEM_MULTIPLIER,
        name="Conv2d_1a_7x7",
    )(x)
    x = _activate(x, "Conv2d_1a_7x7", config)
    x = keras.layers.MaxPooling2D(3, 2, "same", name="MaxPool_2a_3x3")(x)
    x = _convolve(x, "Conv2d_2b_1x1", 64, (config, 1))
    x = _convolve(x, "Conv2d_2c_3x3", 192, (config, 1))
    return keras.layers.MaxPooling2D(3, 2, "same", name="MaxPool_3a_3x3")(x)


def _module(x: Any, name: str, module: Module, how: tuple[LocalizationConfig, int]) -> Any:
    branches = _mixed(x, name, module, how[0]) if isinstance(module, Mixed) else _reduction(x, name, module, how)
    return keras.layers.Concatenate(name=name)(branches)


def _mixed(x: Any, name: str, module: Mixed, config: LocalizationConfig) -> list[Any]:
    pool = keras.layers.AveragePooling2D if module.pooling == "average" else keras.layers.MaxPooling2D
    pooled = pool(3, 1, "same", name=_name(name, "Branch_3", "Pool_0a_3x3"))(x)
    chains = {
        "Branch_0": (x, ("Conv2d_0a_1x1",), (module.single,)),
        "Branch_1": (x, ("Conv2d_0a_1x1", "Conv2d_0b_3x3"), module.triple),
        "Branch_2": (x, ("Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_0c_3x3"), module.double),
        "Branch_3": (pooled, ("Conv2d_0b_1x1",), (module.pooled,)),
    }
    return [_chain(chain, _name(name, branch), (config, 1)) for branch, chain in chains.items()]


def _reduction(x: Any, name: str, module: Reduction, how: tuple[LocalizationConfig, int]) -> list[Any]:
    chains = {
        "Branch_0": (x, ("Conv2d_0a_1x1", "Conv2d_1a_3x3"), module.triple),
        "Branch_1": (x, ("Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_1a_3x3"), module.double),
    }
    pooled = keras.layers.MaxPooling2D(3, how[1], "same", name=_name(name, "Branch_2", "MaxPool_1a_3x3"))(x)
    return [*(_chain(chain, _name(name, branch), how) for branch, chain in chains.items()), pooled]


def _chain(chain: tuple[Any, tuple[str, ...], tuple[int, ...]], name: str, how: tuple[LocalizationConfig, int]) -> Any:
    """Convolutions one after the other; only a layer called ``1a`` takes the stride."""
    x, layers, depths = chain
    for layer, depth in zip(layers, depths, strict=True):
        x = _convolve(x, _name(name, layer), depth, (how[0], how[1] if "1a" in layer else 1))
    return x


def _convolve(x: Any, name: str, depth: int, how: tuple[LocalizationConfig, int]) -> Any:
    """Convolution (its kernel is the end of its name), batch normalisation, ReLU."""
    config, stride = how
    x = keras.layers.Conv2D(
        config.depth(depth), int(name[-1]), strides=stride, padding="same", use_bias=False, name=name
    )(x)
    return _activate(x, name, config)


def _activate(x: Any, name: str, config: LocalizationConfig) -> Any:
    x = keras.layers.BatchNormalization(
        momentum=config.batch_norm_momentum,
        epsilon=EPSILON,
        trainable=not config.frozen_statistics,
        name=_name(name, "BatchNorm"),
    )(x)
    return keras.layers.ReLU(name=_name(name, "Relu"))(x)


def _name(*parts: str) -> str:
    return SEPARATOR.join(parts)
