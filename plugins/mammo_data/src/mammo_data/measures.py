"""How good scores are, in the paper's words: what a task says of itself in a run's report (III-B)."""

from __future__ import annotations

import math

import numpy as np

from taskfusion.evaluation import metrics
from taskfusion.tasks.diagnostics import Curve


def figures(truth: np.ndarray, score: np.ndarray, what: str) -> dict[str, float]:
    """AUC, TPR, TNR, F1 and accuracy at threshold 0.5, each named ``AUC per WHAT``; what truth cannot say is left out.

    Args:
        truth: (samples,), 0 or 1.
        score: (samples,) in 0..1.
        what: a sample's name: ``view``.
    """
    found = {"AUC": area(truth, score)}
    if not math.isnan(found["AUC"]):
        functions = {"TPR": metrics.tpr, "TNR": metrics.tnr, "F1": metrics.f1, "accuracy": metrics.accuracy}
        found |= {name: function(truth, score) for name, function in functions.items()}
    return {f"{name} per {what}": value for name, value in found.items() if not math.isnan(value)}


def area(truth: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve; NaN with one class only."""
    return metrics.auc(np.asarray(truth).astype(int), score)


def roc(truth: np.ndarray, score: np.ndarray, name: str) -> list[Curve]:
    """The ROC curve; none with one class only."""
    curve = metrics.roc_curve(np.asarray(truth).astype(int), score)
    return [Curve(name, "roc", curve.fpr, curve.tpr)] if len(curve.fpr) else []
