from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskfusion.errors import DataError
from taskfusion.training.batches import Batches
from taskfusion.training.recipe import BatchOptions

NUMBERS = np.arange(10)


def test_one_epoch_sees_about_every_sample_once() -> None:
    batches = Batches(NUMBERS, NUMBERS, BatchOptions(size=5))
    assert sorted(np.concatenate([batches[i][0] for i in range(len(batches))])) == list(range(10))


def test_every_batch_is_full_even_when_there_are_fewer_samples_than_places() -> None:
    batches = Batches(NUMBERS[:3], NUMBERS[:3], BatchOptions(size=8))
    assert len(batches) == 1
    assert batches[0][0].shape == (8,)
    assert set(batches[0][0]) == {0, 1, 2}


@given(st.integers(1, 40), st.integers(1, 40), st.integers(2, 16), st.integers(0, 5))
def test_balanced_batches_hold_as_many_of_one_class_as_of_the_other(a: int, b: int, size: int, seed: int) -> None:
    classes = np.array([0] * a + [1] * b)
    batches = Batches(classes, classes, BatchOptions(size, seed=seed), classes=classes)
    for index in range(len(batches)):
        ones = int(batches[index][1].sum())
        assert abs(2 * ones - size) <= 1


def test_same_seed_same_batches_and_each_epoch_another_order() -> None:
    def epoch(batches: Batches) -> list[int]:
        return [int(n) for i in range(len(batches)) for n in batches[i][0]]

    one, two = (Batches(NUMBERS, NUMBERS, BatchOptions(5, seed=3)) for _ in range(2))
    first = epoch(one)
    assert first == epoch(two)
    one.on_epoch_end(), two.on_epoch_end()
    assert epoch(one) == epoch(two) != first
    assert epoch(Batches(NUMBERS, NUMBERS, BatchOptions(5, seed=4))) != first


def test_augmentation_does_not_depend_on_the_order_of_asking() -> None:
    def noisy(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return values + generator.normal(size=len(values))

    batches = Batches(NUMBERS, NUMBERS, BatchOptions(5), noisy)
    later, earlier = batches[1][0], batches[0][0]
    assert np.array_equal(batches[0][0], earlier)
    assert np.array_equal(batches[1][0], later)
    batches.on_epoch_end()
    assert not np.array_equal(batches[0][0] % 1, earlier % 1)


def test_inputs_may_be_a_dictionary_and_targets_a_tuple() -> None:
    inputs = {"a": NUMBERS, "b": NUMBERS * 2}
    found, targets = Batches(inputs, (NUMBERS, -NUMBERS), BatchOptions(4))[0]
    assert np.array_equal(found["b"], 2 * found["a"])
    assert np.array_equal(targets[1], -found["a"])


def test_no_samples_is_an_error() -> None:
    with pytest.raises(DataError, match=r"^no samples to train on$"):
        Batches(NUMBERS[:0], NUMBERS[:0], BatchOptions())
