"""The patient bootstrap: whole groups are drawn with replacement, so cases of one patient stay together.

Not stratified: the number of positives varies between resamples as it would between samples of patients. A resample
that happens to hold one class only has no AUC; it is NaN and **dropped** from intervals and p-values, not redrawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs
import numpy as np
from numpy.typing import ArrayLike

from taskfusion.errors import SpecError
from taskfusion.evaluation.metrics import NAN, Array, Weighted, auc_weighted

_BLOCK = 1 << 22  # weights held at once: bounds memory at 32 MiB whatever the number of replicates


@attrs.frozen
class Bootstrap:
    """How to resample.

    Attributes:
        replicates: number of resamples.
        seed: equal seeds and equal groups give equal resamples.
        confidence: of the percentile interval.
    """

    replicates: int = 2000
    seed: int = 0
    confidence: float = 0.95

    def __attrs_post_init__(self) -> None:
        if self.replicates < 1:
            raise SpecError(f"replicates is {self.replicates}; expected at least 1")
        if not 0 < self.confidence < 1:
            raise SpecError(f"confidence is {self.confidence}; expected between 0 and 1, such as 0.95")


def _distinct(names: ArrayLike) -> Array:
    return np.unique(np.asarray(names, str))


@attrs.frozen(eq=False)
class Resamples:
    """The same resamples for everyone who asks: what makes a comparison of two fusers paired.

    Attributes:
        groups: distinct group names, sorted, ``(groups,)``: the order of cases in a table changes nothing.
        bootstrap: how to resample.
    """

    groups: Array = attrs.field(converter=_distinct)
    bootstrap: Bootstrap = attrs.field(factory=Bootstrap)

    def counts(self, block: int) -> Iterator[Array]:
        """How often each group was drawn, ``(<= block, groups)`` at a time, ``replicates`` rows in all."""
        generator = np.random.default_rng(self.bootstrap.seed)
        size, left = len(self.groups), self.bootstrap.replicates
        while left > 0:
            rows = min(block, left)
            drawn = generator.integers(0, size, (rows, size)) + size * np.arange(rows)[:, None]
            yield np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
            left -= rows

    def aucs(self, truth: Array, score: Array, groups: Array) -> Array:
        """AUC of every resample, ``(replicates,)``; all NaN with fewer than two groups, which vary in nothing.

        ``truth``, ``score`` and ``groups`` are ``(cases,)``; cases of groups that are resampled may be missing.
        """
        return self.values(auc_weighted, truth, score, groups)

    def values(self, weighted: Weighted, truth: Array, score: Array, groups: Array) -> Array:
        """A metric of every resample, as ``aucs`` gives the AUC."""
        if len(self.groups) < 2:
            return np.full(self.bootstrap.replicates, NAN)
        columns = self._columns(groups)
        block = max(_BLOCK // max(len(columns), len(self.groups)), 1)
        return np.concatenate([weighted(truth, score, counts[:, columns]) for counts in self.counts(block)])

    def totals(self, amounts: Array, groups: Array) -> Array:
        """Sums of ``amounts (cases, kinds)`` over the cases of every resample, ``(replicates, kinds)``."""
        if len(self.groups) < 2:
            return np.full((self.bootstrap.replicates, amounts.shape[1]), NAN)
        of_group = np.zeros((len(self.groups), amounts.shape[1]))
        np.add.at(of_group, self._columns(groups), amounts)
        block = max(_BLOCK // len(self.groups), 1)
        return np.concatenate([counts @ of_group for counts in self.counts(block)])

    def mixed(self, values: Array) -> Array:
        """The mean of each resample over repeats that are drawn too: ``(replicates, repeats)`` to ``(replicates,)``.

        All who ask draw the same repeats; with one repeat nothing is drawn.
        """
        repeats = values.shape[1]
        if repeats == 1:
            return np.asarray(values[:, 0])
        generator = np.random.default_rng([self.bootstrap.seed, repeats])  # a stream of its own beside the patients'
        drawn = generator.integers(0, repeats, values.shape)
        return np.asarray(np.take_along_axis(values, drawn, axis=1).mean(axis=1))

    def _columns(self, groups: Array) -> Array:
        return np.searchsorted(self.groups, np.asarray(groups, str))


def percentile_interval(values: Array, confidence: float = 0.95) -> tuple[float, float]:
    """The middle ``confidence`` of the values that are not NaN; (NaN, NaN) where none is left."""
    kept = values[~np.isnan(values)]
    if not len(kept):
        return NAN, NAN
    tail = (1 - confidence) / 2
    low, high = np.quantile(kept, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_p(differences: Array) -> float:
    """Two-sided p-value of "no difference": twice the smaller share of resamples on one side of zero.

    One is added to both counts, so a p-value is never 0 (Davison & Hinkley 1997, section 4.2). NaN where none is left.
    """
    kept = differences[~np.isnan(differences)]
    if not len(kept):
        return NAN
    smaller = min((kept <= 0).sum(), (kept >= 0).sum())
    return float(min(1.0, 2 * (smaller + 1) / (len(kept) + 1)))


def normal_p(difference: float, replicates: Array) -> float:
    """Two-sided p-value of "no difference" from the spread of the resampled differences and the normal distribution.

    Unlike :func:`bootstrap_p` it has no floor at 2 / (replicates + 1), which a correction for many comparisons would
    lift above any level. 1 where nothing differs; NaN where nothing can be said.
    """
    kept = replicates[~np.isnan(replicates)]
    if len(kept) < 2 or math.isnan(difference):
        return NAN
    spread = float(kept.std(ddof=1))
    if spread == 0:
        return 1.0 if difference == 0 else NAN
    return math.erfc(abs(difference) / (spread * math.sqrt(2)))
