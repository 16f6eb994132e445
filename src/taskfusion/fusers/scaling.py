"""Scaling fitted on the training split: scores to standardised logits, features to [-1, 1]."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from taskfusion.images import Array

CLIP = 1e-3  # a score of 0 (no detection) becomes logit -6.9: low, but not so low that it rules the scale


def logits(scores: Array) -> Array:
    """log(p / (1 - p)) with p kept within [0.001, 0.999]; NaN stays NaN."""
    clipped = np.clip(np.asarray(scores, np.float64), CLIP, 1 - CLIP)
    return np.log(clipped / (1 - clipped))


@attrs.define(eq=False)
class LogitScaler:
    """Standardised logits, medians where a score is missing. All arrays are ``(columns,)``."""

    median: Array = attrs.field(factory=lambda: np.zeros(0))
    mean: Array = attrs.field(factory=lambda: np.zeros(0))
    scale: Array = attrs.field(factory=lambda: np.ones(0))

    def fit(self, scores: Array) -> LogitScaler:
        """Learn from the training split ``(cases, columns)``; a column without any score counts as 0.5."""
        values = logits(scores)
        empty = np.isnan(values).all(axis=0)
        values[:, empty] = 0.0
        self.median = np.nanmedian(values, axis=0)
        filled = np.where(np.isnan(values), self.median, values)
        self.mean, self.scale = filled.mean(axis=0), filled.std(axis=0)
        self.scale[self.scale < 1e-9] = 1.0
        return self

    def transform(self, scores: Array) -> Array:
        """``(cases, columns)`` finite, about zero mean and unit variance."""
        values = logits(scores)
        return (np.where(np.isnan(values), self.median, values) - self.mean) / self.scale

    def state(self) -> dict[str, Any]:
        """As JSON data."""
        return {"median": self.median.tolist(), "mean": self.mean.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> LogitScaler:
        """Rebuild from :meth:`state`."""
        return cls(*(np.array(state[name]) for name in ("median", "mean", "scale")))


@attrs.define(eq=False)
class RangeScaler:
    """Features to [-1, 1] by the minimum and maximum of the training split (paper III-A.4b), per feature.

    Missing features become 0, the middle; unseen extremes are cut off at +-2. ``low`` and ``high`` are
    ``(feature_size,)``.
    """

    low: Array
    high: Array

    @classmethod
    def fit(cls, block: Array) -> RangeScaler:
        """Learn from a block ``(cases, channels, feature_size)``; a feature nobody has becomes constant 0."""
        known = np.isfinite(block)
        low = np.min(np.where(known, block, np.inf), axis=(0, 1))
        high = np.max(np.where(known, block, -np.inf), axis=(0, 1))
        nobody = ~known.any(axis=(0, 1))
        return cls(np.where(nobody, 0, low).astype(np.float32), np.where(nobody, 0, high).astype(np.float32))

    def transform(self, block: Array) -> Array:
        """``(cases, channels, feature_size)`` float32, finite."""
        span = self.high - self.low
        scaled = (block - self.low) / np.where(span > 0, span, 1) * 2 - 1
        return np.clip(np.nan_to_num(np.where(span > 0, scaled, 0)), -2, 2).astype(np.float32)
