"""From pixels to a network's input: channels, size, range, layout, and how views are stacked."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from taskfusion.configs import structure
from taskfusion.errors import DataError, SpecError
from taskfusion.tasks.image_config import ImageModelConfig
from taskfusion.tasks.image_input import Port, network_image, plan_inputs


def config(**options):
    return structure(ImageModelConfig, {"path": "m", "views": ["L"], **options}, "task")


def plan(shape, **options):
    return plan_inputs(config(**options), [Port("x", shape)], 4)


def shown(pixels, shape=(None, 4, 4, 1), **options):
    return network_image(pixels, plan(shape, **options), config(**options))


def test_path_and_views_are_needed_where_anything_is_said():
    bare = ImageModelConfig()
    with pytest.raises(SpecError, match=r"^path is missing: the file of the network$"):
        bare.file  # noqa: B018  # reading it is the test
    expected = "^task: path is missing: the file of the network; views are missing: the names"
    with pytest.raises(SpecError, match=expected):
        structure(ImageModelConfig, {"scale": 2.0}, "task")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"views": ["L", "L"]}, "views names one twice: L, L"),
        ({"inputs": {"L": "x"}}, "inputs is for level: case; else the network has one input"),
        ({"level": "case", "inputs": {"R": "x"}}, "inputs names R; expected an input for each view: L"),
        ({"size": [0, 5]}, "size is [0, 5]; expected height and width above 0"),
        ({"size": [1, 2, 3]}, "size is [1, 2, 3]; expected height and width above 0"),
        ({"batch_size": 0}, "batch_size is 0; expected at least 1"),
        ({"range": "zscore"}, "range is 'zscore'; expected [low, high], raw or z-score"),
        ({"range": [1, 0]}, "range is (1.0, 0.0); expected low < high"),
        ({"range": [0, 1], "scale": 2.0}, "scale and offset are for range: raw"),
        ({"boxes": "b", "threshold": 0.5}, "boxes, threshold is for level: detection"),
        (
            {"level": "detection"},
            "boxes is missing: the output that holds the boxes; scores is missing: the output that",
        ),
        ({"level": "detection"}, "classes are missing: the names of the labels, in order"),
        (
            {"level": "detection", "classes": ["a", "b"]},
            "labels is missing: the output that says which class a box is of",
        ),
        ({"level": "detection", "activation": "softmax"}, "a box has one score: expected activation: none or sigmoid"),
        ({"level": "detection", "positive": 1}, "positive is not for level: detection"),
        ({"level": "detection", "threshold": 1.0}, "threshold is 1.0; expected at least 0 and less than 1"),
        (
            {"positive": 1, "classes": ["a", "b"]},
            "positive is 1 for 2 classes; it is an index from 0 and keeps one class",
        ),
        ({"classes": ["a", "a"]}, "classes names one twice: a, a"),
        ({"level": "vew"}, "found 'vew' (did you mean 'view'?); known: case, detection, view"),
        ({"activation": "relu"}, "found 'relu'; known: none, sigmoid, softmax"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(SpecError, match=re.escape(message)):
        config(**options)


def test_words_are_checked_in_python_too():
    with pytest.raises(SpecError, match="unknown layout 'NCWH' \\(did you mean 'NCHW'\\?\\); known: NCHW, NHWC, auto"):
        ImageModelConfig(path=Path("m"), views=("L",), layout="NCWH")


@given(arrays.arrays(np.uint8, (4, 4)))
def test_range_maps_what_the_type_can_hold(pixels):
    np.testing.assert_allclose(shown(pixels, range=[0, 1])[..., 0], pixels / 255, rtol=1e-6)
    np.testing.assert_allclose(shown(pixels, range=[-1, 1])[..., 0], pixels / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(
        shown(pixels.astype(np.uint16) * 257, range=[0, 1]), shown(pixels, range=[0, 1]), rtol=1e-6
    )
    np.testing.assert_array_equal(shown(pixels)[..., 0], pixels)
    np.testing.assert_array_equal(shown(pixels, scale=0.5, offset=3.0)[..., 0], pixels * 0.5 + 3)


@given(arrays.arrays(np.uint16, (4, 4)))
def test_z_score(pixels):
    seen = shown(pixels, range="z-score").astype(np.float64)
    if pixels.min() == pixels.max():
        assert not seen.any()
    else:
        assert abs(seen.mean()) < 1e-5 and abs(seen.std() - 1) < 1e-5


def test_types_whose_range_is_not_known():
    assert shown(np.ones((4, 4), bool), range=[0, 1]).max() == 1
    floats = np.full((4, 4), 0.25)
    with pytest.raises(DataError, match="pixels of type float64 have no known range; expected bool, uint8, uint16, or"):
        shown(floats, range=[0, 1])
    assert shown(floats, scale=4.0).max() == 1
    with pytest.raises(DataError, match="image of type float64 has pixels that are no finite numbers"):
        shown(np.full((4, 4), np.nan))


def test_grey_is_repeated_and_other_channels_must_fit():
    grey, colour = np.arange(16, dtype=np.uint8).reshape(4, 4), np.zeros((4, 4, 3), np.uint8)
    three = shown(grey, (None, 4, 4, 3))
    assert three.shape == (4, 4, 3) and (three == grey[..., None]).all()
    np.testing.assert_array_equal(shown(grey[..., None]), shown(grey))
    assert shown(colour, (None, 4, 4, 3)).shape == (4, 4, 3)
    with pytest.raises(DataError, match=r"image has shape \(4, 4, 3\); the network takes 1 channel$"):
        shown(colour)
    with pytest.raises(DataError, match=r"image has shape \(4, 4, 4\); the network takes 3 channels$"):
        shown(np.zeros((4, 4, 4), np.uint8), (None, 4, 4, 3))


@given(arrays.arrays(np.uint8, (9, 7)))
def test_resizing_stays_within_the_image(pixels):
    small = shown(pixels)
    assert small.shape == (4, 4, 1) and pixels.min() <= small.min() and small.max() <= pixels.max()


def test_resizing_keeps_where_things_are():
    pixels = np.zeros((40, 20), np.uint8)
    pixels[:10, 10:] = 200
    seen = shown(pixels, (None, 8, 4, 1))[..., 0]
    assert (seen[:1, 3] > 150).all() and (seen[3:] < 50).all() and (seen[:, :1] < 50).all()


def batch_of(values, made):
    """Each sample's views as images of one value."""
    return made.inputs([[np.full((*made.size, made.channels), v, np.float32) for v in sample] for sample in values])


