from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskfusion.errors import DataError
from taskfusion.evaluation.boxes import Boxes, hits, overlap, pairs
from taskfusion.evaluation.froc import froc, froc_by_class, with_boxes

TRUTH = Boxes([0, 1], [[0, 0, 10, 10], [20, 20, 40, 40]], [0, 1])
REAL = Path(__file__).parents[3] / "shared/data/cbis_localiser_excerpt/localiser_and_classifier_excerpt.csv"


def boxes(rows):
    image, corners, labels, scores = zip(*rows, strict=True)
    return Boxes(image, corners, labels, scores)


def test_a_hit_overlaps_by_a_fifth_or_has_its_centre_inside():
    truth = np.array([[0.0, 0, 10, 10]])
    small = np.array([[4.0, 4, 6, 6]])  # IoU 0.04, centre inside
    beside = np.array([[6.0, 0, 16, 10]])  # IoU 0.25, centre outside
    far = np.array([[8.0, 0, 18, 10]])
    assert [hits(found, truth)[0] for found in (small, beside, far)] == [True, True, False]
    assert [hits(found, truth, centre=False)[0] for found in (small, beside, far)] == [False, True, False]
    assert not hits(beside, truth, iou=0.3)[0]
    assert overlap(beside, truth)[0] == pytest.approx(0.25)


def test_boxes_without_area_do_not_overlap():
    point = np.array([[3.0, 3, 3, 3]])
    assert overlap(point, point).tolist() == [0]


FOUND = boxes(
    [
        (0, [0, 0, 10, 10], 0, 0.9),
        (0, [1, 1, 10, 10], 0, 0.8),  # the same lesion again: neither true nor false
        (0, [50, 50, 60, 60], 0, 0.7),
        (1, [50, 50, 60, 60], 0, 0.6),
        (1, [20, 20, 40, 40], 1, 0.5),
        (1, [0, 0, 10, 10], 0, 0.4),  # a lesion of another image
    ]
)


def test_sensitivity_at_a_false_positive_rate():
    result = froc(FOUND, TRUTH, images=2)
    assert result.truth.tolist() == [0.9, 0.5]
    assert result.false.tolist() == [0.7, 0.6, 0.4]
    assert [result.sensitivity(rate) for rate in (0, 0.5, 1, 5, np.inf)] == [0.5, 0.5, 1, 1, 1]
    assert [result.false_per_image(share) for share in (0.3, 0.5, 0.6, 1)] == [0, 0, 1, 1]


def test_the_curve_holds_the_corners_and_the_end():
    x, y = froc(FOUND, TRUTH, images=2).curve()
    assert x.tolist() == [0, 1, 1.5]
    assert y.tolist() == [0.5, 1, 1]


def test_a_lesion_that_is_never_found_has_no_rate():
    result = froc(FOUND.where(FOUND.scores > 0.55), TRUTH, 2)
    assert np.isnan(result.false_per_image(0.6))


def test_equal_scores_come_and_go_together():
    found = boxes([(0, [0, 0, 10, 10], 0, 0.5), (0, [50, 50, 60, 60], 0, 0.5), (0, [70, 50, 80, 60], 0, 0.5)])
    result = froc(found, TRUTH, 2)
    assert [result.sensitivity(rate) for rate in (0, 0.5, 1)] == [0, 0, 0.5]
    assert [axis.tolist() for axis in result.curve()] == [[0, 1], [0, 0.5]]


def test_false_detections_are_counted_where_asked():
    with_lesion = with_boxes(TRUTH, 4)
    found = boxes([*zip(FOUND.image, FOUND.boxes, FOUND.labels, FOUND.scores, strict=True), (3, [0, 0, 5, 5], 0, 0.95)])
    assert with_lesion.tolist() == [True, True, False, False]
    everywhere, inside, outside = (froc(found, TRUTH, 4, mask) for mask in (None, with_lesion, ~with_lesion))
    assert [len(r.false) for r in (everywhere, inside, outside)] == [4, 3, 1]
    assert [r.images for r in (everywhere, inside, outside)] == [4, 2, 2]
    assert all(result.truth.tolist() == [0.9, 0.5] for result in (everywhere, inside, outside))


