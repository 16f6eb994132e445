"""Toy mammograms: a bright half disc with grain, and lesions that a tiny network finds at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from mammo_localization import inception, layout
from mammo_localization.config import CLASSES, VIEWS, LocalizationConfig
from taskfusion.cases import Annotations, Case, Cohort

HEIGHT, WIDTH = 96, 80

TINY = LocalizationConfig(
    size=(HEIGHT, WIDTH),
    width=0.125,
    stride=8,
    min_depth=8,
    rpn_depth=128,
    anchor_base=16.0,
    anchor_scales=(0.8, 1.2),
    anchor_ratios=(1.0,),
    rpn_samples=24,
    rpn_candidates=60,
    proposals=16,
    roi_samples=12,
    crop=4,
    pool=1,
    window=(64, 56),
    batch=8,
    steps=40,
    patch=32,
    patch_batch=16,
    patch_steps=6,
    learning_rate=4e-3,
    predict_batch=4,
)


@pytest.fixture(scope="session")
def tiny() -> LocalizationConfig:
    """Settings of a tiny detector for toy mammograms."""
    return TINY


@pytest.fixture(scope="session")
def make_cohort() -> Callable[..., Cohort]:
    """The maker of toy cohorts."""
    return toy_cohort


@pytest.fixture
def toys() -> Cohort:
    """A toy cohort of 40 cases."""
    return toy_cohort()


@pytest.fixture(scope="module")
def thin() -> Iterator[None]:
    """Networks of few modules while a test module runs."""
    with pytest.MonkeyPatch.context() as patch:
        thin_out(patch)
        yield


LEFT_OUT = ("Mixed_3b", "Mixed_3c", "Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_5b")


def thin_out(patch: pytest.MonkeyPatch) -> None:
    """Leave out most modules: what is tested here does not depend on depth, and compiling does.

    The tables are replaced as a whole, as their order is that of the network: taken out and put back, a module would
    stand last.
    """
    for name in ("FIRST_MODULES", "SECOND_MODULES"):
        kept = {key: module for key, module in getattr(layout, name).items() if key not in LEFT_OUT}
        patch.setattr(layout, name, kept)
        patch.setattr(inception, name, kept)


def toy_view(rng: np.random.Generator, lesion: int | None, right: bool) -> tuple[np.ndarray, list[float]]:
    """An image uint16 and the box of its lesion (class 0: points, otherwise a disc)."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    image = 0.45 * ((x / 62) ** 2 + ((y - HEIGHT / 2) / 46) ** 2 < 1) + rng.normal(0, 0.01, x.shape)
    box: list[float] = []
    if lesion is not None:
        cx, cy, r = rng.uniform(12, 40), rng.uniform(26, 70), rng.uniform(5, 9)
        disc = (x - cx) ** 2 + (y - cy) ** 2 < r**2
        image += 0.5 * (disc & (((x.astype(int) + y.astype(int)) % 3 == 0) | (lesion % 2 == 1)))
        box = [cx - r, cy - r, cx + r, cy + r]
    if right:
        image = image[:, ::-1]
        box = [WIDTH - box[2], box[1], WIDTH - box[0], box[3]] if box else box
    return (np.clip(image, 0, 1) * 60000).astype(np.uint16), box


def toy_cohort(cases: int = 40, seed: int = 0, validation: int = 10) -> Cohort:
    """Every second case has a lesion in both views of one side."""
    rng = np.random.default_rng(seed)
    made, rows = [], []
    for number in range(cases):
        side = "LR"[rng.integers(2)] if number % 2 else ""
        label = int(rng.integers(2))
        views = {}
        for column, view in enumerate(VIEWS):
            sick = view[0] == side
            views[view], box = toy_view(rng, label if sick else None, view[0] == "R")
            if sick:
                rows.append((number, column, *box, label))
        made.append(Case.of(f"case-{number}", views))
    table = np.array(rows)
    annotations = Annotations(CLASSES, table[:, 0], table[:, 1], table[:, 2:6], table[:, 6])
    split = np.array(["train"] * (cases - validation) + ["validation"] * validation)
    return Cohort("toy", made, VIEWS, split=split, annotations=annotations)
