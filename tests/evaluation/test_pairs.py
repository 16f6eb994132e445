from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskfusion.evaluation import Bootstrap, comparisons, differences, standings
from taskfusion.evaluation.bootstrap import normal_p
from taskfusion.evaluation.significance import holm

some_p = st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=20).map(np.array)


@given(some_p)
def test_holm_keeps_the_order_and_lowers_nothing(p):
    corrected = holm(p)
    known = ~np.isnan(p)
    assert (np.isnan(corrected) == np.isnan(p)).all()
    assert (corrected[known] >= p[known]).all() and (corrected[known] <= 1).all()
    order = np.argsort(p[known], kind="stable")
    assert (np.diff(corrected[known][order]) >= 0).all()


@given(some_p, st.floats(0.001, 0.2))
def test_holm_rejects_as_the_step_down_procedure_does(p, alpha):
    """The procedure of Holm (1979): from the smallest p on, until the first that is not below alpha / (tests left)."""
    known = np.flatnonzero(~np.isnan(p))
    rejected = set()
    for step, row in enumerate(known[np.argsort(p[known], kind="stable")]):
        if p[row] * (len(known) - step) > alpha:
            break
        rejected.add(row)
    assert set(np.flatnonzero(holm(p) <= alpha)) == rejected


def test_holm_of_one_is_itself_and_of_two_by_hand():
    assert holm([0.03]).tolist() == [0.03]
    assert holm([0.04, 0.01, 0.9]).tolist() == pytest.approx([0.08, 0.03, 0.9])


def test_every_pair_is_there_once_and_corrected_for_all(predictions):
    pairs = comparisons(predictions, "test", "lesion", Bootstrap(100))
    assert list(zip(pairs["fuser"], pairs["reference"], strict=True)) == [
        ("P_feat", "P_score"),
        ("P_feat", "max(findings)"),
        ("P_score", "max(findings)"),
    ]
    np.testing.assert_allclose(pairs["p_holm"], holm(pairs["p_normal"]))
    np.testing.assert_allclose(pairs["p_delong_holm"], holm(pairs["p_delong"]))


def test_a_pair_is_the_difference_with_the_other_sign(predictions):
    pair = comparisons(predictions, "test", "lesion", Bootstrap(100)).iloc[0]
    alone = differences(predictions, "P_feat", "test", "lesion", Bootstrap(100)).iloc[0]
    assert (alone["fuser"], alone["reference"]) == (pair["reference"], pair["fuser"])
    assert alone["difference"] == pytest.approx(-pair["difference"])
    for name in ("p", "p_normal", "p_delong", "p_wilcoxon"):
        assert alone[name] == pytest.approx(pair[name])


def test_normal_p_agrees_with_counting_resamples(make):
    found = differences(make(cases=900), "P_feat", "test", "malignancy", Bootstrap(4000))
    for row in found.to_dict("records"):
        assert row["p_normal"] == pytest.approx(row["p"], abs=0.02)


def test_normal_p_has_no_floor_and_says_where_nothing_is_known():
    drawn = np.random.default_rng(0).normal(0.5, 0.05, 50)
    assert normal_p(0.5, drawn) < 1e-9
    assert normal_p(0, np.zeros(9)) == 1
    assert np.isnan(
        [normal_p(0.1, np.zeros(9)), normal_p(0.1, np.full(9, np.nan)), normal_p(float("nan"), drawn)]
    ).all()


def pairs_of(*rows):
    return pd.DataFrame(rows, columns=["fuser", "reference", "auc", "auc_reference", "p_holm"])


def test_a_winner_is_better_than_every_other():
    rows = [("a", "b", 0.9, 0.8, 0.01), ("a", "c", 0.9, 0.7, 0.02), ("b", "c", 0.8, 0.7, 0.5)]
    assert standings(pairs_of(*rows)) == {"a": "winner", "b": "behind the best", "c": "behind the best"}
    assert standings(pairs_of(*rows), alpha=0.015) == {
        "a": "tied with the best",
        "b": "behind the best",
        "c": "tied with the best",
    }


def test_nobody_wins_alone_or_without_a_test():
    assert standings(pairs_of()) == {}
    unknown = pairs_of(("a", "b", float("nan"), float("nan"), float("nan")))
    assert standings(unknown) == {}
    assert standings(pairs_of(("a", "b", 0.9, 0.8, float("nan")))) == dict.fromkeys("ab", "tied with the best")


def test_a_real_difference_is_found_and_a_coin_is_not(make):
    fusers = {"good": 2.0, "bad": 0.0, "worse": 0.0}
    pairs = comparisons(make(cases=900, fusers=fusers), "test", "lesion", Bootstrap(300))
    assert standings(pairs) == {"good": "winner", "bad": "behind the best", "worse": "behind the best"}
    assert pairs.set_index(["fuser", "reference"])["p_holm"]["bad", "worse"] > 0.05
