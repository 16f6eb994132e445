"""Padding policies: always finite, detections untouched, and one view never depends on another."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_outputs import counts, ragged

from taskfusion.assembly import Assembler, top_detections
from taskfusion.cases import Target
from taskfusion.errors import DataError, NotFittedError
from taskfusion.learned_padding import LearnedConfig, LearnedPadding
from taskfusion.outputs import Detections, TaskOutput
from taskfusion.padding import (
    BackgroundPadding,
    ErrorPadding,
    MaskPadding,
    MeanPadding,
    RepeatPadding,
    Slots,
    ZeroPadding,
)

ANY, BAD = Target("ill"), Target("bad", ("bad",))
FILLING = (ZeroPadding, BackgroundPadding, RepeatPadding, MeanPadding, LearnedPadding)
policies = st.sampled_from(FILLING)


def fitted(kind):
    """A policy that has learned, where it learns, from data that have nothing to do with the test's."""
    output = ragged([0, 1, 2, 0, 3, 1, 0, 0])
    return kind().fit(top_detections(output, ANY, 2), np.array([0, 1, 1, 0]))


@given(counts, st.integers(1, 5), policies, st.sampled_from([ANY, BAD]))
def test_always_finite_and_detections_untouched(sizes, n, kind, target):
    slots = top_detections(ragged(sizes), target, n)
    padded = fitted(kind).fill(slots)
    assert np.isfinite(padded.scores).all() and np.isfinite(padded.features).all()
    assert ((padded.scores >= 0) & (padded.scores <= 1)).all()
    assert np.array_equal(padded.scores[slots.filled], slots.scores[slots.filled])
    assert np.array_equal(padded.features[slots.filled], slots.features[slots.filled])
    assert np.array_equal(padded.filled, slots.filled)


@given(counts, st.integers(1, 3), st.integers(1, 3), policies)
def test_more_slots_change_nothing_in_the_first_ones(sizes, n, more, kind):
    few, many = (fitted(kind).fill(top_detections(ragged(sizes), ANY, k)) for k in (n, n + more))
    assert np.allclose(few.scores, many.scores[:, :, :n], atol=1e-6)
    assert np.allclose(few.features, many.features[:, :, :n], atol=1e-6)


@given(counts, st.integers(1, 4), policies)
def test_fewer_cases_in_the_batch_give_the_same_answer(sizes, n, kind):
    output = ragged(sizes)
    whole = fitted(kind).fill(top_detections(output, ANY, n))
    for row in range(len(output)):
        alone = fitted(kind).fill(top_detections(output.select(np.array([row])), ANY, n))
        assert np.array_equal(alone.scores[0], whole.scores[row])
        assert np.array_equal(alone.features[0], whole.features[row])


@given(counts, st.integers(1, 3), policies, st.integers(0, 99))
def test_detections_below_the_top_n_change_nothing(sizes, n, kind, seed):
    output = ragged([max(size, n) for size in sizes])
    more = with_weak_detections(output, seed)
    first, second = (fitted(kind).fill(top_detections(o, ANY, n)) for o in (output, more))
    assert np.array_equal(first.scores, second.scores) and np.array_equal(first.features, second.features)


def with_weak_detections(output: TaskOutput, seed: int) -> TaskOutput:
    """One more detection in each view, weaker than all."""
    found, rng = output.detections, np.random.default_rng(seed)
    at = found.offsets[1:]
    box = np.array([0, 0, 1, 1]) + rng.uniform(0, 1)
    features = np.insert(found.features, at, rng.normal(size=3), axis=0)
    made = Detections(
        found.offsets + np.arange(len(found.offsets)),
        np.insert(found.boxes, at, box, axis=0),
        np.insert(found.labels, at, 1),
        np.insert(found.scores, at, 0.0),
        features,
        found.background,
    )
    return attrs.evolve(output, detections=made)


@given(counts, st.integers(1, 3))
def test_ties_are_settled_by_the_box_whatever_the_order(sizes, n):
    output = ragged(sizes)
    found = output.detections
    tied = attrs.evolve(output, detections=attrs.evolve(found, scores=np.full(len(found), 0.5)))
    cells = np.repeat(np.arange(len(sizes)), sizes)
    back = np.lexsort((-np.arange(len(cells)), cells))
    columns = {name: getattr(tied.detections, name)[back] for name in ("boxes", "labels", "scores", "features")}
    other = attrs.evolve(tied, detections=attrs.evolve(tied.detections, **columns))
    first, second = top_detections(tied, ANY, n), top_detections(other, ANY, n)
    assert np.array_equal(first.features, second.features)


@given(counts, st.data())
def test_detections_whose_score_is_no_number_do_not_count(sizes, data):
    output = ragged(sizes)
    scores = output.detections.scores.copy()
    lost = data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    scores[np.array(lost, bool)] = np.nan
    slots = top_detections(attrs.evolve(output, detections=attrs.evolve(output.detections, scores=scores)), ANY, 5)
    assert slots.filled.sum() == len(scores) - sum(lost) and np.isfinite(ZeroPadding().fill(slots).scores).all()


def slots(scores, filled, features=None, background=None) -> Slots:
    """One case, one view."""
    return Slots(np.array([[scores]], np.float32), np.array([[filled]]), features, background)


