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
VIEW_OF = np.arange(SLOTS) // 2
SPLIT = (0.5, 0.2, 0.3)  # of the writers, in the order of SPLITS
UNDERLINED = (0.05, 0.8)  # how probable a line is under a half without a seven, and under one with a seven
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
        strokes: strokes across each view, on average.
        noise: standard deviation of the noise, where white is 1.
        pencil: brightness of the line that most writers draw under a half with a seven, lest it be taken for a one.
        hurry: standard deviation of the error of the noted total.
        lost: how probable it is that a view, or the total, is not there.
    """

    cases: int = 1500
    writers: int = attrs.field(default=100)
    seed: int = 0
    written: float = 0.4
    strokes: float = 1.5
    noise: float = 0.4
    pencil: float = 0.3
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
        digit: ``(cases, SLOTS)``, -1 where none stands.
        image: ``(cases, SLOTS)``, the number of scikit-learn's image.
        corner: ``(cases, SLOTS, 2)``, row and column of its upper left pixel in the view.
        line: ``(cases, views)``, whether the half is underlined.
        total: ``(cases,)``, the sum of the digits as somebody noted it; NaN where nobody did.
        lost: ``(cases, views)``, whether the view is not there.
    """

    writer: Array
    digit: Array
    image: Array
    corner: Array
    line: Array
    total: Array
    lost: Array


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
    digit = np.where(written, handwriting()[1][image], -1)
    noted = np.where(written, digit, 0).sum(axis=1) + rng.normal(0, config.hurry, config.cases)
    lost = rng.random((config.cases, 1 + len(VIEWS))) < config.lost
    return _Slips(
        writer=writer,
        digit=digit,
        image=image,
        corner=_corners(rng, config.cases),
        line=_lines(rng, digit),
        total=np.where(lost[:, 0], np.nan, np.round(np.maximum(noted, 0))),
        lost=lost[:, 1:],
    )


def _own_images(rng: np.random.Generator, writer: Array, writers: int) -> Array:
    """``(cases, SLOTS)`` images; no two writers share one, so that no image is in two splits."""
    own = len(handwriting()[1]) // writers
    pool = rng.permutation(len(handwriting()[1]))[: own * writers].reshape(writers, own)
    return np.asarray(pool[writer[:, None], rng.integers(0, own, (len(writer), SLOTS))])


def _corners(rng: np.random.Generator, cases: int) -> Array:
    """``(cases, SLOTS, 2)``: each digit somewhere in its half of the view, above the row for the line."""
    corner = rng.integers(0, (HEIGHT - SIDE, WIDTH // 2 - SIDE + 1), (cases, SLOTS, 2))
    corner[..., 1] += np.arange(SLOTS) % 2 * (WIDTH // 2)
    return corner


def _lines(rng: np.random.Generator, digit: Array) -> Array:
    """``(cases, views)``: most halves with a seven are underlined, and a few without."""
    seven = np.stack([(digit[:, view == VIEW_OF] == 7).any(axis=1) for view in range(len(VIEWS))], axis=1)
    return rng.random(seven.shape) < np.where(seven, UNDERLINED[1], UNDERLINED[0])


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
    slots = np.flatnonzero((slips.digit[row] >= 0) & (view == VIEW_OF))
    image, (down, right) = slips.image[row, slots].tolist(), slips.corner[row, slots].T.tolist()
    marks = tuple(zip(image, down, right, strict=True))
    line = config.pencil if slips.line[row, view] else 0.0
    return HalfSlip((config.seed, row, view), marks, line, config.strokes, config.noise)


def _annotations(slips: _Slips) -> Annotations:
    """A box around every digit; also of views that are lost, for there it stands all the same."""
    case, slot = np.nonzero(slips.digit >= 0)
    corner = slips.corner[case, slot][:, ::-1]  # boxes are x before y
    return Annotations(
        classes=DIGITS,
        case=case,
        view=VIEW_OF[slot],
        boxes=np.concatenate([corner, corner + SIDE], axis=1),
        labels=slips.digit[case, slot],
    )
