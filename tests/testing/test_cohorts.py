"""The made-up cohort: the same each time, and there is something to learn from all that it has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taskfusion
from taskfusion.errors import SpecError
from taskfusion.plugins import build_registry
from taskfusion.testing import small_cohort
from taskfusion.testing.cohorts import SmallConfig


def test_images_boxes_and_metadata_tell_who_is_ill():
    cohort = small_cohort(SmallConfig(cases=60))
    ill = cohort.label("ill") == 1
    brightness = np.array([[view.read().mean() for view in case.views.values()] for case in cohort.cases]).mean(axis=1)
    markers = np.array([case.metadata["marker"] for case in cohort.cases])
    assert brightness[ill].mean() > brightness[~ill].mean() + 5
    assert markers[ill].mean() > markers[~ill].mean() + 0.2 and 0 <= markers.min() <= markers.max() <= 1
    boxes = cohort.view_labels().any(axis=1)
    assert not boxes[~ill].any() and boxes[ill].mean() > 0.7
    assert set(cohort.label("grade").tolist()) == {-1, 0, 1, 2, 3}
    for row in range(len(cohort.annotations)):
        case, view = cohort.annotations.case[row], cohort.annotations.view[row]
        left, top, right, bottom = cohort.annotations.boxes[row].astype(int)
        image = cohort.cases[case].views[cohort.views[view]].read()
        assert image[top:bottom, left:right].mean() > image.mean() + 40


@settings(settings.get_profile("heavy"))
@given(st.integers(12, 60), st.integers(0, 99), st.integers(16, 40))
def test_every_split_has_both_kinds_and_groups_stay_together(cases, seed, side):
    config = SmallConfig(cases=cases, seed=seed, size=(side, 16))
    cohort = small_cohort(config)
    assert cohort.fingerprint() == small_cohort(config).fingerprint()
    assert cohort.cases[0].views["L"].read().shape == (side, 16)
    for group in set(cohort.groups):
        assert len(set(cohort.split[cohort.groups == group])) == 1
    assert 0 < cohort.part("train").label("ill").mean() < 1


def test_it_is_a_reader_by_name():
    registry = build_registry(entry_points=False)
    assert len(taskfusion.cohort("small", registry=registry, cases=14)) == 14
    with pytest.raises(SpecError, match=r"size must be at least 16 x 16, found \[8, 20\]"):
        taskfusion.cohort("small", registry=registry, size=[8, 20])
    with pytest.raises(SpecError, match=r"'cases' must be >= 12"):
        taskfusion.cohort("small", registry=registry, cases=3)
