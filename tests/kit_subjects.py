"""A task and a fuser that keep the contract, to be broken one promise at a time."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort
from taskfusion.errors import ContractError, NotFittedError
from taskfusion.files import read_json, write_json
from taskfusion.fusers.base import FuseContext, Fuser, FusionData, require_both_classes
from taskfusion.inputs import FusionInput
from taskfusion.outputs import Level, TaskOutput, TaskSpec
from taskfusion.tasks.base import FitContext, TaskModel


@attrs.frozen
class Options:
    """``scale`` of the answers; ``on`` is a switch."""

    scale: float = 10.0
    on: bool = True


class Bright(TaskModel):
    """The brightness of each view against the mean of the training split."""

    Config = Options
    views = ("L", "R")

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._mean: float | None = None

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(Level.VIEW, ("ill",), self.views, 1)

    @property
    def is_fitted(self) -> bool:
        return self._mean is not None

    def fit(self, cohort: Cohort, context: FitContext) -> Self:
        self._mean = float(np.mean(self.measured(cohort.part("train").cases)))
        return self

    def measured(self, cases: Sequence[Case]) -> np.ndarray:
        return np.array([[self.look(case, view) for view in self.views] for case in cases])

    def look(self, case: Case, view: str) -> float:
        return float(case.views[view].read().mean()) if view in case.views else float("nan")

    def predict(self, cases: Sequence[Case]) -> TaskOutput:
        if self._mean is None:
            raise NotFittedError("not trained")
        return self.answer(cases, self.measured(cases))

    def answer(self, cases: Sequence[Case], seen: np.ndarray) -> TaskOutput:
        scores = 1 / (1 + np.exp(-(seen - self._mean) / self.config.scale))
        return TaskOutput(self.spec, [case.id for case in cases], np.isfinite(seen), scores[..., None], seen[..., None])

    def save_weights(self, folder: Path) -> None:
        write_json(folder / "mean.json", self._mean)

    def load_weights(self, folder: Path) -> None:
        self._mean = read_json(folder / "mean.json")


class Average(Fuser):
    """The mean score, shifted so that half of the training cases are above 0.5."""

    Config = Options

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._shift: float | None = None
        self._columns: tuple[str, ...] = ()

    def fit(self, train: FusionData, validation: FusionData | None, context: FuseContext) -> Self:
        require_both_classes(train, "average")
        self._shift = float(np.median(self.pooled(train.inputs)))
        self._columns = train.inputs.scores.columns
        return self

    def pooled(self, inputs: FusionInput) -> np.ndarray:
        values = inputs.scores.values
        there = ~np.isnan(values)
        total = np.where(there, values, 0).sum(axis=1)
        return np.where(there.any(axis=1), total / np.maximum(there.sum(axis=1), 1), 0.5)

    def predict(self, inputs: FusionInput) -> np.ndarray:
        if self._shift is None:
            raise NotFittedError("not trained")
        if inputs.scores.columns != self._columns:
            raise ContractError(f"other columns: {inputs.scores.columns}")
        return np.clip(0.5 + self.pooled(inputs) - self._shift, 0, 1)

    def save_state(self, folder: Path) -> None:
        write_json(folder / "state.json", [self._shift, list(self._columns)])

    def load_state(self, folder: Path) -> None:
        self._shift, columns = read_json(folder / "state.json")
        self._columns = tuple(columns)

    def summary(self) -> Mapping[str, Any]:
        return {"shift": self._shift}


def write_pickle(path: Path) -> None:
    """What nobody should save."""
    path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
