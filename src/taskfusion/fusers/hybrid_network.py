"""The network of the hybrid fuser."""

from __future__ import annotations

from taskfusion.fusers.feat import FeatureBlocks
from taskfusion.fusers.feat_network import branch, joined
from taskfusion.fusers.hybrid_config import HybridConfig
from taskfusion.fusers.network_training import head
from taskfusion.training.backend import keras

layers = keras.layers


def build_network(blocks: FeatureBlocks, columns: int, targets: int | None, config: HybridConfig) -> keras.Model:
    """The branches of P_feat, a dense layer on the scores beside them, and the same end.

    Args:
        blocks: shapes and depths of the feature branches; there may be none.
        columns: how many scores.
        targets: see :func:`taskfusion.fusers.network_training.head`.
        config: units of every layer.
    """
    features = {task: keras.Input(shape, name=f"features_{task}") for task, shape in blocks.shapes.items()}
    scores = keras.Input((columns,), name="scores")
    branches = [branch(tensor, blocks.depths[task], config) for task, tensor in features.items()]
    branches.append(layers.Dense(config.score_units, activation="relu")(scores))
    inputs = {**{f"features_{task}": tensor for task, tensor in features.items()}, "scores": scores}
    return keras.Model(inputs, head(joined(branches), targets, config), name="hybrid")
