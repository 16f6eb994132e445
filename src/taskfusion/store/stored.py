"""Task output that stays on disk: an ordinary :class:`TaskOutput` to all who ask, read bit by bit by those who can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from taskfusion.configs import unstructure
from taskfusion.images import Array, short_hash
from taskfusion.outputs import Detections, TaskOutput, TaskSpec, absent_output
from taskfusion.store.parts import Part

CHUNK_CASES = 256  # at most, of what a stream gives at once
NOWHERE = -1  # the position of a case that is not in the store
SAMPLED = 8  # parts that are looked at to tell how large an answer is


@attrs.frozen(eq=False)
class Rows:
    """Which rows of which parts.

    Attributes:
        paths: the parts.
        starts: ``(parts + 1,)`` where each begins, if all stood one after the other.
        positions: ``(cases,)`` in that, ``NOWHERE`` for a case the task gave no answer about.
    """

    paths: tuple[Path, ...]
    starts: Array
    positions: Array

    def select(self, rows: Array) -> Rows:
        """These rows, in this order."""
        return attrs.evolve(self, positions=self.positions[rows])

    @staticmethod
    def concatenate(parts: Sequence[Rows]) -> Rows:
        """All rows, one after the other."""
        ends = np.cumsum([0, *(part.starts[-1] for part in parts)])
        starts = np.concatenate([[0], *(part.starts[1:] + end for part, end in zip(parts, ends[:-1], strict=True))])
        moved = [np.where(p.positions < 0, NOWHERE, p.positions + end) for p, end in zip(parts, ends[:-1], strict=True)]
        return Rows(tuple(path for part in parts for path in part.paths), starts, np.concatenate(moved))


class StoredOutput(TaskOutput):
    """The answers of one task about many cases, on disk.

    It holds the ids and eight bytes a case. :meth:`stream` and :meth:`select` read what they have to; ``scores``,
    ``features`` and ``detections`` read all of it into memory, each time they are asked for.

    Args:
        spec: what the task declared.
        cases: ids.
        rows: where their answers are.
    """

    def __init__(self, spec: TaskSpec, cases: Sequence[str], rows: Rows) -> None:
        for name, value in (("spec", spec), ("cases", tuple(cases)), ("_rows", rows), ("_seen", {})):
            object.__setattr__(self, name, value)  # as frozen as its parent

    __slots__ = ("_rows", "_seen")
    _rows: Rows
    _seen: dict[str, Array]

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets the places, not the content."""
        return type(self), (self.spec, self.cases, self._rows)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.spec!r}, {len(self)} cases in {len(self._rows.paths)} parts)"

    @property
    def folder(self) -> Path | None:
        """Where the parts are; None without any."""
        return self._rows.paths[0].parent if self._rows.paths else None

    @property
    def present(self) -> Array:
        """See :class:`TaskOutput`; read once."""
        if "present" not in self._seen:
            self._seen["present"] = self.load(features=False).present
        return self._seen["present"]

    @property
    def scores(self) -> Array | None:
        """See :class:`TaskOutput`."""
        return self.load(features=False).scores

    @property
    def features(self) -> Array | None:
        """See :class:`TaskOutput`; all in memory."""
        return self.load().features

    @property
    def detections(self) -> Detections | None:
        """See :class:`TaskOutput`; all in memory."""
        return self.load().detections

    @property
    def nbytes(self) -> int:
        """About how much memory all of it would take."""
        paths, starts = self._rows.paths, self._rows.starts
        filled = np.flatnonzero(np.diff(starts))
        some = filled[np.linspace(0, len(filled) - 1, min(SAMPLED, len(filled))).astype(int)] if len(filled) else []
        sizes = []
        for k in some:
            with Part(paths[k]) as part:
                sizes.append(part.bytes_per_case)
        return int(np.mean(sizes) * len(self)) if sizes else 0

    def digest(self) -> str:
        """What stands for the content, without reading it: no two parts have one name, and no part ever changes."""
        positions, starts = self._rows.positions, self._rows.starts
        part = np.searchsorted(starts, positions, side="right") - 1
        used, part = np.unique(part, return_inverse=True)
        names = ["" if k < 0 else self._rows.paths[k].name for k in used]
        inside = positions - np.where(positions < 0, 0, starts[used[part]])
        return short_hash(unstructure(self.spec), self.cases, names, part.tobytes(), inside.tobytes())

    def select(self, rows: Array) -> StoredOutput:
        """The output of these case rows, in this order; reads nothing."""
        index = np.asarray(rows, np.int64)
        return StoredOutput(self.spec, [self.cases[i] for i in index], self._rows.select(index))

    def load(self, features: bool = True) -> TaskOutput:
        """All of it in memory; without ``features`` those stay where they are, and are None in the output."""
        parts, order = [], []
        for rows, output in self.stream(features=features):
            parts.append(output)
            order.append(rows)
        if not parts:
            return absent_output(self.spec, [])
        rows = np.concatenate(order)
        whole = TaskOutput.concatenate(parts)
        return whole if (np.diff(rows) > 0).all() else whole.select(np.argsort(rows))

    def stream(self, chunk: int = CHUNK_CASES, features: bool = True) -> Iterator[tuple[Array, TaskOutput]]:
        """All cases, a few hundred at a time, in the order in which they lie on disk, each row read once.

        Yields:
            Rows ``(some,)`` of this output, and the answers about those cases.
        """
        positions = self._rows.positions
        order = np.argsort(positions, kind="stable")
        absent = int(np.count_nonzero(positions < 0))
        for start in range(0, absent, chunk):
            rows = order[start : min(start + chunk, absent)]
            yield rows, _without(absent_output(self.spec, [self.cases[i] for i in rows]), features)
        asked = order[absent:]
        bounds = np.searchsorted(positions[asked], self._rows.starts)
        for k in np.flatnonzero(np.diff(bounds)):
            yield from self._of_part(int(k), asked[bounds[k] : bounds[k + 1]], chunk, features)

    def _of_part(self, part: int, asked: Array, chunk: int, features: bool) -> Iterator[tuple[Array, TaskOutput]]:
        inside = self._rows.positions[asked] - self._rows.starts[part]
        with Part(self._rows.paths[part]) as file:
            starts = file.starts
            bounds = np.searchsorted(inside, starts)
            for group in np.flatnonzero(np.diff(bounds)):
                held = file.read(int(group), features)
                for start in range(bounds[group], bounds[group + 1], chunk):
                    taken = slice(start, min(start + chunk, bounds[group + 1]))
                    found = held.select(inside[taken] - starts[group])
                    yield asked[taken], attrs.evolve(found, cases=[self.cases[i] for i in asked[taken]])

    @staticmethod
    def chained(parts: Sequence[StoredOutput]) -> StoredOutput:
        """The answers of all parts, one after the other; reads nothing."""
        cases = [name for part in parts for name in part.cases]
        return StoredOutput(parts[0].spec, cases, Rows.concatenate([part._rows for part in parts]))


def _without(output: TaskOutput, features: bool) -> TaskOutput:
    """An output as it would be read."""
    if features:
        return output
    found: Any = output.detections
    if found is not None:
        found = attrs.evolve(found, features=None, background=None)
    return attrs.evolve(output, features=None, detections=found)


def in_memory(output: TaskOutput, features: bool = True) -> TaskOutput:
    """The same, held in memory; without ``features``, where they are on disk, they stay there."""
    return output.load(features) if isinstance(output, StoredOutput) else output


def joined(parts: Sequence[TaskOutput]) -> TaskOutput:
    """The answers of all parts, one after the other; left on disk where all of them are there."""
    stored = [part for part in parts if isinstance(part, StoredOutput)]
    if len(stored) == len(parts):
        return StoredOutput.chained(stored)
    return TaskOutput.concatenate([in_memory(part) for part in parts])
