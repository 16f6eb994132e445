"""From raw outputs to scores, features and detections, and what cannot be either."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskfusion.errors import DataError, SpecError
from taskfusion.tasks import image_answers as answers
from taskfusion.tasks.image_config import ImageModelConfig

FOUND = {"level": "detection", "boxes": "b", "scores": "s", "labels": "l", "classes": ("ben", "mal")}


def config(**options):
    return ImageModelConfig(path=Path("m"), views=("L",), **options)


def test_the_only_output_is_the_scores():
    assert answers.head_names(config(), ["o"]) == {"scores": "o"}
    assert answers.head_names(config(scores="p"), ["o", "p"]) == {"scores": "p"}
    assert answers.head_names(config(**FOUND), ["l", "s", "b"]) == {"scores": "s", "boxes": "b", "labels": "l"}
    with pytest.raises(SpecError, match="the network has several outputs: o, p; say which one is scores"):
        answers.head_names(config(), ["o", "p"])
    with pytest.raises(
        SpecError, match=r"scores: the network has no output 'prob' \(did you mean 'probs'\?\); known: o"
    ):
        answers.head_names(config(scores="prob"), ["o", "probs"])


def test_class_names():
    assert answers.class_names(config(), (None, 1), "o") == ("positive",)
    assert answers.class_names(config(), (None,), "o") == ("positive",)
    assert answers.class_names(config(classes=("a", "b")), (None, 2), "o") == ("a", "b")
    assert answers.class_names(config(positive=1), (None, 2), "o") == ("positive",)
    assert answers.class_names(config(positive=2, classes=("mal",)), (None, 3), "o") == ("mal",)


@pytest.mark.parametrize(
    "options, shape, message",
    [
        ({}, (None, 3), "output 'o' has 3 scores, classes is empty; expected a name for each"),
        (
            {"classes": ("a",)},
            (None, 2),
            "has 2 scores, classes names 1: a; expected a name for each; or positive: 1 to",
        ),
        ({"classes": ("a", "b")}, (None, 1), "has 1 scores, classes names 2: a, b; expected a name for each"),
        ({"positive": 2}, (None, 2), "positive is 2; output 'o' has 2 scores, counted from 0"),
        ({}, (None, 7, 7, 1), "output 'o' has shape (any, 7, 7, 1); expected (images, scores)"),
        ({}, (None, None), "output 'o' has shape (any, any); expected (images, scores)"),
        ({}, (), "output 'o' has shape (); expected (images, scores)"),
    ],
)
def test_scores_that_do_not_fit_the_classes(options, shape, message):
    with pytest.raises(SpecError, match=re.escape(message)):
        answers.class_names(config(**options), shape, "o")


logits = st.lists(st.lists(st.floats(-50, 50), min_size=2, max_size=2), min_size=1, max_size=4)


@given(logits)
def test_activations(rows):
    raw = np.array(rows)
    soft = answers.class_scores(raw, config(activation="softmax", classes=("a", "b")))
    np.testing.assert_allclose(soft, np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(soft[:, 1:], answers.class_scores(raw, config(activation="softmax", positive=1)))
    # of two classes softmax is a sigmoid of the difference
    np.testing.assert_allclose(
        soft[:, 1], answers.class_scores(raw[:, 1] - raw[:, 0], config(activation="sigmoid"))[:, 0]
    )


def test_logits_are_no_scores():
    message = "case 'b': output 'o' says 3.25; expected a score from 0 to 1; where these are logits, write activation: "
    with pytest.raises(DataError, match=re.escape(message)):
        answers.checked_scores(np.array([[0.5], [3.25]]), ["case 'a'", "case 'b'"], "o")
    with pytest.raises(DataError, match="case 'a': output 'o' says nan"):
        answers.checked_scores(np.array([[np.nan]]), ["case 'a'"], "o")
    assert answers.checked_scores(np.array([[1.000001], [-0.000001]]), ["", ""], "o").ravel().tolist() == [1, 0]


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4))
def test_features_are_averaged_over_space(height, width, channels):
    values = np.random.default_rng(0).normal(size=(2, height, width, channels)).astype(np.float32)
    expected = values.reshape(2, -1, channels).mean(axis=1)
    np.testing.assert_allclose(answers.pooled(values, True), expected, atol=1e-6)
    np.testing.assert_allclose(answers.pooled(np.moveaxis(values, -1, 1), False), expected, atol=1e-6)
    for last in (True, False):
        tokens = values.reshape(2, -1, channels)
        np.testing.assert_allclose(answers.pooled(tokens, last), expected, atol=1e-6)
        np.testing.assert_array_equal(answers.pooled(tokens[:, 0], last), tokens[:, 0])
    assert answers.feature_size((None, height, width, channels), True, "f") == channels
    assert answers.feature_size((None, channels, height, width), False, "f") == channels
    assert answers.feature_size((None, height, channels), False, "f") == channels
    assert answers.feature_size((None,), True, "f") == 1 and answers.pooled(np.zeros(2), True).shape == (2, 1)


def test_features_of_any_size_are_none():
    with pytest.raises(SpecError, match=r"feature 'f' has shape \(any, 4, any\); expected a fixed number of channels"):
        answers.feature_size((None, 4, None), True, "f")
    with pytest.raises(SpecError, match=r"feature 'f' has shape \(\); expected a fixed number of channels"):
        answers.feature_size((), True, "f")


IMAGE = answers.Image("case 'a'", (100, 50), (10, 10))


def found(boxes, scores, labels=(), feature=None, **options):
    raw = {"boxes": np.array(boxes, np.float32), "scores": np.array(scores, np.float32)}
    raw |= {"labels": np.array(labels)} if len(labels) else {}
    raw |= {"feature": np.array(feature)} if feature is not None else {}
    given = FOUND if len(labels) else {**FOUND, "labels": "", "classes": ("one",)}
    return answers.detections_in(raw, IMAGE, config(**{**given, **options}))


def test_boxes_in_pixels_of_the_image():
    assert found([[1, 2, 3, 4]], [0.5]).boxes.tolist() == [[5, 20, 15, 40]]


@given(st.tuples(*[st.integers(0, 32)] * 2, *[st.integers(1, 32)] * 2))
def test_all_formats_say_the_same(drawn):
    x, y, w, h = (value / 64 for value in drawn)
    options = {
        "xyxy": [x, y, x + w, y + h],
        "xywh": [x, y, w, h],
        "cxcywh": [x + w / 2, y + h / 2, w, h],
        "yxyx": [y, x, y + h, x + w],
    }
    for name, box in options.items():
        expected = np.array([x * 50, y * 100, (x + w) * 50, (y + h) * 100], np.float32)
        np.testing.assert_array_equal(found([box], [1], box_format=name, normalized=True).boxes[0], expected)


def test_what_fills_up_is_left_out():
    kept = found([[0, 0, 1, 1], [0, 0, 0, 0], [-1] * 4], [0.25, 0, -1], [1, 0, -1], [[1, 2], [3, 4], [5, 6]])
    assert kept.scores.tolist() == [0.25] and kept.labels.tolist() == [1] and kept.features.tolist() == [[1, 2]]
    assert found([[0, 0, 1, 1], [0, 0, 2, 2]], [0.25, 0.75], threshold=0.5).scores.tolist() == [0.75]
    assert len(found(np.zeros((0, 4)), [])) == 0


def test_boxes_are_cut_at_the_edges_and_those_beside_the_image_left_out():
    kept = found([[-5, -5, 2, 2], [8, 8, 20, 20], [11, 0, 12, 5]], [0.5, 0.25, 0.75])
    assert kept.boxes.tolist() == [[0, 0, 10, 20], [40, 80, 50, 100]] and kept.scores.tolist() == [0.5, 0.25]


def test_labels_may_start_anywhere_and_be_floats():
    assert found([[0, 0, 1, 1]] * 2, [0.5, 0.25], [2.0, 1.0], first_label=1).labels.tolist() == [1, 0]


def test_logits_of_boxes():
    assert found([[0, 0, 1, 1]], [0.0], activation="sigmoid").scores.tolist() == [0.5]


@pytest.mark.parametrize(
    "outputs, options, message",
    [
        (([[0, 0, 1, 1]], [2]), {}, "case 'a': output 's' says 2; expected a score from 0 to 1"),
        (([[0, 0, 1, 1]], [np.nan]), {}, "case 'a': output 's' says nan"),
        (([[0, 0, 1, 1]], [-0.5]), {}, "case 'a': output 's' says -0.5"),
        (
            ([[1, 1, 0, 2]], [0.5]),
            {},
            "case 'a': box [5.0, 10.0, 0.0, 20.0] (xyxy, in pixels of the image) has no area",
        ),
        (([[0, 0, np.inf, 1]], [0.5]), {}, "has no area; are box_format and normalized right?"),
        (([[0, 0, 1, 1]], [0.5], [2]), {}, "case 'a': label 2 is none of 0 to 1; are classes and first_label right?"),
        (([[0, 0, 1, 1]], [0.5], [0]), {"first_label": 1}, "case 'a': label 0 is none of 1 to 2"),
        (([[0, 0, 1, 1]], [0.5], [0.5]), {}, "case 'a': label 0.5 is none of 0 to 1"),
        (([[0, 0, 1]], [0.5]), {}, "case 'a': boxes has shape (1, 3); expected (1, 4)"),
        (([[0, 0, 1, 1]], [[0.5]]), {}, "case 'a': scores has shape (1, 1); expected (1,)"),
        (([[0, 0, 1, 1]], 0.5), {}, "case 'a': boxes has shape (1, 4); expected (0, 4)"),
        (([[0, 0, 1, 1]], [0.5], [1, 1]), {}, "case 'a': labels has shape (2,); expected (1,)"),
        (([[0, 0, 1, 1]], [0.5], [1], [1.0]), {}, "case 'a': feature has shape (1,); expected one vector for each box"),
    ],
)
def test_detections_that_cannot_be(outputs, options, message):
    with pytest.raises(DataError, match=re.escape(message)):
        found(*outputs, **options)
