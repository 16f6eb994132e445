"""The feature fuser P_feat (paper II-C.2, III-A.4b): one convolutional branch per task, joined by dense layers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from taskfusion.errors import ContractError, NotFittedError
from taskfusion.files import read_json, write_json
from taskfusion.fusers.base import FuseContext, Fuser, FusionData, require_both_classes
from taskfusion.fusers.feat_config import FeatConfig
from taskfusion.fusers.scaling import RangeScaler
from taskfusion.images import Array
from taskfusion.inputs import FusionInput
from taskfusion.outputs import Level

PREDICT_BATCH = 64


class FeatFuser(Fuser):
    """A Keras network on the features of the tasks; channels of a branch are the views (times detections)."""

    Config = FeatConfig
    needs_features = True
    config: FeatConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._scalers: dict[str, RangeScaler] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._model: Any = None
        self._summary: dict[str, Any] = {}

    def fit(self, train: FusionData, validation: FusionData | None, context: FuseContext) -> Self:
        """Train with early stopping on the validation loss; without a validation split for all epochs."""
        from taskfusion.fusers.feat_network import build_network, train_network
        from taskfusion.training.backend import repeatable

        require_both_classes(train, "feature fuser")
        repeatable(context.seed)
        features = train.inputs.features
        self._scalers = {task: RangeScaler.fit(block) for task, block in features.items()}
        self._shapes = {task: block.shape[1:] for task, block in features.items()}
        depths = {task: 3 if level is Level.DETECTION else 2 for task, level in train.inputs.levels.items()}
        self._model = build_network(self._shapes, depths, self.config)
        held_out = None if validation is None else (self._scaled(validation.inputs), validation.truth)
        data = (self._scaled(train.inputs), train.truth)
        self._summary = train_network(self._model, data, held_out, (self.config, context))
        return self

    def _scaled(self, inputs: FusionInput) -> dict[str, Array]:
        return {task: scaler.transform(inputs.features[task]) for task, scaler in self._scalers.items()}

    def predict(self, inputs: FusionInput) -> Array:
        """Probability of the target, ``(cases,)``."""
        if self._model is None:
            raise NotFittedError("this fuser is not trained; call fit first")
        found = {task: block.shape[1:] for task, block in inputs.features.items()}
        if found != self._shapes:
            raise ContractError(f"the fuser learned from feature blocks {self._shapes}, found {found}")
        scaled = self._scaled(inputs)
        starts = range(0, len(inputs), PREDICT_BATCH)
        parts = [self._predict_batch({task: b[i : i + PREDICT_BATCH] for task, b in scaled.items()}) for i in starts]
        return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)

    def _predict_batch(self, blocks: Mapping[str, Array]) -> Array:
        """One batch, filled up to a fixed size so that the graph is built once."""
        count = len(next(iter(blocks.values())))
        filled = {task: np.resize(block, (PREDICT_BATCH, *block.shape[1:])) for task, block in blocks.items()}
        return np.asarray(self._model.predict_on_batch(filled))[:count, 1]

    def summary(self) -> Mapping[str, Any]:
        """Epochs, parameters and losses."""
        return self._summary

    def save_state(self, folder: Path) -> None:
        """The network as ``.keras`` (loaded in safe mode), ranges as ``.npz``, shapes as JSON."""
        self._model.save(folder / "network.keras")
        ranges = {f"{task}:{end}": getattr(s, end) for task, s in self._scalers.items() for end in ("low", "high")}
        np.savez(folder / "ranges.npz", **ranges)
        write_json(folder / "state.json", {"shapes": self._shapes, "summary": self._summary})

    def load_state(self, folder: Path) -> None:
        """Read what :meth:`save_state` wrote."""
        from taskfusion.training.backend import keras

        state = read_json(folder / "state.json")
        self._summary = state["summary"]
        self._shapes = {task: tuple(shape) for task, shape in state["shapes"].items()}
        with np.load(folder / "ranges.npz", allow_pickle=False) as ranges:
            self._scalers = {task: RangeScaler(ranges[f"{task}:low"], ranges[f"{task}:high"]) for task in self._shapes}
        self._model = keras.saving.load_model(folder / "network.keras", safe_mode=True)
