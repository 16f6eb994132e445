"""Scaling of scores: what is a probability, where 0 and 1 go, and what a column without variation says."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from taskfusion import blocks
from taskfusion.fusers import scaling
from taskfusion.fusers.scaling import LogitScaler, RangeScaler, logits

TABLES = arrays(
    float, st.tuples(st.integers(1, 8), st.integers(1, 3)), elements=st.floats(allow_nan=True, allow_infinity=True)
)


def test_logits_are_infinite_at_the_ends_and_bounded_between():
    assert logits(np.array([0.0, 0.5, 1.0, np.nan])).tolist()[:3] == [-np.inf, 0, np.inf]
    assert np.allclose(logits(np.array([1e-300, 1e-7, 0.9])), [-16.118, -16.118, np.log(9)], atol=1e-3)


def test_columns_are_standardised():
    scores = np.random.default_rng(0).random((50, 3))
    scaled = LogitScaler().fit(scores).transform(scores)
    assert np.allclose(scaled.mean(axis=0), 0) and np.allclose(scaled.std(axis=0), 1)


def test_many_scores_are_scaled_a_part_at_a_time_to_the_bit(monkeypatch):
    scores = np.where(np.random.default_rng(0).random((50, 3)) < 0.1, np.nan, np.random.default_rng(1).random((50, 3)))
    whole = LogitScaler().fit(scores)
    expected = whole.transform(scores), whole.transform(scores, fill=False)
    monkeypatch.setattr(scaling, "ROWS", 7)
    parts = LogitScaler().fit(scores)
    assert parts.state() == whole.state()
    np.testing.assert_array_equal(parts.transform(scores), expected[0])
    np.testing.assert_array_equal(parts.transform(scores, fill=False), expected[1])


@given(st.integers(1, 9), st.integers(1, 200), st.integers(0, 9))
def test_blocks_are_scaled_a_part_at_a_time_to_the_bit(cases, part_bytes, seed):
    rng = np.random.default_rng(seed)
    block = np.where(rng.random((cases, 2, 3)) < 0.3, np.nan, rng.normal(size=(cases, 2, 3))).astype(np.float32)
    whole = RangeScaler.fit(block)
    expected = whole.transform(block)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(blocks, "CHUNK_BYTES", part_bytes)
        disk = blocks.DiskBlock(Path(folder), block.shape)
        disk.write(np.arange(cases), block)
        for each in (block, disk):
            parts = RangeScaler.fit(each)
            np.testing.assert_array_equal([parts.low, parts.high], [whole.low, whole.high], strict=True)
        np.testing.assert_array_equal(whole.transform(block), expected, strict=True)
    assert whole.transform(block[:0]).shape == (0, 2, 3)


def test_small_scores_keep_their_differences():
    scores = np.random.default_rng(0).random((50, 1))
    assert np.allclose(
        LogitScaler().fit(scores / 1000).transform(scores[:1] / 1000),
        LogitScaler().fit(scores / 2000).transform(scores[:1] / 2000),
        atol=1e-3,
    )


def test_nothing_found_is_just_below_the_weakest_finding():
    scores = np.array([[0.0], [0.0], [0.1], [0.5], [0.9]])
    zero, _, weakest, middle, strongest = LogitScaler().fit(scores).transform(scores)[:, 0]
    assert zero < weakest < middle < strongest and weakest - zero < strongest - weakest


def test_a_column_with_a_value_outside_0_and_1_is_taken_as_it_is():
    scaler = LogitScaler().fit(np.array([[0.2, 40.0], [0.7, 60.0], [np.nan, np.nan]]))
    assert scaler.probability.tolist() == [True, False]
    assert np.allclose(scaler.transform(np.array([[0.5, 50.0]]))[0, 1], 0)
    assert np.ptp(scaler.transform(np.array([[0.5, 50.0], [0.5, 52.0]]))[:, 1]) > 0.1


def test_a_column_that_never_varied_says_nothing_whatever_comes():
    scaler = LogitScaler().fit(np.array([[np.nan, 0.0, 0.3], [np.nan, 0.0, 0.3]]))
    assert scaler.transform(np.array([[0.9, 0.9, 0.9], [np.nan] * 3])).tolist() == [[0.0] * 3] * 2
    assert np.isnan(scaler.transform(np.array([[0.9, 0.9, np.nan]]), fill=False)).all()


def test_missing_scores_become_the_median_or_stay_missing():
    scaler = LogitScaler().fit(np.array([[0.2], [0.3], [0.9]]))
    gap = np.array([[np.nan]])
    assert scaler.transform(gap) == scaler.transform(np.array([[0.3]])) and np.isnan(scaler.transform(gap, fill=False))


@given(TABLES, st.floats())
def test_whatever_comes_the_answer_is_finite_and_the_state_is_json(table, value):
    scaler = LogitScaler().fit(table)
    asked = np.full((1, table.shape[1]), value)
    scaled = scaler.transform(asked)
    again = LogitScaler.from_state(json.loads(json.dumps(scaler.state())))
    assert np.isfinite(scaled).all() and np.array_equal(again.transform(asked), scaled)


def test_ranges_come_from_training_and_gaps_are_the_middle():
    block = np.array([[[0.0, 5.0]], [[10.0, 5.0]]])
    scaler = RangeScaler.fit(block)
    assert scaler.transform(block)[:, 0].tolist() == [[-1, 0], [1, 0]]
    assert scaler.transform(np.array([[[100.0, np.nan]]]))[0, 0].tolist() == [2, 0]
    assert RangeScaler.fit(np.full((1, 1, 2), np.nan)).transform(block)[:, 0].tolist() == [[0, 0], [0, 0]]
