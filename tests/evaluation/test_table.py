from __future__ import annotations

import math
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from taskfusion.errors import DataError, UnknownNameError
from taskfusion.evaluation import RESULT_COLUMNS, Bootstrap, differences, evaluate


def test_columns_and_order_of_first_appearance(predictions):
    results = evaluate(predictions, replicates=20)
    assert ",".join(results.columns).startswith(
        "fuser,target,split,n,positives,auc,auc_low,auc_high,auprc,tpr,tnr,accuracy,f1,brier,unknown,"
    )
    assert tuple(results.columns) == RESULT_COLUMNS
    first = predictions[["fuser", "target", "split"]].drop_duplicates().reset_index(drop=True)
    pd.testing.assert_frame_equal(results[["fuser", "target", "split"]], first)


def test_numbers_agree_with_scikit_learn(predictions):
    results = evaluate(predictions, replicates=200)
    for row in results.to_dict("records"):
        mask = np.all([predictions[name] == row[name] for name in ("fuser", "target", "split")], axis=0)
        part = predictions[mask]
        assert row["auc"] == pytest.approx(roc_auc_score(part["truth"], part["score"]))
        assert (row["n"], row["positives"], row["unknown"]) == (len(part), part["truth"].sum(), 0)
        assert row["auc_low"] <= row["auc"] <= row["auc_high"]


def test_unknown_truth_is_counted_and_left_out(predictions):
    unknown = predictions["case"].isin(["c4", "c5"]) & (predictions["target"] == "lesion")
    marked = predictions.assign(truth=predictions["truth"].mask(unknown, -1))
    found = evaluate(marked, replicates=50)
    expected = evaluate(predictions[~unknown], replicates=50)
    pd.testing.assert_frame_equal(found.drop(columns="unknown"), expected.drop(columns="unknown"))
    assert found.groupby(["target", "split"])["unknown"].max()["lesion", "test"] == 2
    assert found["unknown"].sum() == unknown.sum()


def test_threshold_moves_tpr_and_not_auc(predictions):
    low, high = (evaluate(predictions, threshold, replicates=5) for threshold in (0.2, 0.8))
    assert (low["tpr"] > high["tpr"]).all()
    pd.testing.assert_series_equal(low["auc"], high["auc"])


def test_seed_and_confidence_decide_the_interval(predictions):
    def interval(**settings):
        return evaluate(predictions, replicates=100, **settings)[["auc_low", "auc_high"]].to_numpy()

    np.testing.assert_array_equal(interval(seed=3), interval(seed=3))
    assert (interval(seed=3) != interval(seed=4)).any()
    narrow, wide = (np.diff(interval(confidence=confidence)) for confidence in (0.5, 0.95))
    assert (narrow <= wide).all() and (narrow < wide).any()


def test_resamples_are_shared_by_the_fusers_of_a_target_and_split(predictions):
    twin = predictions[predictions["fuser"] == "P_feat"].assign(fuser="twin")
    results = evaluate(pd.concat([predictions, twin]), replicates=50).set_index("fuser")
    numbers = ["auc", "auc_low", "auc_high"]
    np.testing.assert_array_equal(results.loc["twin", numbers], results.loc["P_feat", numbers])


def test_one_class_gives_nan_and_no_warning(predictions):
    results = evaluate(predictions.assign(truth=1), replicates=5)
    assert results[["auc", "auc_low", "auc_high", "auprc", "tnr"]].isna().all(axis=None)
    assert results["tpr"].notna().all()


def test_all_unknown_and_empty_do_not_crash(predictions):
    results = evaluate(predictions.assign(truth=-1), replicates=5)
    assert (results["n"] == 0).all()
    assert results["accuracy"].isna().all()
    assert list(evaluate(predictions.iloc[:0]).columns) == list(RESULT_COLUMNS)


def test_input_is_not_changed(predictions):
    before = predictions.copy()
    evaluate(predictions, replicates=5)
    pd.testing.assert_frame_equal(predictions, before)


def test_numbers_as_names_work(predictions):
    numbered = predictions.assign(case=predictions["case"].str[1:].astype(int), group=1.5)
    numbered["group"] = numbered["case"] // 2
    pd.testing.assert_series_equal(evaluate(numbered, replicates=5)["auc"], evaluate(predictions, replicates=5)["auc"])


