from __future__ import annotations

import numpy as np
import pytest

from mammo_data.batches import content_hash, grey, prepare_views
from mammo_data.images import prepare
from taskfusion.cases import Case
from taskfusion.errors import DataError

VIEWS = ("L-CC", "R-CC")


class Counter:
    """A progress step that counts."""

    amount = 0.0

    def advance(self, amount: float = 1, **metrics: float) -> None:
        self.amount += amount


def film(seed: int) -> np.ndarray:
    """Tissue of random grey values at the left edge."""
    picture = np.zeros((60, 40), np.uint16)
    picture[10:50, :25] = np.random.default_rng(seed).integers(9000, 60000, (40, 25))
    return picture


def test_views_are_prepared_in_order_and_lacking_ones_are_black() -> None:
    cases = [Case.of("a", {"L-CC": film(0), "R-CC": film(1)[:, ::-1]}), Case.of("b", {"R-CC": film(2)[:, ::-1]})]
    bar = Counter()
    found = prepare_views(cases, VIEWS, (48, 32), bar)
    assert found.pixels.shape == (2, 2, 48, 32) and found.pixels.dtype == np.uint8
    assert found.present.tolist() == [[True, True], [False, True]]
    assert not found.pixels[1, 0].any() and found.placements[1][0] is None
    expected, placement = prepare(film(1)[:, ::-1], (48, 32), "R")
    np.testing.assert_array_equal(found.pixels[0, 1], np.round(expected * 255))
    assert found.placements[0][1] == placement
    assert found.shapes.tolist() == [[[60, 40], [60, 40]], [[0, 0], [60, 40]]]
    assert bar.amount == 2


def test_sixteen_bits_keep_more_of_the_same_grey_values() -> None:
    case = Case.of("a", {"L-CC": film(0)})
    coarse, fine = (prepare_views([case], ["L-CC"], (48, 32), bits=bits).pixels for bits in (8, 16))
    assert fine.dtype == np.uint16
    assert len(np.unique(fine)) > len(np.unique(coarse))
    assert grey(coarse).dtype == grey(fine).dtype == np.float32
    np.testing.assert_allclose(grey(fine), grey(coarse), atol=0.51)
    assert grey(fine).max() == 255


def test_no_cases() -> None:
    found = prepare_views([], VIEWS, (48, 32))
    assert found.pixels.shape == (0, 2, 48, 32) and found.present.shape == (0, 2)


def test_an_unusable_image_is_named() -> None:
    bad = Case.of("a", {"L-CC": np.eye(12, dtype=np.uint8).reshape(4, 12, 3)})
    expected = r"^case 'a', view 'L-CC': a mammogram must be \(height, width\) or grey in every channel, got shape"
    with pytest.raises(DataError, match=expected):
        prepare_views([bad], VIEWS, (48, 32))


def test_a_hash_tells_arrays_apart_by_numbers_shape_and_type() -> None:
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    others = [array + 1, array.reshape(3, 2), array.astype(np.uint16), array[:, :2]]
    hashes = {content_hash([other]) for other in (array, *others)}
    assert len(hashes) == 5
    assert content_hash([array]) == content_hash([np.asfortranarray(array)])
    assert content_hash([]) == content_hash(iter(()))
