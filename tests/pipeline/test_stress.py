"""Missing inputs: said, survived, refused where required, and measured."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from toys import CaseToy, DetectionToy, ViewToy, toy_cohort

import taskfusion
from taskfusion.cases import Case
from taskfusion.errors import DataError, SpecError, UnknownNameError
from taskfusion.padding import MaskPadding, ZeroPadding
from taskfusion.pipeline.fusing import FuserPlan
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.training import Work

BIG = toy_cohort(600, seed=4)


def tasks() -> dict:
    return {"density": CaseToy(), "view": ViewToy(), "loc": DetectionToy()}


@pytest.fixture(scope="module")
def fitted(cohort):
    """A learned fuser, the baseline, and one that requires its task; do not mutate."""
    svm, largest = taskfusion.fuser("svm", C=1.0), taskfusion.fuser("max")
    plans = [
        FuserPlan("svm", svm, ZeroPadding()),
        FuserPlan("max", largest, MaskPadding(), ("view", "loc")),
        FuserPlan("strict", svm, ZeroPadding(), missing={"density": "required"}),
    ]
    return FusionPipeline(tasks(), plans, ["ill"]).fit(cohort)


def test_doing_without_a_task_is_said(fitted, cohort):
    relaxed = FusionPipeline(tasks(), fitted.plans[:2], ["ill"]).fit(cohort)
    result = relaxed.predict(cohort.cases[:5], without=["density"])
    assert result.missing == [("density",)] * 5
    assert all(np.isfinite(scores).all() for scores in result.scores.values())
    one = result["c000"]
    assert one.filled["ill"]["svm"]["density"] == "missing optional" and "density" not in one.filled["ill"]["max"]
    assert one.contributions["ill"]["svm"]["density"] == 0
    with pytest.raises(UnknownNameError, match=r"unknown task 'densty' \(did you mean 'density'\?\)"):
        relaxed.predict(cohort.cases[:5], without=["densty"])


def test_a_required_task_is_refused_by_name_when_it_says_nothing(fitted, cohort):
    silent = attrs.evolve(cohort.cases[3], metadata={**cohort.cases[3].metadata, "no case": True})
    with pytest.raises(DataError, match=r"task 'density' is required, and gave no answer about 1 of 2 cases: 'c003'"):
        fitted.predict([cohort.cases[0], silent])


class Unreadable(ViewToy):
    """Cannot read case ``broken``."""

    def predict(self, cases):
        if any(case.id == "broken" for case in cases):
            raise DataError("image not readable: broken_L.png")
        return super().predict(cases)


def test_an_unreadable_input_stops_or_is_a_problem_of_that_case_alone(cohort):
    made = taskfusion.compose({"density": CaseToy(), "view": Unreadable()}, "svm").fit(cohort)
    cases = [cohort.cases[0], Case("broken", {}, cohort.cases[1].metadata)]
    with pytest.raises(DataError, match=r"image not readable: broken_L.png"):
        made.predict(cases)
    result = made.predict(cases, Work(unreadable="mask"))
    assert result["broken"].problems == {"view": "image not readable: broken_L.png"}
    assert result["broken"].missing == ("view/L", "view/R") and not result["c000"].problems
    assert np.isfinite(result.table["ill"]).all()
    assert np.array_equal(result.scores["svm", "ill"][:1], made.predict(cases[:1]).scores["svm", "ill"])


def test_masking_is_for_fusers_that_can_leave_gaps_out():
    with pytest.raises(SpecError, match=r"fuser 'p': SvmFuser cannot leave gaps out, so padding 'mask' is not for it"):
        FuserPlan("p", taskfusion.fuser("svm"), MaskPadding())


def test_a_fuser_that_learns_one_target_at_a_time_is_not_joint():
    with pytest.raises(SpecError, match=r"fuser 'p': SvmFuser learns one target at a time, so joint is not for it"):
        FuserPlan("p", taskfusion.fuser("svm"), ZeroPadding(), joint=True)


def test_policies_for_missing_answers_are_chosen_by_task_or_for_all():
    made = taskfusion.compose(tasks(), "svm", missing="neutral")
    assert made.plans[0].missing == dict.fromkeys(tasks(), "neutral")
    assert taskfusion.compose(tasks(), missing={"view": "required"}).plans[0].missing == {"view": "required"}
    with pytest.raises(UnknownNameError, match=r"unknown policy for missing answers 'nutral' \(did you mean 'neutral'"):
        taskfusion.compose(tasks(), missing="nutral")
    with pytest.raises(UnknownNameError, match=r"unknown task 'viev' \(did you mean 'view'"):
        taskfusion.compose(tasks(), missing={"viev": "zero"})


@pytest.mark.parametrize("name", ["", " x", "a/b", "a\\b", ".x", "a\nb"])
def test_names_that_could_not_be_folders_are_refused(name):
    with pytest.raises(SpecError, match=r"fuser name .*: expected printable text without slashes"):
        FuserPlan(name, taskfusion.fuser("svm"), ZeroPadding())
    with pytest.raises(SpecError, match=r"task name .*: expected printable text without slashes"):
        FusionPipeline({name: CaseToy()}, [])


@pytest.fixture(scope="module")
def test_of_stress(fitted):
    """On 600 cases; do not mutate."""
    return fitted.stress(BIG, (0, 0.5, 1), repeats=2)


def test_stress_is_the_plain_auc_where_nothing_is_missing(fitted, test_of_stress):
    from taskfusion.evaluation.metrics import auc

    plain = auc(BIG.label("ill"), fitted.predict(BIG).scores["svm", "ill"])
    rows = test_of_stress.table.query("fuser == 'svm' and share == 0")
    assert rows["task"].tolist() == ["density", "view", "loc"] and np.allclose(rows["auc"], plain)
    assert (rows["auc_low"] == rows["auc_high"]).all()


def test_less_is_worse_and_all_gone_equals_doing_without(fitted, test_of_stress):
    from taskfusion.evaluation.metrics import auc

    svm = test_of_stress.table.query("fuser == 'svm' and task == 'view'").set_index("share")["auc"]
    assert svm[0] > svm[0.5] > svm[1]
    rest = FusionPipeline(tasks(), fitted.plans[:2], ["ill"])
    rest.ready, rest.fitted = fitted.ready, {key: f for key, f in fitted.fitted.items() if key[0] != "strict"}
    assert svm[1] == auc(BIG.label("ill"), rest.predict(BIG, without=["view"]).scores["svm", "ill"])


def test_what_a_fuser_does_not_see_or_cannot_do_without_is_told_apart(test_of_stress):
    table = test_of_stress.table
    assert table.query("fuser == 'max' and task == 'density'").empty
    strict = table.query("fuser == 'strict' and task == 'density'").set_index("share")["auc"]
    assert np.isfinite(strict[0]) and np.isnan(strict[1])


def test_stress_draws_a_page_that_works_offline(test_of_stress, tmp_path):
    page = test_of_stress.draw(tmp_path / "stress.html").read_text()
    assert "TOY DATA" in page and "view missing: ill" in page and "<script src=" not in page


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"missing": (0, 1.5)}, r"shares \[1.5\] must lie in 0..1"),
        ({"repeats": 0}, r"repeats must be at least 1, found 0"),
    ],
)
def test_what_stress_refuses(fitted, cohort, how, message):
    with pytest.raises(DataError, match=message):
        fitted.stress(cohort, **how)


def test_importance_is_the_auc_lost_without_a_task(fitted):
    from taskfusion.evaluation.metrics import auc

    table = fitted.importance(BIG).query("fuser == 'svm'").set_index("task")
    full = auc(BIG.label("ill"), fitted.predict(BIG).scores["svm", "ill"])
    assert list(table.index) == ["density", "view", "loc"] and np.allclose(table["auc"], full)
    assert np.allclose(table["difference"], table["auc_without"] - table["auc"])
    assert (table["difference_low"] <= table["difference"]).all() and table.loc["view", "difference"] < 0


def test_importance_is_about_the_cohort_it_was_asked_about(fitted):
    from taskfusion.pipeline.stress import importance

    with pytest.raises(DataError, match=r"the result is about other cases than cohort 'toy'"):
        importance(fitted.predict(BIG.cases[:9]), BIG)
