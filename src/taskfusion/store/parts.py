"""One part of a task's stored answers: a Parquet file, a row a case, a column for each kind of answer.

Numbers of fixed shape are fixed-size lists, detections are lists, so that pandas, Polars and DuckDB read a part too.
The file appears whole: Parquet's own footer, written last, and the renaming behind it are its completion record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs
import numpy as np

from taskfusion.configs import structure, unstructure
from taskfusion.errors import ModelFolderError
from taskfusion.files import replacing
from taskfusion.images import Array
from taskfusion.outputs import Detections, TaskOutput, TaskSpec

FORMAT = 1
ABOUT = b"taskfusion"  # the key of our record in a Parquet file's metadata
GROUP_BYTES = 4 << 20  # of a row group: what is held at once when a part is read
FEATURES = ("features", "detection_features", "background")  # the columns that take the room
RAGGED = {"boxes": "boxes", "labels": "labels", "scores": "detection_scores", "features": "detection_features"}


def write_part(path: Path, output: TaskOutput, keys: Sequence[str]) -> None:
    """Write the answers about at least one case, and the key each is found by."""
    import pyarrow.parquet as pq

    table = _table(output, keys)
    rows = max(1, GROUP_BYTES * len(output) // max(1, table.nbytes))
    how: dict[str, Any] = {"compression": "lz4", "use_dictionary": False, "write_statistics": False}
    with replacing(path) as temporary:
        pq.write_table(table, temporary, row_group_size=rows, **how)


def _table(output: TaskOutput, keys: Sequence[str]) -> Any:
    """A column for every array that has anything in it; their shapes and the task's spec as metadata."""
    import pyarrow as pa

    arrays = _arrays(output)
    columns: dict[str, Any] = {"key": pa.array(keys, pa.string()), "case": pa.array(output.cases, pa.string())}
    columns |= {name: _column(array) for name, array in arrays.items() if prod(array.shape[1:])}
    if output.detections is not None:
        starts = output.detections.offsets[:: len(output.spec.views)].astype(np.int32)
        ragged = [name for name in RAGGED.values() if name in columns]
        columns |= {name: pa.ListArray.from_arrays(starts, columns[name]) for name in ragged}
    shapes = {name: array.shape[1:] for name, array in arrays.items()}
    about = {"format": FORMAT, "spec": unstructure(output.spec), "shapes": shapes}
    return pa.table(columns).replace_schema_metadata({ABOUT: json.dumps(about)})


def _arrays(output: TaskOutput) -> dict[str, Array]:
    """Every array by its column's name, ``(cases, ...)``; of detections ``(detections, ...)``."""
    arrays = {"present": output.present, "scores": output.scores, "features": output.features}
    found = output.detections
    if found is not None:
        counts = found.counts().reshape(len(output), -1)
        arrays |= {"counts": counts, "background": found.background}
        arrays |= {column: getattr(found, name) for name, column in RAGGED.items()}
    return {name: array for name, array in arrays.items() if array is not None}


def _column(array: Array) -> Any:
    """Of ``(rows, ...)`` a column of numbers, or of lists of numbers."""
    import pyarrow as pa

    values = pa.array(array.ravel())
    return values if array.ndim == 1 else pa.FixedSizeListArray.from_arrays(values, prod(array.shape[1:]))


def _numbers(column: Any, shape: Sequence[int]) -> Array:
    """The way back: ``(rows, *shape)``."""
    values = column.flatten() if len(shape) else column
    return np.asarray(values.to_numpy(zero_copy_only=False).reshape(len(column), *shape))


