"""The baselines of the paper (III-B): maximum and mean of the tasks' own scores; nothing is learned."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from pathlib import Path
from typing import Self

import attrs
import numpy as np

from taskfusion.fusers.base import FuseContext, Fuser, FusionData
from taskfusion.images import Array
from taskfusion.inputs import FusionInput

NO_ANSWER = 0.5  # what a baseline says of a case about which no task said anything


@attrs.frozen
class PooledConfig:
    """Pooling has no options."""


class PooledFuser(Fuser):
    """A fuser that learns nothing."""

    Config = PooledConfig
    takes_gaps = True

    @staticmethod
    @abstractmethod
    def pool(scores: Array) -> Array:
        """``(cases, columns)`` with NaN for missing scores to ``(cases,)``."""

    def fit(self, train: FusionData, validation: FusionData | None, context: FuseContext) -> Self:
        """Nothing to learn."""
        return self

    def predict(self, inputs: FusionInput) -> Array:
        """Pool the scores that exist; 0.5 where there is none."""
        with warnings.catch_warnings():
            # a row of NaN is a case without any answer, which the next line settles
            warnings.simplefilter("ignore", RuntimeWarning)
            pooled = self.pool(inputs.scores.values)
        return np.where(np.isnan(pooled), NO_ANSWER, pooled)

    def save_state(self, folder: Path) -> None:
        """Nothing to keep."""

    def load_state(self, folder: Path) -> None:
        """Nothing to read."""


class MaxFuser(PooledFuser):
    """The largest score of the chosen tasks: max(p_F), max(p_L)."""

    @staticmethod
    def pool(scores: Array) -> Array:
        """Row maximum."""
        return np.asarray(np.nanmax(scores, axis=1))


class MeanFuser(PooledFuser):
    """The mean score of the chosen tasks."""

    @staticmethod
    def pool(scores: Array) -> Array:
        """Row mean."""
        return np.asarray(np.nanmean(scores, axis=1))
