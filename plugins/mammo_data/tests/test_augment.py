import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.augment import (
    DENSITY_PATIENT,
    DENSITY_VIEW,
    FINDINGS,
    PATCHES,
    STANDARD,
    Augmentation,
    augment,
    augment_batch,
    clip_boxes,
    draw_movement,
    random_affine,
    warp_boxes,
)
from taskfusion.errors import DataError, SpecError

NOTHING = Augmentation(flip=False, rotation=0, crop=1)
ALL = Augmentation(vertical_flip=True, shear=8, shift=0.1, scale=0.1, distortion=0.3)
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


STRETCH = Augmentation(flip=False, rotation=0, crop=1, distortion=0.4)


@given(seeds)
def test_grid_distortion_moves_lines_within_its_limits_and_keeps_the_edges(seed):
    movement = draw_movement(rng(seed), (100, 80), STRETCH)
    np.testing.assert_allclose(movement.boxes([[0, 0, 80, 100]]), [[0, 0, 80, 100]])
    for knots, length in ((movement.across, 80), (movement.down, 100)):
        sides = np.diff(knots[1])
        assert len(sides) == 5
        assert sides.max() / sides.min() <= 1.4 / 0.6 + 1e-9
        assert sides.sum() == pytest.approx(length)


@given(seeds, st.integers(10, 60), st.integers(10, 70))
def test_grid_distortion_takes_boxes_along_exactly(seed, x, y):
    image = np.zeros((100, 80), np.float32)
    image[y : y + 20, x : x + 15] = 1
    moved, boxes, _ = augment(image, [[x, y, x + 15, y + 20]], rng(seed), STRETCH)
    rows, columns = np.nonzero(moved > 0.5)
    np.testing.assert_allclose(boxes[0], [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=1.01)


@given(seeds)
def test_a_square_patch_is_turned_into_one_of_eight_by_flips_and_transposing(seed):
    image = rng(1).random((20, 20), np.float32)
    how = Augmentation(vertical_flip=True, transpose=True, rotation=0, crop=1)
    moved, boxes, _ = augment(image, [[2, 3, 7, 5]], rng(seed), how)
    choices = [np.rot90(one, turn) for one in (image, image.T) for turn in range(4)]
    assert sum(np.allclose(moved, choice, atol=1e-6) for choice in choices) == 1
    x0, y0, x1, y1 = np.round(boxes[0]).astype(int)
    assert sorted(moved[y0:y1, x0:x1].ravel()) == pytest.approx(sorted(image[3:5, 2:7].ravel()), abs=1e-6)


def test_transposing_happens_about_every_other_time_and_needs_square_images():
    how = Augmentation(flip=False, transpose=True, rotation=0, crop=1)
    swapped = [abs(random_affine(rng(seed), (20, 20), how)[0, 0]) < 0.5 for seed in range(200)]
    assert 60 < sum(swapped) < 140
    with pytest.raises(DataError, match="transposing needs square images, got height 20, width 15"):
        augment(np.zeros((20, 15), np.float32), NO_BOXES, rng(), how)


@given(seeds)
def test_shift_and_scale_keep_within_their_limits(seed):
    how = Augmentation(flip=False, rotation=0, crop=1, shift=0.1, scale=0.2)
    matrix = random_affine(rng(seed), (100, 80), how)
    assert 0.8 <= matrix[0, 0] == matrix[1, 1] <= 1.2
    moved = matrix[:2, :2] @ [40, 50] + matrix[:2, 2]
    assert (np.abs(moved - [40, 50]) <= [8, 10]).all()


def test_blur_takes_the_edges_off_and_keeps_what_is_even():
    how = Augmentation(flip=False, rotation=0, crop=1, blur=2)
    step = np.zeros((30, 30), np.float32)
    step[:, 15:] = 1
    blurred = np.stack([augment(step, NO_BOXES, rng(seed), how)[0] for seed in range(20)])
    sharpness = np.abs(np.diff(blurred, axis=2)).max(axis=(1, 2))
    assert sharpness.min() < 0.3
    assert sharpness.max() <= 1
    np.testing.assert_allclose(blurred[:, :, 0], 0, atol=1e-6)
    np.testing.assert_allclose(blurred[:, :, -1], 1, atol=1e-6)


def test_each_model_has_what_the_paper_lists():
    for how in (STANDARD, DENSITY_VIEW, DENSITY_PATIENT, PATCHES, FINDINGS):
        assert (how.rotation, how.crop) == (15, 0.85)
        assert how.flip is (how is not DENSITY_PATIENT)
        assert how.vertical_flip is (how in (PATCHES, FINDINGS))
        assert how.transpose is (how is PATCHES)
        assert bool(how.shift and how.scale) is (how is PATCHES)
        assert bool(how.shear) is (how is DENSITY_VIEW)
        assert bool(how.blur and how.distortion) is (how is DENSITY_PATIENT)


@pytest.mark.parametrize("name", ["shift", "scale", "distortion"])
def test_impossible_amounts_are_refused(name):
    with pytest.raises(SpecError, match=f"{name} must be from 0 to below 1, got 1"):
        Augmentation(**{name: 1.0})
