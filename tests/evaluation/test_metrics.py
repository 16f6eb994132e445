from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from taskfusion.errors import DataError
from taskfusion.evaluation import metrics

case = st.tuples(st.integers(0, 1), st.integers(0, 8).map(lambda tenth: tenth / 8))  # few levels: many ties
any_cases = st.lists(case, min_size=1, max_size=40).map(
    lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True))
)
cases = any_cases.filter(lambda pair: 0 < pair[0].sum() < len(pair[0]))
thresholds = st.sampled_from([0.0, 0.25, 0.5, 0.6, 1.0])

unhurried = settings(settings.get_profile("heavy"))  # scikit-learn is slow to start on a busy machine

THRESHOLDED = {
    metrics.tpr: lambda truth, called: reference.recall_score(truth, called),
    metrics.tnr: lambda truth, called: reference.recall_score(truth, called, pos_label=0),
    metrics.accuracy: reference.accuracy_score,
    metrics.f1: reference.f1_score,
}


@unhurried
@given(cases)
def test_rankings_agree_with_scikit_learn(pair):
    truth, score = pair
    assert metrics.auc(truth, score) == pytest.approx(reference.roc_auc_score(truth, score), abs=1e-12)
    assert metrics.auprc(truth, score) == pytest.approx(reference.average_precision_score(truth, score), abs=1e-12)
    assert metrics.brier(truth, score) == pytest.approx(reference.brier_score_loss(truth, score), abs=1e-12)


@unhurried
@given(cases)
def test_curve_agrees_with_scikit_learn(pair):
    found = metrics.roc_curve(*pair)
    fpr, tpr, thresholds = reference.roc_curve(*pair, drop_intermediate=False)
    every = set(zip(fpr, tpr, thresholds, strict=True))
    assert set(zip(*found, strict=True)) <= every
    # Along a ROC curve fpr + tpr ascends: points left out lie on a straight line between those that stayed.
    np.testing.assert_allclose(np.interp(fpr + tpr, found.fpr + found.tpr, found.tpr), tpr, atol=1e-12)


