"""InceptionV2's modules and their channels, without a network: what they add up to is known before Keras is."""

from __future__ import annotations

from attrs import frozen

from mammo_localization.config import LocalizationConfig


@frozen
class Mixed:
    """Channels of a module at width 1: 1x1, 1x1 to 3x3, 1x1 to 3x3 to 3x3, and 1x1 after pooling."""

    single: int
    triple: tuple[int, int]
    double: tuple[int, int, int]
    pooled: int
    pooling: str = "average"


@frozen
class Reduction:
    """Channels of a module that halves the map: 1x1 to 3x3, 1x1 to 3x3 to 3x3; its third branch is a max-pool."""

    triple: tuple[int, int]
    double: tuple[int, int, int]


Module = Mixed | Reduction

FIRST_MODULES: dict[str, Module] = {
    "Mixed_3b": Mixed(64, (64, 64), (64, 96, 96), 32),
    "Mixed_3c": Mixed(64, (64, 96), (64, 96, 96), 64),
    "Mixed_4a": Reduction((128, 160), (64, 96, 96)),
    "Mixed_4b": Mixed(224, (64, 96), (96, 128, 128), 128),
    "Mixed_4c": Mixed(192, (96, 128), (96, 128, 128), 128),
    "Mixed_4d": Mixed(160, (128, 160), (128, 160, 160), 96),
    "Mixed_4e": Mixed(96, (128, 192), (160, 192, 192), 96),
}
SECOND_MODULES: dict[str, Module] = {
    "Mixed_5a": Reduction((128, 192), (192, 256, 256)),
    "Mixed_5b": Mixed(352, (192, 320), (160, 224, 224), 128),
    "Mixed_5c": Mixed(352, (192, 320), (192, 224, 224), 128, "max"),
}


def map_depth(config: LocalizationConfig) -> int:
    """Channels of the first stage's map (576 at width 1)."""
    return _mixed_depth(FIRST_MODULES["Mixed_4e"], config)


def feature_size(config: LocalizationConfig) -> int:
    """Length of a detection's feature vector (1024 at width 1)."""
    return _mixed_depth(SECOND_MODULES["Mixed_5c"], config)


def _mixed_depth(module: Module, config: LocalizationConfig) -> int:
    assert isinstance(module, Mixed)
    return sum(config.depth(n) for n in (module.single, module.triple[-1], module.double[-1], module.pooled))
