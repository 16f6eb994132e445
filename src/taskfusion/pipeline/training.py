"""Training the tasks that are not trained, and collecting their answers; resumable where there is a folder."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np

from taskfusion.cases import Case, Cohort
from taskfusion.engine import LOCAL, Engine
from taskfusion.files import read_json, replacing_folder, write_json
from taskfusion.images import short_hash
from taskfusion.inference.choosing import chosen
from taskfusion.inference.options import InferenceOptions, Running
from taskfusion.outputs import TaskOutput
from taskfusion.pipeline.cards import Learned, model_card
from taskfusion.pipeline.leaks import marks, refuse_seen
from taskfusion.pipeline.sending import SentTask, way_of_asking
from taskfusion.progress import Progress
from taskfusion.splits import group_folds
from taskfusion.store import Answerer, OutputStore, answers, joined
from taskfusion.tasks.base import FitContext, TaskModel
from taskfusion.tasks.networks import RunsNetworks
from taskfusion.training.options import TrainingOptions

Problems = dict[tuple[str, str], str]  # (case, task) to why it could not answer
LEFT_OUT = "left out"  # a split name no training looks at


@attrs.frozen
class Work:
    """Where and how a pipeline works.

    Attributes:
        seed: everything random follows from it.
        progress: where to tell how far it is.
        folder: trained tasks and task outputs are kept there and found again; None keeps nothing.
        cross_fit: train the fusers on out-of-fold task outputs of this many folds; 0 does not.
        refuse_seen: fusers refuse cases on which a task was trained, to learn from and to answer about.
        unreadable: ``raise`` stops at an input that cannot be read; ``mask`` goes on without that task's answer and
            says so in the result.
        training: how the networks of the tasks are trained.
        memory: GiB of task outputs that are held in memory, to learn from and to answer about; where there are more,
            and a folder to keep them in, they stay on disk and are read as a stream. Fitting takes some six times it.
        inner_folds: hold answers about cases the fuser did not learn from for choosing thresholds on: where there is
            no validation split, fit each fuser again without each of this many parts of its training cases; 0 does not.
        engine: who asks the tasks about cases and tries the candidates of a fuser; training is done by this process.
        inference: what runs the networks of the tasks when they answer.
    """

    seed: int = 0
    progress: Progress = attrs.field(factory=Progress)
    folder: Path | None = None
    cross_fit: int = 0
    refuse_seen: bool = False
    unreadable: Literal["raise", "mask"] = "raise"
    training: TrainingOptions = attrs.field(factory=TrainingOptions)
    inner_folds: int = 0
    memory: float = 0.25
    engine: Engine = LOCAL
    inference: InferenceOptions = attrs.field(factory=InferenceOptions)

    def running(self, task: TaskModel, cases: Sequence[Case]) -> Running | None:
        """How the networks of a task are run for these cases; None for a task that has no choice.

        Raises:
            PluginError: a runtime that is not installed.
        """
        if not isinstance(task, RunsNetworks):
            return None
        runtime = chosen(self.inference, lambda: task.effort(cases))
        graphs = None if self.folder is None else self.folder / "graphs"
        return Running(runtime, self.inference.loaders, graphs, self.progress.say)

    @property
    def store(self) -> OutputStore | None:
        """Task outputs on disk, where there is a folder."""
        return None if self.folder is None else OutputStore(self.folder / "outputs")


@attrs.frozen(eq=False)
class TrainedTask:
    """A task that can answer, and what it was trained on."""

    name: str
    model: TaskModel
    origin: str

    @property
    def fingerprint(self) -> str:
        """What stands for the model, and so for its answers."""
        return self._marked(())

    def _marked(self, digits: tuple[str, ...]) -> str:
        """The same, of a way to run it that changes the digits of an answer."""
        return short_hash(self.model.fingerprint(lambda: self.origin), self.model.spec, *digits)

    def answers(self, cases: Sequence[Case], work: Work, problems: Problems | None = None) -> TaskOutput:
        """What it says of these cases; ``problems`` gets what could not be read.

        Where there is a store the answers are computed once, and left there (:class:`taskfusion.store.StoredOutput`).
        """

        def heard(case: str, task: str, why: str) -> None:
            work.progress.say(f"{task}: no answer about case {case!r}: {why}")
            if problems is not None:
                problems[case, task] = why

        how: dict[str, Any] = {"unreadable": work.unreadable, "problems": heard}
        running = work.running(self.model, cases)
        mark = self._marked(running.key if running is not None else ())
        answerer = Answerer(self.name, way_of_asking(self.model, running), mark, self.model.spec, **how)
        if work.engine.elsewhere:
            answerer = SentTask.of(answerer, self.model, work.engine, running)
        return answers(answerer, cases, work.store, work.progress)

    def refuse_seen(self, cases: Sequence[Case]) -> None:
        """Refuse cases it was trained on; a task that learns nothing, as a table of predictions, cannot tell."""
        if self.model.seen_patients is not None or _learns(self.model):
            refuse_seen(self.name, self.model.seen_patients, cases)


def trained(name: str, task: TaskModel, cohort: Cohort, work: Work) -> TrainedTask:
    """The task, trained: as given, as found in the folder, or by training it now."""
    if task.is_fitted:
        return TrainedTask(name, task, f"given {uuid.uuid4()}" if _learns(task) else "given")
    origin = _origin(cohort, work)
    folder = None if work.folder is None else work.folder / "tasks" / name
    wanted = task.fingerprint(lambda: origin)
    if folder is not None and _found(folder, wanted):
        return TrainedTask(name, type(task).load(folder), origin)
    with _devices(work.training):
        model = type(task)(task.config).fit(cohort, _context(name, type(task), work))
    if _learns(model):
        model.seen_patients = marks(cohort.part("train").cases)
    model.card = model_card(name, model, Learned(cohort, work.seed))
    if folder is not None:
        with replacing_folder(folder) as temporary:
            model.save(temporary)
            write_json(temporary / "trained.json", {"fingerprint": wanted})
    return TrainedTask(name, model, origin)


def _origin(cohort: Cohort, work: Work) -> str:
    """What a task is trained on and how; options that are as they always were change nothing."""
    how = (work.training.key,) if work.training.key else ()
    return short_hash(_training_data(cohort), work.seed, *how)


def _devices(options: TrainingOptions) -> AbstractContextManager[None]:
    """The GPUs that share the training, where they are asked for; without them nothing imports Keras."""
    if options.distribution == "none":
        return nullcontext()
    from taskfusion.training.distribution import distributed

    return distributed(options)


def _context(name: str, kind: type[TaskModel], work: Work) -> FitContext:
    """One scratch folder per kind of task: entries that share a stage of training, as ablations do, train it once."""
    if work.folder is None:
        return FitContext(work.seed, work.progress, training=work.training)
    scratch = work.folder / "scratch" / f"{kind.__module__}.{kind.__qualname__}"
    logs = work.folder / "tensorboard" / name
    return FitContext(work.seed, work.progress, scratch, work.training, logs)


def out_of_fold(name: str, task: TaskModel, cohort: Cohort, work: Work) -> TaskOutput:
    """Answers about the training cases by models that did not see them (law 3), in the training split's order."""
    rows = cohort.rows("train")
    train = cohort.select(rows)
    folds = group_folds(train.groups, _strata(train), work.cross_fit, work.seed)
    parts, order = [], []
    for fold in range(work.cross_fit):
        inside = rows[folds == fold]
        model = trained(f"{name}.fold-{fold}", task, _without(cohort, inside), work)
        parts.append(model.answers(cohort.select(inside).cases, work))
        order.append(np.flatnonzero(folds == fold))
    return joined(parts).select(np.argsort(np.concatenate(order)))


