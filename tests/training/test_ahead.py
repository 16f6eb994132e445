"""Batches drawn ahead are the batches."""

import threading
import time

import numpy as np
import pytest

from taskfusion.errors import DataError
from taskfusion.training.ahead import Ahead
from taskfusion.training.backend import keras
from taskfusion.training.batches import Batches
from taskfusion.training.recipe import BatchOptions

pytestmark = pytest.mark.backend


def _batches() -> Batches:
    def noisy(rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return np.asarray(rows + generator.random(rows.shape))

    return Batches(np.arange(10.0), np.arange(10) % 2, BatchOptions(4, 3, 5), noisy)


def _drawn(batches: keras.utils.PyDataset, order: list[int]) -> list[tuple[list[float], list[int]]]:
    return [(x.tolist(), y.tolist()) for x, y in (batches[index] for index in order)]


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 0, 1, 2], [2, 0, 0], [1]])
def test_every_batch_is_that_of_the_source_in_whatever_order_asked(order):
    with Ahead(_batches()) as ahead:
        assert _drawn(ahead, order) == _drawn(_batches(), order)


def test_a_new_epoch_draws_anew():
    source, plain = _batches(), _batches()
    with Ahead(source) as ahead:
        assert len(ahead) == 3
        ahead.on_epoch_begin()
        first = _drawn(ahead, [0, 1])  # the third is being drawn when the epoch ends
        ahead.on_epoch_end()
        ahead.on_epoch_begin()
        second = _drawn(ahead, [2, 0, 1])
    assert first == _drawn(plain, [0, 1])
    plain.on_epoch_end()
    assert second == _drawn(plain, [2, 0, 1])
    assert first != second


class _Slow(keras.utils.PyDataset):
    """Knows who drew what, and whether two ever drew together."""

    def __init__(self, fails_at: int = -1) -> None:
        super().__init__()
        self.drawn: list[tuple[int, str]] = []
        self.together, self._busy, self._fails_at = False, threading.Lock(), fails_at

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        self.together |= not self._busy.acquire(blocking=False)
        time.sleep(0.01)
        self._busy.release()
        self.drawn.append((index, threading.current_thread().name))
        if index == self._fails_at:
            raise DataError(f"no batch {index}")
        return index


def test_the_next_batch_is_drawn_by_another_thread_and_never_two_at_a_time():
    source = _Slow()
    with Ahead(source) as ahead:
        assert [ahead[index] for index in (0, 1, 2, 3, 0, 2)] == [0, 1, 2, 3, 0, 2]
    assert [index for index, _ in source.drawn][:4] == [0, 1, 2, 3]
    here = threading.current_thread().name
    assert [name == here for _, name in source.drawn][:4] == [True, False, False, False]
    assert not source.together
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_what_goes_wrong_in_the_thread_is_raised_where_the_batch_is_asked_for():
    with Ahead(_Slow(fails_at=1)) as ahead:
        assert ahead[0] == 0
        with pytest.raises(DataError, match="no batch 1"):
            ahead[1]


def test_a_batch_nobody_asked_for_may_go_wrong_unheard():
    with Ahead(_Slow(fails_at=1)) as ahead:
        assert [ahead[0], ahead[3]] == [0, 3]


def test_without_a_with_block_nothing_is_drawn_ahead():
    source = _Slow()
    assert Ahead(source)[0] == 0
    assert len(source.drawn) == 1
