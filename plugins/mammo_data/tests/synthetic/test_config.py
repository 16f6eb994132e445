import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mammo_data.synthetic.config import Frame
from mammo_data.synthetic.noise import power_law, ridges

numbers = st.floats(-50, 400)


def test_the_canonical_frame_has_one_pixel_a_unit():
    frame = Frame(288, 224)
    assert frame.scale == 1
    np.testing.assert_allclose(frame.rows()[:2], [0.5, 1.5])
    np.testing.assert_allclose(frame.columns()[:2], [0.5, 1.5])


@given(numbers, numbers, st.floats(1, 50), st.sampled_from([(288, 224), (144, 300), (500, 100)]))
def test_windows_cover_what_of_a_box_lies_in_the_image(x, y, side, size):
    frame = Frame(*size)
    rows, columns = frame.window((x, y, x + side, y + side))
    inside = (frame.columns() >= x) & (frame.columns() <= x + side)
    assert inside[columns].sum() == inside.sum()
    inside = (frame.rows() >= y) & (frame.rows() <= y + side)
    assert inside[rows].sum() == inside.sum()


def test_boxes_are_clipped_and_mirrored():
    frame = Frame(288, 224)
    assert frame.box((10, 20, 30, 300), flipped=False) == (10, 20, 30, 288)
    assert frame.box((10, 20, 30, 40), flipped=True) == (194, 20, 214, 40)


def test_power_law_fields_are_standardised_and_steeper_ones_smoother():
    def roughness(exponent):
        field = power_law(np.random.default_rng(0), (64, 64), exponent)
        assert abs(field.mean()) < 1e-4
        assert abs(field.std() - 1) < 1e-4
        return np.abs(np.diff(field, axis=1)).mean()

    assert roughness(3.5) < 0.5 * roughness(1.5)


def test_ridges_are_bright_at_zero_only():
    np.testing.assert_allclose(ridges(np.array([0.0, 10.0, -10.0]), 0.5), [1, 0, 0], atol=1e-6)
