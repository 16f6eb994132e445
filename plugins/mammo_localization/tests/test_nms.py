import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammo_localization import nms
from mammo_localization.metrics import overlap

pytestmark = pytest.mark.backend

COUNT = 12


def greedy(boxes, scores, threshold):
    """Textbook suppression, one box at a time."""
    left = [i for i in np.argsort(-scores, kind="stable") if scores[i] > 0]
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if overlap(boxes[best : best + 1], boxes[i : i + 1])[0, 0] <= threshold]
    return kept


@st.composite
def lists(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    corner = rng.uniform(0, draw(st.sampled_from([5.0, 20.0, 60.0])), (2, COUNT, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 30, (2, COUNT, 2))], axis=2).astype(np.float32)
    scores = rng.permutation(np.arange(2 * COUNT)).reshape(2, COUNT).astype(np.float32) / COUNT / 2
    scores[:, : draw(st.integers(0, COUNT))] *= draw(st.sampled_from([0, 1]))
    return boxes, scores, draw(st.sampled_from([0.0, 0.21, 0.5, 0.69]))


@given(lists())
@settings(settings.get_profile("heavy"))
def test_keeps_what_greedy_suppression_keeps(case):
    boxes, scores, threshold = case
    index, kept = (np.asarray(value) for value in nms.suppress(boxes, scores, threshold, (COUNT, COUNT)))
    for row in range(2):
        expected = greedy(boxes[row], scores[row], threshold)
        assert index[row][kept[row] > 0].tolist() == expected
        assert kept[row][kept[row] > 0].tolist() == scores[row][expected].tolist()


def test_a_chain_of_overlaps_settles_one_by_one():
    x = np.arange(30, dtype=np.float32) * 4
    boxes = np.stack([x, 0 * x, x + 10, 0 * x + 10], axis=1)[None]
    keep = np.asarray(nms.survivors(boxes, np.ones((1, 30), bool), 0.4))
    assert keep[0].tolist() == [i % 2 == 0 for i in range(30)]


def test_takes_fewer_candidates_and_gives_fewer_results_when_asked():
    boxes = np.array([[[0, 0, 5, 5], [10, 0, 15, 5], [20, 0, 25, 5]]], np.float32)
    scores = np.array([[0.2, 0.9, 0.5]], np.float32)
    index, kept = nms.suppress(boxes, scores, 0.5, (2, 5))
    assert np.asarray(index).tolist() == [[1, 2]]
    assert np.asarray(kept)[0] == pytest.approx([0.9, 0.5])
    assert np.asarray(nms.suppress(boxes, scores, 0.5, (3, 1))[0]).tolist() == [[1]]


def test_scores_of_zero_are_no_boxes():
    boxes = np.array([[[0, 0, 5, 5], [0, 0, 5, 5]]], np.float32)
    assert np.asarray(nms.suppress(boxes, np.zeros((1, 2), np.float32), 0.5, (2, 2))[1]).tolist() == [[0, 0]]
