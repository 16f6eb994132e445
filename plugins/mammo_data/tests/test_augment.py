import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.augment import Augmentation, augment, augment_batch, clip_boxes, random_affine, warp_boxes

NOTHING = Augmentation(flip=False, rotation=0, crop=1)
ALL = Augmentation(vertical_flip=True, shear=8)
seeds = st.integers(0, 2**32)
NO_BOXES = np.zeros((0, 4))


def rng(seed=0):
    return np.random.default_rng(seed)


@given(seeds, st.integers(12, 60), st.integers(12, 60))
def test_a_spot_is_found_where_its_box_went(seed, x, y):
    image = np.zeros((80, 72), np.float32)
    image[y : y + 6, x : x + 5] = 1
    moved, boxes, keep = augment(image, [[x, y, x + 5, y + 6]], rng(seed), ALL)
    rows, columns = np.nonzero(moved > 0.25)
    if not keep[0]:
        assert len(boxes) == 0
        return
    x0, y0, x1, y1 = boxes[0]
    assert 0 <= x0 <= x1 <= 72
    assert 0 <= y0 <= y1 <= 80
    assert columns.min() + 0.5 >= x0 - 0.6
    assert columns.max() + 0.5 <= x1 + 0.6
    assert rows.min() + 0.5 >= y0 - 0.6
    assert rows.max() + 0.5 <= y1 + 0.6


@given(seeds)
def test_only_flips_give_exactly_one_of_four_images(seed):
    image = rng(1).random((20, 15), np.float32)
    flips = Augmentation(vertical_flip=True, rotation=0, crop=1)
    moved, _, _ = augment(image, NO_BOXES, rng(seed), flips)
    choices = [image, image[:, ::-1], image[::-1], image[::-1, ::-1]]
    assert any(np.allclose(moved, choice, atol=1e-6) for choice in choices)


def test_nothing_asked_for_changes_nothing():
    image = rng(1).random((20, 15), np.float32)
    moved, boxes, keep = augment(image, [[1, 2, 3, 4]], rng(), NOTHING)
    np.testing.assert_allclose(moved, image, atol=1e-6)
    np.testing.assert_allclose(boxes, [[1, 2, 3, 4]])
    assert keep.all()


@given(seeds, st.floats(0.5, 1))
def test_a_random_cut_is_inside_the_image_and_as_large_as_asked(seed, crop):
    how = Augmentation(flip=False, rotation=0, crop=crop)
    matrix = random_affine(rng(seed), (100, 80), how)
    x0, y0, x1, y1 = warp_boxes([[0, 0, 80, 100]], np.linalg.inv(matrix))[0]
    assert x0 >= -1e-6
    assert y0 >= -1e-6
    assert x1 <= 80 + 1e-6
    assert y1 <= 100 + 1e-6
    assert crop - 1e-6 <= (x1 - x0) / 80 <= 1 + 1e-6


@given(seeds)
def test_rotation_and_shear_keep_within_their_limits(seed):
    how = Augmentation(flip=False, rotation=15, crop=1)
    linear = random_affine(rng(seed), (100, 80), how)[:2, :2]
    assert abs(np.degrees(np.arctan2(linear[1, 0], linear[0, 0]))) <= 15
    assert np.isclose(np.linalg.det(linear), 1)


def test_boxes_that_left_the_image_are_dropped():
    boxes, share = clip_boxes(np.array([[-10.0, 0, 10, 10], [200, 0, 210, 10], [2, 2, 4, 4]]), (50, 50))
    np.testing.assert_allclose(share, [0.5, 0, 1])
    np.testing.assert_allclose(boxes[0], [0, 0, 10, 10])
    image = np.zeros((50, 50), np.float32)
    _, kept, keep = augment(image, [[48, 0, 58, 10], [2, 2, 4, 4]], rng(), NOTHING)
    np.testing.assert_array_equal(keep, [False, True])
    np.testing.assert_allclose(kept, [[2, 2, 4, 4]])


def test_a_batch_is_seeded_each_image_moves_on_its_own_and_the_input_is_left_alone():
    images = np.repeat(rng(2).random((1, 40, 32, 1), np.float32), 3, axis=0)
    before = images.copy()
    first = augment_batch(images, rng(5), ALL)
    np.testing.assert_array_equal(first, augment_batch(images, rng(5), ALL))
    np.testing.assert_array_equal(images, before)
    assert first.shape == images.shape
    assert np.abs(first[0] - first[1]).max() > 0.1
    np.testing.assert_array_equal(augment_batch(images[..., 0], rng(5), ALL), first[..., 0])


@given(seeds)
def test_jitter_stays_in_range_and_leaves_the_background_black(seed):
    image = np.zeros((10, 10), np.float32)
    image[3:6, 3:6] = 0.5
    how = Augmentation(flip=False, rotation=0, crop=1, brightness=0.2, contrast=0.2)
    moved, _, _ = augment(image, NO_BOXES, rng(seed), how)
    assert (moved[image == 0] == 0).all()
    assert (moved[3:6, 3:6] >= 0.5 * 0.8 - 0.2 - 1e-6).all()
    assert (moved[3:6, 3:6] <= 0.5 * 1.2 + 0.2 + 1e-6).all()
