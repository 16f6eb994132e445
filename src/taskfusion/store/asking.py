"""Asking a task about cases, and keeping what it says in the store: computed once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import attrs
import numpy as np

from taskfusion.cases import Case
from taskfusion.errors import DataError
from taskfusion.outputs import TaskOutput, TaskSpec, absent_output, check_output
from taskfusion.progress import Progress, Step
from taskfusion.store.folder import OutputStore
from taskfusion.store.stored import StoredOutput

CHUNK = 64  # cases a task is asked about together: large enough for full batches
PART_CASES, PART_BYTES, PART_SECONDS = 8192, 64 << 20, 30.0  # what makes a part large, and old


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
    """What the task says of these cases: left in the store where there is one, else in memory.

    What could not be read is not stored, so that it is tried again next time.
    """
    if store is not None:
        return stored(task, cases, store, progress)
    with progress.step(f"{task.name}: predict", total=len(cases)) as bar:
        return TaskOutput.concatenate([_counted(output, bar) for output, _ in task.each(_chunks(cases))])


def stored(task: Answerer, cases: Sequence[Case], store: OutputStore, progress: Progress) -> StoredOutput:
    """What the task says of these cases, on disk: what is missing is computed and stored, and nothing is read."""
    folder = store.folder(task.name, task.fingerprint)
    keys = [task.key(case) for case in cases]
    index = store.index(folder)
    todo = np.flatnonzero(index.locate(keys) < 0)
    if len(todo):
        with progress.step(f"{task.name}: predict", total=len(todo)) as bar, Writing(store, folder) as writing:
            asked = ([cases[row] for row in rows] for rows in _chunks(todo))
            for rows, (output, failed) in zip(_chunks(todo), task.each(asked), strict=True):
                kept = np.delete(np.arange(len(rows)), failed)
                if len(kept):
                    writing.add(output.select(kept), [keys[row] for row in rows[kept]])
                _counted(output, bar)
        index = store.index(folder)
    return index.output(task.spec, keys, tuple(case.id for case in cases))


class Writing:
    """Gathers answers into parts that are neither many nor long in the making.

    A part is written when it is large, or when its first answer is half a minute old: a kill loses no more than that.
    What was gathered is written also where an error ends the work.
    """

    def __init__(self, store: OutputStore, folder: Path) -> None:
        self._store, self._folder = store, folder
        self._outputs: list[TaskOutput] = []
        self._keys: list[str] = []
        self._since, self._bytes = 0.0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def add(self, output: TaskOutput, keys: Sequence[str]) -> None:
        """More answers for the part, and their keys."""
        if not self._outputs:
            self._since = time.monotonic()
        self._outputs.append(output)
        self._keys += keys
        self._bytes += sum(array.nbytes for _, array in output.arrays())
        if self._bytes >= PART_BYTES or len(self._keys) >= PART_CASES or time.monotonic() - self._since >= PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what has been gathered."""
        if self._outputs:
            self._store.write(self._folder, TaskOutput.concatenate(self._outputs), self._keys)
        self._outputs, self._keys, self._bytes = [], [], 0


def _counted(output: TaskOutput, bar: Step) -> TaskOutput:
    bar.advance(len(output))
    return output


def _chunks(items: Any) -> Iterable[Any]:
    return (items[i : i + CHUNK] for i in range(0, len(items), CHUNK))
