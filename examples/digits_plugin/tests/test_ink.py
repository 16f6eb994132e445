from __future__ import annotations

import attrs
import numpy as np
import pytest

from taskfusion.cases import Case, Cohort
from taskfusion.errors import DataError, UnknownNameError
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion_digits.ink import Ink, InkConfig, statistics

HALF = np.tile(np.repeat([0, 255], 20).astype(np.uint8), 5).reshape(10, 20)  # every other row is ink


def test_a_slip_without_a_total_is_not_answered_about(trained: dict[str, TaskModel], cohort: Cohort) -> None:
    task, views = trained["ink"], cohort.cases[0].views
    cases = [Case("with", views, {"total": 9}), Case("null", views, {"total": None}), Case("without", views)]
    assert [task.spec.can_answer(case) for case in cases] == [True, False, False]
    assert task.predict(cases).present.tolist() == [True, False, False]


def test_a_slip_in_half_counts_like_a_whole_one() -> None:
    whole = Case.of("whole", {"left": HALF, "right": HALF}, total=5)
    half = Case.of("half", {"left": HALF}, total=5)
    unseen = Case.of("unseen", total=5)
    values = statistics([whole, half, unseen], 0.5)
    assert values[0] == pytest.approx(values[1])
    assert values[0] == pytest.approx([5, 200, 200, 0, 5 / 200], abs=1e-5)
    assert values[2, 0] == 5 and np.isnan(values[2, 1:]).all()


def test_a_slip_of_which_nothing_is_seen_is_answered_by_its_total(trained: dict[str, TaskModel]) -> None:
    output = trained["ink"].predict([Case.of("low", total=2), Case.of("high", total=12)])
    assert output.scores is not None and output.present.all()
    low, high = output.scores[:, output.spec.classes.index("high")]
    assert low < high


def test_slips_with_an_unknown_label_are_left_out(cohort: Cohort) -> None:
    unknown = np.where(np.arange(len(cohort)) % 2, cohort.label("high"), -1)
    hidden = attrs.evolve(cohort, labels={**cohort.labels, "high": unknown})
    fewer = cohort.select(np.flatnonzero(np.arange(len(cohort)) % 2))
    task = Ink(InkConfig(classes=("high",)))
    one = task.fit(hidden, FitContext()).predict(cohort.cases).scores
    other = Ink(InkConfig(classes=("high",))).fit(fewer, FitContext()).predict(cohort.cases).scores
    assert one is not None and other is not None and np.array_equal(one, other, equal_nan=True)


@pytest.mark.parametrize(("value", "found"), [(0, r"\[0\]"), (1, r"\[1\]"), (-1, "none")])
def test_one_kind_of_slip_is_not_enough(cohort: Cohort, value: int, found: str) -> None:
    labels = {**cohort.labels, "seven": np.full(len(cohort), value)}
    with pytest.raises(
        DataError, match=f"^task 'ink' learns 0 against 1; label 'seven' in the train split has {found}"
    ):
        Ink().fit(attrs.evolve(cohort, labels=labels), FitContext())


def test_a_label_the_cohort_does_not_have_is_named(cohort: Cohort) -> None:
    with pytest.raises(UnknownNameError, match=r"^unknown label 'sevem' \(did you mean 'seven'\?\)"):
        Ink(InkConfig(classes=("sevem",))).fit(cohort, FitContext())
