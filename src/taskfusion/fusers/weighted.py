"""Score fuser ``weighted``: a weighted mean of the logits that are there; the weights are fitted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from taskfusion.files import read_json, write_json
from taskfusion.fusers.score_base import Rows, ScoreConfig, ScoreFuser, searched
from taskfusion.fusers.selection import Params
from taskfusion.images import Array

LEAST = 1e-3  # of a weight while fitting, as a share of equal weights; what ends there is 0
SLOPE_PENALTY = 0.05  # on the squared slope: cases that can be told apart without error would drive it to infinity


@attrs.frozen
class WeightedConfig(ScoreConfig):
    """``ridge``: how strongly weights are pulled towards being equal, searched; their prior variance is 1/(2 ridge)."""

    ridge: tuple[float, ...] = attrs.field(default=(100.0, 10.0, 1.0, 0.1), validator=searched)


@attrs.frozen(eq=False)
class WeightedMean:
    """``sigmoid(slope * mean + offset)`` of the weighted mean of the scores that are there.

    Attributes:
        weights: ``(columns,)``, 0 or more, adding up to the number of columns (to 0 where none is worth anything).
        signs: ``(columns,)`` 1, or -1 for a column that is no probability and falls with the target.
        slope, offset: of the curve.
        nothing: the answer about a case without any score of weight.
    """

    weights: Array
    signs: Array
    slope: float
    offset: float
    nothing: float

    def __call__(self, X: Array) -> Array:
        """Scores ``(cases,)`` of standardised logits ``(cases, columns)`` with NaN where there is none."""
        mean, seen = weighted_mean(X * self.signs, self.weights)
        return np.where(seen, sigmoid(self.slope * mean + self.offset), self.nothing)


class WeightedFuser(ScoreFuser):
    """One weight of 0 or more per score; scores that are not there are left out and the others weigh accordingly.

    A task that speaks against the target gets weight 0; where such a task is worth something, use ``logistic``.
    """

    Config = WeightedConfig
    takes_gaps = True
    fills = False

    def grid(self, columns: int) -> list[Params]:
        """Every strength, the strongest first."""
        return [{"ridge": ridge} for ridge in sorted(self.config.ridge, reverse=True)]

    def train(self, params: Params, rows: Rows) -> WeightedMean:
        """The weights of least penalised loss."""
        signs = np.where(rows.probability, 1.0, _directions(rows.X, rows.truth))
        return fit_weights(rows.X * signs, rows.truth, params["ridge"], signs)

    def answer(self, model: WeightedMean, X: Array) -> Array:
        """The curve of the weighted mean."""
        return model(X)

    def describe(self, model: WeightedMean) -> Mapping[str, Any]:
        """Each column's weight, the mean weight being 1, and the curve."""
        signed = (model.weights * model.signs).round(4).tolist()
        weights = dict(zip(self._names, signed, strict=True))
        return {"weights": weights, "slope": round(model.slope, 4), "offset": round(model.offset, 4)}

    def save_model(self, model: WeightedMean, folder: Path) -> None:
        """``weights.json``."""
        arrays = {"weights": model.weights.tolist(), "signs": model.signs.tolist()}
        write_json(folder / "weights.json", {**attrs.asdict(model), **arrays})

    def load_model(self, folder: Path) -> WeightedMean:
        """Read ``weights.json``."""
        data = read_json(folder / "weights.json")
        return WeightedMean(np.array(data.pop("weights")), np.array(data.pop("signs")), **data)


def fit_weights(X: Array, truth: Array, ridge: float, signs: Array) -> WeightedMean:
    """Least penalised loss over weights, slope (0 or more) and offset; X ``(cases, columns)`` with NaN."""
    from scipy.optimize import minimize

    rate = float(truth.mean())
    columns = X.shape[1]
    seen = ~np.isnan(X).all(axis=1)
    unseen = truth[~seen]
    nothing = float((unseen.sum() + rate) / (len(unseen) + 1))  # gaps in every column may well say something
    start = np.concatenate([np.ones(columns), [1.0, np.log(rate / (1 - rate))]])
    bounds = [(LEAST, None)] * columns + [(0, None), (None, None)]
    found = minimize(penalised_loss, start, (X[seen], truth[seen], ridge), "L-BFGS-B", jac=True, bounds=bounds)
    weights, slope, offset = found.x[:columns], float(found.x[-2]), float(found.x[-1])
    weights = np.where((weights > 2 * LEAST) & ~np.isnan(X).all(axis=0), weights, 0.0)
    weights *= columns / max(weights.sum(), LEAST)
    return WeightedMean(weights, signs, slope, offset, nothing)


def penalised_loss(parameters: Array, X: Array, truth: Array, ridge: float) -> tuple[float, Array]:
    """Summed log loss with penalties, and its gradient; parameters are weights, slope, offset.

    With mean ``m = sum(w x) / sum(w)`` over the scores that are there, ``dm/dw_j = (x_j - m) / sum(w)``.
    """
    weights, slope, offset = parameters[:-2], parameters[-2], parameters[-1]
    there = ~np.isnan(X)
    mean, _ = weighted_mean(X, weights)
    z = slope * mean + offset
    loss = np.sum(np.logaddexp(0, z) - truth * z) + ridge * np.sum((weights - 1) ** 2) + SLOPE_PENALTY * slope**2
    residual = sigmoid(z) - truth
    pull = np.where(there, X - mean[:, None], 0.0) / (there @ weights)[:, None]
    by_weight = slope * residual @ pull + 2 * ridge * (weights - 1)
    return float(loss), np.concatenate([by_weight, [residual @ mean + 2 * SLOPE_PENALTY * slope, residual.sum()]])


def weighted_mean(X: Array, weights: Array) -> tuple[Array, Array]:
    """Mean of each row over what is not NaN, and whether anything of weight was there; 0 where not."""
    X = np.ascontiguousarray(X)  # each row is summed for itself, so that the batch does not change a bit of its mean
    there = ~np.isnan(X)
    total = (there * weights).sum(axis=1)
    seen = total > 0
    mean = (np.where(there, X, 0.0) * weights).sum(axis=1) / np.where(seen, total, 1.0)
    return mean, seen


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)) without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0, -z)))


def _directions(X: Array, truth: Array) -> Array:
    """Per column 1 where it rises with the target, else -1."""
    centred = np.where(np.isnan(X), 0.0, X)
    return np.where((truth - truth.mean()) @ centred < 0, -1.0, 1.0)
