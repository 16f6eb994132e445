import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.synthetic.config import Frame
from mammo_data.synthetic.lesions import Cluster, Ellipse, add, draw_cluster, draw_mass

FRAME = Frame(288, 224)
suspicions = st.floats(0, 1)
seeds = st.integers(0, 2**32)


@given(seeds, suspicions)
def test_what_a_mass_adds_lies_mostly_in_its_box_and_wholly_in_its_reach(seed, suspicion):
    mass = draw_mass(np.random.default_rng(seed), suspicion)
    canvas = np.zeros((288, 224), np.float32)
    add(canvas, FRAME, mass, (112, 144), 1.0)
    x0, y0, x1, y1 = (round(v + c) for v, c in zip(mass.box(), (112, 144, 112, 144), strict=True))
    assert canvas[y0:y1, x0:x1].sum() > 0.75 * canvas.sum() > 0
    assert canvas[144, 112] == pytest.approx(mass.contrast, rel=0.25)


@given(seeds, suspicions)
def test_the_points_of_a_cluster_lie_in_its_box(seed, suspicion):
    cluster = draw_cluster(np.random.default_rng(seed), suspicion)
    x0, y0, x1, y1 = cluster.box()
    assert (cluster.points > [x0, y0]).all()
    assert (cluster.points < [x1, y1]).all()


def test_suspicious_clusters_have_more_and_finer_points():
    def mean(suspicion):
        drawn = [draw_cluster(np.random.default_rng(seed), suspicion) for seed in range(40)]
        return np.mean([len(c.points) for c in drawn]), np.mean([c.sizes.mean() for c in drawn])

    (few, coarse), (many, fine) = mean(0.1), mean(0.9)
    assert many > 2 * few
    assert fine < 0.8 * coarse


def test_suspicious_masses_are_less_round():
    def roughness(suspicion):
        angle = np.linspace(0, 6.28, 60)
        drawn = [draw_mass(np.random.default_rng(seed), suspicion) for seed in range(40)]
        return np.mean([np.std(m.contour(angle)) / m.radius for m in drawn])

    assert roughness(0.9) > 2 * roughness(0.1)


def test_a_mass_without_spicules_is_a_smooth_blob():
    mass = draw_mass(np.random.default_rng(0), 0.5)
    smooth = type(mass)(mass.radius, mass.contrast, mass.softness, mass.lobes, np.zeros((0, 3)))
    dx = np.linspace(-30, 30, 61)
    assert smooth.profile(dx[None], dx[:, None]).max() <= mass.contrast


@given(st.floats(-400, 700), st.floats(-400, 700))
def test_stains_are_cut_off_at_the_edge_of_the_image(x, y):
    canvas = np.zeros((288, 224), np.float32)
    add(canvas, FRAME, Ellipse(8, 1.5, 0.3, 0.4, 0.5), (x, y), 0.3)
    assert canvas.min() >= -1e-6
    assert canvas.max() <= 0.31


def test_a_point_has_its_height_where_it_lies_at_any_resolution():
    point = Cluster(np.zeros((1, 2)), np.array([1.0]), np.array([0.6]))
    for factor in (1, 4):
        canvas = np.zeros((288 * factor, 224 * factor), np.float32)
        add(canvas, Frame(*canvas.shape), point, (100.5, 60.5), 1.0)
        assert canvas.max() == pytest.approx(0.6, rel=0.02)
        assert np.unravel_index(canvas.argmax(), canvas.shape)[0] // factor == 60
