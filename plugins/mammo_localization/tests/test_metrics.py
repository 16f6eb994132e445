import numpy as np
import pytest

from mammo_localization.metrics import Boxes, froc, hits, overlap, sensitivities

TRUTH = Boxes([0, 1], [[0, 0, 10, 10], [20, 20, 40, 40]], [0, 1])


def boxes(rows):
    image, corners, labels, scores = zip(*rows, strict=True)
    return Boxes(image, corners, labels, scores)


def test_a_hit_overlaps_by_a_fifth_or_has_its_centre_inside():
    truth = np.array([[0.0, 0, 10, 10]])
    small = np.array([[4.0, 4, 6, 6]])  # IoU 0.04, centre inside
    beside = np.array([[6.0, 0, 16, 10]])  # IoU 0.25, centre outside
    far = np.array([[8.0, 0, 18, 10]])
    assert [hits(found, truth)[0, 0] for found in (small, beside, far)] == [True, True, False]
    assert overlap(beside, truth)[0, 0] == pytest.approx(0.25)


def test_sensitivity_at_a_false_positive_rate():
    found = boxes(
        [
            (0, [0, 0, 10, 10], 0, 0.9),
            (0, [1, 1, 10, 10], 0, 0.8),  # the same lesion again: neither true nor false
            (0, [50, 50, 60, 60], 0, 0.7),
            (1, [50, 50, 60, 60], 0, 0.6),
            (1, [20, 20, 40, 40], 1, 0.5),
            (1, [0, 0, 10, 10], 0, 0.4),  # a lesion of another image
        ]
    )
    result = froc(found, TRUTH, images=2)
    assert result.truth.tolist() == [0.9, 0.5]
    assert result.false.tolist() == [0.7, 0.6, 0.4]
    assert [result.sensitivity(rate) for rate in (0, 0.5, 1, 5)] == [0.5, 0.5, 1, 1]
    rate, sensitivity = result.curve()
    assert rate.tolist() == [0, 0.5, 1, 1.5]
    assert sensitivity.tolist() == [0.5, 0.5, 1, 1]


def test_per_class_a_lesion_called_another_is_missed():
    found = boxes([(0, [0, 0, 10, 10], 1, 0.9)])
    result = sensitivities(found, TRUTH, 4, ("a", "b", "c"))
    assert result["any"] == 0.5
    assert (result["a"], result["b"]) == (0, 0)
    assert np.isnan(result["c"])


def test_nothing_found_and_nothing_there():
    nothing = Boxes([], [], [])
    assert froc(nothing, TRUTH, 2).sensitivity() == 0
    assert np.isnan(froc(nothing, nothing, 2).sensitivity())
