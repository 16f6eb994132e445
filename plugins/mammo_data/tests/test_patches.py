import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.patches import breast_share, cut, sample_lesion_patches, sample_normal_patches

IMAGE = np.random.default_rng(0).random((90, 70)).astype(np.float32)


def rng(seed=0):
    return np.random.default_rng(seed)


@given(st.integers(0, 2**32), st.floats(0, 60), st.floats(0, 80), st.floats(1, 26), st.floats(1, 26))
def test_lesion_patches_hold_over_90_percent_of_the_box(seed, x, y, width, height):
    box = np.array([[x, y, min(x + width, 70), min(y + height, 90)]])
    patches = sample_lesion_patches(IMAGE, box, 32, 5, rng(seed))
    assert patches.pixels.shape == (5, 32, 32)
    assert (patches.corners >= 0).all()
    assert (patches.corners <= [70 - 32, 90 - 32]).all()
    assert (_overlap(patches.corners, box[0], 32) > 0.9).all()
    np.testing.assert_array_equal(patches.boxes, 0)


def _overlap(corners, box, size):
    low = np.maximum(corners, box[:2])
    high = np.minimum(corners + size, box[2:])
    return np.prod(np.maximum(high - low, 0), axis=1) / np.prod(box[2:] - box[:2])


def test_a_lesion_larger_than_the_patch_fills_it():
    patches = sample_lesion_patches(IMAGE, [[10, 10, 60, 80]], 16, 20, rng())
    assert (patches.corners >= 10).all()
    assert (patches.corners + 16 <= [60, 80]).all()


def test_a_lesion_as_large_as_the_patch_is_centred_as_well_as_it_can_be():
    patches = sample_lesion_patches(IMAGE, [[10.4, 10.4, 26.6, 26.6]], 16, 5, rng())
    assert (_overlap(patches.corners, np.array([10.4, 10.4, 26.6, 26.6]), 16) > 0.85).all()


def test_lesion_patches_are_jittered_and_say_which_box_they_show():
    patches = sample_lesion_patches(IMAGE, [[20, 30, 26, 38], [40, 50, 50, 60]], 32, 8, rng())
    np.testing.assert_array_equal(patches.boxes, np.repeat([0, 1], 8))
    assert len(np.unique(patches.corners[:8], axis=0)) > 4
    x, y = patches.corners[3]
    np.testing.assert_array_equal(patches.pixels[3], IMAGE[y : y + 32, x : x + 32])


def test_no_lesion_gives_no_patch():
    assert sample_lesion_patches(IMAGE, np.zeros((0, 4)), 32, 5, rng()).pixels.shape == (0, 32, 32)


def test_an_image_smaller_than_the_patch_is_padded():
    patches = sample_lesion_patches(IMAGE, [[20, 30, 26, 38]], 100, 2, rng())
    np.testing.assert_array_equal(patches.pixels[0][:90, :70], IMAGE)
    assert not patches.pixels[0][90:].any()
    normal = sample_normal_patches(IMAGE, np.ones(IMAGE.shape, bool), 100, 2, rng())
    np.testing.assert_array_equal(normal.corners, 0)


@given(st.integers(0, 2**32), st.integers(20, 40))
def test_normal_patches_lie_over_90_percent_in_the_breast(seed, radius):
    y, x = np.mgrid[:90, :70]
    mask = np.hypot(x, y - 45) < radius + 12
    patches = sample_normal_patches(IMAGE, mask, 24, 6, rng(seed))
    assert (cut(mask, patches.corners, 24).mean(axis=(1, 2)) > 0.9).all()
    np.testing.assert_array_equal(patches.boxes, -1)


def test_in_a_small_breast_the_fullest_places_are_used():
    mask = np.zeros(IMAGE.shape, bool)
    mask[40:50, 30:40] = True
    patches = sample_normal_patches(IMAGE, mask, 32, 6, rng())
    assert (cut(mask, patches.corners, 32).sum(axis=(1, 2)) > 97).all()


def test_without_a_breast_the_middle_is_used():
    patches = sample_normal_patches(IMAGE, np.zeros(IMAGE.shape, bool), 32, 2, rng())
    np.testing.assert_array_equal(patches.corners, [[19, 29], [19, 29]])


def test_the_share_of_breast_is_counted_exactly():
    mask = rng().random((20, 15)) < 0.5
    share = breast_share(mask, 6)
    assert share.shape == (15, 10)
    assert share[4, 3] == pytest.approx(mask[4:10, 3:9].mean())


@pytest.mark.parametrize(("size", "count"), [(0, 5), (32, 0)])
def test_impossible_sizes_are_refused(size, count):
    with pytest.raises(ValueError, match=f"patch size and count must be positive, got {size} and {count}"):
        sample_lesion_patches(IMAGE, [[0, 0, 5, 5]], size, count, rng())
    with pytest.raises(ValueError, match="patch size and count must be positive"):
        sample_normal_patches(IMAGE, IMAGE > 0, size, count, rng())
