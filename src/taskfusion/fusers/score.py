"""All score fusers in one place (paper II-C.1); each family has a file of its own."""

from __future__ import annotations

from taskfusion.fusers.linear import LogisticConfig, LogisticFuser
from taskfusion.fusers.mlp import MlpConfig, MlpFuser, layer_sizes
from taskfusion.fusers.score_base import ClassifierFuser, ScoreConfig, ScoreFuser
from taskfusion.fusers.svm import SvmConfig, SvmFuser
from taskfusion.fusers.trees import BoostingConfig, BoostingFuser, ForestConfig, ForestFuser
from taskfusion.fusers.weighted import WeightedConfig, WeightedFuser
from taskfusion.fusers.wrapped import SklearnFuser, SklearnFuserConfig

__all__ = [
    "BoostingConfig",
    "BoostingFuser",
    "ClassifierFuser",
    "ForestConfig",
    "ForestFuser",
    "LogisticConfig",
    "LogisticFuser",
    "MlpConfig",
    "MlpFuser",
    "ScoreConfig",
    "ScoreFuser",
    "SklearnFuser",
    "SklearnFuserConfig",
    "SvmConfig",
    "SvmFuser",
    "WeightedConfig",
    "WeightedFuser",
    "layer_sizes",
]
