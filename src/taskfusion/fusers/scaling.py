"""Scaling fitted on the training split: scores to standardised logits, features to [-1, 1]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from taskfusion.blocks import Block, chunks_of, parts_of
from taskfusion.images import Array

HUGE = 1e100  # no number is taken for larger, so that squares are finite
ROWS = 1 << 16  # at once, so that what is made on the way to many scores takes little memory
CLIP = 1e-7  # how near to 0 and 1 a probability is told from them: a logit of 16


def logits(scores: Array) -> Array:
    """log(p / (1 - p)): infinite at 0 and below, at 1 and above, else within 16; NaN stays NaN."""
    p = np.asarray(scores, np.float64)
    inner = np.clip(p, CLIP, 1 - CLIP)
    with np.errstate(invalid="ignore"):
        return np.where(p <= 0, -np.inf, np.where(p >= 1, np.inf, np.log(inner) - np.log1p(-inner)))


@attrs.define(eq=False)
class LogitScaler:
    """Scores to standardised logits, medians where one is missing. All arrays are ``(columns,)``.

    A change of calibration is close to a shift and a scale on logits, which standardising takes out. A column that
    holds anything outside [0, 1] in training is no probability and is standardised as it is.

    Attributes:
        probability: whether a column is one.
        low, high: what stands for the probabilities 0 and 1: one standard deviation beyond the training split's
            others, so that "nothing found" is less than any finding and yet does not rule the scale. No value passes
            these bounds.
        median, mean: of the training split.
        scale: its standard deviation; 0 of a column that never varied, which then is 0 whatever comes, as nobody
            knows what its other values mean.
    """

    probability: Array = attrs.field(factory=lambda: np.zeros(0, bool))
    low: Array = attrs.field(factory=lambda: np.zeros(0))
    high: Array = attrs.field(factory=lambda: np.zeros(0))
    median: Array = attrs.field(factory=lambda: np.zeros(0))
    mean: Array = attrs.field(factory=lambda: np.zeros(0))
    scale: Array = attrs.field(factory=lambda: np.zeros(0))

    def fit(self, scores: Array) -> LogitScaler:
        """Learn from the training split ``(cases, columns)``; what is not finite counts as missing."""
        known = np.isfinite(scores)
        inside = (scores >= 0) & (scores <= 1)
        self.probability = np.asarray((inside | ~known).all(axis=0))
        opened = by_parts(self._opened, scores)
        bounds = [_bounds(column) for column in opened.T]
        self.low, self.high = np.array(bounds).reshape(-1, 2).T
        values = self._bounded(opened)
        values[:, ~known.any(axis=0)] = 0.0
        self.median = np.nanmedian(values, axis=0)
        filled = np.where(np.isnan(values), self.median, values)
        self.mean, self.scale = filled.mean(axis=0), filled.std(axis=0)
        self.scale[self.scale < 1e-9 * (1 + np.abs(self.mean))] = 0.0
        return self

    def transform(self, scores: Array, fill: bool = True) -> Array:
        """``(cases, columns)``, about zero mean and unit variance.

        Without ``fill`` a missing score stays NaN, and a column that never varied is NaN throughout.
        """
        return by_parts(lambda part: self._transformed(part, fill), scores)

    def _transformed(self, scores: Array, fill: bool) -> Array:
        values = self._bounded(self._opened(scores))
        if fill:
            values = np.where(np.isnan(values), self.median, values)
        scaled = (values - self.mean) / np.where(self.scale > 0, self.scale, 1.0)
        return np.where(self.scale > 0, scaled, 0.0 if fill else np.nan)

    def _opened(self, scores: Array) -> Array:
        values = np.where(np.isfinite(scores), np.clip(np.asarray(scores, np.float64), -HUGE, HUGE), np.nan)
        return np.where(self.probability, logits(values), values)

    def _bounded(self, opened: Array) -> Array:
        return np.clip(opened, self.low, self.high)

    def state(self) -> dict[str, Any]:
        """As JSON data."""
        return {name: value.tolist() for name, value in attrs.asdict(self).items()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LogitScaler:
        """Rebuild from :meth:`state`."""
        floats = {name: np.array(state[name], np.float64) for name in ("low", "high", "median", "mean", "scale")}
        return cls(probability=np.array(state["probability"], bool), **floats)


def by_parts(change: Callable[[Array], Array], rows: Array) -> Array:
    """``change`` of ``(rows, ...)``, a part at a time where there are many; it must look at each row for itself."""
    if len(rows) <= ROWS:
        return change(rows)
    return np.concatenate([change(rows[start : start + ROWS]) for start in range(0, len(rows), ROWS)])


def _bounds(column: Array) -> tuple[float, float]:
    """One standard deviation (1 where there is none) beyond the finite values."""
    finite = column[np.isfinite(column)]
    if not len(finite):
        return -1.0, 1.0
    margin = float(finite.std()) or 1.0
    return float(finite.min()) - margin, float(finite.max()) + margin


@attrs.define(eq=False)
class RangeScaler:
    """Features to [-1, 1] by the minimum and maximum of the training split (paper III-A.4b), per feature.

    Missing features become 0, the middle; unseen extremes are cut off at +-2. ``low`` and ``high`` are
    ``(feature_size,)``.
    """

    low: Array
    high: Array

    @classmethod
    def fit(cls, block: Block) -> RangeScaler:
        """Learn from a block ``(cases, channels, feature_size)``; a feature nobody has becomes constant 0."""
        ends = [_ends(part) for part in chunks_of(block)]
        low, high = np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)
        nobody = low > high
        return cls(np.where(nobody, 0, low).astype(np.float32), np.where(nobody, 0, high).astype(np.float32))

    def transform(self, block: Array) -> Array:
        """``(cases, channels, feature_size)`` float32, finite."""
        scaled = np.empty(np.shape(block), np.float32)
        for rows in parts_of(block):
            scaled[rows] = self._scaled(block[rows])
        return scaled

    def _scaled(self, block: Array) -> Array:
        span = self.high - self.low
        scaled = (block - self.low) / np.where(span > 0, span, 1) * 2 - 1
        return np.clip(np.nan_to_num(np.where(span > 0, scaled, 0)), -2, 2)


def _ends(block: Array) -> tuple[Array, Array]:
    """Least and greatest of each feature, ``(feature_size,)``: infinite, the wrong way round, where nobody has it."""
    known = np.isfinite(block)
    low = np.min(np.where(known, block, np.inf), axis=(0, 1))
    return low, np.max(np.where(known, block, -np.inf), axis=(0, 1))