def spoil(predictions, column, value, row=3):
    spoiled = predictions.copy()
    spoiled[column] = spoiled[column].astype(object)
    spoiled.loc[row, column] = value
    return spoiled


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("score", float("nan"), "score is missing or NaN"),
        ("group", None, "group is missing or NaN"),
        ("truth", 2, "truth is not 0, 1 or -1 (unknown)"),
        ("truth", 0.5, "truth is not 0, 1 or -1 (unknown)"),
    ],
)
def test_refuses_a_bad_row_by_name(predictions, column, value, why):
    message = f"predictions, row 3 (case 'c3', fuser 'P_feat', target 'lesion'): {why}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        evaluate(spoil(predictions, column, value))


def test_refuses_a_case_twice(predictions):
    message = "predictions, row 2 (case 'c1', fuser 'P_feat', target 'lesion'): the case appears twice"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        evaluate(predictions.iloc[[0, 1, 1]])


@pytest.mark.parametrize("column", ["truth", "split", "group"])
def test_refuses_a_case_that_contradicts_itself(predictions, column):
    row = 95  # the second fuser about case c5
    other = {"truth": 1 - predictions["truth"][row], "split": "train", "group": "p9"}[column]
    message = f"predictions, row 95 (case 'c5', fuser 'P_score', target 'lesion'): the case has another {column} in an"
    with pytest.raises(DataError, match=f"^{re.escape(message)} earlier row$"):
        evaluate(spoil(predictions, column, other, row))


def test_refuses_a_missing_column(predictions):
    message = r"^predictions lack the column 'group'; expected case, group, split, fuser, target, truth, score$"
    with pytest.raises(DataError, match=message):
        evaluate(predictions.drop(columns="group"))


def test_differences_are_paired(predictions, make):
    many = make(cases=600)
    found = differences(many, "P_feat", "test", "lesion", Bootstrap(500)).set_index("fuser")
    results = evaluate(many, replicates=5).set_index(["fuser", "target", "split"])["auc"]
    assert list(found.index) == ["P_score", "max(findings)"]
    expected = results["max(findings)", "lesion", "test"] - results["P_feat", "lesion", "test"]
    row = found.loc["max(findings)"]
    assert row["difference"] == pytest.approx(expected)
    assert row["difference_low"] < row["difference"] < row["difference_high"] < 0
    assert row["p"] == pytest.approx(2 / 501)
    assert row["p_delong"] < 0.01
    assert set(found["split"]) == {"test"}


def test_an_equal_fuser_differs_by_nothing(predictions):
    twin = predictions[predictions["fuser"] == "P_feat"].assign(fuser="twin")
    found = differences(pd.concat([predictions, twin]), "P_feat", "test", "lesion", Bootstrap(50)).set_index("fuser")
    row = found.loc["twin"]
    assert (row["difference"], row["difference_low"], row["difference_high"]) == (0, 0, 0)
    assert (row["p"], row["p_delong"], row["p_wilcoxon"]) == (1, 1, 1)


def test_differences_use_the_cases_both_answered(predictions):
    fewer = predictions[(predictions["fuser"] != "P_score") | (predictions["case"] != "c4")]
    found = differences(fewer, "P_feat", "test", "lesion", Bootstrap(20)).set_index("fuser")["n"]
    assert found["P_score"] == found["max(findings)"] - 1


def test_differences_of_unknown_truth_are_nan(predictions):
    found = differences(predictions.assign(truth=-1), "P_feat", "test", "lesion")
    assert not len(found)


def test_differences_of_one_class_are_nan(predictions):
    found = differences(predictions.assign(truth=0), "P_feat", "test", "lesion", Bootstrap(20))
    assert all(math.isnan(value) for value in found["p"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("P_feta", "test", "lesion"), "unknown fuser 'P_feta' (did you mean 'P_feat'?); known: P_feat, P_score, max"),
        (("P_feat", "tset", "lesion"), "unknown split 'tset' (did you mean 'test'?); known: test, train, validation"),
        (("P_feat", "test", "x"), "unknown target 'x'; known: lesion, malignancy"),
    ],
)
def test_differences_refuse_unknown_names(predictions, arguments, message):
    with pytest.raises(UnknownNameError, match=f"^{re.escape(message)}"):
        differences(predictions, *arguments)


def test_importing_loads_nothing_heavy():
    code = "import sys, taskfusion.evaluation; print(*{'pandas', 'scipy', 'sklearn', 'rich'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
