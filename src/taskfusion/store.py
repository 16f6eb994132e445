"""Task outputs on disk, computed once (law 2): parts of some cases each, found by fingerprint of model and case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from taskfusion.cases import Case
from taskfusion.configs import structure, unstructure
from taskfusion.errors import ModelFolderError
from taskfusion.files import read_json, replacing, write_json
from taskfusion.images import Array
from taskfusion.outputs import Detections, TaskOutput, TaskSpec, check_output
from taskfusion.progress import Progress

CHUNK = 64  # cases per part: large enough for full batches, small enough to lose little in a kill


class OutputStore:
    """A folder ``ROOT/TASK/FINGERPRINT/`` of parts; each part is an ``.npz`` of arrays and a JSON of its cases."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, task: str, fingerprint: str) -> Path:
        """Where the parts of one task's model are."""
        return self.root / task / fingerprint

    def write(self, folder: Path, output: TaskOutput, keys: Sequence[str]) -> None:
        """Append one part; the JSON comes last, so a part without it does not count."""
        name = f"part-{len(list(folder.glob('part-*.json'))):05d}"
        with replacing(folder / f"{name}.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, **_arrays(output))  # type: ignore[arg-type]  # numpy's stub lacks plain arrays here
        record = {"spec": unstructure(output.spec), "cases": list(output.cases), "keys": list(keys)}
        write_json(folder / f"{name}.json", record)

    def index(self, folder: Path) -> dict[str, tuple[Path, int]]:
        """Case key to (part, row) for every case that is there."""
        found: dict[str, tuple[Path, int]] = {}
        for path in sorted(folder.glob("part-*.json")):
            found |= {key: (path, row) for row, key in enumerate(read_json(path)["keys"])}
        return found

    def read(self, folder: Path, keys: Sequence[str], ids: Sequence[str]) -> TaskOutput:
        """The outputs of these cases, in this order, under these ids."""
        index = self.index(folder)
        paths = sorted({index[key][0] for key in keys})
        parts = {path: read_part(path) for path in paths}
        starts = dict(zip(paths, np.cumsum([0, *(len(parts[p]) for p in paths)]), strict=False))
        rows = np.array([starts[index[key][0]] + index[key][1] for key in keys], np.int64)
        joined = TaskOutput.concatenate([parts[path] for path in paths])
        return attrs.evolve(joined.select(rows), cases=tuple(ids))


def read_part(path: Path) -> TaskOutput:
    """One part, by its JSON file.

    Raises:
        ModelFolderError: when the arrays do not load.
    """
    record = read_json(path)
    try:
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"stored output not readable: {path.with_suffix('.npz')}: {error}") from error
    ragged = {name[4:]: value for name, value in arrays.items() if name.startswith("det_")}
    return TaskOutput(
        structure(TaskSpec, record["spec"], str(path)),
        tuple(record["cases"]),
        arrays["present"],
        arrays.get("scores"),
        arrays.get("features"),
        Detections(**ragged) if ragged else None,
    )


@attrs.frozen
class Answerer:
    """A task ready to answer: its name, its predict function and the fingerprint of its model."""

    name: str
    predict: Callable[[Sequence[Case]], TaskOutput]
    fingerprint: str


def answers(task: Answerer, cases: Sequence[Case], store: OutputStore | None, progress: Progress) -> TaskOutput:
    """What the task says of these cases: from the store where it is there, computed and stored where not."""
    ids = tuple(case.id for case in cases)
    if store is None:
        with progress.step(f"{task.name}: predict", total=len(cases)) as bar:
            return TaskOutput.concatenate([_answer(task, part, bar) for part in _chunks(cases)])
    folder = store.folder(task.name, task.fingerprint)
    keys = [case.fingerprint() for case in cases]
    known = store.index(folder)
    todo = [(case, key) for case, key in zip(cases, keys, strict=True) if key not in known]
    if todo:
        with progress.step(f"{task.name}: predict", total=len(todo)) as bar:
            for part in _chunks(todo):
                output = _answer(task, [case for case, _ in part], bar)
                store.write(folder, output, [key for _, key in part])
    return store.read(folder, keys, ids)


def _answer(task: Answerer, cases: Sequence[Case], bar: Any) -> TaskOutput:
    output = check_output(task.predict(cases), task.name, [case.id for case in cases])
    bar.advance(len(cases))
    return output


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[i : i + CHUNK] for i in range(0, len(items), CHUNK))


def _arrays(output: TaskOutput) -> dict[str, Array]:
    arrays = {"present": output.present, "scores": output.scores, "features": output.features}
    if output.detections is not None:
        found = output.detections
        names = ("offsets", "boxes", "labels", "scores", "features", "background")
        arrays |= {f"det_{name}": getattr(found, name) for name in names}
    return {name: value for name, value in arrays.items() if value is not None}