def test_a_batch_is_filled_up():
    (only,) = batch_of([[1], [2]], plan((None, 4, 6, 3)))
    assert only.shape == (4, 4, 6, 3) and only[:, 0, 0, 0].tolist() == [1, 2, 0, 0]
    (fixed,) = batch_of([[1]], plan((2, 3, 4, 6)))
    assert fixed.shape == (2, 3, 4, 6) and fixed.dtype == np.float32


VIEWS = {"level": "case", "views": ["L", "R"]}


@pytest.mark.parametrize(
    "shape, options, view_axis",
    [
        ((None, 2, 4, 6, 1), {}, 1),
        ((None, None, 3, 4, 6), {}, 1),
        ((None, 4, 6, 2), {}, 3),
        ((None, 2, 4, 6), {}, 1),
    ],
)
def test_views_stacked_in_one_input(shape, options, view_axis):
    (only,) = batch_of([[1, 2]], plan(shape, **VIEWS, **options))
    assert only.shape == tuple(n or d for n, d in zip(shape, (4, 2, 0, 0, 0), strict=False))
    for k in range(2):
        assert (np.take(only[0], k, axis=view_axis - 1) == k + 1).all()


def test_an_input_for_each_view():
    ports = [Port("b", (None, 4, 6, 1)), Port("a", (None, 4, 6, 1))]
    inputs = batch_of([[1, 2]], plan_inputs(config(**VIEWS), ports, 1))
    assert [array.max() for array in inputs] == [1, 2]
    named = batch_of([[1, 2]], plan_inputs(config(**VIEWS, inputs={"L": "a", "R": "b"}), ports, 1))
    assert [array.max() for array in named] == [2, 1]


def test_size_and_layout_where_the_network_leaves_them_open():
    assert plan((None, None, None, 3), size=[5, 7]).size == (5, 7)
    assert plan((None, None, None, 3), size=5).size == (5, 5)
    assert plan((None, 4, None, 3), size=[4, 7]).size == (4, 7)
    assert not plan((None, 3, 5, 3), layout="NCHW").last and plan((None, 3, 5, 3), layout="NHWC").size == (3, 5)
    assert plan((None, 5, 9, 9), layout="NCHW").channels == 5


@pytest.mark.parametrize(
    "shapes, options, message",
    [
        ([(None, 4, 4)], {}, "the network's input 'x0' of shape (any, 4, 4) takes no images; expected batch, height"),
        ([(None, 2, 4, 4, 1)], {}, "of shape (any, 2, 4, 4, 1) takes no images"),
        ([(None, 9, 9, 9)], {}, "may have its channels first or last; write layout: NCHW or NHWC"),
        ([(None, 3, 9, 3)], {}, "may have its channels first or last; write layout: NCHW or NHWC"),
        ([(None, 9, 9, None)], {"layout": "NHWC"}, "has no fixed number of channels"),
        ([(None, None, 9, 1)], {}, "takes images of any size; write size: [height, width]"),
        (
            [(None, 8, 9, 1)],
            {"size": [9, 8]},
            "size is [9, 8]; the network's input 'x0' of shape (any, 8, 9, 1) takes [8, 9]",
        ),
        ([(None, 9, 9, 1)] * 2, {}, "the network has 2 inputs (input 'x0' of shape (any, 9, 9, 1); input 'x1' of"),
        ([(None, 9, 9, 1)] * 3, VIEWS, "expected one input, or one for each of the 2 views"),
        ([(None, 9, 9, 3)], VIEWS, "may have its channels first or last"),
        ([(None, 9, 9, 3)], {**VIEWS, "layout": "NHWC"}, "has 3 channels for 2 views"),
        ([(None, 3, 9, 9, 1)], VIEWS, "is for 3 views; expected 2"),
        ([(None, 9, 9, 1), (None, 8, 8, 1)], VIEWS, "inputs differ in shape, which cannot be: input 'x0'"),
        (
            [(None, 9, 9, 1)] * 2,
            {**VIEWS, "inputs": {"L": "x0", "R": "x2"}},
            "the network has no input 'x2' (did you mean 'x1'?); known: x0, x1",
        ),
        (
            [(None, 9, 9, 1)] * 2,
            {**VIEWS, "inputs": {"L": "x0", "R": "x0"}},
            "inputs gives x0 to the views; the network has x0, x1",
        ),
    ],
)
def test_networks_that_do_not_fit(shapes, options, message):
    ports = [Port(f"x{k}", shape) for k, shape in enumerate(shapes)]
    with pytest.raises(SpecError, match=re.escape(message)):
        plan_inputs(config(**options), ports, 4)
