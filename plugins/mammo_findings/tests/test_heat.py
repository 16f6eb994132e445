"""Heat maps lie where the network looks, on the file's own pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mammo_findings.config import FindingsConfig
from mammo_findings.heat import evidence, shares
from mammo_findings.networks import HEAD, HIDDEN, mapped, view_model
from mammo_findings.task import Findings
from taskfusion.cases import Case

SIZE = (192, 160)
SHAPE = (240, 200)


def bright_spot_finder(**options: Any) -> Findings:
    """F with random filters, whose answer grows with how far a place lies from that of plain tissue.

    Nothing is trained: the last layers are set by hand, from what the filters make of a plain and of a spotted view.
    """
    config = FindingsConfig(size=SIZE, width=0.25, patch=32, views=("L-CC", "R-CC"), **options)
    task = Findings(config)
    view = view_model(config)
    plain, spotted = picture(None), picture((100, 120))
    case = Case.of("both", {"L-CC": plain, "R-CC": spotted[:, ::-1]})
    task.keep({"view": view}, {})
    places = np.stack(places_of(task, case))
    there = np.abs(places[1] - places[0]).sum(axis=-1)
    row, column = np.unravel_index(there.argmax(), there.shape)
    direction = places[1, row, column] - places[0, row, column]
    direction /= np.square(direction).sum()
    head = view.get_layer(HEAD)
    if config.hidden:
        inner = np.zeros((config.channels, config.hidden), np.float32)
        inner[:, 0], inner[:, 1] = direction, -direction
        view.get_layer(HIDDEN).set_weights([inner, np.ones(config.hidden, np.float32) * 9])
        kernel = np.zeros((config.hidden, 2), np.float32)
        kernel[0, 1], kernel[1, 1] = 5, -5
    else:
        kernel = np.stack([-direction, direction], axis=1)
    head.set_weights([kernel, np.zeros(2, np.float32)])
    return task


def places_of(task: Findings, case: Case) -> list[np.ndarray]:
    from mammo_data.batches import prepare_views
    from mammo_findings.task import _ask

    prepared = prepare_views([case], task.config.views, task.config.size)
    return list(_ask(mapped(task.network("view")), prepared)[2])


def picture(spot: tuple[int, int] | None) -> np.ndarray:
    """A left breast of plain tissue, chest wall at the left edge, with or without a bright spot at x, y."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    inside = (x / 170) ** 2 + ((y - 120) / 110) ** 2 < 1
    image = np.where(inside, 16000, 0)
    if spot is not None:
        image = np.where((x - spot[0]) ** 2 + (y - spot[1]) ** 2 < 12**2, 60000, image)
    return image.astype(np.uint16)


@pytest.mark.parametrize(
    "options",
    [{"pooling": "average"}, {"pooling": "average", "hidden": 4}, {"pooling": "lesion"}, {"pooling": "max"}],
    ids=["cam", "grad-cam", "lesion", "max"],
)
def test_the_heat_is_highest_at_the_bright_spot_in_left_and_right_breasts(options: dict[str, Any]) -> None:
    task = bright_spot_finder(**options)
    for x, y in [(60, 60), (100, 150), (40, 180)]:
        left = picture((x, y))
        maps = task.heat_maps(Case.of("spots", {"L-CC": left, "R-CC": left[:, ::-1]}))
        assert set(maps) == {"L-CC", "R-CC"}
        for name, column in (("L-CC", x), ("R-CC", SHAPE[1] - 1 - x)):
            heat = maps[name].values
            assert heat.shape == SHAPE
            row, place = np.unravel_index(heat.argmax(), heat.shape)
            assert np.hypot(row - y, place - column) < 26, (options, name, (x, y), (place, row))


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


def test_views_the_same_everywhere_have_no_heat() -> None:
    assert not shares(np.zeros((2, 3, 3)), np.ones(2)).any()


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