def test_per_class_a_lesion_called_another_is_missed():
    found = boxes([(0, [0, 0, 10, 10], 1, 0.9)])
    result = {n: r.sensitivity() for n, r in froc_by_class(found, TRUTH, 4, ("a", "b", "c")).items()}
    assert result["any"] == 0.5
    assert (result["a"], result["b"]) == (0, 0)
    assert np.isnan(result["c"])


def test_nothing_found_and_nothing_there():
    nothing = Boxes([], [], [])
    missed = froc(nothing, TRUTH, 2)
    assert missed.sensitivity() == 0
    assert [axis.tolist() for axis in missed.curve()] == [[0], [0]]
    for empty in (froc(nothing, nothing, 2), froc(FOUND, TRUTH, 2, np.zeros(2, bool))):
        assert np.isnan(empty.sensitivity()) and not len(empty.curve()[0])
    assert froc(FOUND, nothing, 2).false.tolist() == sorted(FOUND.scores, reverse=True)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0], [[0, 0, 1, 1]] * 2, [0]), r"columns differ in length: \{'image': 1, 'boxes': 2, 'labels': 1\}"),
        (([0], [[2, 0, 1, 1]], [0]), r"row 0 is \[2.0, 0.0, 1.0, 1.0\]; expected finite xmin <= xmax"),
        (([0], [[0, 0, np.inf, 1]], [0]), "expected finite"),
        (([0], [[0, 0, 1, 1]], [0], [np.nan]), "the score in row 0 is NaN; expected a number"),
    ],
)
def test_boxes_that_cannot_be_are_refused(columns, message):
    with pytest.raises(DataError, match=message):
        Boxes(*columns)


def test_mistakes_are_told():
    with pytest.raises(DataError, match="detections: row 3 lies in image 1; there are 1, counted from 0"):
        froc(FOUND, TRUTH, 1)
    with pytest.raises(DataError, match="true boxes: row 1 lies in image 1; there are 1"):
        froc(Boxes([], [], []), TRUTH, 1)
    with pytest.raises(DataError, match="detections: 2 boxes without scores; FROC needs a score a detection"):
        froc(TRUTH, TRUTH, 2)
    with pytest.raises(DataError, match=r"counted has shape \(3,\); expected \(2,\), a boolean an image"):
        froc(FOUND, TRUTH, 2, np.ones(3, bool))
    with pytest.raises(DataError, match="false_per_image is -1; expected 0 or more"):
        froc(FOUND, TRUTH, 2).sensitivity(-1)


# Few places, sizes and scores, so that hits, ties and several boxes in one image are common.
IMAGES = 4
box = st.tuples(*[st.integers(0, 6)] * 2, *[st.integers(1, 5)] * 2).map(
    lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
)
detection = st.tuples(st.integers(0, IMAGES - 1), box, st.integers(0, 1), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]))
detections = st.lists(detection, min_size=1, max_size=12).map(boxes)
truths = st.lists(detection, min_size=1, max_size=6).map(boxes)
rates = st.sampled_from([0, 0.25, 0.5, 1, 2, 10])


def naive_hit(found, truth):
    """The rule in words of one pixel coordinate at a time."""
    width = min(found[2], truth[2]) - max(found[0], truth[0])
    height = min(found[3], truth[3]) - max(found[1], truth[1])
    common = max(width, 0) * max(height, 0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (found, truth)]
    x, y = (found[0] + found[2]) / 2, (found[1] + found[3]) / 2
    inside = truth[0] <= x <= truth[2] and truth[1] <= y <= truth[3]
    return inside or common / (sum(areas) - common) >= 0.2


def naive_counts(found, truth, threshold):
    """True boxes that are hit, and detections that hit nothing, of those that score at least the threshold."""
    kept = [k for k in range(len(found)) if found.scores[k] >= threshold]
    hit = [
        (k, j)
        for k in kept
        for j in range(len(truth))
        if found.image[k] == truth.image[j] and naive_hit(found.boxes[k], truth.boxes[j])
    ]
    return len({j for _, j in hit}), len(kept) - len({k for k, _ in hit})


