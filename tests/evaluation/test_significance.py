from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from taskfusion.evaluation import metrics
from taskfusion.evaluation.bootstrap import Bootstrap, Resamples, normal_p
from taskfusion.evaluation.significance import delong, wilcoxon


@pytest.fixture(scope="module")
def two():
    """Truth and two correlated scores with ties, 120 cases; do not mutate."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 120)
    shared = rng.normal(size=120)
    return truth, np.round(truth + shared, 1), np.round(0.5 * truth + shared + rng.normal(size=120), 1)


def by_all_pairs(truth, first, second):
    """DeLong from the definition: the kernel of every (positive, negative) pair, and the covariances of its means."""
    kernels = []
    for score in (first, second):
        high, low = score[truth == 1][:, None], score[truth == 0]
        kernels.append((high > low) + 0.5 * (high == low))
    positives, negatives = kernels[0].shape
    covariance = np.cov([k.mean(axis=1) for k in kernels]) / positives
    covariance = covariance + np.cov([k.mean(axis=0) for k in kernels]) / negatives
    contrast = np.array([1, -1])
    z = (kernels[0].mean() - kernels[1].mean()) / np.sqrt(contrast @ covariance @ contrast)
    return 2 * stats.norm.sf(abs(z))


def test_delong_agrees_with_its_definition(two):
    assert delong(*two) == pytest.approx(by_all_pairs(*two), rel=1e-9)


def test_delong_agrees_with_an_independent_package(two):
    """MLstatkit, an implementation of its own of Sun and Xu's fast algorithm (2014); installed for this test alone."""
    other = pytest.importorskip("MLstatkit", reason="MLstatkit is not installed (extra 'dev')")
    found = other.Delong_test(*two)
    assert delong(*two) == pytest.approx(float(found[1]), abs=1e-6)


def by_all_pairs_of_patients(truth, first, second, groups):
    """Obuchowski's variance (1997) of a difference, from the kernel of every pair and sums over patients."""
    kernels = []
    for score in (first, second):
        high, low = score[truth == 1][:, None], score[truth == 0]
        kernels.append((high > low) + 0.5 * (high == low))
    kernel = kernels[0] - kernels[1]
    mean, (m, n) = kernel.mean(), kernel.shape
    ups, downs = kernel.mean(axis=1) - mean, kernel.mean(axis=0) - mean
    names = np.unique(groups)
    tens = np.array([ups[groups[truth == 1] == name].sum() for name in names])
    ones = np.array([downs[groups[truth == 0] == name].sum() for name in names])
    with_up, with_down, count = len(set(groups[truth == 1])), len(set(groups[truth == 0])), len(names)
    variance = with_up / (with_up - 1) * (tens**2).sum() / m**2 + with_down / (with_down - 1) * (ones**2).sum() / n**2
    variance += 2 * count / (count - 1) * (tens * ones).sum() / (m * n)
    return 2 * stats.norm.sf(abs(mean) / np.sqrt(variance))


def test_delong_by_patients_agrees_with_obuchowski(two):
    groups = np.arange(120) // 3
    assert delong(*two, groups) == pytest.approx(by_all_pairs_of_patients(*two, groups), rel=1e-9)


def test_delong_with_a_case_per_patient_is_delong(two):
    assert delong(*two, np.arange(120)) == pytest.approx(delong(*two), rel=1e-12)


def test_delong_by_patients_agrees_with_the_patient_bootstrap(two):
    truth, first, second = two
    groups = np.arange(120) // 3
    resamples = Resamples(groups, Bootstrap(4000))
    drawn = np.subtract(*(resamples.aucs(truth, score, groups) for score in (first, second)))
    difference = metrics.auc(truth, first) - metrics.auc(truth, second)
    assert delong(*two, groups) == pytest.approx(normal_p(difference, drawn), abs=0.02)


def test_patients_whose_cases_are_copies_count_once(two):
    copies = [np.repeat(values, 4) for values in two]
    assert delong(*copies, np.repeat(np.arange(120), 4)) == pytest.approx(delong(*two), rel=0.05)
    assert delong(*copies) < delong(*two) / 2


def test_delong_of_repeats_is_that_of_their_mean_ranking(two):
    truth, first, second = two
    assert delong(truth, np.stack([first, first]), second) == pytest.approx(delong(*two))


def test_delong_is_symmetric(two):
    truth, first, second = two
    assert delong(truth, first, second) == pytest.approx(delong(truth, second, first))


def test_delong_agrees_with_the_bootstrap_of_independent_cases(two):
    truth, first, second = two
    resamples = Resamples(np.arange(120), Bootstrap(4000))
    spread = np.std(np.subtract(*(resamples.aucs(truth, score, np.arange(120)) for score in (first, second))))
    observed = abs(resamples.aucs(truth, first, np.arange(120)) - resamples.aucs(truth, second, np.arange(120))).mean()
    assert delong(*two) == pytest.approx(2 * stats.norm.sf(observed / spread), abs=0.02)


def test_delong_of_equal_scores_is_one(two):
    assert delong(two[0], two[1], two[1]) == 1


def test_delong_without_variance_is_nan():
    truth = np.array([0, 0, 1, 1])
    assert math.isnan(delong(truth, truth, np.zeros(4)))
    assert math.isnan(delong(np.array([0, 0, 1]), np.arange(3), np.zeros(3)))


def test_wilcoxon_is_scipys(two):
    assert wilcoxon(two[1], two[2]) == stats.wilcoxon(two[1], two[2]).pvalue


def test_wilcoxon_of_equal_scores_is_one_and_of_nothing_nan(two):
    assert wilcoxon(two[1], two[1]) == 1
    assert math.isnan(wilcoxon(np.empty(0), np.empty(0)))
