"""Score fuser ``score``: the MLP of the paper (III-A.4a), and the library's default."""

from __future__ import annotations

import itertools
from typing import Any

import attrs

from taskfusion.fusers.score_base import ClassifierFuser, Rows, ScoreConfig, searched
from taskfusion.fusers.selection import Params


@attrs.frozen
class MlpConfig(ScoreConfig):
    """Hidden layers as multiples of the number of scores, and weight decay; lists are searched.

    The decay counts against the summed loss. Over two layers it acts like a lasso on the scores, so these values keep
    some of a few hundred cases' scores and drop the rest; weaker ones learn the training cases by heart.
    """

    hidden: tuple[str, ...] = attrs.field(default=("1", "1 1", "1 0.5"), validator=searched)
    alpha: tuple[float, ...] = attrs.field(default=(3.0, 10.0, 30.0), validator=searched)
    max_iter: int = 1000


class MlpFuser(ClassifierFuser):
    """The MLP of the paper (III-A.4a): hidden layers [w], [w, w] and [w, w/2] for w scores."""

    Config = MlpConfig

    def grid(self, columns: int) -> list[Params]:
        """Every hidden layout with every weight decay, strongest decay first."""
        return [
            {"hidden_layer_sizes": layer_sizes(text, columns), "alpha": alpha}
            for alpha, text in itertools.product(sorted(self.config.alpha, reverse=True), self.config.hidden)
        ]

    def build(self, params: Params, rows: Rows) -> Any:
        """L-BFGS: a few hundred rows fit into one batch, and it needs no learning rate."""
        from sklearn.neural_network import MLPClassifier

        fixed = {"solver": "lbfgs", "activation": "tanh", "max_iter": self.config.max_iter, "tol": 1e-3}
        return MLPClassifier(random_state=rows.seed, **fixed, **params)


def layer_sizes(text: str, columns: int) -> tuple[int, ...]:
    """``"1 0.5"`` for 8 scores: ``(8, 4)``; no layer is smaller than 2."""
    return tuple(max(2, round(float(part) * columns)) for part in text.split())
