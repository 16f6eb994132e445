"""Score fuser ``svm``: a support vector machine with an RBF kernel (paper III-A.4a)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from taskfusion.fusers.score_base import ClassifierFuser, Rows, ScoreConfig, searched
from taskfusion.fusers.selection import Params, group_splits

CALIBRATION_FOLDS = 3
MOST = 10_000  # cases; time and memory of the machine grow with their square


@attrs.frozen
class SvmConfig(ScoreConfig):
    """``C``: penalties to search (paper III-A.4a: 1e-4 to 1000); ``gamma`` as in scikit-learn."""

    C: tuple[float, ...] = attrs.field(default=(1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0), validator=searched)
    gamma: str | float = "scale"


class SvmFuser(ClassifierFuser):
    """A support vector machine with an RBF kernel; its decision values become probabilities by Platt scaling.

    Platt's curve is fitted on decision values out of fold, patients kept apart. Where either class has less than two
    patients, or the curve would turn the machine's order round, a plain logistic curve takes its place. Of more than
    10 000 training cases it learns from that many, drawn at random by patient.
    """

    Config = SvmConfig
    most = MOST

    def grid(self, columns: int) -> list[Params]:
        """Every penalty, the smallest first."""
        return [{"C": C} for C in sorted(self.config.C)]

    def build(self, params: Params, rows: Rows) -> Any:
        """The machine alone."""
        from sklearn.svm import SVC

        return SVC(kernel="rbf", gamma=self.config.gamma, class_weight="balanced", **params)

    def train(self, params: Params, rows: Rows) -> Any:
        """The machine with its curve, where there can be one."""
        from sklearn.calibration import CalibratedClassifierCV

        folds = group_splits(rows.truth, rows.groups, CALIBRATION_FOLDS)
        if not folds or any(len(np.unique(rows.truth[inside])) < 2 for inside, _ in folds):
            return super().train(params, rows)
        calibrated = CalibratedClassifierCV(self.build(params, rows), method="sigmoid", cv=folds, ensemble=False)
        calibrated.fit(rows.X, rows.truth).set_params(cv=CALIBRATION_FOLDS)  # which rows were in a fold is not kept
        machine = calibrated.calibrated_classifiers_[0].estimator
        return machine if _turned_round(calibrated, machine, rows) else calibrated

    def describe(self, model: Any) -> Mapping[str, Any]:
        """Whether Platt's curve was fitted."""
        return {"calibrated": hasattr(model, "calibrated_classifiers_")}


def _turned_round(calibrated: Any, machine: Any, rows: Rows) -> bool:
    decision = machine.decision_function(rows.X)
    lowest, highest = rows.X[[np.argmin(decision), np.argmax(decision)]]
    low, high = calibrated.predict_proba(np.stack([lowest, highest]))[:, 1]
    return bool(low > high)
