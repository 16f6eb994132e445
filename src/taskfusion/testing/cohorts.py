"""A few made-up cases with everything a task may look at: images in memory, boxes, labels, metadata."""

from __future__ import annotations

import attrs
import numpy as np

from taskfusion.cases import Annotations, Case, Cohort, Target, View
from taskfusion.errors import SpecError
from taskfusion.images import Array
from taskfusion.progress import Progress
from taskfusion.readers import CohortReader

CLASSES = ("mild", "bad")
NOTICE = "MADE UP: small cases for trying plugins; they mean nothing"
SPLITS = np.array(["train", "train", "train", "validation", "test", "test"])
SPOT = 8  # side of a lesion in pixels


@attrs.frozen
class SmallConfig:
    """A made-up cohort.

    Attributes:
        cases: how many, at least 12; two of them share a group.
        views: names of the views every case has.
        size: height and width of an image in pixels, at least 16.
        seed: draws everything.
    """

    cases: int = attrs.field(default=36, validator=attrs.validators.ge(12))
    views: tuple[str, ...] = attrs.field(default=("L", "R"), validator=attrs.validators.min_len(1))
    size: tuple[int, int] = attrs.field(default=(32, 24))
    seed: int = attrs.field(default=0, validator=attrs.validators.ge(0))

    @size.validator
    def _large_enough(self, _: object, value: tuple[int, int]) -> None:
        if min(value) < 2 * SPOT:
            raise SpecError(f"size must be at least {2 * SPOT} x {2 * SPOT}, found {list(value)}")


class SmallReader(CohortReader):
    """Reader ``small``: made-up cases for trying out a plugin, in memory."""

    Config = SmallConfig

    def read(self, progress: Progress) -> Cohort:
        """The cohort; the same options give the same cases."""
        return small_cohort(self.config)


def small_cohort(config: SmallConfig | None = None) -> Cohort:
    """Cases whose images, boxes and metadata all tell, with noise, whether they are ill.

    Every view is a dim image of uint8 pixels ``(height, width)``; an ill case is brighter and has a bright square (a
    box of class ``mild`` or ``bad``) in some of its views. Labels: ``ill`` and ``bad`` (both targets, 0 and 1) and
    ``grade`` (0 to 3, unknown for some). Metadata: ``age`` (years), ``marker`` (0 to 1), ``site`` (text). Splits:
    train, validation and test, two cases a group.
    """
    config = config or SmallConfig()
    rng = np.random.default_rng(config.seed)
    severity = rng.permutation(np.linspace(-1.5, 1.5, config.cases)) + rng.normal(0, 0.1, config.cases)
    ill, bad = severity > 0, severity > 0.7
    spots = (rng.random((config.cases, len(config.views))) < 0.7) & ill[:, None]
    corners = rng.integers(0, np.array(config.size) - SPOT, (config.cases, len(config.views), 2))
    cases = [_case(row, config, (severity[row], spots[row], corners[row]), rng) for row in range(config.cases)]
    return Cohort(
        name="small",
        cases=cases,
        views=config.views,
        labels={"ill": ill.astype(int), "bad": bad.astype(int), "grade": _grade(severity)},
        targets={"ill": Target("ill", None, "any illness"), "bad": Target("bad", ("bad",), "the bad kind")},
        split=SPLITS[(np.arange(config.cases) // 2) % len(SPLITS)],
        annotations=_annotations(spots, corners, bad),
        notice=NOTICE,
    )


def _case(row: int, config: SmallConfig, drawn: tuple[float, Array, Array], rng: np.random.Generator) -> Case:
    severity, spots, corners = drawn
    views = {}
    for column, name in enumerate(config.views):
        image = 90 + 12 * severity + rng.normal(0, 8, config.size)
        if spots[column]:
            top, left = corners[column]
            image[top : top + SPOT, left : left + SPOT] += 80
        views[name] = View(name, np.clip(image, 0, 255).astype(np.uint8))
    metadata = {
        "age": round(float(55 + 6 * severity + rng.normal(0, 5)), 1),
        "marker": round(float(1 / (1 + np.exp(-severity - rng.normal(0, 0.8)))), 3),
        "site": "ab"[row % 2],
    }
    return Case(f"case-{row:03d}", views, metadata, f"group-{row // 2:03d}")


def _grade(severity: Array) -> Array:
    grade = np.digitize(severity, [-0.75, 0.0, 0.75])
    grade[::11] = -1  # unknown
    return grade


def _annotations(spots: Array, corners: Array, bad: Array) -> Annotations:
    case, view = np.nonzero(spots)
    top, left = corners[case, view].T
    boxes = np.stack([left, top, left + SPOT, top + SPOT], axis=1)
    return Annotations(CLASSES, case, view, boxes, bad[case].astype(int))
