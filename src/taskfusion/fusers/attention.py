"""The attention fuser: every answer of every task in one bag, each counting as much as the network finds it worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from taskfusion.errors import ContractError
from taskfusion.fusers.attention_config import AttentionConfig
from taskfusion.fusers.attention_feed import InstanceFeed, InstanceShape, shapes_as_data
from taskfusion.fusers.network import NetworkFuser, Scaling
from taskfusion.fusers.scaling import RangeScaler
from taskfusion.images import Array
from taskfusion.inputs import FusionInput, Instances


class AttentionFuser(NetworkFuser):
    """Multi-instance learning by gated attention (Ilse et al. 2018); the paper leaves it for later (IV-D).

    It takes any number of detections: no slots, no padding. A case without any instance gets the answer of an empty
    bag, which is finite and disturbs no other case.
    """

    Config = AttentionConfig
    needs_instances = True
    takes_gaps = True
    label = "attention fuser"
    config: AttentionConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._shapes: dict[str, InstanceShape] = {}
        self._scalers: dict[str, RangeScaler | None] = {}
        self._weigher: Any = None

    def learn_scaling(self, inputs: FusionInput) -> None:
        """Shapes, and ranges of the features."""
        self._weigher = None
        self._shapes = _shapes(inputs)
        self._scalers = {task: _range(found) for task, found in inputs.instances.items()}

    def feed(self, inputs: FusionInput) -> InstanceFeed:
        """Instances, scaled as they are needed."""
        found = _shapes(inputs)
        if found != self._shapes:
            wanted = shapes_as_data(self._shapes)
            raise ContractError(f"the fuser learned from instances {wanted}, found {shapes_as_data(found)}")
        in_order = {task: inputs.instances[task] for task in self._shapes}
        return InstanceFeed(in_order, self._shapes, self._scalers)

    def build(self, targets: int | None) -> Any:
        """See :func:`taskfusion.fusers.attention_network.build_network`."""
        from taskfusion.fusers.attention_network import build_network

        return build_network({task: shape.width for task, shape in self._shapes.items()}, targets, self.config)

    def custom_objects(self) -> dict[str, Any]:
        """Attention and weighted sum."""
        from taskfusion.fusers.attention_network import LAYERS

        return LAYERS

    def attention_weights(self, inputs: FusionInput) -> dict[str, Array]:
        """How much each instance counted: per task ``(rows,)`` beside ``inputs.instances[task]``.

        The weights of a case sum to 1 over the rows of all tasks; they are all 0 where it has none.
        """
        from taskfusion.fusers.attention_network import weights_network

        self._require_fitted()
        self._weigher = self._weigher or weights_network(self._model)
        feed = self.feed(inputs)
        weights = {task: np.zeros(len(found)) for task, found in feed.found.items()}
        for rows, tensors in feed.chunks():
            answer = np.asarray(self._weigher.predict_on_batch(tensors))
            slots = np.cumsum([tensors[f"instances_{task}"].shape[1] for task in weights])[:-1]
            for (task, found), part in zip(feed.found.items(), np.split(answer, slots, axis=1), strict=True):
                _put_back(weights[task], found, rows, part)
        return weights

    def scaling(self) -> Scaling:
        """Shapes and ranges."""
        known = {task: scaler for task, scaler in self._scalers.items() if scaler is not None}
        arrays = {f"{task}:{end}": getattr(s, end) for task, s in known.items() for end in ("low", "high")}
        return Scaling(arrays, {"tasks": list(self._shapes), "shapes": shapes_as_data(self._shapes)})

    def restore_scaling(self, scaling: Scaling) -> None:
        """Likewise."""
        self._weigher = None
        shapes = scaling.facts["shapes"]  # JSON keeps no order, and the bag has one
        self._shapes = {task: InstanceShape(**shapes[task]) for task in scaling.facts["tasks"]}
        self._scalers = {
            task: RangeScaler(*(scaling.arrays[f"{task}:{end}"] for end in ("low", "high"))) if shape.features else None
            for task, shape in self._shapes.items()
        }


def _shapes(inputs: FusionInput) -> dict[str, InstanceShape]:
    return {task: InstanceShape.of(found, inputs.levels[task]) for task, found in inputs.instances.items()}


def _range(found: Instances) -> RangeScaler | None:
    if found.features is None:
        return None
    unknown = np.full((1, found.features.shape[1]), np.nan, np.float32)  # a task may have had nothing to say at all
    return RangeScaler.fit(np.concatenate([found.features, unknown])[None])


def _put_back(weights: Array, found: Instances, rows: Array, part: Array) -> None:
    """Write the weights of these cases ``(rows, slots)`` to where their instances stand."""
    for row, slots in zip(rows, part[: len(rows)], strict=True):
        start, end = found.offsets[row], found.offsets[row + 1]
        weights[start:end] = slots[: end - start]
