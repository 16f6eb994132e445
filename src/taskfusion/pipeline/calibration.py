"""Making a fused score a probability, on cases that the fuser did not learn from. What was learned is a few numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import numpy as np

from taskfusion.errors import DataError
from taskfusion.evaluation.metrics import logistic_line
from taskfusion.images import Array

Calibrate = Literal["none", "sigmoid", "isotonic"]
EDGE = 1e-9  # scores this near 0 or 1 count as equal to it: their log-odds would be infinite


@attrs.frozen
class Calibration:
    """A rising curve from score to probability.

    Attributes:
        kind: ``sigmoid``: ``1 / (1 + exp(-(slope * logit(score) + intercept)))``, which keeps the order of all scores
            and thus the AUC; ``isotonic``: straight lines between points, which may make scores equal that were not.
        x: the slope alone, or the points' scores, rising.
        y: the intercept alone, or the points' probabilities, rising.
        cases: how many it was learned from.
    """

    kind: Literal["sigmoid", "isotonic"]
    x: tuple[float, ...]
    y: tuple[float, ...]
    cases: int = 0

    def __attrs_post_init__(self) -> None:
        rising = all((np.diff(values) >= 0).all() for values in (self.x, self.y))
        right = self.x[0] > 0 if self.kind == "sigmoid" and len(self.x) == 1 else rising
        if not self.x or len(self.x) != len(self.y) or not right:
            raise DataError(f"calibration {self.kind}: {list(self.x)[:3]}, {list(self.y)[:3]} are no rising curve")

    def __call__(self, score: Array) -> Array:
        """Probabilities ``(cases,)`` of scores ``(cases,)`` in [0, 1]."""
        from scipy.special import expit, logit

        if self.kind == "isotonic":
            return np.interp(np.asarray(score, float), self.x, self.y)
        odds = logit(np.clip(np.asarray(score, float), EDGE, 1 - EDGE))
        return np.asarray(expit(self.x[0] * odds + self.y[0]))

    def state(self) -> dict[str, Any]:
        """As JSON data."""
        return {"kind": self.kind, "x": list(self.x), "y": list(self.y), "cases": self.cases}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Calibration:
        """From :meth:`state`; raises DataError for numbers that are no rising curve."""
        return cls(state["kind"], tuple(state["x"]), tuple(state["y"]), state["cases"])


def fit_calibration(kind: Calibrate, truth: Array, score: Array) -> Calibration | None:
    """A curve learned from cases that the fuser did not learn from, ``(cases,)`` each.

    None, which leaves the score as it is, where nothing can be learned: one class only, or a sigmoid that would fall.
    """
    positive = np.asarray(truth) == 1
    if kind == "none" or positive.all() or not positive.any():
        return None
    return _sigmoid(positive, score) if kind == "sigmoid" else _isotonic(positive, score)


def _sigmoid(positive: Array, score: Array) -> Calibration | None:
    """Platt's scaling (1999), of the log-odds, with his targets a little inside of 0 and 1, so that it stays finite."""
    from scipy.special import logit

    ups, downs = int(positive.sum()), int((~positive).sum())
    goal = np.where(positive, (ups + 1) / (ups + 2), 1 / (downs + 2))
    odds = logit(np.clip(score, EDGE, 1 - EDGE))
    if np.ptp(odds) == 0:
        return None
    labels, weights = np.repeat([1, 0], len(odds)), np.concatenate([goal, 1 - goal])
    slope, intercept = logistic_line(np.concatenate([odds, odds]), labels, weights)
    return Calibration("sigmoid", (slope,), (intercept,), len(positive)) if slope > 0 else None


def _isotonic(positive: Array, score: Array) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, positive)
    x, y = (tuple(map(float, values)) for values in (curve.X_thresholds_, curve.y_thresholds_))
    return Calibration("isotonic", x, y, len(positive))