def test_curve_leaves_out_what_is_straight():
    curve = metrics.roc_curve([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_array_equal(np.column_stack(curve), [[0, 0, np.inf], [0, 1, 0.3], [1, 1, 0.1]])


@unhurried
@given(cases)
def test_area_under_the_curve_is_the_auc(pair):
    curve = metrics.roc_curve(*pair)
    assert np.trapezoid(curve.tpr, curve.fpr) == pytest.approx(metrics.auc(*pair), abs=1e-12)


@unhurried
@given(cases, thresholds)
def test_thresholded_metrics_agree_with_scikit_learn(pair, threshold):
    truth, score = pair
    for ours, theirs in THRESHOLDED.items():
        assert ours(truth, score, threshold) == pytest.approx(theirs(truth, score >= threshold))


@unhurried
@given(cases, thresholds)
def test_confusion_agrees_with_scikit_learn(pair, threshold):
    truth, score = pair
    tn, fp, fn, tp = reference.confusion_matrix(truth, score >= threshold, labels=[0, 1]).ravel()
    assert metrics.confusion(truth, score, threshold) == (tp, fp, tn, fn)


@unhurried
@given(cases, st.integers(0, 2**32 - 1))
def test_weights_are_repeated_cases(pair, seed):
    truth, score = pair
    weights = np.random.default_rng(seed).integers(0, 4, (5, len(truth)))
    repeated = [metrics.auc(np.repeat(truth, row), np.repeat(score, row)) for row in weights]
    np.testing.assert_array_equal(metrics.auc_weighted(truth, score, weights), repeated)


@unhurried
@given(any_cases)
def test_only_the_order_of_scores_matters_to_auc(pair):
    truth, score = pair
    np.testing.assert_equal(metrics.auc(truth, score), metrics.auc(truth, np.exp(3 * score)))


def test_infinite_scores_tie_with_each_other():
    assert metrics.auc([0, 1, 1, 0], [-np.inf, np.inf, -np.inf, -np.inf]) == 0.75


@pytest.mark.parametrize("only", [0, 1])
def test_one_class_gives_nan_where_the_other_is_needed(only):
    truth, score = np.full(4, only), np.array([0.1, 0.6, 0.7, 0.2])
    assert math.isnan(metrics.auc(truth, score))
    assert math.isnan(metrics.auprc(truth, score))
    assert math.isnan(metrics.tnr(truth, score)) == (only == 1)
    assert math.isnan(metrics.tpr(truth, score)) == (only == 0)
    assert math.isnan(metrics.f1(truth, score)) == (only == 0)
    assert metrics.accuracy(truth, score) == 0.5
    assert metrics.brier(truth, score) > 0
    assert not len(metrics.roc_curve(truth, score).fpr)


def test_no_case_gives_nan():
    nothing = np.empty(0)
    for metric in (metrics.auc, metrics.auprc, *THRESHOLDED, metrics.brier):
        assert math.isnan(metric(nothing, nothing)), metric.__name__


def test_brier_needs_probabilities():
    assert math.isnan(metrics.brier([0, 1], [0.2, 1.5]))


def test_f1_is_zero_where_nothing_is_found():
    assert metrics.f1([1, 0], [0.1, 0.2]) == 0


@pytest.mark.parametrize("metric", [metrics.auc, metrics.auprc, metrics.tpr, metrics.brier, metrics.roc_curve])
def test_refuses_nan_and_names_the_row(metric):
    with pytest.raises(DataError, match=r"^row 1: the score is NaN; every case needs a number$"):
        metric([0, 1, 1], [0.1, np.nan, np.nan])


def test_refuses_a_truth_that_is_none():
    with pytest.raises(DataError, match=r"^row 2: the truth is -1; expected 0 or 1$"):
        metrics.auc(np.array([0, 1, -1]), [0.1, 0.2, 0.3])


def test_refuses_unequal_lengths():
    message = "truth has shape (2,), score (3,); expected two equal shapes (cases,)"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        metrics.auprc([0, 1], [0.1, 0.2, 0.3])


@given(cases, st.floats(0.1, 5), st.floats(-3, 3))
def test_rising_functions_change_no_ranking(pair, slope, shift):
    truth, score = pair
    for bent in (slope * score + shift, np.exp(slope * score), score**3):
        assert metrics.auc(truth, bent) == metrics.auc(truth, score)
        assert metrics.auprc(truth, bent) == pytest.approx(metrics.auprc(truth, score))


@given(cases)
def test_swapping_the_classes_and_the_direction_swaps_sensitivity_and_specificity(pair):
    truth, score = pair
    assert metrics.auc(1 - truth, -score) == pytest.approx(metrics.auc(truth, score))
    assert metrics.auc(truth, -score) == pytest.approx(1 - metrics.auc(truth, score))


@given(any_cases)
def test_calibration_error_is_that_of_its_definition(pair):
    truth, score = pair
    bins = np.minimum((score * 10 + 1e-9).astype(int), 9)
    gaps = [abs(score[bins == k].mean() - truth[bins == k].mean()) * (bins == k).mean() for k in set(bins)]
    assert metrics.ece(truth, score) == pytest.approx(sum(gaps), abs=1e-12)
    assert metrics.ece(truth, truth.astype(float)) == 0


@given(cases, st.integers(1, 4))
def test_average_precision_with_weights_is_that_of_repeated_cases(pair, most):
    truth, score = pair
    weights = np.random.default_rng(most).integers(0, most + 1, (3, len(truth)))
    for found, row in zip(metrics.auprc_weighted(truth, score, weights), weights, strict=True):
        expected = metrics.auprc(np.repeat(truth, row), np.repeat(score, row))
        assert found == pytest.approx(expected, nan_ok=True)


def test_the_calibration_line_of_a_stretched_score_is_its_inverse():
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 20000)
    truth = (rng.random(20000) < 1 / (1 + np.exp(-odds))).astype(int)
    slope, intercept = metrics.calibration_line(truth, 1 / (1 + np.exp(-(2 * odds + 1))))
    assert (slope, intercept) == pytest.approx((0.5, -0.5), abs=0.03)
    assert all(map(math.isnan, metrics.calibration_line(np.array([0, 1]), np.array([0.1, 0.9]))))
    assert all(map(math.isnan, metrics.calibration_line(np.array([1, 1]), np.array([0.1, 0.9]))))
