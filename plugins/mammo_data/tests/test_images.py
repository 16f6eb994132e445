import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.images import Placement, breast_mask, chest_side, clean, clearer_side, laterality_of, prepare
from mammo_data.synthetic import SyntheticConfig, generate_exam
from taskfusion.errors import DataError


def half_disc(height=120, width=90, radius=40, value=3000):
    """A breast at the left edge, a label at the right edge, a faint background."""
    y, x = np.mgrid[:height, :width]
    image = np.full((height, width), 20, np.uint16)
    image[np.hypot(x, y - height / 2) < radius] = value
    image[5:12, width - 20 : width - 4] = 4000
    return image


coordinates = st.floats(-50, 3000, width=32)
placements = st.builds(
    Placement,
    flipped=st.booleans(),
    width=st.integers(1, 4000).map(float),
    left=st.integers(0, 500).map(float),
    top=st.integers(0, 500).map(float),
    zoom_x=st.floats(0.05, 2),
    zoom_y=st.floats(0.05, 2),
    down=st.integers(0, 300).map(float),
)


@given(placements, st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), max_size=4))
def test_boxes_go_to_the_prepared_image_and_back(placement, rows):
    boxes = np.array(rows, np.float64).reshape(-1, 4)
    boxes = np.concatenate([boxes[:, :2], boxes[:, :2] + np.abs(boxes[:, 2:])], axis=1)
    moved = placement.to_prepared(boxes)
    assert (moved[:, 2:] >= moved[:, :2] - 1e-9).all()
    np.testing.assert_allclose(placement.to_original(moved), boxes, atol=1e-6)
    np.testing.assert_allclose(placement.to_prepared(placement.to_original(boxes)), boxes, atol=1e-6)


