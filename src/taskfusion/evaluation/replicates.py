"""Every metric of what one fuser said, of the sample and of all its resamples at once.

A fuser may have answered several times: under repeated cross-validation, or trained with several seeds. Its figure is
then the **mean over the repeats**, and a resample draws repeats as well as patients, so that the interval holds both
kinds of chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import ArrayLike

from taskfusion.cases import UNKNOWN
from taskfusion.errors import DataError
from taskfusion.evaluation import metrics
from taskfusion.evaluation.bootstrap import Resamples
from taskfusion.evaluation.metrics import Array

if TYPE_CHECKING:
    import pandas as pd

AT_THRESHOLD = ("tpr", "tnr", "accuracy", "f1")
METRICS = ("auc", "auprc", *AT_THRESHOLD, "brier", "ece")


@attrs.frozen(eq=False)
class Answers:
    """What one fuser said of one target in one split, without the cases whose truth nobody knows.

    Attributes:
        cases: ids, ``(cases,)``, sorted.
        truth: ``(cases,)`` of 0 and 1.
        groups: ``(cases,)``.
        scores: ``(repeats, cases)``.
        folds: ``(repeats, cases)``, the fold in which each case was answered about.
    """

    cases: Array
    truth: Array
    groups: Array
    scores: Array
    folds: Array

    @classmethod
    def of(cls, part: pd.DataFrame, column: str = "score") -> Answers:
        """From the checked predictions of one fuser, target and split.

        Raises:
            DataError: a case that is answered about in one repeat and not in another.
        """
        known = part[part["truth"] != UNKNOWN]
        if known.empty:
            nobody = np.empty(0, np.int64)
            return cls(nobody, nobody, nobody, np.empty((1, 0)), np.empty((1, 0)))
        wide = known.pivot(index="case", columns="repeat", values=[column, "fold"])
        absent = np.argwhere(wide[column].isna().to_numpy())
        if len(absent):
            case, repeat = wide.index[absent[0, 0]], wide[column].columns[absent[0, 1]]
            raise DataError(f"fuser {part['fuser'].iloc[0]!r} has no answer about case {case!r} in repeat {repeat}")
        first = known.drop_duplicates("case").set_index("case").loc[wide.index]
        scores, folds = (wide[name].to_numpy(float).T for name in (column, "fold"))
        return cls(wide.index.to_numpy(), first["truth"].to_numpy(int), first["group"].to_numpy(), scores, folds)

    @property
    def score(self) -> Array:
        """The mean over the repeats, ``(cases,)``."""
        return np.asarray(self.scores.mean(axis=0))

    def select(self, rows: Array) -> Answers:
        """These cases."""
        kept = (self.cases[rows], self.truth[rows], self.groups[rows], self.scores[:, rows], self.folds[:, rows])
        return Answers(*kept)


def sample_values(answers: Answers, threshold: ArrayLike) -> dict[str, Array]:
    """Each metric of each repeat, ``(repeats,)``; ``threshold`` is one, or ``(repeats, cases)``."""
    truth, ones = answers.truth, np.ones((1, len(answers.truth)), np.int64)
    limits = np.broadcast_to(np.asarray(threshold, float), answers.scores.shape)
    rows = []
    for score, limit in zip(answers.scores, limits, strict=True):
        linear = _from_sums(ones @ _sums(truth, score, limit))
        areas = {"auc": metrics.auc_weighted(truth, score, ones), "auprc": metrics.auprc_weighted(truth, score, ones)}
        rows.append(areas | linear)
    return {name: np.concatenate([row[name] for row in rows]) for name in METRICS}


def resampled_values(answers: Answers, threshold: ArrayLike, resamples: Resamples) -> dict[str, Array]:
    """Each metric of each resample, ``(replicates,)``: the mean over the repeats drawn with it."""
    return {
        "auc": resampled_auc(answers, resamples),
        "auprc": _over_repeats(answers, resamples, metrics.auprc_weighted),
        **resampled_points(answers, threshold, resamples),
    }


def resampled_auc(answers: Answers, resamples: Resamples) -> Array:
    """The AUC of each resample, ``(replicates,)``."""
    return _over_repeats(answers, resamples, metrics.auc_weighted)


def resampled_points(answers: Answers, threshold: ArrayLike, resamples: Resamples) -> dict[str, Array]:
    """What needs no ranking, of each resample: sums over patients, so a product of two matrices does it."""
    limits = np.broadcast_to(np.asarray(threshold, float), answers.scores.shape)
    each = []
    for score, limit in zip(answers.scores, limits, strict=True):
        each.append(_from_sums(resamples.totals(_sums(answers.truth, score, limit), answers.groups)))
    names = [name for name in METRICS if name not in ("auc", "auprc")]
    return {name: resamples.mixed(np.stack([values[name] for values in each], axis=1)) for name in names}


def _over_repeats(answers: Answers, resamples: Resamples, weighted: metrics.Weighted) -> Array:
    each = [resamples.values(weighted, answers.truth, score, answers.groups) for score in answers.scores]
    return resamples.mixed(np.stack(each, axis=1))


def _sums(truth: Array, score: Array, limit: Array) -> Array:
    """What the metrics are sums of, per case ``(cases, 5 + bins)``: case, positive, found, cleared, squared distance,
    and score minus truth in the bin of the score."""
    positive, called = truth == 1, score >= limit
    gaps = np.zeros((len(truth), metrics.BINS))
    gaps[np.arange(len(truth)), metrics.bin_of(score)] = score - truth
    one = np.ones(len(truth))
    columns = (one, positive, positive & called, ~positive & ~called, (score - truth) ** 2)
    probability = np.where((score >= 0) & (score <= 1), 0.0, np.nan)[:, None]  # no score, no calibration
    return np.column_stack([*columns[:4], columns[4][:, None] + probability, gaps + probability])


def _from_sums(totals: Array) -> dict[str, Array]:
    """The metrics of ``totals (replicates, 5 + bins)``."""
    cases, positives, found, cleared, squares = totals[:, :5].T
    twice, wrong = 2 * found, cases - found - cleared
    return {
        "tpr": _ratio(found, positives),
        "tnr": _ratio(cleared, cases - positives),
        "accuracy": _ratio(found + cleared, cases),
        "f1": np.where(positives > 0, _ratio(twice, twice + wrong), np.nan),
        "brier": _ratio(squares, cases),
        "ece": _ratio(np.abs(totals[:, 5:]).sum(axis=1), cases),
    }


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
