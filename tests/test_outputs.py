"""Task outputs: ragged, validated, selectable, joinable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskfusion.cases import Case
from taskfusion.errors import ContractError, DataError
from taskfusion.outputs import Detections, Level, TaskOutput, TaskSpec, absent_output, check_output

VIEWS = ("L", "R")


def ragged(counts: list[int], seed: int = 0) -> TaskOutput:
    """Detections with these counts per (case, view); a score says which detection it is."""
    total, cases = sum(counts), len(counts) // len(VIEWS)
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 50, (total, 2))
    found = Detections(
        np.cumsum([0, *counts]),
        np.concatenate([corner, corner + rng.uniform(1, 9, (total, 2))], axis=1),
        rng.integers(0, 2, total),
        (np.arange(total) + 1) / (total + 1),
        rng.normal(size=(total, 3)),
        rng.normal(size=(cases, 2, 3)),
    )
    spec = TaskSpec(Level.DETECTION, ("mild", "bad"), VIEWS, 3, background=True)
    return TaskOutput(spec, [f"c{i}" for i in range(cases)], np.ones((cases, 2), bool), detections=found)


counts = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8).map(
    lambda pairs: [n for pair in pairs for n in pair]
)


@given(counts, st.data())
def test_selecting_rows_selects_their_detections(sizes, data):
    output = check_output(ragged(sizes), "toy", ragged(sizes).cases)
    rows = data.draw(st.permutations(range(len(output))))
    chosen = output.select(np.array(rows))
    for new, old in enumerate(rows):
        for view in range(2):
            found, source = chosen.detections, output.detections
            assert np.array_equal(found.scores[found.of(new * 2 + view)], source.scores[source.of(old * 2 + view)])
            assert np.array_equal(found.boxes[found.of(new * 2 + view)], source.boxes[source.of(old * 2 + view)])
    assert np.array_equal(chosen.detections.background, output.detections.background[rows])


@given(counts, st.integers(0, 8))
def test_cutting_and_joining_gives_back_the_whole(sizes, cut):
    output = ragged(sizes)
    at = min(cut, len(output))
    parts = [output.select(np.arange(at)), output.select(np.arange(at, len(output)))]
    joined = TaskOutput.concatenate(parts)
    for name in ("offsets", "boxes", "labels", "scores", "features", "background"):
        assert np.array_equal(getattr(joined.detections, name), getattr(output.detections, name))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"offsets": [0, 1]}, r"offsets must run from 0 to 2"),
        ({"offsets": [0, 2, 1, 2]}, r"offsets must not descend"),
        ({"labels": [0]}, r"labels has 1 rows; expected 2"),
        ({"boxes": [[0, 0, 1, 1]]}, r"boxes has 1 rows; expected 2"),
        ({"features": np.zeros((3, 4))}, r"features has 3 rows; expected 2"),
    ],
)
def test_columns_that_disagree_are_refused(columns, message):
    good = {"offsets": [0, 2], "boxes": [[0, 0, 1, 1]] * 2, "labels": [0, 0], "scores": [0.1, 0.2]}
    with pytest.raises(ContractError, match=message):
        Detections(**{**good, **columns})


def test_a_box_without_area_is_refused():
    with pytest.raises(DataError, match=r"detection box in row 0 is \[3.0, 0.0, 3.0, 1.0\]"):
        Detections([0, 1], [[3, 0, 3, 1]], [0], [0.5])


def view_output(scores: object, present: object = ((True, True),), features: object = None) -> TaskOutput:
    return TaskOutput(TaskSpec(Level.VIEW, ("ill",), VIEWS, 0 if features is None else 4), ["a"], present, scores)


@pytest.mark.parametrize(
    ("output", "error", "message"),
    [
        (view_output(None), ContractError, r"task 't': scores has shape nothing; expected \(1, 2, 1\)"),
        (
            view_output([[[0.5]]]),
            ContractError,
            r"scores has shape \(1, 1, 1\); expected \(1, 2, 1\) \(cases, views, classes\) for case 'a'",
        ),
        (view_output([[[0.5], [0.5]]], features=1), ContractError, r"features has shape nothing; expected \(1, 2, 4\)"),
        (view_output([[[0.5], [1.5]]]), DataError, r"task 't', case 'a': score 1.5 outside \[0, 1\]"),
        (view_output([[[0.5], [np.nan]]]), DataError, r"case 'a': score nan outside"),
        (view_output([[[0.5], [0.5]]], [[True]]), ContractError, r"present has shape \(1, 1\)"),
    ],
)
def test_an_output_is_held_against_its_spec(output, error, message):
    with pytest.raises(error, match=message):
        check_output(output, "t", ["a"])


def test_absent_answers_may_be_nan():
    check_output(view_output([[[0.5], [np.nan]]], [[True, False]]), "t", ["a"])


def test_features_of_an_answer_must_be_finite():
    features = np.zeros((1, 2, 4))
    features[0, 1, 2] = np.nan
    spec = TaskSpec(Level.VIEW, ("ill",), VIEWS, 4)
    check_output(TaskOutput(spec, ["a"], [[True, False]], [[[0.5], [0.5]]], features), "t", ["a"])
    with pytest.raises(DataError, match=r"task 't', case 'a': feature nan is not finite"):
        check_output(TaskOutput(spec, ["a"], [[True, True]], [[[0.5], [0.5]]], features), "t", ["a"])
    found = ragged([1, 1])
    found.detections.background[0, 0, 0] = np.inf
    with pytest.raises(DataError, match=r"case 'c0': feature inf is not finite"):
        check_output(found, "t", ["c0"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"classes": ("a", "a")}, r"task spec: classes \['a', 'a'\] must differ"),
        ({"views": ("L", "L")}, r"task spec: views \['L', 'L'\] must differ"),
        ({"classes": ()}, r"task spec: classes are empty"),
        ({"level": "view"}, r"task spec: level view needs views"),
        ({"feature_size": 5, "feature_channels": 2}, r"5 features cannot be 2 channels of equal size"),
        ({"background": True}, r"background is for level detection with a feature_size"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(spec, message):
    with pytest.raises(ContractError, match=message):
        TaskSpec(**{"level": "case", "classes": ("a",), **spec})


@pytest.mark.parametrize("level", list(Level))
def test_saying_nothing_is_an_output_like_any_other(level):
    spec = TaskSpec(level, ("a", "b"), VIEWS, 4, background=level is Level.DETECTION, required=("age",))
    output = check_output(absent_output(spec, ["x", "y"]), "t", ["x", "y"])
    assert not output.present.any() and len(output.select(np.array([1]))) == 1
    assert spec.can_answer(Case.of("x", age=3)) and not spec.can_answer(Case.of("x", {"L": "l.png"}))


def test_detections_are_held_against_their_spec():
    output = ragged([1, 0])
    with pytest.raises(ContractError, match=r"other cases .*row 0 is 'c0', expected 'other'"):
        check_output(output, "t", ["other"])
    spec = TaskSpec(Level.DETECTION, ("mild",), VIEWS, 3, background=True)
    found = Detections([0, 1, 1], [[0, 0, 1, 1]], [1], [0.5], np.zeros((1, 3)), np.zeros((1, 2, 3)))
    with pytest.raises(ContractError, match=r"task 't', case 'a': a detection label is 1; expected 0\.\.0"):
        check_output(TaskOutput(spec, ["a"], [[True, True]], detections=found), "t", ["a"])
    with pytest.raises(ContractError, match=r"detections has shape nothing"):
        check_output(TaskOutput(spec, ["a"], [[True, True]]), "t", ["a"])


def test_joining_refuses_what_differs():
    with pytest.raises(ContractError, match=r"nothing to concatenate"):
        TaskOutput.concatenate([])
    with pytest.raises(ContractError, match=r"different specs"):
        TaskOutput.concatenate([ragged([1, 1]), view_output([[[0.5], [0.5]]])])
