"""Reading ahead: in order, not too far, errors where they belong."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskfusion.errors import DataError
from taskfusion.inference.loading import ahead


@given(st.lists(st.integers()), st.integers(1, 4), st.integers(1, 9))
def test_items_come_in_their_order(items: list[int], threads: int, most: int) -> None:
    assert list(ahead(lambda item: item * 2, items, threads=threads, most=most)) == [item * 2 for item in items]


def test_slow_items_do_not_lose_their_place() -> None:
    def load(item: int) -> int:
        time.sleep(0.01 if item % 3 == 0 else 0)
        return item

    assert list(ahead(load, range(12), threads=4, most=8)) == list(range(12))


def test_it_reads_while_the_caller_works_and_no_further_than_allowed() -> None:
    begun: list[int] = []
    third = threading.Event()

    def load(item: int) -> int:
        begun.append(item)
        if len(begun) == 3:
            third.set()
        return item

    loaded = ahead(load, range(100), most=2)
    assert next(loaded) == 0
    assert third.wait(10), "what comes next was not loaded before it was asked for"
    loaded.close()
    assert begun == [0, 1, 2]


def test_an_error_comes_where_its_item_would_have_come_and_ends_it() -> None:
    def load(item: int) -> int:
        if item == 2:
            raise DataError("case 'c', view 'L-CC': image not found: c.png")
        return item

    loaded = ahead(load, range(5))
    assert [next(loaded), next(loaded)] == [0, 1]
    with pytest.raises(DataError, match=r"^case 'c', view 'L-CC': image not found: c\.png$"):
        next(loaded)
    assert list(loaded) == []


def test_no_thread_stays_behind() -> None:
    loaded = ahead(lambda item: item, range(5))
    next(loaded)
    loaded.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("taskfusion-loader")]
