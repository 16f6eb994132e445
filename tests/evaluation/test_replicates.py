"""Metrics of repeats and resamples. The independent reference is scikit-learn on rows drawn one by one."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as reference

from taskfusion.errors import DataError
from taskfusion.evaluation import Bootstrap, evaluate
from taskfusion.evaluation.bootstrap import Resamples
from taskfusion.evaluation.checking import check_predictions
from taskfusion.evaluation.metrics import ece
from taskfusion.evaluation.replicates import METRICS, Answers, resampled_values, sample_values


@pytest.fixture
def answers(predictions):
    part = check_predictions(predictions)
    return Answers.of(part[(part["fuser"] == "P_score") & (part["target"] == "lesion") & (part["split"] == "test")])


def by_scikit_learn(truth, score):
    called = score >= 0.5
    return {
        "auc": reference.roc_auc_score(truth, score),
        "auprc": reference.average_precision_score(truth, score),
        "tpr": reference.recall_score(truth, called),
        "tnr": reference.recall_score(truth, called, pos_label=0),
        "accuracy": reference.accuracy_score(truth, called),
        "f1": reference.f1_score(truth, called),
        "brier": reference.brier_score_loss(truth, score),
        "ece": ece(truth, score),
    }


def test_every_metric_of_every_resample_is_that_of_its_patients(answers):
    resamples = Resamples(answers.groups, Bootstrap(25, seed=3))
    found = resampled_values(answers, 0.5, resamples)
    for row, counts in enumerate(np.concatenate(list(resamples.counts(9)))):
        drawn = np.repeat(resamples.groups, counts)
        rows = np.concatenate([np.flatnonzero(answers.groups == name) for name in drawn])
        expected = by_scikit_learn(answers.truth[rows], answers.scores[0, rows])
        assert {name: found[name][row] for name in METRICS} == pytest.approx(expected, abs=1e-12)


def test_the_sample_is_the_resample_that_draws_everybody_once(answers):
    expected = by_scikit_learn(answers.truth, answers.scores[0])
    assert {name: values[0] for name, values in sample_values(answers, 0.5).items()} == pytest.approx(expected)


def test_the_interval_agrees_with_scipys_bootstrap():
    """scipy.stats.bootstrap draws cases; with a case per patient it is the same resampling, up to Monte Carlo error."""
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 150)
    score = np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1)
    names = np.arange(150).astype(str)
    table = {
        "case": names,
        "group": names,
        "split": "test",
        "fuser": "f",
        "target": "t",
        "truth": truth,
        "score": score,
    }
    found = evaluate(pd.DataFrame(table), replicates=4000).iloc[0]
    for name in ("auc", "auprc", "tpr", "brier"):
        drawn = stats.bootstrap(
            (truth, score),
            lambda t, s, name=name: by_scikit_learn(t, s)[name],
            paired=True,
            vectorized=False,
            n_resamples=1000,
            method="percentile",
            rng=np.random.default_rng(5),
        ).confidence_interval
        assert (found[f"{name}_low"], found[f"{name}_high"]) == pytest.approx(tuple(drawn), abs=0.015)


def repeated(predictions, shift=0.0):
    again = predictions.assign(repeat=1, score=np.clip(predictions["score"] + shift, 0, 1))
    return pd.concat([predictions.assign(repeat=0), again], ignore_index=True)


def test_a_repeat_of_the_same_answers_changes_nothing_but_their_number(predictions):
    once, twice = (evaluate(table, replicates=50) for table in (predictions, repeated(predictions)))
    assert (twice["repeats"] == 2).all() and (twice["auc_spread"] == 0).all() and once["auc_spread"].isna().all()
    pd.testing.assert_frame_equal(
        once.drop(columns=["repeats", "auc_spread"]), twice.drop(columns=["repeats", "auc_spread"])
    )


def test_the_figure_of_repeats_is_the_mean_and_the_spread_their_deviation(predictions):
    other = predictions.assign(score=predictions["score"].round(1))
    both = pd.concat([predictions.assign(repeat=0), other.assign(repeat=1)])
    one, two, mean = (evaluate(table, replicates=20) for table in (predictions, other, both))
    for name in METRICS:
        np.testing.assert_allclose(mean[name], (one[name] + two[name]) / 2)
    np.testing.assert_allclose(mean["auc_spread"], np.std([one["auc"], two["auc"]], axis=0, ddof=1), atol=1e-12)


def test_a_case_that_one_repeat_lacks_is_refused(predictions):
    table = repeated(predictions)
    table = table.drop(table.index[table["case"].eq("c4") & table["repeat"].eq(1) & table["fuser"].eq("P_feat")])
    message = "fuser 'P_feat' has no answer about case 'c4' in repeat 1"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        evaluate(table, replicates=5)


def test_a_share_of_all_or_none_has_an_interval_with_width(predictions):
    sure = predictions.assign(score=predictions["truth"].astype(float))
    found = evaluate(sure, replicates=50).iloc[0]
    low = stats.binomtest(found["positives"], found["positives"]).proportion_ci(method="wilson").low
    assert (found["tpr"], found["tpr_high"]) == (1, 1) and found["tpr_low"] == pytest.approx(low)


def test_the_calibration_error_lies_in_its_interval(predictions):
    found = evaluate(predictions, replicates=200)
    assert ((found["ece_low"] <= found["ece"]) & (found["ece"] <= found["ece_high"])).all()


def test_a_score_that_is_no_probability_has_no_calibration(predictions):
    found = evaluate(predictions.assign(score=predictions["score"] * 3), replicates=20)
    names = ["brier", "brier_low", "ece", "ece_high", "calibration_slope", "calibration_intercept"]
    assert found[names].isna().all(axis=None) and found["auc"].notna().all()


def test_the_score_before_calibration_is_judged_beside_it(predictions):
    found = evaluate(predictions.assign(raw=1 - predictions["score"]), replicates=5)
    same = evaluate(predictions, replicates=5)
    np.testing.assert_allclose(same["brier_raw"], same["brier"])
    assert (found["brier_raw"] > found["brier"]).all()
