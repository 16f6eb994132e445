"""Pictures for the page: small, true to the pixels, within their bytes."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from report.pages_made_up import breast

from taskfusion.errors import DataError
from taskfusion.report import Picture
from taskfusion.report.pictures import HEAT_SIDE, chest_wall, heat_uri, picture_uri, shrink


def image_of(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


@given(st.tuples(st.integers(1, 300), st.integers(1, 300)), st.integers(64, 128), st.sampled_from(["u1", "u2", "f4"]))
def test_shrunk_pictures_fit_and_keep_their_shape(size, side, kind):
    pixels = (np.random.default_rng(0).random(size) * 250).astype(kind)
    small = shrink(pixels, side).pixels
    assert small.dtype == np.uint8 and max(small.shape) == min(side, max(size))
    scale = max(small.shape) / max(size)
    assert np.allclose(small.shape, np.maximum(np.array(size) * scale, 1), atol=1)


def test_eight_bits_stay_as_they_are():
    pixels = np.arange(200, dtype=np.uint8).reshape(10, 20)
    small = shrink(pixels, 64)
    assert np.array_equal(small.pixels, pixels) and (small.low, small.high) == (0, 255)


def test_other_values_say_what_became_black_and_white():
    pixels = np.linspace(1000, 3000, 4000).reshape(50, 80).astype(np.uint16)
    small = shrink(pixels, 80)
    back = small.low + small.pixels / 255 * (small.high - small.low)
    assert small.low == 1000 and small.high == pytest.approx(2998, abs=2)
    assert np.abs(back - np.minimum(pixels, small.high)).max() < 5


@pytest.mark.parametrize("value", [0.0, 7.5, float("nan"), float("inf")])
def test_a_picture_of_one_value_is_no_error(value):
    assert shrink(np.full((5, 5), value, np.float32), 64).pixels.max() == 0


def test_colours_stay_colours_and_one_channel_is_grey():
    assert shrink(np.zeros((9, 8, 4), np.uint8), 64).pixels.shape == (9, 8, 3)
    assert shrink(np.zeros((9, 8, 1), np.uint16), 64).pixels.shape == (9, 8)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_chest_wall_is_where_the_breast_grows_from(side):
    assert chest_wall(breast(side)) == side


def test_no_chest_wall_where_nothing_leans_to_a_side():
    assert chest_wall(np.zeros((20, 20), np.uint8)) == ""
    assert chest_wall(np.full((20, 20), 200, np.uint8)) == ""


@pytest.mark.parametrize("most", [900, 4000, 20000])
def test_a_picture_takes_no_more_bytes_than_it_may(most):
    noise = np.random.default_rng(1).integers(0, 256, (300, 200)).astype(np.uint8)
    uri = picture_uri(noise, most)
    assert len(base64.b64decode(uri.partition(",")[2])) <= most
    assert image_of(uri).format == "WEBP"


def test_a_picture_is_as_good_as_its_bytes_allow():
    pixels = breast("left", 200, 300)
    found = np.asarray(image_of(picture_uri(pixels, 20000)).convert("L"), float)
    assert np.abs(found - pixels).mean() < 2


def test_heat_is_transparent_where_nothing_was_seen_and_grows():
    image = image_of(heat_uri(np.array([[0.0, 0.25, 0.5, 1.0]])))
    alpha = np.asarray(image.convert("RGBA"))[0, :, 3].astype(int)
    assert alpha[0] == 0 and (np.diff(alpha) > 0).all()
    assert max(image_of(heat_uri(np.ones((500, 300)))).size) == HEAT_SIDE


def test_a_picture_refers_to_nothing_outside():
    with pytest.raises(DataError, match="picture of view 'L': source must be a data URI of an image"):
        Picture("L", "file:///x.png")
