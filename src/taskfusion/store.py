"""Task outputs on disk, computed once (law 2): parts of some cases each, found by fingerprint of model and case."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np

from taskfusion.cases import Case
from taskfusion.configs import structure, unstructure
from taskfusion.errors import DataError, ModelFolderError
from taskfusion.files import read_json, replacing, write_json
from taskfusion.images import Array
from taskfusion.outputs import Detections, TaskOutput, TaskSpec, absent_output, check_output
from taskfusion.progress import Progress, Step

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
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        array_file = path.with_suffix(".npz")
        raise ModelFolderError(
            f"stored output not readable: {array_file}: {error}; delete {path.parent} to compute it again"
        ) from error
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
    """A task ready to answer.

    Attributes:
        name: of the task.
        predict: its predict function.
        fingerprint: of its model.
        spec: what it declares, among it the inputs without which it is not asked.
        unreadable: ``raise`` stops at a case whose input cannot be read; ``mask`` goes on without its answer.
        problems: told (case, task, why) of every case that was gone on without.
    """

    name: str
    predict: Callable[[Sequence[Case]], TaskOutput]
    fingerprint: str
    spec: TaskSpec
    unreadable: Literal["raise", "mask"] = "raise"
    problems: Callable[[str, str, str], None] = lambda case, task, why: None

    def key(self, case: Case) -> str:
        """What the store finds the case by; one whose files are not there has a key that nobody stores."""
        try:
            return case.fingerprint()
        except DataError:
            if self.unreadable == "raise":
                raise
            return f"unreadable {case.id}"

    def __call__(self, cases: Sequence[Case]) -> tuple[TaskOutput, list[int]]:
        """Answers in the order of the cases, and the rows of those that could not be read."""
        asked = [row for row, case in enumerate(cases) if self.spec.can_answer(case)]
        answered, failed = self._ask([cases[row] for row in asked])
        if len(asked) == len(cases):
            return answered, failed
        rest = sorted(set(range(len(cases))) - set(asked))
        absent = absent_output(answered.spec if asked else self.spec, [cases[row].id for row in rest])
        joined = TaskOutput.concatenate([answered, absent] if asked else [absent])
        return joined.select(np.argsort([*asked, *rest])), [asked[row] for row in failed]

    def each(self, parts: Iterable[Sequence[Case]]) -> Iterator[tuple[TaskOutput, list[int]]]:
        """The same of each part, in order, as they get done; subclasses have it done elsewhere."""
        return map(self, parts)

    def _ask(self, cases: Sequence[Case]) -> tuple[TaskOutput, list[int]]:
        if not cases:
            return absent_output(self.spec, []), []
        try:
            return check_output(self.predict(cases), self.name, [case.id for case in cases]), []
        except DataError as error:
            if self.unreadable == "raise":
                raise
            if len(cases) == 1:
                self.problems(cases[0].id, self.name, str(error))
                return absent_output(self.spec, [cases[0].id]), [0]
        alone = [self._ask([case]) for case in cases]  # the chunk again, one by one, to find the one it was
        return TaskOutput.concatenate([output for output, _ in alone]), [k for k, (_, bad) in enumerate(alone) if bad]


def answers(task: Answerer, cases: Sequence[Case], store: OutputStore | None, progress: Progress) -> TaskOutput:
    """What the task says of these cases: from the store where it is there, computed and stored where not.

    What could not be read is not stored, so that it is tried again next time.
    """
    ids = tuple(case.id for case in cases)
    if store is None:
        with progress.step(f"{task.name}: predict", total=len(cases)) as bar:
            return TaskOutput.concatenate([_counted(output, bar) for output, _ in task.each(_chunks(cases))])
    folder = store.folder(task.name, task.fingerprint)
    keys = [task.key(case) for case in cases]
    known = store.index(folder)
    todo = [(case, key) for case, key in zip(cases, keys, strict=True) if key not in known]
    lost: dict[str, TaskOutput] = {}
    if todo:
        with progress.step(f"{task.name}: predict", total=len(todo)) as bar:
            parts = list(_chunks(todo))
            asked = ([case for case, _ in part] for part in parts)
            for part, answer in zip(parts, task.each(asked), strict=True):
                lost |= _store(answer, part, (store, folder), bar)
    if not lost:
        return store.read(folder, keys, ids)
    rows = [row for row, key in enumerate(keys) if key not in lost]
    read = [store.read(folder, [keys[r] for r in rows], [ids[r] for r in rows])] if rows else []
    behind = [row for row, key in enumerate(keys) if key in lost]
    absent = [attrs.evolve(lost[keys[row]], cases=(ids[row],)) for row in behind]
    return TaskOutput.concatenate([*read, *absent]).select(np.argsort([*rows, *behind]))


def _store(
    answer: tuple[TaskOutput, list[int]], part: Sequence[tuple[Case, str]], place: tuple[OutputStore, Path], bar: Step
) -> dict[str, TaskOutput]:
    """Store the answer about one part; returns, by key, what could not be read."""
    store, folder = place
    output, failed = answer
    kept = [row for row in range(len(part)) if row not in failed]
    if kept:
        store.write(folder, output.select(np.array(kept)), [part[row][1] for row in kept])
    _counted(output, bar)
    return {part[row][1]: output.select(np.array([row])) for row in failed}


def _counted(output: TaskOutput, bar: Step) -> TaskOutput:
    bar.advance(len(output))
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
