"""What a fuser sees: named columns, blocks, ragged instances; hidden tasks look like tasks that did not answer."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_outputs import counts, ragged
from toys import CaseToy, DetectionToy, ViewToy, toy_cohort

from taskfusion.assembly import Assembler, instances_of
from taskfusion.cases import Target
from taskfusion.errors import ContractError, DataError
from taskfusion.inputs import FusionInput, ScoreTable
from taskfusion.outputs import absent_output
from taskfusion.padding import ZeroPadding

ANY, BAD = Target("ill"), Target("bad", ("bad",))
EVERYTHING = Assembler(ANY, 2, ZeroPadding(), True, True)


def outputs(cases: int = 12):
    asked = toy_cohort(cases).cases
    return {"density": CaseToy().predict(asked), "view": ViewToy().predict(asked), "loc": DetectionToy().predict(asked)}


OUTPUTS = outputs()
WHOLE = EVERYTHING(OUTPUTS)


def same(first: FusionInput, second: FusionInput) -> None:
    np.testing.assert_array_equal(first.scores.values, second.scores.values)
    np.testing.assert_array_equal(first.scores.gaps, second.scores.gaps)
    for task in first.features:
        np.testing.assert_array_equal(first.features[task], second.features[task])
    for task, one in first.instances.items():
        for field in attrs.fields(type(one)):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(second.instances[task], field.name))


@given(st.lists(st.integers(0, 11), max_size=20))
def test_choosing_rows_is_the_same_before_and_after_assembly(rows):
    index = np.array(rows, np.int64)
    same(WHOLE.select(index), EVERYTHING({task: output.select(index) for task, output in OUTPUTS.items()}))


@given(st.lists(st.sampled_from(["density", "view", "loc"]), unique=True))
def test_hiding_a_task_is_the_same_as_no_answer_from_it(tasks):
    hidden = WHOLE.hiding({task: np.ones(12, bool) for task in tasks})
    silent = {t: absent_output(o.spec, o.cases) if t in tasks else o for t, o in OUTPUTS.items()}
    same(hidden, EVERYTHING(silent))


def test_hiding_touches_only_the_cases_that_were_named():
    some = np.arange(12) % 3 == 0
    hidden = WHOLE.hiding({"loc": some})
    same(hidden.select(np.flatnonzero(~some)), WHOLE.select(np.flatnonzero(~some)))
    assert hidden.scores.missing[some][:, -4:].all() and not hidden.instances["loc"].counts[some].any()


def test_hiding_a_task_nobody_sees_is_refused():
    with pytest.raises(ContractError, match=r"cannot hide task 'lok': the fuser sees density, view, loc"):
        WHOLE.hiding({"lok": np.ones(12, bool)})


def test_tasks_are_told_from_columns():
    assert WHOLE.tasks == ("density", "view", "loc")
    assert ScoreTable(("a/x", "b/L/1"), np.zeros((1, 2))).tasks == ("a", "b")


@given(counts, st.sampled_from([ANY, BAD]))
def test_instances_are_the_detections_that_count_and_one_background_a_view(sizes, target):
    output = ragged(sizes)
    found, made = output.detections, instances_of(output, target)
    counted = target.counts(output.spec.classes)[found.labels]
    cells = np.repeat(np.arange(len(sizes)), sizes)[counted]
    per_case = np.bincount(cells // 2, minlength=len(output)) + 2
    assert made.counts.tolist() == per_case.tolist() and made.view_count == 2
    empty = made.scores.sum(axis=1) == 0
    assert empty.sum() == 2 * len(output)
    np.testing.assert_array_equal(made.features[empty], found.background.reshape(-1, 3))
    assert np.allclose(np.sort(made.scores.max(axis=1)[~empty]), np.sort(found.scores[counted]))


@given(counts, st.integers(0, 99))
def test_instances_do_not_depend_on_the_order_of_detections(sizes, seed):
    output = ragged(sizes)
    found = output.detections
    cells = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((np.random.default_rng(seed).random(len(cells)), cells))
    mixed = {name: getattr(found, name)[order] for name in ("boxes", "labels", "scores", "features")}
    other = attrs.evolve(output, detections=attrs.evolve(found, **mixed))
    np.testing.assert_array_equal(instances_of(output, ANY).features, instances_of(other, ANY).features)


def test_instances_of_views_and_cases():
    view, case = instances_of(OUTPUTS["view"], ANY), instances_of(OUTPUTS["density"], ANY)
    assert view.counts.tolist() == [2] * 12 and view.features.shape == (24, 8) and view.views[:2].tolist() == [0, 1]
    assert case.counts.tolist() == [2] * 12 and case.features.shape == (24, 8) and case.scores[0] == case.scores[1]
    hidden = attrs.evolve(OUTPUTS["view"], present=np.arange(24).reshape(12, 2) % 2 == 1)
    assert instances_of(hidden, ANY).views.tolist() == [1] * 12


def without_r(policy: str) -> FusionInput:
    silent = {task: attrs.evolve(o, present=np.zeros_like(o.present)) for task, o in OUTPUTS.items()}
    return attrs.evolve(EVERYTHING, missing=dict.fromkeys(OUTPUTS, policy))({**OUTPUTS, "view": silent["view"]})


def test_a_missing_answer_by_policy():
    optional, neutral, zero = (without_r(name) for name in ("optional", "neutral", "zero"))
    columns = [k for k, task in enumerate(WHOLE.scores.tasks) if task == "view"]
    assert np.isnan(optional.scores.values[:, columns]).all() and optional.scores.missing[:, columns].all()
    assert (neutral.scores.values[:, columns] == 0.5).all() and (zero.scores.values[:, columns] == 0).all()
    assert np.isnan(neutral.features["view"]).all() and (zero.features["view"] == 0).all()


def test_a_required_task_must_answer_about_every_case():
    with pytest.raises(DataError, match=r"task 'view' is required, and gave no answer about 12 of 12 cases: 'c000', v"):
        without_r("required")
    part = {**OUTPUTS, "density": attrs.evolve(OUTPUTS["density"], present=np.arange(12) != 4)}
    make = attrs.evolve(EVERYTHING, missing={"density": "required"})
    with pytest.raises(DataError, match=r"about 1 of 12 cases: 'c004'; leave them out, or set missing: \{density: opt"):
        make(part)
