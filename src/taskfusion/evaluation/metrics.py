"""Pure functions of ``truth (cases,)``, 0 or 1, and ``score (cases,)``, higher meaning more positive.

What a metric cannot say is NaN, never a lucky 0 or 1: AUC, AUPRC and the ROC curve need both classes, TPR and F1 a
positive case, TNR a negative one, accuracy and Brier any case at all. A case counts as predicted positive where
``score >= threshold``. A NaN score is refused with a DataError that names its row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from taskfusion.errors import DataError

Array = np.ndarray
Weighted = Callable[[Array, Array, Array], Array]  # truth, score, weights (replicates, cases) to (replicates,)
NAN = float("nan")
BINS = 10  # of the calibration error


class Confusion(NamedTuple):
    """Counts of cases at one threshold."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int


class RocCurve(NamedTuple):
    """Corners of a ROC curve from (0, 0) to (1, 1), each ``(corners,)``; the first threshold is infinite."""

    fpr: Array
    tpr: Array
    thresholds: Array


def auc(truth: Array, score: Array) -> float:
    """Area under the ROC curve: how often a positive case outranks a negative one, a tie counting one half."""
    weights = np.ones((1, len(truth)), np.int64)
    return float(auc_weighted(truth, score, weights)[0])


def auc_weighted(truth: Array, score: Array, weights: Array) -> Array:
    """AUC under many case weights at once: ``weights (replicates, cases)`` of integers to ``(replicates,)``.

    The scores are sorted once; every replicate is then a cumulative sum (Mann and Whitney's U with weights, ties as
    halves). Integer weights keep the sums exact, so a replicate of ones equals the plain AUC to the last bit.
    NaN where the weights leave one class only.
    """
    positive, score = _checked(truth, score)
    if not len(score):
        return np.full(len(weights), NAN)
    order = np.argsort(score, kind="stable")
    starts = _level_starts(score[order])
    ordered = np.take(weights, order, axis=1)
    positives = np.add.reduceat(ordered * positive[order], starts, axis=1)
    negatives = np.add.reduceat(ordered, starts, axis=1) - positives
    up_to = np.cumsum(negatives, axis=1)
    twice_u = (positives * (2 * up_to - negatives)).sum(axis=1)
    pairs = positives.sum(axis=1) * up_to[:, -1]
    return np.divide(twice_u, 2 * pairs, out=np.full(len(weights), NAN), where=pairs > 0)


def auprc(truth: Array, score: Array) -> float:
    """Average precision: precision at every distinct score, weighted by the recall it adds (no interpolation)."""
    positive, score = _checked(truth, score)
    if not _both_classes(positive):
        return NAN
    true, false, _ = _cumulative(positive, score)
    return float((np.diff(true, prepend=0) * true / (true + false)).sum() / true[-1])


def auprc_weighted(truth: Array, score: Array, weights: Array) -> Array:
    """Average precision under many case weights at once; shapes and NaN as in :func:`auc_weighted`."""
    positive, score = _checked(truth, score)
    if not len(score):
        return np.full(len(weights), NAN)
    order = np.argsort(-score, kind="stable")
    starts = _level_starts(score[order])
    ordered = np.take(weights, order, axis=1)
    added = np.add.reduceat(ordered * positive[order], starts, axis=1)
    called = np.cumsum(np.add.reduceat(ordered, starts, axis=1), axis=1)
    true = np.cumsum(added, axis=1)
    area = (added * (true / np.maximum(called, 1))).sum(axis=1)  # where nothing is called, nothing was added either
    both = (true[:, -1] > 0) & (true[:, -1] < called[:, -1])
    return np.divide(area, true[:, -1], out=np.full(len(weights), NAN), where=both)


def roc_curve(truth: Array, score: Array) -> RocCurve:
    """The curve's corners; points on a straight line between two others are left out. Empty with one class only."""
    positive, score = _checked(truth, score)
    if not _both_classes(positive):
        return RocCurve(*(np.empty(0) for _ in range(3)))
    true, false, thresholds = _cumulative(positive, score)
    bends = (np.diff(true, 2, prepend=0) != 0) | (np.diff(false, 2, prepend=0) != 0)
    corner = np.concatenate([bends, [True]])  # the last point always stays
    true, false, thresholds = true[corner], false[corner], thresholds[corner]
    return RocCurve(
        np.concatenate([[0.0], false / false[-1]]),
        np.concatenate([[0.0], true / true[-1]]),
        np.concatenate([[np.inf], thresholds]),
    )


def confusion(truth: Array, score: Array, threshold: float = 0.5) -> Confusion:
    """The four counts at ``threshold``."""
    positive, score = _checked(truth, score)
    called = score >= threshold
    return Confusion(
        int((called & positive).sum()),
        int((called & ~positive).sum()),
        int((~called & ~positive).sum()),
        int((~called & positive).sum()),
    )


