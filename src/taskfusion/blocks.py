"""Feature blocks on disk: read by position, batch by batch, so that memory does not grow with the cases."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from taskfusion.images import Array

CHUNK_BYTES = 32 << 20  # of a block that is read in turn


class Scratch:
    """A file without a name: it is closed, and gone, with the last who holds this, or with the process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file: Any = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  # closed by the finalizer
        self._lock = threading.Lock()
        weakref.finalize(self, self._file.close)

    def write(self, place: int, values: Array) -> None:
        """These numbers, from this byte on."""
        data = values.data.cast("B")
        with self._lock:
            self._file.seek(place)
            while len(data):
                data = data[self._file.write(data) :]

    def read(self, place: int, values: Array) -> None:
        """Fill ``values`` with what stands from this byte on."""
        data = values.data.cast("B")
        with self._lock:
            self._file.seek(place)
            while len(data):
                read = self._file.readinto(data)
                if not read:
                    raise OSError("a scratch file of feature blocks is shorter than what was written")
                data = data[read:]


class DiskBlock:
    """``(cases, ...)`` float32 in a file that has no name, so that it goes with the block, or with a killed process.

    Reading by position instead of mapping the file keeps what was read out of this process's memory. ``block[rows]``
    is another view of the same file and reads nothing; :meth:`read` reads; ``np.asarray(block)`` reads all of it.

    Attributes:
        shape: ``(cases, ...)``.
        dtype: float32.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        self._file = Scratch(folder)
        self._rows: Array | None = None  # of the file; None for all in turn
        self._answered = np.zeros(shape[0], bool)
        self.shape = shape

    @property
    def ndim(self) -> int:
        """Axes, that of the cases included."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """What it would take in memory."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def answered(self) -> Array:
        """``(cases,)``, True where anything of a case is known."""
        return self._answered if self._rows is None else self._answered[self._rows]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Array) -> DiskBlock:
        view = object.__new__(type(self))
        view._file, view._answered = self._file, self._answered
        view._rows = np.arange(len(self._answered))[rows] if self._rows is None else self._rows[rows]
        view.shape = (len(view._rows), *self.shape[1:])
        return view

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.read(np.arange(len(self))).astype(dtype or self.dtype, copy=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process has not got the file, so it gets an array."""
        return np.asarray, (np.asarray(self),)

    def write(self, rows: Array, values: Array) -> None:
        """Put ``(rows, ...)`` in its place; only before views are taken."""
        values = np.ascontiguousarray(values, self.dtype)
        self._answered[rows] = np.isfinite(values).any(axis=tuple(range(1, values.ndim)))
        for start, end in _runs(rows):
            self._file.write(int(rows[start]) * self._row_bytes, values[start:end])

    def read(self, rows: Array) -> Array:
        """The values of these cases, ``(rows, ...)``."""
        asked = np.asarray(rows, np.int64) if self._rows is None else self._rows[rows]
        order = np.argsort(asked, kind="stable")
        ordered = asked[order]
        values = np.empty((len(asked), *self.shape[1:]), self.dtype)
        for start, end in _runs(ordered):
            self._file.read(int(ordered[start]) * self._row_bytes, values[start:end])
        if (np.diff(order) == 1).all():
            return values
        back = np.empty_like(values)
        back[order] = values
        return back

    def chunks(self) -> Iterator[Array]:
        """All cases in turn, a part at a time."""
        for rows in parts_of(self):
            yield self.read(np.arange(rows.start, rows.stop))

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize


Block = Array | DiskBlock


def parts_of(block: Block) -> Iterator[slice]:
    """Rows of a block, a part at a time; a block without any has one part."""
    step = max(1, CHUNK_BYTES * len(block) // max(1, block.nbytes))
    for start in range(0, max(1, len(block)), step):
        yield slice(start, min(start + step, len(block)))


def chunks_of(block: Block) -> Iterator[Array]:
    """A block a part at a time, so that what is made of it on the way takes little memory."""
    if isinstance(block, DiskBlock):
        yield from block.chunks()
    else:
        yield from (block[rows] for rows in parts_of(block))


def _runs(rows: Array) -> list[tuple[int, int]]:
    """Where in ``rows`` runs of consecutive numbers begin and end."""
    if not len(rows):
        return []
    cuts = np.flatnonzero(np.diff(rows) != 1) + 1
    return list(zip([0, *cuts.tolist()], [*cuts.tolist(), len(rows)], strict=True))
