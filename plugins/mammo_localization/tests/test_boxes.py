import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammo_localization import boxes as box

pytestmark = pytest.mark.backend

coordinate = st.floats(-50, 300, width=32)
side = st.floats(1, 200, width=32)
some_boxes = st.lists(st.tuples(coordinate, coordinate, side, side), min_size=1, max_size=6).map(
    lambda rows: np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32)
)


def plain_iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return common / (sum(areas) - common)


@given(some_boxes, some_boxes)
@settings(settings.get_profile("heavy"))
def test_iou_is_that_of_the_textbook(first, second):
    expected = [[plain_iou(a, b) for b in second.astype(float)] for a in first.astype(float)]
    assert np.asarray(box.iou(first, second)) == pytest.approx(np.array(expected), abs=1e-4)


def test_boxes_without_area_overlap_nothing():
    nothing = np.zeros((2, 1, 4), np.float32)
    assert np.asarray(box.iou(nothing, nothing)).max() == 0


@given(some_boxes, st.data())
@settings(settings.get_profile("heavy"))
def test_decode_undoes_encode(anchors, data):
    truth = data.draw(some_boxes.filter(lambda rows: len(rows) >= len(anchors)))[: len(anchors)]
    scale = np.log(np.ptp(truth.reshape(-1, 2, 2), axis=1) / np.ptp(anchors.reshape(-1, 2, 2), axis=1))
    back = np.asarray(box.decode(anchors, box.encode(anchors, truth)))
    within = (np.abs(scale) < box.LARGEST_GROWTH).all(axis=1)
    assert back[within] == pytest.approx(truth[within], abs=0.02)


def test_the_code_is_the_originals():
    code = np.asarray(box.encode(np.array([[0, 0, 10, 20]], np.float32), np.array([[5, 2, 15, 42]], np.float32)))
    assert code[0] == pytest.approx([10 * 12 / 20, 10 * 5 / 10, 5 * np.log(2), 0], abs=1e-5)


def test_decode_survives_wild_codes():
    wild = np.full((1, 4), 1e6, np.float32)
    assert np.isfinite(np.asarray(box.decode(np.array([[0, 0, 10, 10]], np.float32), wild))).all()


def test_clip_cuts_to_the_image():
    cut = np.asarray(box.clip(np.array([[-5, -5, 50, 50], [60, 60, 70, 70]], np.float32), 30, 40))
    assert cut.tolist() == [[0, 0, 40, 30], [40, 30, 40, 30]]
    assert np.asarray(box.area(cut)).tolist() == [1200, 0]


def test_area_of_a_box_turned_inside_out_is_zero():
    assert np.asarray(box.area(np.array([[5, 5, 1, 9]], np.float32))).tolist() == [0]


def test_grow_keeps_the_centre():
    assert np.asarray(box.grow(np.array([[10, 10, 20, 30]], np.float32), 2)).tolist() == [[5, 0, 25, 40]]
