"""Pipelines: composed from names, fitted, asked, saved, loaded; nothing leaks and nothing is silent."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import toys
from toys import CaseToy, DetectionToy, ToyConfig, ViewToy, toy_cohort

import taskfusion
from taskfusion.cases import Cohort
from taskfusion.errors import DataError, NotFittedError, SpecError, UnknownNameError
from taskfusion.fusers.score import SvmConfig, SvmFuser
from taskfusion.padding import ZeroPadding
from taskfusion.pipeline.fusing import FuserPlan
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.training import Work
from taskfusion.tasks.base import FitContext


def tasks() -> dict:
    return {"density": CaseToy(), "view": ViewToy(), "loc": DetectionToy()}


def pipeline(counts: tuple[int, ...] = (2,)) -> FusionPipeline:
    svm = FuserPlan("svm", SvmFuser(SvmConfig(C=(1.0,))), ZeroPadding(), (), counts)
    largest = FuserPlan("max", taskfusion.fuser("max"), ZeroPadding(), ("view",))
    return FusionPipeline(tasks(), [svm, largest])


@pytest.fixture(scope="module")
def fitted(cohort):
    """A fitted pipeline with two fusers and two targets; do not mutate."""
    return pipeline().fit(cohort)


def auc(result, cohort: Cohort, fuser: str, target: str) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(cohort.label(target), result.scores[fuser, target]))


def test_fusing_beats_the_maximum(fitted):
    big = toy_cohort(600, seed=5)
    result = fitted.predict(big)
    assert auc(result, big, "svm", "ill") > auc(result, big, "max", "ill") + 0.01


def test_the_table_has_a_row_a_case_and_every_sub_result(fitted, cohort):
    result = fitted.predict(cohort.cases[:4])
    assert result.table.columns.tolist() == ["case", "svm/ill", "svm/bad", "max/ill", "max/bad", "missing"]
    one = result["c002"]
    assert set(one.fused) == {"ill", "bad"} and set(one.fused["ill"]) == {"svm", "max"}
    assert set(one.tasks["density"]) == {"ill"} and set(one.tasks["view"]) == {"L", "R"}
    boxes = one.tasks["loc"]
    assert [b["score"] for b in boxes] == sorted((b["score"] for b in boxes), reverse=True)
    assert all(set(b) == {"view", "label", "score", "box"} for b in boxes)
    with pytest.raises(UnknownNameError, match=r"unknown case 'c2' \(did you mean"):
        result["c2"]


def test_missing_inputs_are_said_and_the_answer_stays_finite(fitted, cohort):
    case = cohort.cases[0]
    hidden = attrs.evolve(case, metadata={**case.metadata, "hidden": "L", "no case": True})
    result = fitted.predict([hidden])
    assert result["c000"].missing == ("density", "view/L")
    assert result.table.missing[0] == "density, view/L"
    assert all(np.isfinite(scores).all() for scores in result.scores.values())


def test_only_training_cases_train(cohort):
    toys.CALLS.clear()
    pipeline().fit(cohort)
    train, validation = len(cohort.rows("train")), len(cohort.rows("validation"))
    assert ("fit ViewToy", train) in toys.CALLS
    assert {n for name, n in toys.CALLS if name == "ViewToy"} <= {train, validation, 64}


def test_the_number_of_detections_is_searched(cohort):
    made = pipeline(counts=(1, 3)).fit(cohort)
    chosen = made.fitted["svm", "ill"]
    assert chosen.detections in (1, 3) and [t["detections"] for t in chosen.tried] == [1, 3]
    assert made.predict(cohort.cases[:3]).scores["svm", "ill"].shape == (3,)


def test_the_number_of_detections_is_searched_without_validation_too(cohort):
    split = np.where(np.asarray(cohort.split) == "validation", "test", cohort.split)
    made = pipeline(counts=(1, 3)).fit(cohort.with_split(split))
    assert len(made.fitted["svm", "bad"].tried) == 2


def test_cross_fitting_trains_on_answers_of_models_that_did_not_see_the_case(cohort):
    toys.CALLS.clear()
    pipeline().fit(cohort, Work(cross_fit=3))
    sizes = [n for name, n in toys.CALLS if name == "fit ViewToy"]
    train = len(cohort.rows("train"))
    assert len(sizes) == 4 and sizes[0] == train and sum(train - n for n in sizes[1:]) == train


def test_a_folder_makes_everything_computed_once(cohort, tmp_path):
    first = pipeline().fit(cohort, Work(folder=tmp_path, cross_fit=2)).predict(cohort, Work(folder=tmp_path))
    toys.CALLS.clear()
    again = pipeline().fit(cohort, Work(folder=tmp_path, cross_fit=2)).predict(cohort, Work(folder=tmp_path))
    assert not toys.CALLS
    assert all(np.array_equal(first.scores[key], again.scores[key]) for key in first.scores)


def test_another_seed_or_config_trains_anew(cohort, tmp_path):
    pipeline().fit(cohort, Work(folder=tmp_path))
    toys.CALLS.clear()
    pipeline().fit(cohort, Work(seed=1, folder=tmp_path))
    assert ("fit ViewToy", len(cohort.rows("train"))) in toys.CALLS


def test_trained_tasks_are_used_as_they_are(cohort):
    ready = CaseToy().fit(cohort, FitContext())
    toys.CALLS.clear()
    FusionPipeline({"density": ready}, pipeline().plans[:1]).fit(cohort)
    assert not [call for call in toys.CALLS if call[0].startswith("fit")]


def test_saved_and_loaded_to_the_bit(fitted, cohort, tmp_path, registry):
    fitted.save(tmp_path / "model", registry)
    loaded = FusionPipeline.load(tmp_path / "model", registry)
    before, after = fitted.predict(cohort), loaded.predict(cohort)
    assert all(np.array_equal(before.scores[key], after.scores[key]) for key in before.scores)
    assert loaded.notice == "TOY DATA" and loaded.views == cohort.views and loaded.targets == ("ill", "bad")


def test_compose_takes_names_objects_and_classifiers(cohort):
    from sklearn.linear_model import LogisticRegression

    made = taskfusion.compose([CaseToy(), ViewToy()], LogisticRegression(), targets=["bad"]).fit(cohort)
    assert list(made.tasks) == ["casetoy", "viewtoy"] and list(made.fitted) == [("sklearn", "bad")]
    assert made.predict(cohort.cases[:2]).table.columns.tolist() == ["case", "bad", "missing"]
    named = taskfusion.compose({"a": CaseToy(), "b": DetectionToy(ToyConfig(0.1))}, "forest", detections=[1, 2])
    assert named.plans[0].detections == (1, 2) and named.plans[0].name == "forest"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: taskfusion.compose(["densty"]),
            UnknownNameError,
            r"unknown task 'densty'; known: keras, onnx, sklearn, table",
        ),
        (lambda: taskfusion.compose([CaseToy()], "sore"), UnknownNameError, r"did you mean 'score'"),
        (lambda: taskfusion.compose([CaseToy()], 7), SpecError, r"not a fuser: 7"),
        (lambda: taskfusion.compose([CaseToy(), CaseToy()]), SpecError, r"task names .* must be there and differ"),
        (lambda: taskfusion.compose([]), SpecError, r"task names \[\] must be there"),
        (lambda: taskfusion.compose([CaseToy()], detections=0), DataError, r"must be whole numbers from 1"),
        (lambda: taskfusion.cohort("sinthetic"), UnknownNameError, r"unknown reader 'sinthetic'"),
    ],
)
def test_compose_refuses_with_the_nearest_name(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_what_a_pipeline_refuses(fitted, cohort):
    with pytest.raises(NotFittedError, match=r"this pipeline is not trained"):
        pipeline().predict(cohort)
    with pytest.raises(DataError, match=r"no cases to predict"):
        fitted.predict([])
    with pytest.raises(DataError, match=r"cohort 'toy' has no case in split 'train'; its splits: \['test'\]"):
        pipeline().fit(cohort.with_split(np.array(["test"] * len(cohort))))
    with pytest.raises(DataError, match=r"declares no target"):
        pipeline().fit(attrs.evolve(cohort, targets={}))
    wrong = FusionPipeline(tasks(), [FuserPlan("f", SvmFuser(), ZeroPadding(), ("lok",))])
    with pytest.raises(UnknownNameError, match=r"unknown task of fuser 'f' 'lok' \(did you mean 'loc'\?\)"):
        wrong.fit(cohort)


def test_what_is_wrong_with_a_ready_task_is_told_before_anything_is_trained(cohort, tmp_path):
    toys.CALLS.clear()
    gone = taskfusion.task("table", path=tmp_path / "gone.csv", scores={"ill": "p"}, level="view")
    with pytest.raises(DataError, match=r"table not found: .*gone.csv"):
        taskfusion.compose({"view": ViewToy(), "gone": gone}).fit(cohort)
    assert not toys.CALLS


def test_unknown_truth_is_left_out(cohort):
    labels = {name: np.array(values) for name, values in cohort.labels.items()}
    labels["ill"][::4] = -1
    made = pipeline().fit(attrs.evolve(cohort, labels=labels))
    assert np.isfinite(made.predict(cohort).scores["svm", "ill"]).all()