def tpr(truth: Array, score: Array, threshold: float = 0.5) -> float:
    """Sensitivity: the share of positive cases called positive."""
    counts = confusion(truth, score, threshold)
    return _ratio(counts.true_positives, counts.true_positives + counts.false_negatives)


def tnr(truth: Array, score: Array, threshold: float = 0.5) -> float:
    """Specificity: the share of negative cases called negative."""
    counts = confusion(truth, score, threshold)
    return _ratio(counts.true_negatives, counts.true_negatives + counts.false_positives)


def accuracy(truth: Array, score: Array, threshold: float = 0.5) -> float:
    """The share of cases called rightly."""
    counts = confusion(truth, score, threshold)
    return _ratio(counts.true_positives + counts.true_negatives, sum(counts))


def f1(truth: Array, score: Array, threshold: float = 0.5) -> float:
    """Harmonic mean of precision and sensitivity; 0 where positives exist and none was found."""
    counts = confusion(truth, score, threshold)
    if not counts.true_positives + counts.false_negatives:
        return NAN
    twice = 2 * counts.true_positives
    return _ratio(twice, twice + counts.false_positives + counts.false_negatives)


def brier(truth: Array, score: Array) -> float:
    """Mean squared distance of score and truth; NaN where a score lies outside [0, 1], for it is no probability."""
    positive, score = _checked(truth, score)
    if not len(score) or score.min() < 0 or score.max() > 1:
        return NAN
    return float(np.mean((score - positive) ** 2))


def ece(truth: Array, score: Array) -> float:
    """Expected calibration error: how far mean score and share of positives are apart, over ten bins of the score.

    Each bin counts by its cases (Naeini, Cooper & Hauskrecht 2015). NaN where a score lies outside [0, 1].
    """
    positive, score = _checked(truth, score)
    if not len(score) or score.min() < 0 or score.max() > 1:
        return NAN
    return float(np.abs(np.bincount(bin_of(score), score - positive, BINS)).sum() / len(score))


def bin_of(score: Array) -> Array:
    """The bin of each score: [0, 0.1), [0.1, 0.2) … [0.9, 1]; what lies outside goes into the nearest."""
    edges = np.arange(1, BINS) / BINS
    return np.asarray(np.searchsorted(edges, score, side="right"))


def calibration_line(truth: Array, score: Array) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of the truth on the score's log-odds (Cox 1958).

    (1, 0) is a calibrated score; a slope below 1 is one too extreme. (NaN, NaN) with one class, with scores that tell
    the classes apart without a mistake (the slope would be infinite), and for scores outside [0, 1].
    """
    from scipy.special import logit

    positive, score = _checked(truth, score)
    if not _both_classes(positive) or score.min() < 0 or score.max() > 1:
        return NAN, NAN
    high, low = score[positive], score[~positive]
    if high.min() >= low.max() or low.min() >= high.max():
        return NAN, NAN
    return logistic_line(logit(np.clip(score, 1e-6, 1 - 1e-6)), positive)


def logistic_line(x: Array, positive: Array, weights: Array | None = None) -> tuple[float, float]:
    """Slope and intercept of a logistic regression on one number, not penalised; ``(cases,)`` each."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    middle, spread = float(x.mean()), float(x.std()) or 1.0
    line = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    with warnings.catch_warnings():
        # a line search that gives up at the last digits of the best line is no news to anybody
        warnings.simplefilter("ignore", ConvergenceWarning)
        line.fit(((x - middle) / spread)[:, None], positive, sample_weight=weights)
    slope = float(line.coef_[0, 0]) / spread
    return slope, float(line.intercept_[0]) - slope * middle


def _checked(truth: Array, score: Array) -> tuple[Array, Array]:
    """``truth`` as bool and ``score`` as float64, or a DataError that names the row."""
    truth, score = np.asarray(truth), np.asarray(score, np.float64)
    if truth.ndim != 1 or truth.shape != score.shape:
        raise DataError(f"truth has shape {truth.shape}, score {score.shape}; expected two equal shapes (cases,)")
    if np.isnan(score).any():
        raise DataError(f"row {int(np.isnan(score).argmax())}: the score is NaN; every case needs a number")
    wrong = (truth != 0) & (truth != 1)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"row {row}: the truth is {truth[row]}; expected 0 or 1")
    return truth.astype(bool), score


def _both_classes(positive: Array) -> bool:
    return bool(positive.any() and not positive.all())


def _level_starts(ordered: Array) -> Array:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def _cumulative(positive: Array, score: Array) -> tuple[Array, Array, Array]:
    """True and false positives at every distinct score, from the highest down, and those scores."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    ends = np.concatenate([_level_starts(ordered)[1:], [len(score)]]) - 1
    true = np.cumsum(positive[order])[ends]
    return true, ends + 1 - true, ordered[ends]


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else NAN
