"""Targets by the type of a lesion."""

import attrs
import numpy as np
import pytest

import taskfusion
from mammo_data import plugin
from mammo_data.readers.synthetic import SyntheticCohort, SyntheticReader
from mammo_data.targets import Calcification, Mass
from taskfusion.cases import Cohort
from taskfusion.errors import DataError
from taskfusion.pipeline.targets import with_registered_targets
from taskfusion.plugins import build_registry
from taskfusion.progress import Progress
from taskfusion.testing import check_target


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    """64 synthetic exams; do not mutate."""
    return SyntheticReader(SyntheticCohort(cases=64, seed=3)).read(Progress())


@pytest.mark.parametrize("maker", [Mass, Calcification])
def test_they_keep_the_contract(maker, cohort):
    check_target(maker, cohort).raise_for_failures()


def test_a_case_is_positive_by_its_boxes_of_that_type(cohort):
    registry = build_registry([plugin], entry_points=False, strict=True)
    found = with_registered_targets(cohort, ["lesion", "mass", "calcification"], registry)
    boxes = cohort.annotations
    for name in ("mass", "calcification"):
        wanted = {row for row, label in zip(boxes.case, boxes.labels, strict=True) if name in boxes.classes[label]}
        assert set(np.flatnonzero(found.label(name))) == wanted and wanted
        assert set(found.target(name).labels) == {label for label in boxes.classes if name in label}
    assert found.targets["lesion"] is cohort.targets["lesion"] and "mass" not in cohort.targets


def test_boxes_that_do_not_say_their_type_are_refused(cohort):
    plain = attrs.evolve(cohort, annotations=attrs.evolve(cohort.annotations, classes=("a", "b", "c", "d")))
    with pytest.raises(
        DataError, match=r"target 'mass': cohort 'synthetic' has no boxes .*its box classes: a, b, c, d"
    ):
        Mass().truth(plain)
    with pytest.raises(DataError, match=r"its box classes: none"):
        Calcification().truth(attrs.evolve(cohort, annotations=None))


def test_a_pipeline_learns_one(cohort):
    registry = build_registry([plugin], entry_points=False)
    derived = with_registered_targets(cohort, ["mass"], registry)
    task = taskfusion.task("sklearn", registry=registry, columns=["age"], label="mass")
    pipeline = taskfusion.compose([task], "max", targets=["mass"]).fit(derived)
    assert set(pipeline.fitted) == {("max", "mass")}
