import pickle

import numpy as np
import pytest
from attrs import evolve

from mammo_data import plugin
from mammo_data.readers.synthetic import SyntheticCohort, SyntheticReader
from mammo_data.synthetic import LESION_CLASSES, VIEWS, SyntheticConfig, generate_exam
from taskfusion.cases import SPLITS
from taskfusion.errors import SpecError
from taskfusion.plugins import build_registry
from taskfusion.progress import Progress

SMALL = SyntheticCohort(height=96, width=80, cases=40, seed=5)


def read(config):
    return SyntheticReader(config).read(Progress())


@pytest.fixture(scope="module")
def cohort():
    """Do not mutate: 40 small exams."""
    return read(SMALL)


def test_a_cohort_says_that_it_is_synthetic(cohort):
    assert len(cohort) == 40
    assert cohort.views == VIEWS
    assert cohort.notice.startswith("SYNTHETIC")
    assert cohort.generated


def test_labels_targets_and_boxes_agree(cohort):
    lesion, malignancy = cohort.label("lesion"), cohort.label("malignancy")
    assert (lesion >= malignancy).all()
    np.testing.assert_array_equal(cohort.view_labels().any(axis=1), lesion == 1)
    np.testing.assert_array_equal(cohort.view_labels(LESION_CLASSES[2:]).any(axis=1), malignancy == 1)
    assert cohort.target("lesion").counts(LESION_CLASSES).tolist() == [True] * 4
    assert cohort.target("malignancy").counts(LESION_CLASSES).tolist() == [False, False, True, True]
    assert set(cohort.label("density")) <= {0, 1, 2, 3}
    assert all(case.metadata["age"] + 10 >= 40 for case in cohort.cases)


def test_views_are_drawn_when_read(cohort):
    case = cohort.cases[7]
    drawn = generate_exam(5, 7, SyntheticConfig(height=96, width=80)).images
    for name, view in case.views.items():
        np.testing.assert_array_equal(view.read(), drawn[name])


def test_an_exam_is_drawn_once_for_its_four_views_and_cannot_be_written_to(cohort):
    source = cohort.cases[9].views["L-CC"].source
    assert source.read() is source.read()
    with pytest.raises(ValueError, match="read-only"):
        source.read()[0, 0] = 1


def test_a_source_travels_to_other_processes(cohort):
    source = cohort.cases[3].views["R-MLO"].source
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read(), source.read())


def test_fingerprints_change_with_what_changes_the_pixels_and_nothing_else(cohort):
    def prints(config):
        return [view.source.fingerprint() for case in read(config).cases[:3] for view in case.views.values()]

    first = prints(SMALL)
    assert len(set(first)) == 12
    assert prints(evolve(SMALL, cases=20, split=(1, 1, 1))) == first
    assert not set(prints(evolve(SMALL, seed=6))) & set(first)
    assert not set(prints(evolve(SMALL, height=104))) & set(first)


def test_a_larger_cohort_begins_with_the_same_exams(cohort):
    larger = read(evolve(SMALL, cases=60))
    assert larger.ids[:40] == cohort.ids
    np.testing.assert_array_equal(larger.label("density")[:40], cohort.label("density"))


def test_the_split_has_table_ii_s_proportions_and_each_has_its_share_of_every_pathology():
    cohort = read(SyntheticCohort(cases=600))
    pathology = cohort.label("lesion") + cohort.label("malignancy")
    for split, share in zip(SPLITS, np.array([1511, 290, 453]) / 2254, strict=True):
        rows = cohort.rows(split)
        assert len(rows) / 600 == pytest.approx(share, abs=0.01)
        np.testing.assert_allclose(np.bincount(pathology[rows]) / len(rows), np.bincount(pathology) / 600, atol=0.03)
    np.testing.assert_array_equal(read(SyntheticCohort(cases=600)).split, cohort.split)
    assert (read(SyntheticCohort(cases=600, seed=1)).split != cohort.split).any()


@pytest.mark.parametrize("seed", range(12))
def test_the_smallest_cohort_has_something_in_every_split(seed):
    assert set(read(SyntheticCohort(cases=16, seed=seed)).split) == set(SPLITS)


def test_options_come_as_plain_data_through_the_registry():
    registry = build_registry([plugin], entry_points=False)
    reader = registry.create("reader", "synthetic", {"cases": 20, "pathology": [1, 1, 0], "calcification": 1})
    cohort = reader.read(Progress())
    assert not cohort.label("malignancy").any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cases": 3}, "cases must be at least 16, got 3"),
        ({"seed": -2}, "seed must not be negative, got -2"),
        ({"split": [1, 1]}, "split must hold 3 numbers, got 2"),
        ({"split": [1, -1, 1]}, "split must be finite, not negative and not all zero"),
        ({"height": 10}, "height must be at least 48 pixels, got 10"),
        ({"case": 30}, r"unknown key \(did you mean 'cases'\?\)"),
    ],
)
def test_impossible_options_are_refused(options, message):
    registry = build_registry([plugin], entry_points=False)
    with pytest.raises(SpecError, match=message):
        registry.create("reader", "synthetic", options)
