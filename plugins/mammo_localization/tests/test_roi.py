import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammo_localization import roi

pytestmark = pytest.mark.backend


def plain_crop(plane, box, size):
    """Bilinear sampling of one map, one sample at a time."""
    height, width, depth = plane.shape
    result = np.zeros((size, size, depth))
    for p in range(size):
        for q in range(size):
            y = (box[1] + (box[3] - box[1]) * p / (size - 1)) * (height - 1)
            x = (box[0] + (box[2] - box[0]) * q / (size - 1)) * (width - 1)
            y0, x0 = min(int(y), height - 2), min(int(x), width - 2)
            fy, fx = y - y0, x - x0
            top = plane[y0, x0] * (1 - fx) + plane[y0, x0 + 1] * fx
            bottom = plane[y0 + 1, x0] * (1 - fx) + plane[y0 + 1, x0 + 1] * fx
            result[p, q] = top * (1 - fy) + bottom * fy
    return result


@given(st.integers(0, 2**31), st.sampled_from([2, 4, 7]))
@settings(settings.get_profile("heavy"))
def test_crops_are_those_of_plain_bilinear_sampling(seed, size):
    rng = np.random.default_rng(seed)
    maps = rng.random((2, 6, 5, 3)).astype(np.float32)
    corners = np.sort(rng.random((2, 4, 2, 2)), axis=2)
    boxes = corners.reshape(2, 4, 4).astype(np.float32)
    crops = np.asarray(roi.crop(maps, boxes, size))
    expected = [[plain_crop(maps[n], box, size) for box in boxes[n]] for n in range(2)]
    assert crops == pytest.approx(np.array(expected), abs=1e-4)


def test_the_whole_image_sampled_at_its_own_cells_is_the_map():
    maps = np.random.default_rng(0).random((1, 4, 4, 2)).astype(np.float32)
    assert np.asarray(roi.crop(maps, np.array([[[0, 0, 1, 1]]], np.float32), 4))[0] == pytest.approx(maps, abs=1e-6)


def test_pooling_takes_the_largest_of_two_by_two():
    maps = np.random.default_rng(0).random((1, 4, 4, 1)).astype(np.float32)
    pooled = np.asarray(roi.crop_and_pool(maps, np.array([[[0, 0, 1, 1]]], np.float32), 4, 2))
    assert pooled[0, ..., 0] == pytest.approx(maps[0, ..., 0].reshape(2, 2, 2, 2).max(axis=(1, 3)), abs=1e-6)
    assert np.asarray(roi.crop_and_pool(maps, np.zeros((1, 3, 4), np.float32), 2, 1)).shape == (3, 2, 2, 1)
