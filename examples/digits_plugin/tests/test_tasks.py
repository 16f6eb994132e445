"""What every task of the package promises; what only one of them does is in a file of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from taskfusion.cases import Case, Cohort
from taskfusion.errors import NotFittedError
from taskfusion.outputs import Level, TaskOutput, check_output
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion_digits.glance import Glance
from taskfusion_digits.ink import Ink
from taskfusion_digits.windows import Windows

TASKS: dict[str, type[TaskModel]] = {"ink": Ink, "glance": Glance, "windows": Windows}


@pytest.fixture(params=sorted(TASKS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def task(trained: dict[str, TaskModel], name: str) -> TaskModel:
    return trained[name]


def arrays(output: TaskOutput) -> list[np.ndarray]:
    found = output.detections
    columns = [output.present, output.scores, output.features]
    if found is not None:
        columns += [found.offsets, found.boxes, found.labels, found.scores, found.features, found.background]
    return [column for column in columns if column is not None]


def same(one: TaskOutput, other: TaskOutput, tolerance: float = 0) -> bool:
    assert one.spec == other.spec and one.cases == other.cases
    pairs = zip(arrays(one), arrays(other), strict=True)
    return all(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True) for a, b in pairs)


def test_answers_hold_what_the_spec_says(task: TaskModel, name: str, cohort: Cohort) -> None:
    output = check_output(task.predict(cohort.cases), name, cohort.ids)
    assert 0.9 < output.present.mean() < 1  # the cohort has lost views and lost totals


def test_answers_do_not_depend_on_the_chunk(task: TaskModel, cohort: Cohort) -> None:
    parts = [task.predict(cohort.cases[start : start + 7]) for start in range(0, len(cohort), 7)]
    assert same(task.predict(cohort.cases), TaskOutput.concatenate(parts), 1e-5)  # float32 sums differ in the last bits


def test_no_cases_give_no_answers(task: TaskModel, name: str) -> None:
    assert len(check_output(task.predict([]), name, [])) == 0


def test_a_case_with_nothing_has_no_answer(task: TaskModel, name: str) -> None:
    output = check_output(task.predict([Case("empty")]), name, ["empty"])
    assert not output.present.any()


def test_only_the_view_that_is_there_is_answered_about(task: TaskModel, cohort: Cohort) -> None:
    if task.spec.level is Level.CASE:
        pytest.skip("a task of level case answers about the whole slip")
    right = Case("half", {"right": cohort.cases[0].views["right"]})
    assert task.predict([right]).present.tolist() == [[False, True]]


@pytest.mark.parametrize("grey", [0, 255])
def test_blank_views_are_answered_with_numbers(task: TaskModel, name: str, grey: int) -> None:
    page = np.full((10, 20), grey, np.uint8)
    check_output(task.predict([Case.of("blank", {"left": page, "right": page}, total=0)]), name, ["blank"])


def test_saved_and_loaded_answers_are_equal(task: TaskModel, cohort: Cohort, tmp_path: Path) -> None:
    task.save(tmp_path)
    loaded = type(task).load(tmp_path)
    assert loaded.config == task.config and loaded.summary() == task.summary()
    assert same(loaded.predict(cohort.cases), task.predict(cohort.cases))


def test_the_same_seed_gives_the_same_numbers(task: TaskModel, cohort: Cohort) -> None:
    again = type(task)(task.config).fit(cohort, FitContext(seed=1))
    assert same(again.predict(cohort.cases), task.predict(cohort.cases))


def test_training_looks_at_the_train_split_alone(task: TaskModel, cohort: Cohort) -> None:
    rows = cohort.rows("train")
    alone = type(task)(task.config).fit(cohort.select(rows), FitContext(seed=1))
    assert same(alone.predict(cohort.cases), task.predict(cohort.cases))


def test_a_task_knows_more_than_chance(task: TaskModel, cohort: Cohort) -> None:
    test = cohort.part("test")
    figures = task.metrics(task.predict(test.cases), test)
    assert figures and min(figures.values()) > (0.1 if task.spec.level is Level.DETECTION else 0.5)


def test_an_untrained_task_says_so(name: str, cohort: Cohort, tmp_path: Path) -> None:
    task = TASKS[name]()
    assert not task.is_fitted
    with pytest.raises(NotFittedError, match=f"^task '{name}' is not trained; call fit, or load a trained one$"):
        task.predict(cohort.cases)
    with pytest.raises(NotFittedError, match=f"^task '{name}' is not trained; there are no weights to save$"):
        task.save_weights(tmp_path)
