"""Heat maps lie where the network looks, on the file's own pixels."""

from __future__ import annotations

from typing import Any

import attrs
import keras
import numpy as np
import pytest

from mammo_data.batches import prepare_views
from mammo_findings.config import FindingsConfig
from mammo_findings.heat import LEAN, evidence, measured_lean, shares
from mammo_findings.networks import BACKBONE, HEAD, HIDDEN, view_model
from mammo_findings.task import Findings
from mammo_findings.views import TrainingViews
from taskfusion.cases import Case

SIZE = (192, 160)
SHAPE = (240, 200)


def bright_spot_finder(**options: Any) -> Findings:
    """F set by hand: one channel of every layer carries brightness on, blurred; a lesion is what is bright."""
    config = FindingsConfig(size=SIZE, width=0.125, patch=32, views=("L-CC",), **options)
    view = view_model(config)
    for layer in view.get_layer(BACKBONE).layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D):
            layer.set_weights([carrying(layer.get_weights()[0])])
    if config.hidden:
        view.get_layer(HIDDEN).set_weights([first_channel((config.channels, config.hidden)), np.zeros(config.hidden)])
    kernel = first_channel((config.hidden or config.channels, 2)) @ [[-9.0, 9.0], [0.0, 0.0]]
    view.get_layer(HEAD).set_weights([kernel, np.zeros(2)])
    task = Findings(config)
    task.keep({"view": view}, {})
    return task


def carrying(kernel: np.ndarray) -> np.ndarray:
    """A kernel of this shape that gives the first channel's mean to the first channel, and nothing to the others."""
    made = np.zeros_like(kernel)
    made[..., 0, 0] = 1 / (kernel.shape[0] * kernel.shape[1])
    return made


def first_channel(shape: tuple[int, int]) -> np.ndarray:
    made = np.zeros(shape)
    made[0, 0] = 1
    return made


def picture(spot: tuple[int, int] | None) -> np.ndarray:
    """A left breast of plain tissue, chest wall at the left edge, with or without a bright spot at x, y."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    inside = (x / 170) ** 2 + ((y - 120) / 110) ** 2 < 1
    image = np.where(inside, 16000, 0)
    if spot is not None:
        image = np.where((x - spot[0]) ** 2 + (y - spot[1]) ** 2 < 12**2, 60000, image)
    return image.astype(np.uint16)


@pytest.mark.backend
@pytest.mark.parametrize(
    "options",
    [{"pooling": "average"}, {"pooling": "average", "hidden": 4}, {"pooling": "lesion"}, {"pooling": "max"}],
    ids=["cam", "grad-cam", "lesion", "max"],
)
def test_the_heat_is_highest_at_the_bright_spot_in_left_and_right_breasts(options: dict[str, Any]) -> None:
    task = bright_spot_finder(**options)
    for x, y in [(50, 70), (90, 150), (40, 110)]:
        left = picture((x, y))
        for image, column in ((left, x), (left[:, ::-1], SHAPE[1] - 1 - x)):
            heat = task.heat_maps(Case.of("spot", {"L-CC": image}))["L-CC"].values
            assert heat.shape == SHAPE
            row, place = np.unravel_index(heat.argmax(), heat.shape)
            assert np.hypot(row - y, place - column) < 36  # of one another lie F's places


def test_the_highest_heat_of_a_view_is_its_score(trained: Findings, cohort: Any) -> None:
    case = cohort.cases[0]
    scores = trained.predict([case]).scores
    assert scores is not None
    for number, view in enumerate(trained.config.views):
        heat = trained.heat_maps(case)[view].values
        assert 0.3 * scores[0, number, 0] < heat.max() <= scores[0, number, 0] + 1e-6


def test_views_that_are_not_there_have_no_map_and_black_ones_no_heat(trained: Findings) -> None:
    maps = trained.heat_maps(Case.of("dark", {"R-MLO": np.zeros((50, 31), np.uint8)}))
    assert list(maps) == ["R-MLO"]
    assert maps["R-MLO"].values.shape == (50, 31)
    assert np.isfinite(maps["R-MLO"].values).all()


def test_a_large_image_has_a_smaller_map_of_the_same_proportions(trained: Findings) -> None:
    grey = np.random.default_rng(0).integers(0, 4095, (1024, 512)).astype(np.uint16)
    assert trained.heat_maps(Case.of("large", {"L-CC": grey}))["L-CC"].values.shape == (256, 128)


@pytest.mark.backend
def test_views_the_same_everywhere_have_no_heat() -> None:
    assert not shares(np.zeros((2, 3, 3)), np.ones(2)).any()


@pytest.mark.backend
def test_evidence_is_the_gradient_of_the_logit_gap_times_what_was_pooled() -> None:
    """Against numbers: the gap moves by the slope when the pooled vector does."""
    config = FindingsConfig(size=(64, 64), patch=32, pooling="average", hidden=5, width=0.125)
    view = view_model(config)
    generator = np.random.default_rng(1)
    places = generator.normal(size=(1, 2, 2, config.channels))
    pooled = places.mean(axis=(1, 2))

    def gap(vector: np.ndarray) -> float:
        inner, bias = view.get_layer(HIDDEN).get_weights()
        kernel, last = view.get_layer(HEAD).get_weights()
        logits = np.maximum(vector @ inner + bias, 0) @ kernel + last
        return float(logits[0, 1] - logits[0, 0])

    step = 1e-4
    moved = [gap(pooled + step * (place - pooled)) - gap(pooled) for place in places.reshape(4, 1, -1)]
    np.testing.assert_allclose(evidence(places, pooled, view).ravel(), np.array(moved) / step, atol=1e-3)


def test_the_lean_is_measured_where_views_with_one_lesion_tell_it() -> None:
    """A finder of bright spots, and spots of which the boxes lie elsewhere: the distance is found again."""
    task = bright_spot_finder(pooling="average")
    view, config = task.network("view"), task.config
    spots = [(x, y) for x in (40, 60, 80, 100) for y in (80, 110, 140)]
    cases = [Case.of(f"s{number}", {"L-CC": picture(spot)}) for number, spot in enumerate(spots)]
    pixels = prepare_views(cases, ("L-CC",), config.size).pixels[:, 0]
    middles = np.array(spots, float)
    boxes = np.concatenate([middles - 5, middles + 5], axis=1)
    rows = np.arange(len(spots))
    views = TrainingViews(pixels[..., None], np.ones(len(spots), int), boxes, rows, np.ones(len(spots), int))
    plain = measured_lean(view, views, config)
    moved = attrs.evolve(views, boxes=boxes + np.tile([20, -10], 2))
    assert np.subtract(measured_lean(view, moved, config), plain) == pytest.approx([20, -10])
    few = attrs.evolve(views, boxes=boxes[:3], rows=rows[:3])
    assert measured_lean(view, few, config) == [LEAN, LEAN]
