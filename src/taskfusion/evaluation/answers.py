"""A task's own answers beside the truth, per view and per case, as arrays that ROC and FROC are computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from taskfusion.cases import UNKNOWN, Cohort
from taskfusion.errors import DataError
from taskfusion.evaluation import metrics
from taskfusion.evaluation.boxes import Array, Boxes, class_labels
from taskfusion.evaluation.metrics import auc, roc_curve
from taskfusion.outputs import Level, TaskOutput


@attrs.frozen(eq=False)
class Scored:
    """Answers whose truth is known: ``truth (answers,)`` of 0 and 1, and ``score (answers,)``."""

    truth: Array
    score: Array

    @property
    def auc(self) -> float:
        """Area under the ROC curve; NaN with one class only."""
        return auc(self.truth, self.score)

    def roc(self) -> tuple[Array, Array]:
        """False and true positive rate at the curve's corners; empty with one class only."""
        curve = roc_curve(self.truth, self.score)
        return curve.fpr, curve.tpr

    def figures(self, what: str) -> dict[str, float]:
        """AUC, TPR, TNR, F1 and accuracy at threshold 0.5, each named ``AUC per WHAT``; empty with one class only."""
        found = {"AUC": self.auc}
        if np.isfinite(self.auc):
            functions = {"TPR": metrics.tpr, "TNR": metrics.tnr, "F1": metrics.f1, "accuracy": metrics.accuracy}
            found |= {name: function(self.truth, self.score) for name, function in functions.items()}
        return finite({f"{name} per {what}": value for name, value in found.items()})


def scored(truth: Array, score: Array, present: Array) -> Scored:
    """The answers that are there and whose truth is known (not -1); all three of one shape."""
    truth = np.asarray(truth)
    known = np.asarray(present, bool) & (truth != UNKNOWN)
    return Scored((truth[known] > 0).astype(np.int64), np.asarray(score, float)[known])


def view_scores(output: TaskOutput, counts: Array | None = None) -> Array:
    """``(cases, views)``: of a task of level view or detection the highest score of the classes that count.

    A view that was looked at and where nothing was found has score 0; a view without answer NaN.

    Args:
        output: what the task said.
        counts: ``(classes,)`` booleans; all by default.
    """
    counts = np.ones(len(output.spec.classes), bool) if counts is None else counts
    if output.detections is None:
        if output.scores is None or output.spec.level is not Level.VIEW:
            raise DataError(f"a task of level {output.spec.level!s} has no score per view")
        return _highest(output.scores[..., counts])
    found = output.detections
    best = np.zeros(output.present.size)
    mine = counts[found.labels]
    np.maximum.at(best, np.repeat(np.arange(best.size), found.counts())[mine], found.scores[mine])
    return np.where(output.present, best.reshape(output.present.shape), np.nan)


def case_scores(output: TaskOutput, counts: Array | None = None) -> Array:
    """``(cases,)``: the highest score of the classes that count, over the views where there are some; else NaN."""
    if output.spec.level is not Level.CASE:
        return _highest(view_scores(output, counts))
    if output.scores is None:
        raise DataError("a task without scores has none per case")
    return _highest(output.scores if counts is None else output.scores[:, counts])


def shared_boxes(output: TaskOutput, cohort: Cohort) -> tuple[Boxes, Boxes, int]:
    """Detections, true boxes of the task's classes in the views it looked at, and the number of those views.

    Images are numbered over the views that have an answer; a box in a view nobody looked at is not missed.
    """
    number = np.where(output.present.ravel(), np.cumsum(output.present.ravel()) - 1, -1)
    return _found(output, number), _true(output, cohort, number), int(output.present.sum())


def view_columns(output: TaskOutput, cohort: Cohort) -> Array:
    """Per view of the cohort its column in the output, -1 where the task does not look: ``(cohort views,)``."""
    return class_labels(output.spec.views, cohort.views)


def view_truth(output: TaskOutput, cohort: Cohort, labels: Sequence[str] | None = None) -> Array:
    """``(cases, task views)``: 1 where the view holds a true box (of these labels), 0 where not.

    -1 for a view that the cohort does not know. Needs annotations.
    """
    truth = np.full((len(cohort), len(output.spec.views)), UNKNOWN)
    columns = view_columns(output, cohort)
    truth[:, columns[columns >= 0]] = cohort.view_labels(labels)[:, columns >= 0]
    return truth


def finite(figures: Mapping[str, float]) -> dict[str, float]:
    """Only what could be computed: a figure without truth is left out."""
    return {name: float(value) for name, value in figures.items() if np.isfinite(value)}


def _found(output: TaskOutput, number: Array) -> Boxes:
    found = output.detections
    if found is None:
        raise DataError(f"a task of level {output.spec.level!s} has no detections")
    image = np.repeat(number, found.counts())
    return Boxes(image, found.boxes, found.labels, found.scores).where(image >= 0)


def _true(output: TaskOutput, cohort: Cohort, number: Array) -> Boxes:
    truth = cohort.annotations
    if truth is None:
        raise DataError(f"cohort {cohort.name!r} has no boxes to compare detections with")
    column = view_columns(output, cohort)[truth.view]
    label = class_labels(output.spec.classes, truth.classes)[truth.labels]
    image = np.where(column >= 0, number[truth.case * len(output.spec.views) + column], -1)
    return Boxes(image, truth.boxes, label).where((image >= 0) & (label >= 0))


def _highest(scores: Array) -> Array:
    """Over the last axis, leaving out NaN; NaN where all are."""
    best = np.where(np.isnan(scores), -np.inf, scores).max(axis=-1, initial=-np.inf)
    return np.where(np.isneginf(best), np.nan, best)
