"""Tests of two scorers on the same cases. Both take each case as independent: patients with several cases make them
overconfident, which is why the patient bootstrap is the evidence and these stand beside it.
"""

from __future__ import annotations

import math

import numpy as np

from taskfusion.evaluation.metrics import NAN, Array


def delong(truth: Array, first: Array, second: Array) -> float:
    """Two-sided p-value of equal AUCs, paired (DeLong, DeLong & Clarke-Pearson 1988); all ``(cases,)``.

    NaN with fewer than two cases of a class, or where AUCs differ without any variance to judge that by.
    """
    positive = np.asarray(truth) == 1
    if min(positive.sum(), (~positive).sum()) < 2:
        return NAN
    (first_up, first_down), (second_up, second_down) = _placements(positive, first), _placements(positive, second)
    by_positive, by_negative = first_up - second_up, first_down - second_down
    difference = by_positive.mean()
    variance = by_positive.var(ddof=1) / len(by_positive) + by_negative.var(ddof=1) / len(by_negative)
    if variance == 0:
        return 1.0 if difference == 0 else NAN
    return math.erfc(abs(difference) / math.sqrt(2 * variance))


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


def _placements(positive: Array, score: Array) -> tuple[Array, Array]:
    """Per positive case the share of negatives below it, per negative case the share of positives above it."""
    high, low = np.asarray(score, float)[positive], np.asarray(score, float)[~positive]
    return _share_below(high, low), 1 - _share_below(low, high)


def _share_below(values: Array, others: Array) -> Array:
    """Per value the share of ``others`` that are smaller, equal ones counting one half."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(ordered))
