"""Score fusers ``forest`` (paper III-A.4a) and ``boosting``: decision trees."""

from __future__ import annotations

import itertools
from typing import Any

import attrs
import numpy as np

from taskfusion.fusers.score_base import ClassifierFuser, Rows, ScoreConfig, searched
from taskfusion.fusers.selection import Params

LARGEST_LEAF = 20  # cases in a leaf, scikit-learn's default for many cases
LEAVES_OF_FEW = 10  # of fewer cases, the smallest leaf is this share of them


@attrs.frozen
class ForestConfig(ScoreConfig):
    """``trees``: forest sizes to search (paper III-A.4a)."""

    trees: tuple[int, ...] = attrs.field(default=(3, 5, 7, 10, 15, 20), validator=searched)
    max_depth: int | None = None


class ForestFuser(ClassifierFuser):
    """A random forest."""

    Config = ForestConfig

    def grid(self, columns: int) -> list[Params]:
        """Every forest size, the largest first."""
        return [{"n_estimators": trees} for trees in sorted(self.config.trees, reverse=True)]

    def build(self, params: Params, rows: Rows) -> Any:
        """A forest with scikit-learn's defaults besides its size and depth."""
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(max_depth=self.config.max_depth, random_state=rows.seed, **params)


@attrs.frozen
class BoostingConfig(ScoreConfig):
    """``leaves`` of a tree and ``rounds`` of boosting are searched; ``learning_rate`` is not."""

    leaves: tuple[int, ...] = attrs.field(default=(2, 4, 8), validator=searched)
    rounds: tuple[int, ...] = attrs.field(default=(50, 100), validator=searched)
    learning_rate: float = 0.1


class BoostingFuser(ClassifierFuser):
    """Gradient boosting on binned scores; a missing score or a gap goes to the side of a split that training says.

    The smallest leaf is a tenth of the cases, at most 20, so that a few dozen cases can be split at all.
    """

    Config = BoostingConfig
    takes_gaps = True
    fills = False

    def grid(self, columns: int) -> list[Params]:
        """Every size of a tree with every number of rounds, small and short first."""
        pairs = itertools.product(sorted(self.config.leaves), sorted(self.config.rounds))
        return [{"max_leaf_nodes": leaves, "max_iter": rounds} for leaves, rounds in pairs]

    def build(self, params: Params, rows: Rows) -> Any:
        """Without early stopping, which would hold cases back without regard to groups."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        smallest = max(1, min(LARGEST_LEAF, len(rows.truth) // LEAVES_OF_FEW))
        fixed = {"early_stopping": False, "learning_rate": self.config.learning_rate, "min_samples_leaf": smallest}
        return HistGradientBoostingClassifier(random_state=rows.seed, **fixed, **params)

    def train(self, params: Params, rows: Rows) -> Any:
        """Trained on these rows; a score that none of them has is constant, as scikit-learn cannot bin nothing."""
        nobody = np.isnan(rows.X).all(axis=0)
        return super().train(params, attrs.evolve(rows, X=np.where(nobody, 0.0, rows.X)))
