"""Drawing the next batch while the network learns from this one.

Keras leaves that to ``tf.data``, which does it no more once the same sums in the same order are asked for
(:func:`taskfusion.training.backend.repeatable`): then cutting and turning images would wait for each step, and each
step for them. A batch depends on nothing but its number, so drawing it early changes no result.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

from taskfusion.training.backend import keras


class Ahead(keras.utils.PyDataset):
    """The batches of ``source``, one drawn ahead by a thread; use it in a ``with`` block, which ends the thread."""

    def __init__(self, source: keras.utils.PyDataset) -> None:
        super().__init__()
        self._source = source
        self._next: tuple[int, Future[Any]] | None = None
        self._thread: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, "batches")
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
        self._thread, self._next = None, None

    def __len__(self) -> int:
        """Batches per epoch."""
        return len(self._source)

    def __getitem__(self, index: int) -> Any:
        """Batch ``index`` of the running epoch."""
        batch = self._drawn(index)
        if self._thread is not None and index + 1 < len(self):
            self._next = index + 1, self._thread.submit(self._source.__getitem__, index + 1)
        return batch

    def on_epoch_begin(self) -> None:
        """As the source."""
        self._forget()
        self._source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """As the source; a batch drawn ahead was of the epoch that ends."""
        self._forget()
        self._source.on_epoch_end()

    def _drawn(self, index: int) -> Any:
        if self._next is None or self._next[0] != index:
            self._forget()
            return self._source[index]
        drawn, self._next = self._next[1], None
        return drawn.result()

    def _forget(self) -> None:
        """Wait for what was drawn in vain: a source need not be able to draw two batches at a time."""
        if self._next is not None:
            drawn, self._next = self._next[1], None
            if not drawn.cancel():
                drawn.exception()
