"""The feature fuser P_feat (paper II-C.2, III-A.4b): one convolutional branch per task, joined by dense layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from taskfusion.blocks import Block, DiskBlock
from taskfusion.errors import ContractError
from taskfusion.fusers.disk_feed import ScaledBlock, feed_of
from taskfusion.fusers.feat_config import FeatConfig
from taskfusion.fusers.feeds import Feed
from taskfusion.fusers.network import NetworkFuser, Scaling
from taskfusion.fusers.scaling import RangeScaler
from taskfusion.images import Array
from taskfusion.inputs import FusionInput
from taskfusion.outputs import Level


class FeatFuser(NetworkFuser):
    """A Keras network on the features of the tasks; channels of a branch are the views (times detections)."""

    Config = FeatConfig
    needs_features = True
    label = "feature fuser"
    config: FeatConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._blocks = FeatureBlocks()

    def learn_scaling(self, inputs: FusionInput) -> None:
        """Ranges and shapes of the features."""
        self._blocks = FeatureBlocks().fit(inputs)

    def feed(self, inputs: FusionInput) -> Feed:
        """Scaled blocks, one per task."""
        tensors = self._blocks.transform(inputs)
        owners = {task: np.array(k) for k, task in enumerate(tensors)}
        present = [answered(inputs.features[task]) for task in tensors]
        return feed_of(tensors, self._blocks.blank(), owners, np.stack(present, axis=1))

    def build(self, targets: int | None) -> Any:
        """See :func:`taskfusion.fusers.feat_network.build_network`."""
        from taskfusion.fusers.feat_network import build_network

        return build_network(self._blocks.shapes, self._blocks.depths, targets, self.config)

    def scaling(self) -> Scaling:
        """Ranges and shapes."""
        return self._blocks.state()

    def restore_scaling(self, scaling: Scaling) -> None:
        """Likewise."""
        self._blocks = FeatureBlocks.from_state(scaling)


def answered(block: Block) -> Array:
    """``(cases,)``, True where anything of ``(cases, ...)`` is known."""
    if isinstance(block, DiskBlock):
        return block.answered
    return np.asarray(np.isfinite(block).any(axis=tuple(range(1, block.ndim))))


class FeatureBlocks:
    """The feature blocks of the tasks as learned from the training split.

    Attributes:
        shapes: ``(channels, feature_size)`` per task.
        depths: convolution blocks per task (paper II-C.2: three for localization, else two).
    """

    def __init__(self) -> None:
        self._scalers: dict[str, RangeScaler] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.depths: dict[str, int] = {}

    def fit(self, inputs: FusionInput) -> FeatureBlocks:
        """Learn ranges and shapes."""
        self._scalers = {task: RangeScaler.fit(block) for task, block in inputs.features.items()}
        self.shapes = {task: block.shape[1:] for task, block in inputs.features.items()}
        self.depths = {task: 3 if inputs.levels[task] is Level.DETECTION else 2 for task in self.shapes}
        return self

    def transform(self, inputs: FusionInput) -> dict[str, Array | ScaledBlock]:
        """Scaled blocks; raises ContractError where tasks or shapes are others than in training."""
        found = {task: block.shape[1:] for task, block in inputs.features.items()}
        if found != self.shapes:
            raise ContractError(f"the fuser learned from feature blocks {self.shapes}, found {found}")
        return {task: _scaled(inputs.features[task], scaler) for task, scaler in self._scalers.items()}

    def blank(self) -> dict[str, Array]:
        """The scaled blocks of a case without any answer."""
        return {
            task: self._scalers[task].transform(np.full((1, *shape), np.nan, np.float32))
            for task, shape in self.shapes.items()
        }

    def state(self) -> Scaling:
        """Ranges as arrays, shapes and depths as JSON data."""
        arrays = {f"{task}:{end}": getattr(s, end) for task, s in self._scalers.items() for end in ("low", "high")}
        return Scaling(arrays, {"shapes": self.shapes, "depths": self.depths})

    @classmethod
    def from_state(cls, state: Scaling) -> FeatureBlocks:
        """Rebuild from :meth:`state`."""
        made = cls()
        made.shapes = {task: tuple(shape) for task, shape in state.facts["shapes"].items()}
        made.depths = dict(state.facts["depths"])
        ends = {task: [state.arrays[f"{task}:{end}"] for end in ("low", "high")] for task in made.shapes}
        made._scalers = {task: RangeScaler(*pair) for task, pair in ends.items()}
        return made


def _scaled(block: Block, scaler: RangeScaler) -> Array | ScaledBlock:
    """A block on disk is scaled as it is read."""
    return ScaledBlock(block, scaler) if isinstance(block, DiskBlock) else scaler.transform(block)
