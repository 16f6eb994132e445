import sys

import numpy as np
import pytest

from taskfusion.errors import DataError, PluginError
from taskfusion.evaluation import coco_ap
from taskfusion.evaluation.boxes import Boxes, hits

pytest.importorskip("pycocotools")
IMAGES = 12
NAMES = ("AP@0.2", "AP@0.5", "AP@[.5:.95]")


def scene(seed=0, shift=6.0):
    """True boxes of two classes, detections beside them and elsewhere."""
    rng = np.random.default_rng(seed)
    image, label = rng.integers(0, IMAGES, 30), rng.integers(0, 2, 30)
    corner, size = rng.uniform(0, 300, (30, 2)), rng.uniform(20, 40, (30, 2))
    truth = Boxes(image, np.concatenate([corner, corner + size], axis=1), label)
    moved = truth.boxes + np.tile(rng.normal(0, shift, (30, 2)), 2)
    elsewhere = np.add(np.tile(rng.uniform(400, 600, (20, 2)), 2), [0, 0, 30, 30])
    found = Boxes(
        [*image, *rng.integers(0, IMAGES, 20)],
        np.concatenate([moved, elsewhere]),
        [*label, *rng.integers(0, 2, 20)],
        rng.random(50),
    )
    return found, truth


def naive_precision(found, truth, iou):
    """One class: every detection, best first, takes the free true box of its image it overlaps most; 101 recalls."""
    free, right = set(range(len(truth))), []
    for k in np.argsort(-found.scores, kind="stable"):
        mine = [j for j in free if truth.image[j] == found.image[k]]
        overlaps = [coco_ap_overlap(found.boxes[k], truth.boxes[j]) for j in mine]
        best = int(np.argmax(overlaps)) if mine else -1
        right.append(bool(mine) and overlaps[best] >= iou)
        if right[-1]:
            free.remove(mine[best])
    true = np.cumsum(right)
    recall, precision = true / len(truth), true / np.arange(1, len(right) + 1)
    return np.mean([max(precision[recall >= level - 1e-12], default=0) for level in np.linspace(0, 1, 101)])


def coco_ap_overlap(a, b):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = np.maximum(sides, 0).prod()
    return common / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - common)


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_a_loop_over_detections(seed):
    found, truth = scene(seed)
    result = coco_ap.average_precision(found, truth, IMAGES, ("a", "b"))
    for name, iou in (("AP@0.2", 0.2), ("AP@0.5", 0.5)):
        wanted = np.mean([naive_precision(found.of_label(c), truth.of_label(c), iou) for c in (0, 1)])
        assert result[name] == pytest.approx(wanted, abs=1e-9)


def test_the_more_overlap_is_asked_for_the_less_counts():
    result = coco_ap.average_precision(*scene(), IMAGES, ("a", "b"))
    assert tuple(result) == NAMES
    assert 1 > result["AP@0.2"] > result["AP@0.5"] > result["AP@[.5:.95]"] > 0


def test_perfect_boxes_have_precision_1_and_a_class_without_truth_does_not_count():
    _, truth = scene()
    found = Boxes(truth.image, truth.boxes, truth.labels, np.ones(len(truth)))
    assert coco_ap.average_precision(found, truth, IMAGES, ("a", "b", "never")) == pytest.approx(
        dict.fromkeys(NAMES, 1)
    )


def test_where_nothing_was_found_it_is_0_and_where_nothing_is_there_nothing_is_said():
    _, truth = scene()
    nothing = Boxes([], [], [])
    assert coco_ap.average_precision(nothing, truth, IMAGES, ("a", "b")) == dict.fromkeys(NAMES, 0)
    assert coco_ap.average_precision(nothing, nothing, IMAGES, ("a", "b")) == {}


def test_it_prints_nothing(capsys):
    coco_ap.average_precision(*scene(), IMAGES, ("a", "b"))
    assert capsys.readouterr().out == ""


def test_a_centre_inside_is_no_hit_for_coco():
    truth = Boxes([0], [[0, 0, 100, 100]], [0])
    found = Boxes([0], [[40, 40, 60, 60]], [0], [0.9])
    assert hits(found.boxes, truth.boxes)[0]
    assert coco_ap.average_precision(found, truth, 1, ("a",))["AP@0.2"] == 0


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(PluginError, match=r"needs pycocotools: install taskfusion\[detection\]"):
        coco_ap.average_precision(*scene(), IMAGES, ("a", "b"))


def test_an_image_that_there_is_not():
    with pytest.raises(DataError, match=r"detections: row \d+ lies in image \d+; there are 2"):
        coco_ap.average_precision(*scene(), 2, ("a", "b"))
