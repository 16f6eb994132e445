"""Reader ``digits``: slips of paper with up to four digits, photographed in two halves."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from taskfusion.cases import SPLITS, Annotations, Case, Cohort, Target, View
from taskfusion.errors import SpecError
from taskfusion.images import Array
from taskfusion.progress import Progress
from taskfusion.readers import CohortReader
from taskfusion.splits import split_by_group
from taskfusion_digits.slips import DIGITS, HEIGHT, SIDE, VIEWS, WIDTH, HalfSlip, handwriting

SLOTS = 4  # places for a digit on a slip, two in each view
SPLIT = (0.5, 0.2, 0.3)  # of the writers, in the order of SPLITS
FEWEST_WRITERS = 10  # with fewer a split may have none
NOTICE = "EXAMPLE DATA: slips put together from scikit-learn's digits"
TARGETS = {
    "seven": Target("seven", ("seven",), "a seven stands on the slip"),
    "high": Target("high", ("seven", "eight", "nine"), "a digit from seven up stands on the slip"),
}


@attrs.frozen
class DigitsCohort:
    """How many slips, by how many writers, and how hard to read.

    Attributes:
        cases: slips, shared out among the writers.
        writers: each has scikit-learn's images of his own; his slips stay together in every split.
        seed: of everything that is drawn.
        written: how probable a digit is at each of the four places.
        strokes: lines across each view, on average.
        noise: standard deviation of the noise, where white is 1.
        hurry: standard deviation of the error of the noted total.
        lost: how probable it is that a view, or the total, is not there.
    """

    cases: int = 1500
    writers: int = attrs.field(default=100)
    seed: int = 0
    written: float = 0.4
    strokes: float = 1.5
    noise: float = 0.4
    hurry: float = 1.5
    lost: float = 0.03

    @writers.validator
    def _check(self, _: Any, value: int) -> None:
        if not FEWEST_WRITERS <= value <= self.cases:
            raise SpecError(f"writers must be from {FEWEST_WRITERS} to the number of cases ({self.cases}), got {value}")


@attrs.frozen(eq=False)
class _Slips:
    """What stands on the slips, columnar: one row a slip, one column a place for a digit.

    Attributes:
        writer: ``(cases,)``.
        written: ``(cases, SLOTS)``, whether a digit stands there.
        image: ``(cases, SLOTS)``, the number of scikit-learn's image.
        corner: ``(cases, SLOTS, 2)``, row and column of its upper left pixel in the view.
        total: ``(cases,)``, the sum of the digits as somebody noted it; NaN where nobody did.
        lost: ``(cases, views)``, whether the view is not there.
    """

    writer: Array
    written: Array
    image: Array
    corner: Array
    total: Array
    lost: Array

    @property
    def digit(self) -> Array:
        """``(cases, SLOTS)``, -1 where none stands."""
        return np.where(self.written, handwriting()[1][self.image], -1)


class DigitsReader(CohortReader):
    """Draws up the slips (no pixels yet: a view is drawn when it is read)."""

    Config = DigitsCohort

    def read(self, progress: Progress) -> Cohort:
        """Labels ``seven`` and ``high``, a box around every digit, the noted ``total`` as metadata, and a split."""
        with progress.step("digits: slips", total=1) as bar:
            cohort = _cohort(self.config, _draw_up(self.config))
            bar.advance(1)
        return cohort


def _draw_up(config: DigitsCohort) -> _Slips:
    rng = np.random.default_rng(config.seed)
    writer = np.arange(config.cases) % config.writers
    written = rng.random((config.cases, SLOTS)) < config.written
    image = _own_images(rng, writer, config.writers)
    room = (HEIGHT - SIDE + 1, WIDTH // 2 - SIDE + 1)
    corner = rng.integers(0, room, (config.cases, SLOTS, 2))
    corner[..., 1] += np.arange(SLOTS) % 2 * (WIDTH // 2)
    total = np.where(written, handwriting()[1][image], 0).sum(axis=1)
    noted = np.round(np.maximum(total + rng.normal(0, config.hurry, config.cases), 0))
    noted[rng.random(config.cases) < config.lost] = np.nan
    return _Slips(writer, written, image, corner, noted, rng.random((config.cases, len(VIEWS))) < config.lost)


def _own_images(rng: np.random.Generator, writer: Array, writers: int) -> Array:
    """``(cases, SLOTS)`` images; no two writers share one, so that no image is in two splits."""
    own = len(handwriting()[1]) // writers
    pool = rng.permutation(len(handwriting()[1]))[: own * writers].reshape(writers, own)
    return np.asarray(pool[writer[:, None], rng.integers(0, own, (len(writer), SLOTS))])


def _cohort(config: DigitsCohort, slips: _Slips) -> Cohort:
    groups = np.array([f"writer-{number:03d}" for number in slips.writer])
    labels = {name: np.isin(slips.digit, _numbers(target)).any(axis=1).astype(int) for name, target in TARGETS.items()}
    return Cohort(
        name="digits",
        cases=[_case(config, slips, row, groups[row]) for row in range(config.cases)],
        views=VIEWS,
        labels=labels,
        targets=TARGETS,
        split=split_by_group(groups, labels["seven"], dict(zip(SPLITS, SPLIT, strict=True)), config.seed),
        annotations=_annotations(slips),
        notice=NOTICE,
    )


def _numbers(target: Target) -> Array:
    """The digits that count for a target."""
    return np.flatnonzero(target.counts(DIGITS))


def _case(config: DigitsCohort, slips: _Slips, row: int, group: str) -> Case:
    total = slips.total[row]
    views = {
        name: View(name, _half(config, slips, row, number))
        for number, name in enumerate(VIEWS)
        if not slips.lost[row, number]
    }
    return Case(f"slip-{row:05d}", views, {"total": None if np.isnan(total) else int(total)}, group)


def _half(config: DigitsCohort, slips: _Slips, row: int, view: int) -> HalfSlip:
    slots = np.flatnonzero(slips.written[row] & (np.arange(SLOTS) // 2 == view))
    image, (down, right) = slips.image[row, slots].tolist(), slips.corner[row, slots].T.tolist()
    marks = tuple(zip(image, down, right, strict=True))
    return HalfSlip((config.seed, row, view), marks, config.strokes, config.noise)


def _annotations(slips: _Slips) -> Annotations:
    """A box around every digit; also of views that are lost, for there it stands all the same."""
    case, slot = np.nonzero(slips.written)
    corner = slips.corner[case, slot][:, ::-1]  # boxes are x before y
    return Annotations(
        classes=DIGITS,
        case=case,
        view=slot // 2,
        boxes=np.concatenate([corner, corner + SIDE], axis=1),
        labels=slips.digit[case, slot],
    )
