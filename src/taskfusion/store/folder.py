"""The folders of the store: parts of some cases each, found by fingerprint of model and case."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np

from taskfusion.images import Array
from taskfusion.outputs import TaskOutput, TaskSpec
from taskfusion.store.parts import Keys, Part, write_part
from taskfusion.store.stored import NOWHERE, Rows, StoredOutput

INDEX = "index.parquet"
UNLISTED = 32  # parts that are opened for their keys before the list of all keys is written anew


@attrs.frozen(eq=False)
class Index:
    """Which cases a folder has answers about."""

    folder: Path
    keys: Keys

    def __len__(self) -> int:
        return int(self.keys.counts.sum())

    def locate(self, keys: Sequence[str]) -> Array:
        """``(keys,)`` positions of the cases, all parts taken one after the other; ``NOWHERE`` where there is none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pc.index_in(pa.array(keys, pa.string()), value_set=self.keys.keys)
        return np.asarray(pc.fill_null(found, NOWHERE).to_numpy(zero_copy_only=False), np.int64)

    def output(self, spec: TaskSpec, keys: Sequence[str], ids: Sequence[str]) -> StoredOutput:
        """The answers about these cases, in this order, under these ids; absent where there are none.

        ``spec`` counts where nothing of these is stored; else what the task said with its answers.
        """
        starts = np.concatenate([[0], np.cumsum(self.keys.counts)])
        paths = tuple(self.folder / name for name in self.keys.names)
        positions = self.locate(keys)
        if (positions >= 0).any():
            with Part(paths[np.searchsorted(starts, positions.max(), side="right") - 1]) as part:
                spec = part.spec
        return StoredOutput(spec, ids, Rows(paths, starts, positions))


class OutputStore:
    """A folder ``ROOT/TASK/FINGERPRINT/`` of Parquet files; several processes may add to it at once.

    ``index.parquet`` beside the parts repeats their keys, so that a million cases are looked up without opening
    thousands of files; it may be deleted at any time. What else lies in the folder is nobody's business.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, task: str, fingerprint: str) -> Path:
        """Where the parts of one task's model are."""
        return self.root / task / fingerprint

    def write(self, folder: Path, output: TaskOutput, keys: Sequence[str]) -> None:
        """Append one part, which appears whole or not at all."""
        if len(output):
            # the time keeps them in order, the rest keeps two processes from writing the same one
            write_part(folder / f"part-{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.parquet", output, keys)

    def index(self, folder: Path) -> Index:
        """Which cases are there.

        Raises:
            ModelFolderError: when a part cannot be read.
        """
        names = sorted(path.name for path in folder.glob("part-*.parquet"))
        listed = Keys.read(folder / INDEX)
        if not set(listed.names) <= set(names):  # somebody has deleted parts
            listed = Keys.of([])
        new = sorted(set(names) - set(listed.names))
        keys = listed.then(Keys.of([folder / name for name in new]))
        if len(new) > UNLISTED:
            keys.write(folder / INDEX)
        return Index(folder, keys)
