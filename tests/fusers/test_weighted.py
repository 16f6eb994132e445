"""The weighted mean of logits: its gradient, its weights, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad
from score_tables import fusion_data, fusion_input, sigmoid, three_tasks

from taskfusion.fusers.base import FuseContext
from taskfusion.fusers.weighted import WeightedConfig, WeightedFuser, fit_weights, penalised_loss, weighted_mean

TRAIN, TEST = three_tasks(200, 0), three_tasks(300, 1)


@pytest.fixture(scope="module")
def fitted():
    """Fitted on three tasks; do not mutate."""
    return WeightedFuser().fit(TRAIN, None, FuseContext())


@given(st.integers(0, 1000), st.floats(0, 10), st.integers(1, 5))
def test_the_gradient_is_that_of_finite_differences(seed, ridge, columns):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(12, columns))
    X[rng.random(X.shape) < 0.3] = np.nan
    X = X[~np.isnan(X).all(axis=1)]
    truth = rng.integers(0, 2, len(X))
    at = np.concatenate([rng.random(columns) + 0.1, rng.normal(size=2)])
    gap = check_grad(
        lambda p: penalised_loss(p, X, truth, ridge)[0], lambda p: penalised_loss(p, X, truth, ridge)[1], at
    )
    assert gap < 1e-4 * (1 + np.abs(penalised_loss(at, X, truth, ridge)[1]).max())


def test_better_tasks_weigh_more(fitted):
    weights = list(fitted.summary()["weights"].values())
    assert weights == sorted(weights, reverse=True) and min(weights) >= 0 and np.isclose(np.mean(weights), 1, atol=1e-3)


def test_a_strong_ridge_makes_weights_equal():
    weights = WeightedFuser(WeightedConfig(ridge=(1e6,))).fit(TRAIN, None, FuseContext()).summary()["weights"]
    assert np.allclose(list(weights.values()), 1, atol=1e-2)


def test_a_task_that_speaks_against_the_target_weighs_nothing():
    values = TRAIN.inputs.scores.values.copy()
    values[:, 1] = 1 - values[:, 1]
    fuser = WeightedFuser(WeightedConfig(ridge=(0.1,))).fit(fusion_data(values, TRAIN.truth), None, FuseContext())
    assert fuser.summary()["weights"]["t1/score"] == 0


def test_a_measurement_may_point_either_way():
    rng = np.random.default_rng(0)
    truth = np.arange(100) % 2
    age = 60 - 10 * truth + rng.normal(size=100)
    fuser = WeightedFuser().fit(fusion_data(age[:, None], truth), None, FuseContext())
    young, old = fuser.predict(fusion_input(np.array([[45.0], [65.0]])))
    assert young > 0.9 and old < 0.1 and fuser.summary()["weights"]["t0/score"] == -1


def test_missing_scores_and_gaps_are_left_out():
    X = np.array([[1.0, np.nan, 3.0], [np.nan] * 3, [5.0, 5.0, 5.0]])
    mean, seen = weighted_mean(X, np.array([3.0, 7.0, 1.0]))
    assert mean.tolist() == [1.5, 0, 5] and seen.tolist() == [True, False, True]


def test_without_any_score_it_says_the_base_rate(fitted):
    nothing = fusion_input(np.full((2, 3), np.nan))
    assert fitted.predict(nothing).tolist() == [TRAIN.truth.mean()] * 2


def test_nothing_found_anywhere_says_what_it_said_in_training():
    X = np.array([[np.nan]] * 8 + [[1.0]] * 2)
    model = fit_weights(X, np.array([0] * 8 + [1, 0]), 1.0, np.ones(1))
    assert model(np.array([[np.nan]])) == (0 + 0.1) / 9 < model(np.array([[1.0]]))


def test_scores_of_weight_zero_alone_are_no_answer():
    X = np.array([[2.0, 1.0], [1.5, -1.0], [-1.0, 1.0], [-2.0, -1.0]] * 20)
    truth = np.array([1, 1, 0, 0] * 20)
    model = fit_weights(np.column_stack([X[:, 0], -X[:, 0] + 0.5 * X[:, 1]]), truth, 0.01, np.ones(2))
    assert model.weights[1] == 0 and model(np.array([[np.nan, 3.0]])) == model.nothing


def test_perfectly_told_apart_cases_leave_the_curve_finite():
    fuser = WeightedFuser().fit(fusion_data(sigmoid(np.array([[-9.0], [9.0]] * 30)), [0, 1] * 30), None, FuseContext())
    assert 0 < fuser.summary()["slope"] < 100