class Part:
    """A part that is open for reading, group of rows by group of rows; to be used in a ``with``.

    Raises:
        ModelFolderError: when the file cannot be read; it says what to delete.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        import pyarrow.parquet as pq

        self._file = self._trying(lambda: pq.ParquetFile(self._path))
        self._about = self._trying(lambda: json.loads(self._file.schema_arrow.metadata[ABOUT]))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    @property
    def spec(self) -> TaskSpec:
        """What the task declared."""
        return structure(TaskSpec, self._about["spec"], str(self._path))

    @property
    def starts(self) -> Array:
        """The first row of each group, and behind them the number of rows."""
        groups = [self._file.metadata.row_group(k).num_rows for k in range(self._file.num_row_groups)]
        return np.concatenate([[0], np.cumsum(groups, dtype=np.int64)])

    @property
    def bytes_per_case(self) -> float:
        """How much room the answer about a case takes in memory, on average."""
        meta = self._file.metadata
        return sum(meta.row_group(k).total_byte_size for k in range(meta.num_row_groups)) / max(1, meta.num_rows)

    def keys(self) -> Any:
        """What its cases are found by, as an Arrow array."""
        return self._trying(lambda: self._file.read(columns=["key"], use_threads=False)["key"].combine_chunks())

    def read(self, group: int, features: bool = True) -> TaskOutput:
        """The answers of one group of rows; without ``features`` none are read, and there are none in the output."""
        shapes = {name: shape for name, shape in self._about["shapes"].items() if features or name not in FEATURES}
        names = ["case", *(name for name in shapes if prod(shapes[name]))]
        read = self._trying(lambda: self._file.read_row_group(group, columns=names, use_threads=False))
        columns = {name: read[name].combine_chunks() for name in names}
        return _output(self.spec, columns, shapes)

    def _trying(self, read: Any) -> Any:
        try:
            return read()
        except (OSError, ValueError, KeyError, TypeError) as error:  # Arrow's own errors are ValueErrors and KeyErrors
            raise ModelFolderError(
                f"stored output not readable: {self._path}: {error}; delete {self._path.parent} to compute it again"
            ) from error


def _output(spec: TaskSpec, columns: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> TaskOutput:
    cases = columns["case"].to_pylist()
    fixed = {
        name: _numbers(columns[name], shape) if name in columns else np.zeros((len(cases), *shape), np.float32)
        for name, shape in shapes.items()
        if name not in RAGGED.values()
    }
    found = _detections(columns, shapes, fixed) if "counts" in shapes else None
    return TaskOutput(spec, cases, fixed["present"], fixed.get("scores"), fixed.get("features"), found)


def _detections(
    columns: Mapping[str, Any], shapes: Mapping[str, Sequence[int]], fixed: Mapping[str, Array]
) -> Detections:
    offsets = np.concatenate([[0], np.cumsum(fixed["counts"].ravel(), dtype=np.int64)])
    arrays = {
        name: _numbers(columns[column].flatten(), shapes[column])
        if column in columns
        else np.zeros((offsets[-1], *shapes[column]), np.float32)
        for name, column in RAGGED.items()
        if column in shapes
    }
    return Detections(offsets, **arrays, background=fixed.get("background"))


@attrs.frozen(eq=False)
class Keys:
    """The keys of some parts, one part after the other.

    Attributes:
        names: of the parts' files.
        counts: ``(parts,)`` cases of each.
        keys: an Arrow array of ``counts.sum()`` texts: a million take 20 MB.
    """

    names: tuple[str, ...]
    counts: Array
    keys: Any

    @classmethod
    def of(cls, paths: Sequence[Path]) -> Keys:
        """Of these parts, each opened once."""
        import pyarrow as pa

        found = []
        for path in paths:
            with Part(path) as part:
                found.append(part.keys())
        keys = pa.concat_arrays(found) if found else pa.array([], pa.string())
        return cls(tuple(path.name for path in paths), np.array([len(each) for each in found], np.int64), keys)

    def then(self, others: Keys) -> Keys:
        """These, and behind them those."""
        import pyarrow as pa

        both = pa.concat_arrays([self.keys, others.keys])
        return Keys(self.names + others.names, np.concatenate([self.counts, others.counts]), both)

    def write(self, path: Path) -> None:
        """One Parquet file of one column."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        about = json.dumps(
            {"format": FORMAT, "parts": [list(pair) for pair in zip(self.names, self.counts.tolist(), strict=True)]}
        )
        table = pa.table({"key": self.keys}).replace_schema_metadata({ABOUT: about})
        with replacing(path) as temporary:
            pq.write_table(table, temporary, compression="lz4", use_dictionary=False, write_statistics=False)

    @classmethod
    def read(cls, path: Path) -> Keys:
        """What :meth:`write` wrote; nothing where it cannot be read, as it says nothing the parts do not say."""
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path, use_threads=False)
            parts = json.loads(table.schema.metadata[ABOUT])["parts"]
        except (OSError, ValueError, KeyError, TypeError):
            return cls.of([])
        counts = np.array([count for _, count in parts], np.int64)
        return cls(tuple(name for name, _ in parts), counts, table["key"].combine_chunks())
