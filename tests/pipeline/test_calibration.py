from __future__ import annotations

import re

import attrs
import numpy as np
import pytest
import toys
from hypothesis import given
from hypothesis import strategies as st

import taskfusion
from taskfusion.errors import DataError, UnknownNameError
from taskfusion.evaluation.metrics import auc, brier
from taskfusion.pipeline.calibration import Calibration, fit_calibration
from taskfusion.pipeline.fusing import FuserPlan
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.training import Work
from taskfusion.plugins import build_registry

grid = st.lists(st.integers(1, 999).map(lambda part: part / 1000), min_size=4, max_size=40).map(np.array)


def pair(score, seed=0):
    truth = (np.random.default_rng(seed).random(len(score)) < score).astype(int)
    truth[:2] = 0, 1
    return truth, score


@given(grid)
def test_a_sigmoid_keeps_every_ranking(score):
    truth, score = pair(score)
    curve = fit_calibration("sigmoid", truth, score)
    if curve is not None:
        assert auc(truth, curve(score)) == auc(truth, score)
        assert ((curve(score) > 0) & (curve(score) < 1)).all()


@given(grid)
def test_isotonic_never_turns_a_ranking_round_and_is_no_worse_where_it_was_learned(score):
    truth, score = pair(score)
    found = fit_calibration("isotonic", truth, score)(score)
    assert (np.diff(found[np.argsort(score, kind="stable")]) >= 0).all()
    assert brier(truth, found) <= brier(truth, score) + 1e-12


def test_a_score_too_extreme_is_made_a_probability():
    rng = np.random.default_rng(1)
    share = rng.random(4000) * 0.2
    truth = (rng.random(4000) < share).astype(int)
    extreme = 1 / (1 + np.exp(-(3 * np.log(share / (1 - share)) + 8)))
    for kind in ("sigmoid", "isotonic"):
        curve = fit_calibration(kind, truth[:2000], extreme[:2000])
        assert abs(curve(extreme[2000:]) - share[2000:]).mean() < 0.02 < abs(extreme[2000:] - share[2000:]).mean()


def test_what_cannot_be_learned_leaves_the_score_alone():
    score = np.array([0.1, 0.4, 0.6, 0.9])
    assert fit_calibration("none", score > 0.5, score) is None
    assert fit_calibration("isotonic", np.ones(4), score) is None
    assert fit_calibration("sigmoid", score < 0.5, score) is None  # it would fall
    assert fit_calibration("sigmoid", score > 0.5, np.full(4, 0.3)) is None


def test_it_is_kept_as_a_few_numbers():
    for kind in ("sigmoid", "isotonic"):
        curve = fit_calibration(kind, np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.6, 0.9]))
        assert Calibration.of(curve.state()) == curve


@pytest.mark.parametrize(
    ("kind", "x", "y"), [("sigmoid", [-1.0], [0.0]), ("isotonic", [0.2, 0.1], [0.0, 1.0]), ("isotonic", [], [])]
)
def test_numbers_that_are_no_rising_curve_are_refused(kind, x, y):
    with pytest.raises(DataError, match=re.escape(f"calibration {kind}: {x}, {y} are no rising curve")):
        Calibration.of({"kind": kind, "x": x, "y": y, "cases": 4})


def composed(registry, **keys):
    tasks = {name: registry.create("task", name) for name in ("case_toy", "view_toy")}
    plan = FuserPlan("P", registry.create("fuser", "logistic"), registry.create("padding", "zero"), **keys)
    return FusionPipeline(tasks, [plan], ["ill"])


@pytest.fixture(scope="module")
def fitted(cohort):
    """By kind a fitted pipeline; do not mutate."""
    registry = build_registry([toys], entry_points=False)
    return {kind: composed(registry, calibrate=kind).fit(cohort) for kind in ("none", "sigmoid", "isotonic")}


def test_it_is_learned_on_the_validation_split(fitted, cohort):
    validation = cohort.part("validation")
    raw = fitted["none"].predict(validation).scores["P", "ill"]
    for kind in ("sigmoid", "isotonic"):
        expected = fit_calibration(kind, validation.label("ill"), raw)
        assert fitted[kind].fitted["P", "ill"].calibration == expected
        np.testing.assert_allclose(fitted[kind].predict(validation).scores["P", "ill"], expected(raw))


def test_without_validation_it_is_learned_out_of_fold(cohort, registry):
    train = cohort.with_split(None)
    held = composed(registry, calibrate="sigmoid").fit(train)
    assert held.fitted["P", "ill"].calibration.cases == len(cohort)
    assert held.held_out["P", "ill"].where == "training cases, out of 5 inner folds by group"


def test_held_out_scores_are_of_fits_that_saw_no_patient_of_theirs(cohort, registry, monkeypatch):
    """Records what every fit saw and was asked."""
    from taskfusion.fusers.linear import LogisticFuser

    seen = []
    original = LogisticFuser.fit

    def recording(self, train, validation, context):
        seen.append((set(train.groups), set() if validation is None else set(validation.groups)))
        return original(self, train, validation, context)

    monkeypatch.setattr(LogisticFuser, "fit", recording)
    composed(registry).fit(cohort.with_split(None), Work(inner_folds=3))
    assert len(seen) == 4 and not seen[0][1]  # the fit itself, then one without each part
    assert all(inside and outside and not inside & outside for inside, outside in seen[1:])
    assert set.union(*(outside for _, outside in seen[1:])) == seen[0][0]


def test_it_is_saved_and_loaded(fitted, cohort, registry, tmp_path):
    for kind, pipeline in fitted.items():
        again = FusionPipeline.load(pipeline.save(tmp_path / kind, registry), registry)
        assert again.plans[0].calibrate == kind
        assert again.fitted["P", "ill"].calibration == pipeline.fitted["P", "ill"].calibration
        part = cohort.part("test")
        np.testing.assert_array_equal(again.predict(part).scores["P", "ill"], pipeline.predict(part).scores["P", "ill"])


def test_too_few_patients_to_hold_any_out(cohort, registry):
    few = cohort.select(np.arange(12)).with_split(None)
    one = attrs.evolve(few, cases=tuple(attrs.evolve(case, group="only") for case in few.cases))
    held = composed(registry, calibrate="sigmoid").fit(one)
    assert held.fitted["P", "ill"].calibration is None
    assert held.held_out["P", "ill"].where == "nothing: too few groups of either class"


def test_compose_takes_it_and_an_unknown_one_names_those_there_are():
    registry = build_registry([toys], entry_points=False)
    tasks = {"case_toy": registry.create("task", "case_toy")}
    assert taskfusion.compose(tasks, "logistic", calibrate="sigmoid").plans[0].calibrate == "sigmoid"
    message = r"^unknown calibration 'sigmoidal' \(did you mean 'sigmoid'\?\); known: isotonic, none, sigmoid$"
    with pytest.raises(UnknownNameError, match=message):
        composed(registry, calibrate="sigmoidal")