def test_repeat_takes_the_detections_in_turns_and_mean_their_mean():
    features = np.array([[[[1.0, 0.0], [3.0, 2.0], [0, 0], [0, 0], [0, 0]]]], np.float32)
    two = slots([0.8, 0.4, 0, 0, 0], [True, True, False, False, False], features)
    repeated, mean = RepeatPadding().fill(two), MeanPadding().fill(two)
    assert np.allclose(repeated.scores, [[[0.8, 0.4, 0.8, 0.4, 0.8]]])
    assert repeated.features[0, 0, :, 0].tolist() == [1, 3, 1, 3, 1]
    assert np.allclose(mean.scores, [[[0.8, 0.4, 0.6, 0.6, 0.6]]])
    assert mean.features[0, 0, 4].tolist() == [2, 1]


@pytest.mark.parametrize("kind", [RepeatPadding, MeanPadding])
def test_a_view_without_detections_gets_its_background(kind):
    features, background = np.zeros((1, 1, 2, 2), np.float32), np.array([[[7.0, 8.0]]], np.float32)
    empty = kind().fill(slots([0, 0], [False, False], features, background))
    assert empty.scores.tolist() == [[[0, 0]]] and empty.features[0, 0].tolist() == [[7, 8], [7, 8]]
    plain = kind().fill(slots([0.5, 0], [True, False]))
    assert plain.scores.tolist() == [[[0.5, 0.5]]] and plain.features is None


def test_mask_leaves_gaps_and_says_so():
    assert MaskPadding.leaves_gaps and not ZeroPadding.leaves_gaps
    output = ragged([1, 0])
    inputs = Assembler(ANY, 2, MaskPadding(), True)({"loc": output})
    assert np.isnan(inputs.scores.values).tolist() == [[False, True, True, True]]
    assert inputs.scores.gaps.tolist() == [[False, True, True, True]] and not inputs.scores.missing.any()
    assert np.isnan(inputs.features["loc"][0, 1:]).all()


def test_error_names_case_and_view():
    with pytest.raises(DataError, match=r"case 'c0', view 'R': 1 detections that count; padding 'error' wants 2; 1 vi"):
        ErrorPadding().fill(top_detections(ragged([2, 1, 2, 2]), ANY, 2))
    with pytest.raises(DataError, match=r"case row 0, view 0: 0 detections"):
        ErrorPadding().fill(slots([0.0], [False]))
    whole = top_detections(ragged([2, 3]), ANY, 2)
    assert np.array_equal(ErrorPadding().fill(whole).scores, whole.scores)


def test_error_does_not_mind_a_view_nobody_looked_at():
    output = attrs.evolve(ragged([2, 0]), present=np.array([[True, False]]))
    assert np.isnan(Assembler(ANY, 2, ErrorPadding())({"loc": output}).scores.values[0, 2:]).all()


def simulated(cases: int = 400, seed: int = 0):
    """Ill cases have more detections and stronger ones; the feature's first number follows the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, cases)
    filled = np.arange(3) < rng.integers(0, 3, (cases, 2, 1)) + truth[:, None, None]
    scores = np.where(filled, rng.beta(2 + 2 * truth[:, None, None], 3, (cases, 2, 3)), 0)
    features = rng.normal(size=(cases, 2, 3, 4)) + np.array([1, 0, 0, 0]) * (truth[:, None, None, None] - 0.5)
    return Slots(scores.astype(np.float32), filled, features * filled[..., None]), truth


def test_what_is_learned_says_as_much_as_a_gap_does():
    found, truth = simulated()
    learned = LearnedPadding().fit(found, truth)
    padded = learned.fill(found)
    share = np.broadcast_to(truth[:, None, None], found.filled.shape)[~found.filled].mean()
    near = np.abs(found.scores - padded.scores[~found.filled][0]) < 0.07
    here = np.broadcast_to(truth[:, None, None], found.filled.shape)[found.filled & near].mean()
    assert share < truth.mean() and abs(here - share) < 0.15, "detections of that score are as often ill as gaps are"
    vector = padded.features[~found.filled][0]
    mean = found.features[found.filled].mean(axis=0)
    assert mean[0] - 2 < vector[0] < mean[0] - 0.3 and np.abs(vector[1:] - mean[1:]).max() < 0.3


def test_what_was_learned_is_data():
    import json

    found, truth = simulated(60)
    learned = LearnedPadding(LearnedConfig(ridge=0.5)).fit(found, truth)
    again = LearnedPadding(LearnedConfig(ridge=0.5)).with_state(json.loads(json.dumps(learned.state())))
    assert np.array_equal(again.fill(found).scores, learned.fill(found).scores)
    assert np.array_equal(again.fill(found).features, learned.fill(found).features)


def test_learned_needs_training_but_no_gap_and_no_detection():
    with pytest.raises(NotFittedError, match=r"padding 'learned' is not trained"):
        LearnedPadding().fill(slots([0.0], [False]))
    none = slots([0.0, 0.0], [False, False], np.zeros((1, 1, 2, 3), np.float32))
    assert LearnedPadding().fit(none, np.array([1])).fill(none).scores.tolist() == [[[0, 0]]]
    full = slots([0.5, 0.4], [True, True], np.ones((1, 1, 2, 3), np.float32))
    made = LearnedPadding().fit(full, np.array([1]))
    assert np.isfinite(made.fill(none).features).all()


def test_more_features_than_detections_give_the_same_vector_by_the_other_route():
    found, truth = simulated(12, seed=3)
    wide = attrs.evolve(found, features=np.concatenate([found.features] * 20, axis=-1))
    vector = LearnedPadding().fit(wide, truth).state()["feature"]
    assert len(vector) == 80 and np.allclose(np.reshape(vector, (20, 4)), vector[:4])
