"""The highest score of a task of several views, and the highest of another view, beside its columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from taskfusion.fusers.base import FuseContext, FusionData
from taskfusion.fusers.score import LogisticConfig, LogisticFuser, WeightedConfig, WeightedFuser
from taskfusion.fusers.summaries import with_summaries
from taskfusion.inputs import FusionInput, ScoreTable
from taskfusion.outputs import Level

VIEWS = ("L-CC", "L-MLO", "R-CC")
DETECTIONS = tuple(f"boxes/{view}/{rank}" for view in VIEWS for rank in (1, 2))
COLUMNS = ("density/dense", *(f"findings/{view}" for view in VIEWS), *DETECTIONS)
LEVELS = {"density": Level.CASE, "findings": Level.VIEW, "boxes": Level.DETECTION}
ADDED = ("findings/highest", "findings/second view", "boxes/highest", "boxes/second view")

scores = st.one_of(st.floats(0, 1), st.just(float("nan")))


@given(hnp.arrays(float, st.tuples(st.integers(0, 6), st.just(len(COLUMNS))), elements=scores))
def test_they_are_the_two_highest_of_the_views_and_missing_where_nothing_is(values):
    found = with_summaries(ScoreTable(COLUMNS, values), LEVELS)
    assert found.columns == (*COLUMNS, *ADDED)
    np.testing.assert_array_equal(found.values[:, : len(COLUMNS)], values)
    for row, case in zip(found.values[:, len(COLUMNS) :], values, strict=True):
        for place, views in ((0, case[1:4, None]), (2, case[4:].reshape(3, 2))):
            each = sorted(max(said) for view in views if len(said := view[~np.isnan(view)]))
            expected = [*[np.nan, np.nan], *each][-2:][::-1]
            np.testing.assert_array_equal(row[place : place + 2], expected)
    assert not found.gaps.any()


def test_the_order_of_the_views_changes_nothing():
    values = np.random.default_rng(0).random((5, len(COLUMNS)))
    turned = values.copy()
    turned[:, 4:] = values[:, 4:].reshape(5, 3, 2)[:, ::-1].reshape(5, 6)
    one, other = (with_summaries(ScoreTable(COLUMNS, table), LEVELS) for table in (values, turned))
    np.testing.assert_array_equal(one.values[:, -2:], other.values[:, -2:])


def test_every_class_of_a_view_has_its_own():
    columns = tuple(f"findings/{view}/{name}" for view in VIEWS for name in ("mass", "calcification"))
    found = with_summaries(ScoreTable(columns, np.array([[0.1, 0.9, 0.3, 0.8, 0.2, 0.7]])), LEVELS)
    assert dict(zip(found.columns[6:], found.values[0, 6:], strict=True)) == {
        "findings/mass/highest": 0.3,
        "findings/mass/second view": 0.2,
        "findings/calcification/highest": 0.9,
        "findings/calcification/second view": 0.8,
    }


@pytest.mark.parametrize("levels", [{}, {"findings": Level.CASE}])
def test_a_task_without_views_has_none(levels):
    table = ScoreTable(("findings/a", "findings/b"), np.zeros((2, 2)))
    assert with_summaries(table, levels) is table


def test_a_task_of_one_view_has_none():
    table = ScoreTable(("boxes/L-CC/1", "boxes/L-CC/2"), np.zeros((2, 2)))
    assert with_summaries(table, LEVELS) is table


def test_a_gap_left_open_in_all_views_is_a_gap_and_not_missing():
    values = np.full((2, len(DETECTIONS)), np.nan)
    gaps = np.zeros(values.shape, bool)
    gaps[0] = True  # looked at, nothing found; the other case was not looked at
    found = with_summaries(ScoreTable(DETECTIONS, values, gaps), LEVELS)
    assert found.gaps[:, -2:].tolist() == [[True, True], [False, False]]
    assert found.missing[:, -2:].tolist() == [[False, False], [True, True]]


def _data(cases: int, seed: int) -> FusionData:
    """A lesion raises the score of one view, whichever; a sum over views sees little of it."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 2, cases)
    views = tuple(f"findings/V{number}" for number in range(12))
    values = generator.normal(0, 1, (cases, len(views)))
    values[np.arange(cases), generator.integers(0, len(views), cases)] += 4.0 * truth
    table = ScoreTable(views, 1 / (1 + np.exp(-values)))
    inputs = FusionInput(tuple(map(str, range(cases))), table, levels={"findings": Level.VIEW})
    return FusionData(inputs, truth, np.arange(cases))


@pytest.mark.parametrize(
    ("fuser", "config"),
    [(LogisticFuser, LogisticConfig), (WeightedFuser, WeightedConfig)],
    ids=["logistic", "weighted"],
)
def test_a_fuser_of_sums_then_does_what_the_maximum_does(fuser, config, tmp_path):
    from sklearn.metrics import roc_auc_score

    train, held_out = _data(200, 0), _data(600, 1)
    maximum = roc_auc_score(held_out.truth, held_out.inputs.scores.values.max(axis=1))
    reached = {}
    for summaries in (True, False):
        fitted = fuser(config(summaries=summaries)).fit(train, None, FuseContext())
        reached[summaries] = roc_auc_score(held_out.truth, fitted.predict(held_out.inputs))
        folder = tmp_path / str(summaries)
        folder.mkdir()
        fitted.save(folder)
        again = fuser.load(folder).predict(held_out.inputs)
        np.testing.assert_array_equal(again, fitted.predict(held_out.inputs))
    assert reached[True] > maximum - 0.02
    assert reached[False] < maximum - 0.04