def training_outputs(
    tasks: Mapping[str, TaskModel], ready: Mapping[str, TrainedTask], cohort: Cohort, work: Work
) -> dict[str, TaskOutput]:
    """What the fusers learn from: answers about the training split, out of fold where asked for and possible."""
    cases = cohort.part("train").cases
    outputs = {}
    for name, task in tasks.items():
        if work.cross_fit and not task.is_fitted:
            outputs[name] = out_of_fold(name, task, cohort, work)
            continue
        if work.refuse_seen:
            ready[name].refuse_seen(cases)
        outputs[name] = ready[name].answers(cases, work)
    return outputs


def _without(cohort: Cohort, rows: np.ndarray) -> Cohort:
    split = np.array(cohort.split if cohort.split is not None else ["train"] * len(cohort), dtype=object)
    split[rows] = LEFT_OUT
    return cohort.with_split(split.astype(str))


def _strata(cohort: Cohort) -> np.ndarray:
    names = list(cohort.targets)
    return np.maximum(cohort.label(names[0]), 0) if names else np.zeros(len(cohort), np.int64)


def _training_data(cohort: Cohort) -> str:
    used = np.concatenate([cohort.rows("train"), cohort.rows("validation")])
    return cohort.select(used).fingerprint()


def _found(folder: Path, wanted: str) -> bool:
    record = folder / "trained.json"
    return record.is_file() and read_json(record).get("fingerprint") == wanted


def _learns(task: TaskModel) -> bool:
    """A task that is fitted from the start learned nothing here; its own fingerprint says all there is."""
    return not type(task)(task.config).is_fitted
