from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskfusion.errors import SpecError
from taskfusion.evaluation import Rule, choose_thresholds, metrics, operating_points
from taskfusion.evaluation.thresholds import NOT_CHOSEN, rules_of

case = st.tuples(st.integers(0, 1), st.integers(0, 12).map(lambda part: part / 12))  # few levels: many ties
some_cases = st.lists(case, min_size=2, max_size=40).map(
    lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True))
)
cases = some_cases.filter(lambda pair: 0 < pair[0].sum() < len(pair[0]))
goals = st.sampled_from([0.1, 0.5, 0.8, 0.9, 1.0])


def every_threshold(score):
    return [*np.unique(score), np.nextafter(score.max(), np.inf)]


@given(cases, goals)
def test_sensitivity_is_reached_by_the_highest_threshold_that_does(pair, goal):
    truth, score = pair
    threshold = Rule("sensitivity", goal).choose(truth, score)
    assert metrics.tpr(truth, score, threshold) >= goal - 1e-9
    higher = [t for t in every_threshold(score) if (score >= t).sum() < (score >= threshold).sum()]
    assert all(metrics.tpr(truth, score, t) < goal for t in higher)


@given(cases, goals)
def test_specificity_is_reached_by_the_lowest_threshold_that_does(pair, goal):
    truth, score = pair
    threshold = Rule("specificity", goal).choose(truth, score)
    assert metrics.tnr(truth, score, threshold) >= goal - 1e-9
    lower = [t for t in every_threshold(score) if (score >= t).sum() > (score >= threshold).sum()]
    assert all(metrics.tnr(truth, score, t) < goal for t in lower)


@given(cases)
def test_youden_has_the_greatest_sum_of_both(pair):
    truth, score = pair

    def both(threshold):
        return metrics.tpr(truth, score, threshold) + metrics.tnr(truth, score, threshold)

    assert both(Rule("youden").choose(truth, score)) == pytest.approx(max(map(both, every_threshold(score))))


def test_a_threshold_lies_halfway_between_two_scores():
    truth, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.6, 0.9])
    assert Rule("youden").choose(truth, score) == pytest.approx(0.4)
    assert Rule("sensitivity", 0.5).choose(truth, score) == pytest.approx(0.75)


@pytest.mark.parametrize(("kind", "truth"), [("youden", 1), ("youden", 0), ("sensitivity", 0), ("specificity", 1)])
def test_a_class_that_is_not_there_gives_no_threshold(kind, truth):
    assert math.isnan(Rule(kind, 0.9).choose(np.full(3, truth), np.arange(3)))


def test_rules_are_read_as_a_spec_says_them():
    rules = rules_of([0.5, "youden", {"sensitivity": 0.9}, {"specificity": 1}, 0.5])
    assert [rule.name for rule in rules] == ["0.5", "youden", "sensitivity 0.9", "specificity 1"]


@pytest.mark.parametrize(
    "said", ["yuden", {"sensitivity": 0}, {"sensitivity": 1.1}, {"recall": 0.9}, {}, True, math.inf]
)
def test_another_rule_is_refused(said):
    message = f"found {said!r}; expected a number, 'youden', {{sensitivity: 0.9}} or {{specificity: 0.9}}"
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        Rule.of(said)


RULES = rules_of([0.5, "youden", {"sensitivity": 0.9}])


def test_choosing_never_looks_at_the_test_split(predictions):
    """Whatever stands in the other splits, the thresholds are the same, also where it is nonsense."""
    other = predictions["split"] != "validation"
    nonsense = predictions.assign(
        score=predictions["score"].mask(other, 1 - predictions["score"]),
        truth=predictions["truth"].mask(other, 1 - predictions["truth"]),
    )
    chosen = choose_thresholds(predictions, RULES)
    assert chosen.equals(choose_thresholds(nonsense, RULES))
    assert len(chosen) == 3 * 2 * 3 and set(chosen["chosen_on"]) == {"fixed beforehand", "validation"}


def test_without_validation_nothing_is_chosen_and_it_is_said(predictions):
    tested = predictions[predictions["split"] == "test"]
    chosen = choose_thresholds(tested, RULES)
    points = operating_points(tested, chosen).set_index(["fuser", "target", "rule"])
    row = points.loc[("P_feat", "lesion", "youden")]
    assert row["chosen_on"] == NOT_CHOSEN and row[["threshold", "tpr", "tpr_low", "f1"]].isna().all()
    assert points.loc[("P_feat", "lesion", "0.5"), "tpr"] > 0


def test_points_are_the_metrics_at_the_chosen_threshold(predictions):
    chosen = choose_thresholds(predictions, RULES).set_index(["fuser", "target", "rule"])["threshold"]
    points = operating_points(predictions, choose_thresholds(predictions, RULES))
    for row in points.to_dict("records"):
        mask = np.all([predictions[name] == row[name] for name in ("fuser", "target", "split")], axis=0)
        part, limit = predictions[mask], chosen[row["fuser"], row["target"], row["rule"]]
        assert row["threshold"] == limit
        for name in ("tpr", "tnr", "accuracy", "f1"):
            assert row[name] == pytest.approx(getattr(metrics, name)(part["truth"], part["score"], limit))
            assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]


def test_a_fold_is_judged_at_its_own_threshold(predictions):
    folds = predictions[predictions["target"] == "lesion"].assign(split="cross-validation")
    folds["fold"] = folds["case"].str[1:].astype(int) // 2 % 3 + 1
    choices = [
        {"fuser": f, "target": "lesion", "repeat": 0, "fold": k, "rule": "youden", "threshold": k / 4, "chosen_on": "x"}
        for f in folds["fuser"].unique()
        for k in (1, 2, 3)
    ]
    import pandas as pd

    row = operating_points(folds, pd.DataFrame(choices)).iloc[0]
    mine = folds[folds["fuser"] == "P_feat"]
    found = (mine["score"] >= mine["fold"] / 4) & (mine["truth"] == 1)
    assert row["tpr"] == pytest.approx(found.sum() / mine["truth"].sum())
    assert (row["threshold"], row["threshold_low"], row["threshold_high"]) == (0.5, 0.25, 0.75)
