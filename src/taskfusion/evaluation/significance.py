"""Tests of two scorers on the same cases, and the correction for making many of them.

DeLong's test asks about AUCs, as the patient bootstrap does, by another way. Wilcoxon's asks about scores: it is here
because the paper used it, and says nothing about which scorer is better.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from taskfusion.evaluation.metrics import NAN, Array


def delong(truth: Array, first: Array, second: Array, groups: ArrayLike | None = None) -> float:
    """Two-sided p-value of equal AUCs, paired (DeLong, DeLong & Clarke-Pearson 1988).

    With ``groups`` the cases of one patient may depend on each other (Obuchowski 1997); with a case per patient that is
    the same. The AUC of a scorer that answered several times is the mean over the repeats.

    Args:
        truth: ``(cases,)`` of 0 and 1.
        first: ``(cases,)`` or ``(repeats, cases)``.
        second: likewise.
        groups: ``(cases,)``, the patient of each case; each case its own where left out.

    Returns:
        NaN with fewer than two cases of a class, or where AUCs differ without any variance to judge that by.
    """
    difference, error = auc_difference(truth, first, second, groups)
    if math.isnan(difference) or not error > 1e-12:
        return 1.0 if abs(difference) < 1e-12 else NAN
    return math.erfc(abs(difference) / (math.sqrt(2) * error))


def auc_difference(truth: Array, first: Array, second: Array, groups: ArrayLike | None = None) -> tuple[float, float]:
    """The first AUC minus the second and the standard error of that, paired; arguments as for :func:`delong`.

    NaN both with fewer than two cases of a class.
    """
    positive = np.asarray(truth) == 1
    if min(positive.sum(), (~positive).sum()) < 2:
        return NAN, NAN
    by_case = _placements(positive, first) - _placements(positive, second)
    difference = float(by_case[positive].mean())
    names = np.arange(len(positive)) if groups is None else np.asarray(groups, str)
    return difference, math.sqrt(max(_variance(positive, by_case - difference, names), 0.0))


def wilcoxon(first: Array, second: Array) -> float:
    """Two-sided p-value of the signed-rank test on the scores themselves, ``(cases,)``: the paper's test.

    It asks whether one scorer tends to give *higher* scores, not better ones. 1 where all scores agree.
    """
    from scipy.stats import wilcoxon as signed_rank

    if not len(first):
        return NAN
    if np.array_equal(first, second):
        return 1.0
    return float(signed_rank(first, second).pvalue)


def holm(p: ArrayLike) -> Array:
    """Correct p-values ``(tests,)`` for their number (Holm 1979).

    Calling real what is below alpha then raises a false alarm in at most a share alpha of such families of tests.

    A test that could not be made, NaN, stays so and is not counted.
    """
    p = np.asarray(p, float)
    corrected = np.full(p.shape, NAN)
    rows = np.flatnonzero(~np.isnan(p))
    order = rows[np.argsort(p[rows], kind="stable")]
    weighted = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(weighted), 1.0)
    return corrected


def _variance(positive: Array, centred: Array, groups: Array) -> float:
    """Of a mean over positives (and, the same number, over negatives) of what is summed up per patient first."""
    _, member = np.unique(groups, return_inverse=True)
    sums = [np.bincount(member, np.where(side, centred, 0.0)) for side in (positive, ~positive)]
    total = 0.0
    for side, summed in zip((positive, ~positive), sums, strict=True):
        patients = len(np.unique(member[side]))
        if patients < 2:
            return 0.0
        total += patients / (patients - 1) * float(summed @ summed) / side.sum() ** 2
    patients = len(sums[0])
    both = float(sums[0] @ sums[1])
    return total + 2 * patients / (patients - 1) * both / (int(positive.sum()) * int((~positive).sum()))


def _placements(positive: Array, score: Array) -> Array:
    """Per positive case the share of negatives below it, per negative case the share of positives above it.

    ``(cases,)``; of several repeats the mean.
    """
    scores = np.atleast_2d(np.asarray(score, float))
    placed = np.empty(scores.shape)
    for row, values in zip(placed, scores, strict=True):
        high, low = values[positive], values[~positive]
        row[positive], row[~positive] = _share_below(high, low), 1 - _share_below(low, high)
    return np.asarray(placed.mean(axis=0))


def _share_below(values: Array, others: Array) -> Array:
    """Per value the share of ``others`` that are smaller, equal ones counting one half."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(ordered))
