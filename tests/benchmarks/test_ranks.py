"""The figures in NumPy equal scikit-learn's, also where scores tie."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bench.peers.figures import by_bootstrap, over_cohorts, paired, percentiles
from bench.peers.ranks import auc, auprc, brier
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40)


@given(rows)
def test_figures_equal_those_of_scikit_learn(pairs):
    truth, score = np.array([int(t) for t, _ in pairs]), np.array([s / 6 for _, s in pairs])
    if 0 < truth.sum() < len(truth):
        assert auc(truth, score) == pytest.approx(roc_auc_score(truth, score))
        assert auprc(truth, score) == pytest.approx(average_precision_score(truth, score))
        assert brier(truth, score) == pytest.approx(brier_score_loss(truth, score))
    else:
        assert math.isnan(auc(truth, score))


def test_the_interval_over_cohorts_is_students():
    found = over_cohorts([0.7, 0.8, 0.9])
    assert (found.value, found.n) == (pytest.approx(0.8), 3)
    assert found.high - found.value == pytest.approx(4.303 * 0.1 / math.sqrt(3), rel=1e-3)
    assert math.isnan(over_cohorts([0.7]).low)


def test_differences_are_taken_on_the_cohorts_that_both_answered():
    found = paired({0: 0.9, 1: 0.8, 5: 0.1}, {0: 0.8, 1: 0.7, 2: 0.3})
    assert found is not None
    assert (found.n, found.value, found.high) == (2, pytest.approx(0.1), pytest.approx(0.1))
    assert paired({0: 0.9}, {1: 0.9}) is None


def test_the_bootstrap_draws_the_same_patients_for_everybody():
    rng = np.random.default_rng(0)
    truth, groups = np.arange(60) % 3 == 0, np.arange(60) // 2
    scores = rng.random((1, 60)) + truth
    first, again = (by_bootstrap(truth.astype(int), groups, scores, "AUC") for _ in range(2))
    assert np.array_equal(first, again)
    found = percentiles(first)
    assert found.low <= found.value <= found.high
    assert percentiles(first - again).high == 0
