"""Splits keep groups together and strata alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskfusion.errors import DataError
from taskfusion.splits import group_folds, split_by_group

SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=1, max_size=80), st.integers(0, 9))
def test_no_group_is_in_two_splits_and_the_seed_decides(rows, seed):
    groups, strata = np.array([f"g{g}" for g, _ in rows]), np.array([s for _, s in rows])
    split = split_by_group(groups, strata, SHARES, seed)
    assert all(len(set(split[groups == g])) == 1 for g in groups)
    assert np.array_equal(split, split_by_group(groups, strata, SHARES, seed))


def test_strata_are_shared_out_alike():
    strata = np.repeat([0, 1], [300, 100])
    split = split_by_group(np.arange(400), strata, SHARES)
    shares = [np.mean(strata[split == name]) for name in SHARES]
    assert np.allclose(shares, 0.25, atol=0.01)


def test_folds_cover_everything_once():
    folds = group_folds(np.arange(50) // 2, np.zeros(50), 5)
    assert sorted(np.unique(folds)) == [0, 1, 2, 3, 4] and np.bincount(folds).tolist() == [10] * 5


def test_refusals():
    with pytest.raises(DataError, match=r"must be positive and add up to 1"):
        split_by_group(np.arange(3), np.zeros(3), {"train": 0.5})
    with pytest.raises(DataError, match=r"4 folds of 3 groups; expected 2 up to the number of groups"):
        group_folds(np.arange(3), np.zeros(3), 4)
