from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from taskfusion.cases import Cohort
from taskfusion.configs import structure
from taskfusion.errors import SpecError
from taskfusion.progress import Progress
from taskfusion_digits.reader import TARGETS, DigitsCohort, DigitsReader
from taskfusion_digits.slips import DIGITS, SIDE, VIEWS, HalfSlip, handwriting


def read(**options: Any) -> Cohort:
    return DigitsReader(DigitsCohort(**{"cases": 60, "writers": 12, **options})).read(Progress())


def half(cohort: Cohort, case: int, view: str) -> HalfSlip:
    source = cohort.cases[case].views[view].source
    assert isinstance(source, HalfSlip)
    return source


def test_the_same_seed_draws_the_same_slips() -> None:
    assert read(seed=1).fingerprint() == read(seed=1).fingerprint()
    assert read(seed=1).fingerprint() != read(seed=2).fingerprint()


def test_a_slip_drawn_otherwise_has_another_fingerprint() -> None:
    def prints(**options: Any) -> list[str]:
        return [case.fingerprint() for case in read(lost=0, **options).cases]

    assert set(prints()).isdisjoint(prints(noise=0.1)) and set(prints()).isdisjoint(prints(strokes=0))


def test_no_image_of_a_digit_is_in_two_splits(cohort: Cohort) -> None:
    assert cohort.split is not None
    where: dict[int, set[str]] = {}
    for case, split in zip(cohort.cases, cohort.split, strict=True):
        for view in case.views.values():
            assert isinstance(view.source, HalfSlip)
            for image, _, _ in view.source.marks:
                where.setdefault(image, set()).add(str(split))
    assert set.union(*where.values()) == {"train", "validation", "test"}
    assert all(len(splits) == 1 for splits in where.values())


def test_writers_stay_together(cohort: Cohort) -> None:
    assert cohort.split is not None
    assert all(len(set(cohort.split[cohort.groups == writer])) == 1 for writer in cohort.groups)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_label_says_whether_a_box_counts_for_the_target(cohort: Cohort, name: str) -> None:
    in_views = cohort.view_labels(cohort.target(name).labels)
    assert 0 < in_views.any(axis=1).sum() < len(cohort)
    assert np.array_equal(cohort.label(name), in_views.any(axis=1))


def test_boxes_are_where_the_digits_stand(clean: Cohort) -> None:
    truth = clean.annotations
    assert truth is not None and len(truth) > 200
    for case, view, box, label in zip(truth.case, truth.view, truth.boxes.astype(int), truth.labels, strict=True):
        pixels = clean.cases[case].views[VIEWS[view]].read()[box[1] : box[3], box[0] : box[2]]
        images, kinds = handwriting()
        same = (np.round(images[kinds == label] * 255) == pixels).all(axis=(1, 2))
        assert pixels.shape == (SIDE, SIDE) and same.any(), DIGITS[label]


def test_the_total_is_the_sum_of_the_digits_where_nobody_hurried(clean: Cohort) -> None:
    truth = clean.annotations
    assert truth is not None
    sums = np.bincount(truth.case, truth.labels, minlength=len(clean))
    assert [case.metadata["total"] for case in clean.cases] == sums.tolist()


def test_most_halves_with_a_seven_are_underlined_and_few_others(clean: Cohort) -> None:
    sevens = clean.view_labels(("seven",))
    lines = np.array([[half(clean, row, view).line > 0 for view in VIEWS] for row in range(len(clean))])
    assert lines[sevens].mean() > 0.6 and lines[~sevens].mean() < 0.15
    row, view = np.argwhere(lines)[0]
    assert (half(clean, row, VIEWS[view]).read()[-1] > 0).all()


def test_a_lost_view_or_total_is_not_there() -> None:
    everything, nothing = read(lost=0), read(lost=1)
    assert all(tuple(case.views) == VIEWS and case.metadata["total"] is not None for case in everything.cases)
    assert all(not case.views and case.metadata["total"] is None for case in nothing.cases)


def test_a_view_reads_the_same_every_time(cohort: Cohort) -> None:
    view = half(cohort, 0, "left")
    assert np.array_equal(view.read(), view.read()) and view.read().dtype == np.uint8


@pytest.mark.parametrize(("writers", "cases"), [(9, 100), (30, 20)])
def test_too_few_or_too_many_writers_are_refused(writers: int, cases: int) -> None:
    expected = rf"^here: writers must be from 10 to the number of cases \({cases}\), got {writers}$"
    with pytest.raises(SpecError, match=expected):
        structure(DigitsCohort, {"writers": writers, "cases": cases}, "here")
