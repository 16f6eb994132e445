from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammo_findings.config import FindingsConfig
from mammo_findings.views import TrainingViews, cut_patches, draw_sites, read_views
from taskfusion.cases import Case, Cohort
from taskfusion.tasks.base import FitContext

CONFIG = FindingsConfig(size=(64, 64), patch=32, patches_per_lesion=4, patches_per_normal=3)


def toy_views() -> TrainingViews:
    """A black view, a grey one, and a grey one with a white square at 20..30, 40..50."""
    pixels = np.zeros((3, 64, 64, 1), np.uint8)
    pixels[1:] = 100
    pixels[2, 40:50, 20:30] = 255
    box = np.array([[20.0, 40.0, 30.0, 50.0]])
    return TrainingViews(pixels, np.array([0, 0, 1]), box, np.array([2]), np.array([2]))


def test_every_view_gives_its_share_of_patches() -> None:
    sites = draw_sites(toy_views(), CONFIG, seed=0)
    assert np.bincount(sites.places[:, 0]).tolist() == [3, 3, 4]
    assert sites.labels.tolist() == [0] * 6 + [2] * 4


@given(st.integers(0, 1000))
def test_lesion_patches_hold_the_lesion_even_when_turned(seed: int) -> None:
    views = toy_views()
    sites = draw_sites(views, CONFIG, seed)
    places = sites.places[sites.labels == 2]
    straight = cut_patches(views.pixels, places, 32)
    assert ((straight > 200).sum(axis=(1, 2, 3)) >= 0.9 * 100).all()
    turned = cut_patches(views.pixels, places, 32, np.random.default_rng(seed))
    assert ((turned > 200).sum(axis=(1, 2, 3)) >= 10).all()


def test_straight_patches_are_the_pixels_themselves() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 1)).astype(np.uint8)
    patch = cut_patches(pixels, np.array([[0, 5, 17]]), 32)
    np.testing.assert_array_equal(patch[0], pixels[0, 17:49, 5:37])


@pytest.mark.parametrize("anywhere", [0.0, 0.5, 1.0])
def test_black_views_give_black_patches(anywhere: float) -> None:
    black = TrainingViews(
        np.zeros((1, 64, 64, 1), np.uint8), np.zeros(1, int), np.zeros((0, 4)), np.zeros(0, int), np.zeros(0, int)
    )
    sites = draw_sites(black, attrs.evolve(CONFIG, anywhere=anywhere), seed=0)
    assert len(sites.labels) == 3
    assert not cut_patches(black.pixels, sites.places, 32).any()


def test_labels_and_boxes_follow_the_views_there_are(cohort: Cohort) -> None:
    whole = read_views(cohort, "train", CONFIG, FitContext())
    assert whole.lesion.sum() == cohort.part("train").view_labels().sum()
    assert ((whole.boxes >= -1) & (whole.boxes <= 65)).all()

    def without_first_view(case: Case) -> Case:
        return attrs.evolve(case, views={name: view for name, view in case.views.items() if name != "L-CC"})

    part = attrs.evolve(cohort, cases=tuple(without_first_view(case) for case in cohort.cases))
    fewer = read_views(part, "train", CONFIG, FitContext())
    np.testing.assert_array_equal(fewer.pixels, whole.pixels.reshape(-1, 4, 64, 64, 1)[:, 1:].reshape(-1, 64, 64, 1))
    np.testing.assert_array_equal(fewer.lesion, whole.lesion.reshape(-1, 4)[:, 1:].ravel())
    assert fewer.lesion[fewer.rows].all()


def test_two_classes_where_lesions_are_not_told_apart(cohort: Cohort) -> None:
    views = read_views(cohort, "train", attrs.evolve(CONFIG, distinguish=False), FitContext())
    assert set(views.classes) == {1}
