"""The parts of the page that are numbers: worklist, significance matrix, curves of quality."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.pages_made_up import FUSERS, case_page, report
from sklearn.metrics import precision_recall_curve

from taskfusion.errors import DataError
from taskfusion.report.matrix import significance_matrix
from taskfusion.report.quality import precision_curve, risk_groups
from taskfusion.report.report import render
from taskfusion.report.worklist import headline, page_data, worklist_of

truths = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.1, 0.2, 0.5, 0.9])), min_size=1, max_size=60)


@pytest.fixture
def data():
    return report([case_page(f"c{k}") for k in range(9)])


@given(truths.filter(lambda pairs: any(truth for truth, _ in pairs)))
def test_precision_and_recall_are_scikit_learns(pairs):
    truth, score = (np.array(column) for column in zip(*pairs, strict=True))
    recall, precision, limits = precision_curve(truth, score)
    wanted_precision, wanted_recall, wanted_limits = precision_recall_curve(truth, score, drop_intermediate=False)
    assert limits[::-1] == pytest.approx(wanted_limits)
    assert recall[::-1] == pytest.approx(wanted_recall[:-1])
    assert precision[::-1] == pytest.approx(wanted_precision[:-1])


@given(truths, st.integers(1, 12))
def test_risk_groups_share_out_all_cases_and_keep_equal_scores_together(pairs, groups):
    truth, score = (np.array(column, float) for column in zip(*pairs, strict=True))
    predicted, observed, counts = risk_groups(truth, score, groups)
    assert counts.sum() == len(score) and len(counts) <= min(groups, len(np.unique(score)))
    assert (observed * counts).sum() == pytest.approx(truth.sum())
    assert (predicted * counts).sum() == pytest.approx(score.sum()) and (np.diff(predicted) > 0).all()


def test_the_matrix_says_both_directions_of_every_pair(data):
    matrix = significance_matrix(data, "ill")
    row = data.comparisons[data.comparisons.target == "ill"].iloc[0]
    assert matrix.fusers == list(FUSERS) and matrix.corrected
    there, back = matrix.cells[0][1], matrix.cells[1][0]
    assert there.text == f"{row.difference:+.3f}".replace("-", "−")
    assert back.text == f"{-row.difference:+.3f}".replace("-", "−") and there.p == back.p
    assert matrix.cells[0][0].sign == "same"


@pytest.mark.parametrize(
    ("p", "signs"), [(0.01, ("better", "worse")), (0.2, ("unsure", "unsure")), (np.nan, ("unsure",) * 2)]
)
def test_a_difference_is_told_only_where_the_corrected_test_tells_it(data, p, signs):
    told = data.comparisons.assign(difference=0.1, p=0.001, p_holm=p)
    matrix = significance_matrix(attrs.evolve(data, comparisons=told), "bad")
    assert (matrix.cells[0][1].sign, matrix.cells[1][0].sign) == signs


def test_a_matrix_without_correction_says_so(data):
    plain = attrs.evolve(data, comparisons=data.comparisons.drop(columns="p_holm"))
    assert not significance_matrix(plain, "ill").corrected
    assert "not corrected for the number of pairs" in render(plain)
    assert significance_matrix(attrs.evolve(data, comparisons=None), "ill") is None


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"ill": 0.25}, "0.25"),
        ({"dense": 0.7, "fatty": 0.3}, "dense 0.70"),
        ({"L": {"x": 0.2}, "R": {"x": 0.4}}, "0.40 R"),
        ({"L": {"x": 0.2, "y": 0.9}, "R": {"x": 0.4, "y": 0.1}}, "0.90 y L"),
        ([{"view": "L", "label": "mass", "score": 0.8, "box": []}], "0.80 mass L"),
        ([], "–"),
        ({}, "–"),
        (None, "–"),
    ],
)
def test_a_headline_is_the_most_a_task_says(said, text):
    assert headline(said).text == text


def test_repeated_answers_about_a_case_are_averaged(data):
    again = data.predictions.assign(score=data.predictions.score / 2, repeat=1)
    both = attrs.evolve(data, predictions=pd.concat([data.predictions.assign(repeat=0), again]))
    once, twice = worklist_of(data), worklist_of(both)
    assert [row.case for row in once.rows] == [row.case for row in twice.rows]
    assert np.allclose(np.array(twice.scores["ill"]["P"]), 0.75 * np.array(once.scores["ill"]["P"]))


def test_the_scripts_get_every_score_and_a_fixed_threshold_where_none_was_chosen(data):
    found = page_data(attrs.evolve(data, points=None), worklist_of(data))
    assert found["cases"] == [row.case for row in worklist_of(data).rows]
    fuser = found["operating"][1]["fusers"]["max_F"]
    assert len(fuser["score"]) == 9 and fuser["chosen"] == [{"rule": "0.5", "threshold": 0.5, "on": "fixed"}]


def test_tables_that_lack_a_column_are_refused(data):
    for name in ("comparisons", "points"):
        with pytest.raises(DataError, match=f"^report: {name} lack the column 'target'; expected fuser, "):
            attrs.evolve(data, **{name: getattr(data, name).drop(columns="target")})
