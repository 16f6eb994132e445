"""Nothing leaks: out-of-fold training, and cases on which a task was trained are refused by name when asked."""

from __future__ import annotations

import numpy as np
import pytest
from toys import CaseToy, ViewToy

import taskfusion
from taskfusion.errors import DataError
from taskfusion.pipeline.leaks import marks
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.pipeline.training import Work, out_of_fold
from taskfusion.tasks.base import FitContext

REFUSE = Work(refuse_seen=True)


def compose(**tasks):
    return taskfusion.compose({"view": ViewToy(), **tasks}, taskfusion.fuser("svm", C=1.0))


def test_a_fuser_refuses_cases_its_tasks_were_trained_on(cohort):
    with pytest.raises(
        DataError, match=r"task 'view' was trained on 60 of these 60 cases .*'c000', 'c001', .*cross_fi"
    ):
        compose().fit(cohort, REFUSE)


def test_cross_fitting_lets_it_learn_and_the_training_cases_stay_refused(cohort):
    made = compose().fit(cohort, Work(refuse_seen=True, cross_fit=3))
    assert len(made.predict(cohort.part("test"), REFUSE)) == len(cohort.part("test"))
    with pytest.raises(DataError, match=r"task 'view' was trained on 60 of these 120 cases"):
        made.predict(cohort, REFUSE)


def test_another_case_of_the_same_patient_counts_as_seen(cohort):
    made = compose().fit(cohort)
    twin = cohort.cases[1]
    assert twin.group == cohort.cases[0].group
    made.ready["view"].model.seen_patients = marks(cohort.cases[:1])
    with pytest.raises(DataError, match=r"trained on 1 of these 1 cases \(or on others of the same patient\): 'c001'"):
        made.predict([twin], REFUSE)


def test_what_a_task_was_trained_on_is_saved_without_names(cohort, tmp_path, registry):
    made = compose().fit(cohort)
    made.save(tmp_path / "model", registry)
    loaded = FusionPipeline.load(tmp_path / "model", registry)
    assert loaded.ready["view"].model.seen_patients == marks(cohort.part("train").cases)
    text = (tmp_path / "model" / "tasks" / "view" / "seen.json").read_text()
    assert not any(case.group in text for case in cohort.cases)
    with pytest.raises(DataError, match=r"task 'view' was trained on"):
        compose(view=loaded.tasks["view"]).fit(cohort, REFUSE)


def test_a_trained_task_that_does_not_say_on_what_is_refused(cohort):
    ready = CaseToy().fit(cohort, FitContext())
    with pytest.raises(DataError, match=r"task 'given' does not say on which cases it was trained"):
        compose(given=ready).fit(cohort, Work(refuse_seen=True, cross_fit=2))


def test_out_of_fold_answers_come_from_models_that_did_not_see_the_patient(cohort):
    seen = []

    class Watched(ViewToy):
        def predict(self, cases):
            seen.append(bool(self.seen_patients & marks(cases)))
            return super().predict(cases)

    output = out_of_fold("view", Watched(), cohort, Work(cross_fit=3))
    assert output.cases == cohort.part("train").ids and seen and not any(seen)
    assert np.isfinite(output.scores).all()
