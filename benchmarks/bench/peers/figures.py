"""From scores to figures: means and intervals over cohorts, paired differences, and the reader study's bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.peers.exams import Array
from bench.peers.ranks import auc, auprc, brier

MEASURES: dict[str, Callable[[Array, Array], float]] = {"AUC": auc, "AUPRC": auprc, "Brier": brier}
RESAMPLES = 1000


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; ``n`` says over how many cohorts, NaN bounds that there was but one."""

    value: float
    low: float
    high: float
    n: int = 1


def over_cohorts(values: Sequence[float]) -> Interval:
    """Mean and Student's interval."""
    from scipy.stats import t

    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return Interval(mean, math.nan, math.nan, n)
    half = float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def paired(values: Mapping[int, float], other: Mapping[int, float]) -> Interval | None:
    """Mean difference and its interval over the cohorts that both have; None where there is none."""
    shared = sorted(set(values) & set(other))
    return over_cohorts([values[seed] - other[seed] for seed in shared]) if shared else None


def by_bootstrap(truth: Array, groups: Array, scores: Array, measure: str, seed: int = 0) -> Array:
    """A measure of scores ``(repeats, cases)``, mean over the repeats, for the cases and then for resampled patients.

    The same seed draws the same patients, so that two fusers' answers may be subtracted. ``(1 + RESAMPLES,)``.
    """
    rng = np.random.default_rng(seed)
    names, place = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(place == k) for k in range(len(names))]
    draws = [np.concatenate([members[k] for k in rng.integers(len(names), size=len(names))]) for _ in range(RESAMPLES)]
    figure = MEASURES[measure]
    return np.array(
        [np.mean([figure(truth[rows], row[rows]) for row in scores]) for rows in (np.arange(len(truth)), *draws)]
    )


def percentiles(values: Array) -> Interval:
    """The first value, with the 95 % interval of the others."""
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return Interval(float(values[0]), float(low), float(high), 1)
