"""A trained task sent to workers that ask it about cases: as the data it saves, never as a pickled network."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Self

import attrs

from taskfusion.cases import Case
from taskfusion.engine import Engine, require_same
from taskfusion.errors import DataError
from taskfusion.images import ImageSource, short_hash
from taskfusion.inference.options import Running
from taskfusion.outputs import TaskOutput, TaskSpec
from taskfusion.store import Answerer
from taskfusion.tasks.base import TaskModel
from taskfusion.tasks.networks import RunsNetworks

Problem = tuple[str, str, str]  # case, task, why
Predict = Callable[[Sequence[Case]], TaskOutput]
KEPT = 8  # loaded tasks a worker keeps; a pipeline rarely has more
_ONE_AT_A_TIME = Lock()  # networks are not made to be asked from several threads, which a Dask worker may have


@attrs.frozen
class Parcel:
    """A task as bytes.

    Attributes:
        content: a zip file of what :meth:`taskfusion.tasks.base.TaskModel.save` writes.
        kind: its class, which the worker must have installed.
        name: of the task.
        digest: stands for all of it.
    """

    kind: type[TaskModel]
    name: str
    digest: str
    content: bytes = attrs.field(eq=False, repr=False)

    @classmethod
    def of(cls, name: str, model: TaskModel) -> Parcel:
        """Pack a trained task."""
        packed = io.BytesIO()
        with tempfile.TemporaryDirectory(prefix="taskfusion-") as temporary:
            folder = Path(temporary)
            model.save(folder)
            with zipfile.ZipFile(packed, "w") as archive:
                for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                    archive.write(path, path.relative_to(folder))
        return cls(type(model), name, short_hash(packed.getvalue()), packed.getvalue())

    def load(self) -> TaskModel:
        """The task again."""
        with tempfile.TemporaryDirectory(prefix="taskfusion-") as folder:
            with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
                archive.extractall(folder)
            return self.kind.load(Path(folder))


def way_of_asking(model: TaskModel, running: Running | None) -> Predict:
    """The function that asks a task; ``running`` says how its networks are run, where it has such a choice."""
    if running is None or not isinstance(model, RunsNetworks):
        return model.predict
    return partial(model.predict_with, running=running)


@attrs.frozen
class Order:
    """What a worker needs to ask a task.

    Attributes:
        parcel: the task.
        spec: what it declares.
        unreadable: as for :class:`taskfusion.store.Answerer`.
        running: how its networks are run; None for a task that has no choice.
    """

    parcel: Parcel
    spec: TaskSpec
    unreadable: Literal["raise", "mask"] = "raise"
    running: Running | None = None


@attrs.frozen
class SentTask(Answerer):
    """A task that workers ask about cases.

    The fingerprints of cases, by which the store finds them, and all writing stay with this process.
    """

    engine: Engine = attrs.field(kw_only=True)
    order: Order = attrs.field(kw_only=True)

    @classmethod
    def of(cls, answerer: Answerer, model: TaskModel, engine: Engine, running: Running | None = None) -> Self:
        """The same task, asked by the workers of an engine; each worker exports graphs for itself, in silence."""
        here = None if running is None else Running(running.runtime, running.loaders)
        order = Order(Parcel.of(answerer.name, model), answerer.spec, answerer.unreadable, here)
        fields: dict[str, Any] = attrs.asdict(answerer, recurse=False)
        return cls(**fields, engine=engine, order=order)

    def each(self, parts: Iterable[Sequence[Case]]) -> Iterator[tuple[TaskOutput, list[int]]]:
        """See :meth:`taskfusion.store.Answerer.each`; what could not be read is told as it comes in.

        Raises:
            EngineError: workers that do not see the views of the first case, or that are lost.
        """
        sent = self._checked([absolute(case) for case in part] for part in parts)
        for output, failed, problems in self.engine.map(answered, self.order, sent):
            for problem in problems:
                self.problems(*problem)
            yield output, failed

    def _checked(self, parts: Iterable[Sequence[Case]]) -> Iterator[Sequence[Case]]:
        for number, part in enumerate(parts):
            if not number:
                require_same(self.engine, f"the views of case {part[0].id!r}", fingerprint_or_not, part[0])
            yield part


def fingerprint_or_not(case: Case) -> str:
    """What a case's files look like from here; in words where they are not there."""
    try:
        return case.fingerprint()
    except DataError as error:
        return str(error)


def absolute(case: Case) -> Case:
    """The same case for a process that works in another folder: sources with a ``path`` get the whole of it."""
    views = {name: attrs.evolve(view, source=_absolute(view.source)) for name, view in case.views.items()}
    return attrs.evolve(case, views=views)


def _absolute(source: ImageSource) -> ImageSource:
    kind: Any = type(source)
    path = getattr(source, "path", None)
    if not isinstance(path, Path) or not attrs.has(kind):
        return source
    changed: Any = attrs.evolve(source, path=path.absolute())  # type: ignore[misc]  # it is one of attrs, as just seen
    found: ImageSource = changed
    return found


def answered(order: Order, cases: Sequence[Case]) -> tuple[TaskOutput, list[int], list[Problem]]:
    """On a worker: the answers, the rows that could not be read, and why."""
    problems: list[Problem] = []
    with _ONE_AT_A_TIME:
        model = _loaded(order.parcel)
        told = Answerer(
            order.parcel.name,
            way_of_asking(model, order.running),
            "",
            order.spec,
            order.unreadable,
            lambda *problem: problems.append(problem),
        )
        return *told(cases), problems


@lru_cache(maxsize=KEPT)
def _loaded(parcel: Parcel) -> TaskModel:
    """Once for each worker, whatever the number of parts."""
    return parcel.load()
