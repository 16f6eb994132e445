import numpy as np
import pytest

from mammo_localization import losses, matching

CANDIDATES = np.array([[0, 0, 10, 10], [0, 0, 10, 20], [50, 50, 60, 60], [2, 0, 12, 10]], np.float32)
TRUTH = np.array([[[0, 0, 10, 10], [54, 54, 74, 74], [0, 0, 0, 0]]], np.float32)
VALID = np.array([[True, True, False]])


def found(force):
    return matching.match(CANDIDATES, TRUTH, VALID, matching.Thresholds(0.7, 0.3, force))


def test_candidates_are_positive_negative_or_neither():
    result = found(force=False)
    assert np.asarray(result.positive).tolist() == [[True, False, False, False]]
    assert np.asarray(result.negative).tolist() == [[False, False, True, False]]
    assert np.asarray(result.truth).tolist() == [[0, 0, 1, 0]]


def test_forced_every_true_box_has_its_best_candidate():
    result = found(force=True)
    assert np.asarray(result.positive).tolist() == [[True, False, True, False]]
    assert np.asarray(result.negative).tolist() == [[False, False, False, False]]


def test_without_true_boxes_all_is_background():
    result = matching.match(CANDIDATES, TRUTH, np.zeros_like(VALID), matching.Thresholds(0.7, 0.3, True))
    assert not np.asarray(result.positive).any()
    assert np.asarray(result.negative).all()


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 1), (3, 3), (9, 5)])
def test_choose_takes_at_most_so_many_and_only_from_the_mask(count, expected):
    mask = np.array([[True, False, True, True, True, True, False]])
    noise = np.random.default_rng(0).uniform(0.1, 0.9, mask.shape).astype(np.float32)
    chosen = np.asarray(matching.choose(mask, count, 6, noise))
    assert chosen.sum() == expected
    assert not (chosen & ~mask).any()


def test_a_sample_is_filled_up_with_negatives():
    positive = np.arange(20)[None] < 6
    noise = np.random.default_rng(1).uniform(0.1, 0.9, (1, 20)).astype(np.float32)
    matches = matching.Matches(np.zeros((1, 20), int), positive, ~positive)
    chosen, background = (np.asarray(part) for part in matching.sample(matches, 10, 0.3, noise))
    assert (chosen.sum(), background.sum()) == (3, 7)
    few = matching.Matches(np.zeros((1, 20), int), np.arange(20)[None] < 1, ~positive)
    chosen, background = (np.asarray(part) for part in matching.sample(few, 10, 0.3, noise))
    assert (chosen.sum(), background.sum()) == (1, 9)


def test_losses_count_only_what_was_sampled():
    logits = np.log(np.array([[[0.5, 0.5], [0.9, 0.1]]], np.float32))
    labels, mask = np.array([[1, 1]]), np.array([[True, False]])
    assert float(losses.cross_entropy(logits, labels, mask)) == pytest.approx(np.log(2), abs=1e-6)
    codes = np.array([[[0.5, 0, 0, 0], [3, 0, 0, 0]]], np.float32)
    both = np.array([[True, True]])
    assert float(losses.box_loss(codes, 0 * codes, both, both)) == pytest.approx((0.125 + 2.5) / 2)
    assert float(losses.box_loss(codes, 0 * codes, mask, both)) == pytest.approx(0.125 / 2)
    assert float(losses.box_loss(codes, 0 * codes, ~both, ~both)) == 0
