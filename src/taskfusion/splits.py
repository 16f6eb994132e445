"""Splits that keep a group (patient) together and the proportion of a label similar."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from taskfusion.errors import DataError
from taskfusion.images import Array


def split_by_group(groups: Array, strata: Array, fractions: Mapping[str, float], seed: int = 0) -> Array:
    """Name a split for every case: no group in two splits, each stratum shared out alike.

    Args:
        groups: ``(cases,)`` group of each case.
        strata: ``(cases,)`` integers; a group's stratum is its largest.
        fractions: share of each split, e.g. ``{"train": 0.7, "validation": 0.1, "test": 0.2}``.
        seed: the same seed gives the same split.

    Raises:
        DataError: when the fractions are negative or do not add up to 1.
    """
    shares = np.array(list(fractions.values()), float)
    if (shares < 0).any() or not np.isclose(shares.sum(), 1):
        raise DataError(f"split fractions {dict(fractions)} must be positive and add up to 1")
    names, member = np.unique(groups, return_inverse=True)
    stratum = np.zeros(len(names), np.int64)
    np.maximum.at(stratum, member, np.asarray(strata, np.int64))
    fold = np.empty(len(names), dtype=object)
    rng = np.random.default_rng(seed)
    for value in np.unique(stratum):
        rows = rng.permutation(np.flatnonzero(stratum == value))
        cuts = np.round(np.cumsum(shares)[:-1] * len(rows)).astype(int)
        for name, part in zip(fractions, np.split(rows, cuts), strict=True):
            fold[part] = name
    return np.asarray(fold[member], dtype=str)


def group_folds(groups: Array, strata: Array, folds: int, seed: int = 0) -> Array:
    """Fold number ``0..folds-1`` of every case, groups kept together, strata shared out alike.

    Raises:
        DataError: when there are fewer groups than folds.
    """
    if folds < 2 or folds > len(np.unique(groups)):
        raise DataError(f"{folds} folds of {len(np.unique(groups))} groups; expected 2 up to the number of groups")
    named = split_by_group(groups, strata, {str(k): 1 / folds for k in range(folds)}, seed)
    return named.astype(np.int64)
