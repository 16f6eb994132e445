from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from taskfusion.errors import SpecError
from taskfusion.evaluation.bootstrap import Bootstrap, Resamples, bootstrap_p, percentile_interval


@pytest.fixture(scope="module")
def cohort():
    """Truth, score and patient of 60 cases of 24 patients; do not mutate."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 60)
    return truth, np.round(rng.normal(truth, 1.0), 1), rng.permutation(np.arange(60) % 24).astype(str)


def test_every_replicate_is_the_auc_of_its_patients(cohort):
    truth, score, groups = cohort
    resamples = Resamples(groups, Bootstrap(replicates=30, seed=5))
    for counts, found in zip(np.concatenate(list(resamples.counts(7))), resamples.aucs(*cohort), strict=True):
        drawn = np.repeat(resamples.groups, counts)
        rows = np.concatenate([np.flatnonzero(groups == name) for name in drawn])
        assert found == pytest.approx(roc_auc_score(truth[rows], score[rows]), abs=1e-12)


def test_draws_as_many_groups_as_there_are(cohort):
    counts = np.concatenate(list(Resamples(cohort[2], Bootstrap(replicates=500)).counts(100)))
    assert counts.shape == (500, 24)
    assert (counts.sum(axis=1) == 24).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(24), abs=0.2)


def test_seed_decides(cohort):
    def aucs(seed):
        return Resamples(cohort[2], Bootstrap(50, seed)).aucs(*cohort)

    np.testing.assert_array_equal(aucs(1), aucs(1))
    assert (aucs(1) != aucs(2)).any()


def test_order_of_cases_changes_nothing(cohort):
    shuffled = [column[::-1] for column in cohort]
    found = [Resamples(columns[2], Bootstrap(50)).aucs(*columns) for columns in (cohort, shuffled)]
    np.testing.assert_array_equal(*found)


def test_block_size_changes_nothing(cohort, monkeypatch):
    whole = Resamples(cohort[2], Bootstrap(50)).aucs(*cohort)
    monkeypatch.setattr("taskfusion.evaluation.bootstrap._BLOCK", 200)
    np.testing.assert_array_equal(Resamples(cohort[2], Bootstrap(50)).aucs(*cohort), whole)


def test_cases_of_one_patient_widen_the_interval():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 40)
    score, patients = rng.normal(truth, 1.0), np.arange(40)
    copies = [np.tile(column, 10) for column in (truth, score, patients)]

    def width(groups):
        low, high = percentile_interval(Resamples(groups).aucs(copies[0], copies[1], groups))
        return high - low

    assert width(copies[2]) > 2.5 * width(np.arange(400))


def test_interval_agrees_with_scipy(cohort):
    from scipy.stats import bootstrap

    truth, score, _ = cohort
    low, high = percentile_interval(Resamples(np.arange(60), Bootstrap(4000)).aucs(truth, score, np.arange(60)))
    expected = bootstrap(
        (truth, score), roc_auc_score, paired=True, vectorized=False, method="percentile", n_resamples=400, rng=0
    ).confidence_interval
    assert (low, high) == pytest.approx(tuple(expected), abs=0.03)


def test_one_class_resamples_are_dropped():
    truth, groups = np.array([0, 1, 1, 1]), np.arange(4)
    replicates = Resamples(groups, Bootstrap(400)).aucs(truth, np.array([0.1, 0.2, 0.3, 0.4]), groups)
    assert np.isnan(replicates).mean() == pytest.approx(0.75**4 + 0.25**4, abs=0.08)
    assert percentile_interval(replicates) == (1.0, 1.0)


def test_one_group_has_no_interval():
    replicates = Resamples(["p", "p"]).aucs(np.array([0, 1]), np.array([0.1, 0.2]), ["p", "p"])
    assert np.isnan(percentile_interval(replicates)).all()


def test_interval_holds_the_middle():
    assert percentile_interval(np.arange(101.0), 0.9) == pytest.approx((5, 95))


def test_two_thousand_replicates_of_five_hundred_cases_take_less_than_a_second():
    rng = np.random.default_rng(0)
    truth, score, groups = rng.integers(0, 2, 500), rng.random(500), rng.integers(0, 300, 500)
    start = time.process_time()
    assert len(Resamples(groups).aucs(truth, score, groups)) == 2000
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("differences", "expected"),
    [([0.0] * 9, 1.0), ([1.0] * 99, 0.02), ([-1.0] * 99, 0.02), ([1.0] * 5 + [-1.0] * 4, 1.0), ([0.3, np.nan], 1.0)],
)
def test_p_value(differences, expected):
    assert bootstrap_p(np.array(differences)) == pytest.approx(expected)


def test_p_value_of_nothing_is_nan():
    assert np.isnan(bootstrap_p(np.array([np.nan])))


def test_refuses_impossible_settings():
    with pytest.raises(SpecError, match=r"^replicates is 0; expected at least 1$"):
        Bootstrap(replicates=0)
    with pytest.raises(SpecError, match=r"^confidence is 95; expected between 0 and 1, such as 0\.95$"):
        Bootstrap(confidence=95)
