from __future__ import annotations

import attrs
import numpy as np
import pytest

from taskfusion.cases import Case, Cohort
from taskfusion.errors import DataError
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion_digits.slips import DIGITS, SIDE
from taskfusion_digits.windows import NEAR, Windows, WindowsConfig


@pytest.fixture(scope="module")
def sharp(clean: Cohort) -> Windows:
    """Trained on slips without strokes and noise; do not mutate."""
    return Windows().fit(clean, FitContext())


def test_on_clean_slips_it_names_most_digits(sharp: Windows, clean: Cohort) -> None:
    test = clean.part("test")
    assert sharp.metrics(sharp.predict(test.cases), test)["digits named rightly"] > 0.75


def test_boxes_lie_in_the_view_and_are_as_large_as_a_digit(trained: dict[str, TaskModel], cohort: Cohort) -> None:
    found = trained["windows"].predict(cohort.cases).detections
    assert found is not None and len(found) > len(cohort)
    assert (found.boxes[:, 2:] - found.boxes[:, :2] == SIDE).all()
    assert (found.boxes >= 0).all() and (found.boxes <= (20, 10, 20, 10)).all()


def test_a_digit_is_reported_once_per_label_and_place(trained: dict[str, TaskModel], cohort: Cohort) -> None:
    found = trained["windows"].predict(cohort.cases[:40]).detections
    assert found is not None
    cell = np.repeat(np.arange(len(found.counts())), found.counts())
    alike = (cell[:, None] == cell) & (found.labels[:, None] == found.labels)
    near = np.abs(found.boxes[:, None] - found.boxes).max(axis=-1) <= NEAR
    assert np.array_equal(np.argwhere(alike & near), np.argwhere(np.eye(len(found), dtype=bool)))


def test_nothing_below_the_threshold_is_reported_and_none_is_an_answer(cohort: Cohort) -> None:
    config = WindowsConfig(threshold=0.999999)
    output = Windows(config).fit(cohort, FitContext()).predict(cohort.cases)
    assert output.detections is not None and output.detections.background is not None
    counts = output.detections.counts().reshape(output.present.shape)
    assert (counts[output.present] == 0).any() and (output.detections.scores >= config.threshold).all()
    assert np.isfinite(output.detections.background[output.present]).all()


def test_an_absent_view_has_neither_detections_nor_background(trained: dict[str, TaskModel], cohort: Cohort) -> None:
    whole = cohort.cases[0].views
    output = trained["windows"].predict([Case("whole", whole), Case("left", {"left": whole["left"]})])
    assert output.detections is not None and output.detections.background is not None
    assert output.present.tolist() == [[True, True], [True, False]]
    assert output.detections.counts()[3] == 0 and np.isnan(output.detections.background[1, 1]).all()


def test_a_digit_unknown_to_training_is_never_named(clean: Cohort) -> None:
    truth = clean.annotations
    assert truth is not None
    nine = np.unique(truth.case[truth.labels == DIGITS.index("nine")])
    output = Windows().fit(clean.select(np.setdiff1d(np.arange(len(clean)), nine)), FitContext()).predict(clean.cases)
    assert output.detections is not None and DIGITS.index("nine") not in output.detections.labels


def test_a_cohort_without_boxes_of_digits_is_refused(cohort: Cohort) -> None:
    expected = "^task 'windows' learns from boxes of the digits; cohort 'digits' has none of those$"
    with pytest.raises(DataError, match=expected):
        Windows().fit(attrs.evolve(cohort, annotations=None), FitContext())
    assert cohort.annotations is not None
    other = attrs.evolve(cohort.annotations, classes=tuple("abcdefghij"))
    with pytest.raises(DataError, match=expected):
        Windows().fit(attrs.evolve(cohort, annotations=other), FitContext())
