"""Reading ahead: what is needed next is loaded in threads while the present is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


def ahead(
    load: Callable[[Item], Loaded], items: Iterable[Item], *, threads: int = 1, most: int = 2
) -> Iterator[Loaded]:
    """``load`` of every item, in order, up to ``most`` of them before they are asked for.

    An error in ``load`` is raised where its item would have come, and nothing is loaded after it but what had begun.
    So is everything dropped that nobody asks for any more.

    Args:
        load: reads one item; called in ``threads`` threads.
        items: gone through in the caller's thread.
        threads: how many items are loaded at once.
        most: how many are held in memory beside the one that was asked for.
    """
    waiting: deque[Future[Loaded]] = deque()
    with ThreadPoolExecutor(threads, "taskfusion-loader") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(load, item))
                if len(waiting) > most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