@given(detections, truths, rates)
def test_it_equals_a_double_loop(found, truth, rate):
    best = 0.0
    for threshold in [np.inf, *found.scores]:
        true, false = naive_counts(found, truth, threshold)
        if false <= rate * IMAGES:
            best = max(best, true / len(truth))
    assert froc(found, truth, IMAGES).sensitivity(rate) == pytest.approx(best)


@given(detections, truths)
def test_the_curve_rises_and_agrees_with_the_sensitivity(found, truth):
    result = froc(found, truth, IMAGES)
    x, y = result.curve()
    assert (np.diff(x) > 0).all() and (np.diff(y) >= 0).all() and y.min() >= 0 and y.max() <= 1
    assert y == pytest.approx([result.sensitivity(rate) for rate in x])


@given(detections, truths, st.randoms(use_true_random=False))
def test_the_order_of_boxes_changes_nothing(found, truth, random):
    one = froc(found, truth, IMAGES)
    order, other = (random.sample(range(len(b)), len(b)) for b in (found, truth))
    again = froc(found.where(np.array(order)), truth.where(np.array(other)), IMAGES)
    assert again.false.tolist() == one.false.tolist() and sorted(again.truth) == sorted(one.truth)


@given(detections, truths)
def test_pairs_are_all_of_the_same_image_and_no_others(found, truth):
    wanted = {(k, j) for k in range(len(found)) for j in range(len(truth)) if found.image[k] == truth.image[j]}
    first, second = pairs(found, truth)
    assert len(first) == len(wanted) and set(zip(first.tolist(), second.tolist(), strict=True)) == wanted


def test_many_images_need_no_matrix_of_all_pairs():
    images = 200_000  # all against all would be 40 thousand million pairs
    number = np.arange(images)
    corners = np.tile([0.0, 0, 10, 10], (images, 1))
    result = froc(Boxes(number, corners, 0 * number, number / images), Boxes(number, corners, 0 * number), images)
    assert result.sensitivity(0) == 1 and not len(result.false)


@pytest.fixture(scope="module")
def lesions():
    """Real boxes of a localiser on CBIS-DDSM, corners made exclusive; one image a row."""
    if not REAL.is_file():
        pytest.skip("the excerpt of real localiser boxes is not here")
    import pandas as pd

    table = pd.read_csv(REAL)
    names = {kind: [f"{kind}_{edge}" for edge in ("x0", "y0", "x1", "y1")] for kind in ("gt", "pred")}
    corners = {kind: np.add(table[columns].to_numpy(float), [0, 0, 1, 1]) for kind, columns in names.items()}
    return table, corners


def test_real_boxes_there_are_31_lesions_of_17_patients(lesions):
    table, _ = lesions
    assert len(table) == 31 and table.patient_id.nunique() == 17
    assert set(table.status) <= {"ok", "miss"}


def test_real_boxes_overlap_as_published(lesions):
    table, corners = lesions
    found = (table.status == "ok").to_numpy()
    ours = overlap(corners["pred"][found], corners["gt"][found])
    assert np.abs(ours - table.box_iou_mammogram[found]).max() <= 1e-15


def test_real_boxes_are_hit_by_the_papers_rule(lesions):
    table, corners = lesions
    found, number = (table.status == "ok").to_numpy(), np.arange(len(table))
    truth = Boxes(number, corners["gt"], 0 * number)
    detections = Boxes(number[found], corners["pred"][found], 0 * number[found], table.vgg16_y_prob[found])
    result = froc(detections, truth, len(table))
    wanted = [ok and naive_hit(p, g) for ok, p, g in zip(found, corners["pred"], corners["gt"], strict=True)]
    assert np.isfinite(result.truth).tolist() == wanted
    assert result.sensitivity(np.inf) == np.mean(wanted)
    assert len(result.false) == found.sum() - sum(wanted)
    # an overlap by a fifth alone already is a hit: no fewer than those
    assert np.isfinite(result.truth).sum() >= (table.box_iou_mammogram >= 0.2).sum()