@given(
    st.integers(40, 150),
    st.integers(40, 150),
    st.tuples(st.integers(48, 100), st.integers(48, 100)),
    st.sampled_from(["L", "R", None]),
    st.booleans(),
)
def test_a_bright_spot_is_found_where_its_box_went(height, width, size, laterality, crop):
    """The placement tells the truth about the pixels."""
    image = np.full((height, width), 400.0)
    box = np.array([[width // 4, height // 3, width // 4 + 4 + width // 4, height // 3 + 4 + height // 4]])
    x0, y0, x1, y1 = box[0]
    image[y0:y1, x0:x1] = 1000
    image[0, :] = image[:, -1 if laterality == "L" else 0] = 0  # some background, so that there is a mask
    prepared, placement = prepare(image, size, laterality, crop)
    rows, columns = np.nonzero(prepared > 0.7)
    if len(rows) == 0:
        return  # shrunk below a pixel
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(placement.to_prepared(box)[0], found, atol=1.6)


@given(placements, coordinates, coordinates)
def test_points_go_where_the_corners_of_boxes_go(placement, x, y):
    corners = placement.to_prepared([[x, y, x + 10, y + 10]])[0]
    point = placement.points_to_prepared([[x, y]])[0]
    np.testing.assert_allclose(point, [corners[2 if placement.flipped else 0], corners[1]], atol=1e-6)


def test_the_mask_is_the_breast_without_label():
    mask = breast_mask(half_disc())
    assert mask.dtype == bool
    assert mask[60, :35].all()
    assert not mask[:15].any()
    assert not mask[60, 45:].any()


def test_holes_are_filled():
    image = half_disc()
    image[58:63, 10:15] = 0
    assert breast_mask(image)[60, 12]


@pytest.mark.parametrize("mirrored", [False, True])
def test_dark_tissue_at_the_chest_wall_is_breast_and_a_wide_fold_is_not(mirrored):
    image = half_disc(400, 300, radius=160)
    image[190:205, :8] = 0
    image[90:130, :8] = 0
    mask = breast_mask(image[:, ::-1] if mirrored else image)
    mask = mask[:, ::-1] if mirrored else mask
    assert mask[190:205, :8].all()
    assert not mask[95:125, :6].any()


def test_it_is_seen_whether_the_side_of_the_chest_wall_is_clear():
    mask = np.zeros((10, 8), bool)
    assert clearer_side(mask) is None
    mask[:6, 0] = True
    assert clearer_side(mask) == "L"
    assert clearer_side(mask[:, ::-1]) == "R"
    mask[:5, -1] = True
    assert clearer_side(mask) is None


@pytest.mark.parametrize("value", [0, 7, 65535])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_constant_image_has_no_breast_and_gives_zeros(value, dtype):
    image = np.full((40, 30), min(value, np.iinfo(np.uint8).max) if dtype == np.uint8 else value, dtype)
    assert not breast_mask(image).any()
    prepared, placement = prepare(image, (32, 32), "R")
    assert prepared.dtype == np.float32
    assert (prepared == 0).all()
    assert placement.flipped


def test_specks_alone_are_no_breast():
    image = np.zeros((40, 30))
    image[5, 5] = image[20, 20] = 1
    assert not breast_mask(image).any()


def test_what_is_not_finite_does_no_harm():
    image = half_disc().astype(float)
    image[60, 10:12] = np.nan
    image[61, 10] = np.inf
    assert np.isfinite(prepare(image, (64, 48), "L")[0]).all()


def test_cleaning_removes_the_label_and_keeps_the_skin():
    image = half_disc()
    cleaned = clean(image, breast_mask(image))
    assert cleaned[:15].max() == 0
    assert cleaned[60, 39] == 3000


def test_twelve_bits_and_sixteen_bits_come_out_alike():
    image = generate_exam(0, 3, SyntheticConfig(96, 80)).images["L-CC"]
    full, _ = prepare(image, (96, 80), "L")
    twelve, _ = prepare(image >> 4, (96, 80), "L")
    np.testing.assert_allclose(full, twelve, atol=0.01)
    assert full.min() == 0
    assert full.max() == 1


def test_the_chest_wall_comes_to_the_left_whatever_the_laterality():
    image = half_disc()
    left, _ = prepare(image, (120, 90), "L")
    right, placement = prepare(image[:, ::-1], (120, 90), "R")
    np.testing.assert_array_equal(left, right)
    assert placement.flipped
    assert (left[40:80, 0] > 0.5).all()


def test_an_image_that_was_stored_mirrored_comes_out_like_one_that_was_not():
    image = half_disc()
    box = np.array([[5, 50, 20, 70]])
    native, placement = prepare(image, (120, 90), "L")
    mirrored, other = prepare(image[:, ::-1], (120, 90), "L")
    np.testing.assert_array_equal(native, mirrored)
    np.testing.assert_allclose(other.to_prepared([[70, 50, 85, 70]]), placement.to_prepared(box))


def test_the_laterality_decides_where_the_pixels_show_nothing():
    image = np.zeros((60, 45))
    image[20:40, 10:30] = 100
    assert prepare(image, (60, 45), "R")[1].flipped
    assert not prepare(image, (60, 45), "L")[1].flipped


def test_laterality_is_seen_where_it_is_not_given():
    image = half_disc()
    assert chest_side(breast_mask(image)) == "L"
    assert prepare(image[:, ::-1], (60, 45))[1].flipped
    assert not prepare(image, (60, 45))[1].flipped


def test_a_tight_cut_and_a_whole_film_come_out_alike():
    film = half_disc(150, 100)
    tight = film[35:116, :41]
    a, b = prepare(film, (80, 60), "L")[0], prepare(tight, (80, 60), "L")[0]
    assert np.abs(a - b).mean() < 0.03


def test_aspect_ratio_is_kept_and_a_small_breast_is_enlarged_at_most_twice():
    _, placement = prepare(half_disc(400, 300, radius=40), (400, 300), "L")
    assert placement.zoom_x == pytest.approx(2, abs=0.1)
    _, placement = prepare(half_disc(), (60, 90), "L")
    assert placement.zoom_x == pytest.approx(placement.zoom_y, rel=0.03)


def test_without_cropping_the_whole_film_is_kept():
    _, placement = prepare(half_disc(), (60, 45), "L", crop=False)
    assert (placement.left, placement.top, placement.zoom_x, placement.zoom_y, placement.down) == (0, 0, 0.5, 0.5, 0)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_grey_in_every_channel_is_grey(channels):
    image = np.repeat(half_disc()[..., None], channels, axis=2)
    if channels == 4:
        image[..., 3] = 1  # transparency says nothing
    np.testing.assert_array_equal(breast_mask(image), breast_mask(half_disc()))


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (4, 4, 3), (0, 5)])
def test_other_shapes_and_colours_are_refused(shape):
    with pytest.raises(DataError, match=r"a mammogram must be \(height, width\) or grey in every channel, got shape"):
        breast_mask(np.arange(np.prod(shape)).reshape(shape))


def test_wrong_arguments_are_refused():
    with pytest.raises(DataError, match="laterality must be 'L' or 'R', got 'left'"):
        prepare(half_disc(), (60, 45), "left")
    with pytest.raises(DataError, match=r"size must be a positive height and width, got \(0, 45\)"):
        prepare(half_disc(), (0, 45), "L")
    with pytest.raises(DataError, match="view 'CC' does not begin with its laterality; expected a name such as 'L-CC'"):
        laterality_of("CC")
