"""What a spec means before it runs: what flows where, with shapes; no data is read and nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from taskfusion.assembly import column_names
from taskfusion.configs import unstructure
from taskfusion.errors import NotFittedError, TaskFusionError
from taskfusion.outputs import Level, TaskOutput, TaskSpec
from taskfusion.plugins import Registry
from taskfusion.spec import FuserSpec, Spec, kind_of
from taskfusion.tasks.base import TaskModel
from taskfusion.training.options import TrainingOptions

AFTER_TRAINING = "known after training"
AFTER_READING = "known when its table is read"


@attrs.frozen
class TaskFlow:
    """What a task gives.

    Attributes:
        name: of the task in the spec.
        kind: the registered task.
        summary: what that is.
        ready: whether it answers without training.
        level: ``case``, ``view`` or ``detection``; empty where not known yet.
        classes: of its scores.
        views: it looks at.
        scores: shape, such as ``(cases, 4 views, 1 class)``.
        features: shape, or ``none``.
        unknown: why something is not known, and when it will be; empty where all is.
    """

    name: str
    kind: str
    summary: str
    ready: bool
    level: str = ""
    classes: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    scores: str = ""
    features: str = ""
    unknown: str = ""


@attrs.frozen
class FuserFlow:
    """What a fuser sees.

    Attributes:
        name: of the fuser in the spec.
        kind: the registered fuser.
        summary: what that is.
        tasks: it sees.
        padding: what stands where a view has fewer detections; empty where no task of it detects.
        detections: per view; several are searched on validation AUC.
        columns: the score columns, by number of detections (0 where none of its tasks detects); empty where those of
            a task are not known yet.
        blocks: task to ``(cases, channels, size)`` of its features, for a fuser that uses features, at the largest
            number of detections.
        unknown: the tasks whose shapes are not known yet.
        warning: what cannot work.
    """

    name: str
    kind: str
    summary: str
    tasks: tuple[str, ...]
    padding: str
    detections: tuple[int, ...]
    columns: Mapping[int, tuple[str, ...]]
    blocks: Mapping[str, str] = attrs.field(factory=dict)
    unknown: tuple[str, ...] = ()
    warning: str = ""


@attrs.frozen
class Flow:
    """A spec, explained.

    Attributes:
        training: options of the section ``training`` that are not the defaults.
        run: what the run's folder will hold, by name.
    """

    name: str
    title: str
    reader: str
    summary: str
    options: Mapping[str, Any]
    tasks: tuple[TaskFlow, ...]
    fusers: tuple[FuserFlow, ...]
    targets: tuple[str, ...]
    judged: str
    folder: str
    run: Mapping[str, str]
    training: Mapping[str, Any] = attrs.field(factory=dict)

    def data(self) -> dict[str, Any]:
        """As JSON data."""
        return attrs.asdict(self, value_serializer=lambda *args: list(args[2]) if type(args[2]) is tuple else args[2])


def explain(spec: Spec, registry: Registry) -> Flow:
    """What flows where."""
    found = {name: declared(task) for name, task in spec.tasks.items()}
    reader = spec.data["cohort"]["reader"]
    return Flow(
        name=spec.name,
        title=spec.title,
        reader=reader,
        summary=registry.find("reader", reader).entry.summary,
        options=unstructure(spec.reader.config),
        tasks=tuple(_task_flow(name, spec, found[name], registry) for name in spec.tasks),
        fusers=tuple(_fuser_flow(fuser, spec, found, registry) for fuser in spec.fusers),
        targets=spec.targets,
        judged=_judged(spec),
        folder=(Path("runs") / spec.name).as_posix(),
        run=_run_folder(spec),
        training=_training(spec),
    )


@attrs.frozen
class Declared:
    """What a task says of its answers without reading data: all, maybe the level alone, and what is not known yet."""

    shape: TaskSpec | None = None
    level: str = ""
    unknown: str = ""

    @property
    def may_detect(self) -> bool:
        """Whether padding and the number of detections may matter."""
        return self.level in ("", Level.DETECTION)


def declared(task: TaskModel) -> Declared:
    """Ask a task for its shape, but not one that would read data to answer."""
    if task.is_fitted and _has_path(task.config):  # a task over a table reads it to say its shape
        return _from_options(task.config)
    try:
        return Declared(task.spec, str(task.spec.level))
    except NotFittedError:
        return Declared(None, str(getattr(type(task), "level", "")), AFTER_TRAINING)
    except TaskFusionError as error:
        return Declared(None, "", str(error))


def _has_path(config: Any) -> bool:
    return any(isinstance(getattr(config, field.name), Path) for field in attrs.fields(type(config)))


def _from_options(config: Any) -> Declared:
    """The shape of a table's answers, where the options name classes and views."""
    level = str(getattr(config, "level", ""))
    classes = tuple(getattr(config, "classes", ()) or getattr(config, "scores", ()))
    views = tuple(getattr(config, "views", ()))
    if level not in tuple(Level) or not classes or (level != Level.CASE and not views):
        return Declared(None, level, AFTER_READING)
    unknown = AFTER_READING if getattr(config, "features", ()) else ""
    return Declared(TaskSpec(Level(level), classes, views), level, unknown)


def _task_flow(name: str, spec: Spec, found: Declared, registry: Registry) -> TaskFlow:
    kind = kind_of(spec.data["tasks"], name, "task")
    shape, ready = found.shape, spec.tasks[name].is_fitted
    flow = TaskFlow(name, kind, registry.find("task", kind).entry.summary, ready, found.level, unknown=found.unknown)
    if shape is None:
        return flow
    features = found.unknown or _features(shape)
    return attrs.evolve(flow, classes=shape.classes, views=shape.views, scores=_scores(shape), features=features)


def _scores(shape: TaskSpec) -> str:
    classes = _many(len(shape.classes), "class", "classes")
    if shape.level is Level.DETECTION:
        return f"(detections,), each with a box and one of {classes}, in {_many(len(shape.views), 'view')}"
    views = "" if shape.level is Level.CASE else f"{_many(len(shape.views), 'view')}, "
    return f"(cases, {views}{classes})"


def _features(shape: TaskSpec) -> str:
    if not shape.feature_size:
        return "none"
    if shape.level is Level.DETECTION:
        background = ", and one per view where nothing was detected" if shape.background else ""
        return f"(detections, {shape.feature_size}){background}"
    views = "" if shape.level is Level.CASE else f"{_many(len(shape.views), 'view')}, "
    return f"(cases, {views}{shape.feature_size})"


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or f'{one}s'}"


def _fuser_flow(entry: FuserSpec, spec: Spec, found: Mapping[str, Declared], registry: Registry) -> FuserFlow:
    names = entry.tasks or tuple(spec.tasks)
    seen = {name: shape for name in names if (shape := found[name].shape) is not None}
    unknown = tuple(name for name in names if name not in seen)
    counts = entry.detections if any(found[name].may_detect for name in names) else ()
    flow = FuserFlow(
        name=entry.name,
        kind=entry.keys.fuser,
        summary=registry.find("fuser", entry.keys.fuser).entry.summary,
        tasks=names,
        padding=str(registry.name_of("padding", entry.padding)) if counts else "",
        detections=counts,
        columns={} if unknown else {n: score_columns(seen, n) for n in counts or (0,)},
        unknown=unknown,
    )
    return _with_blocks(flow, seen, found) if entry.fuser.needs_features else flow


def _with_blocks(flow: FuserFlow, seen: Mapping[str, TaskSpec], found: Mapping[str, Declared]) -> FuserFlow:
    most = max(flow.detections, default=0)
    blocks = {name: _block(shape, most) for name, shape in seen.items() if shape.feature_size}
    later = any(found[name].unknown for name in flow.tasks)
    return attrs.evolve(flow, blocks=blocks, warning="" if blocks or later else "none of its tasks has features")


def score_columns(shapes: Mapping[str, TaskSpec], detections: int) -> tuple[str, ...]:
    """The names of the score columns a fuser sees of these tasks."""
    empty = {name: TaskOutput(shape, (), np.zeros(0, bool)) for name, shape in shapes.items()}
    return tuple(column for name, output in empty.items() for column in column_names(name, output, detections))


def _block(shape: TaskSpec, detections: int) -> str:
    if shape.level is Level.CASE:
        channels, size = shape.feature_channels, shape.feature_size // shape.feature_channels
    else:
        channels = len(shape.views) * (detections if shape.level is Level.DETECTION else 1)
        size = shape.feature_size
    return f"(cases, {channels}, {size})"


def _judged(spec: Spec) -> str:
    folds = spec.evaluation.cross_validation
    return f"cross-validation of {folds} folds over groups" if folds else "the cohort's split test, or else validation"


def _training(spec: Spec) -> dict[str, Any]:
    default = unstructure(TrainingOptions())
    return {name: value for name, value in unstructure(spec.training).items() if value != default[name]}


def _run_folder(spec: Spec) -> dict[str, str]:
    folds = {"folds/": "tasks and their answers of every fold"} if spec.evaluation.cross_validation else {}
    return {
        "spec.yaml": "this spec with every default written out",
        "tasks/": f"{', '.join(spec.tasks)}, trained",
        **({"tensorboard/": "figures of every epoch, by task and network"} if spec.training.tensorboard else {}),
        "outputs/": "what the tasks say of every case, computed once",
        "fusers/": f"{', '.join(f.name for f in spec.fusers)}, fitted for each target",
        **folds,
        "results.csv": "a row per fuser, target and split: n, AUC with interval, AUPRC, TPR, TNR …",
        "predictions.csv": "a row per case, fuser and target",
        "differences.csv": "the first fuser against every other, paired",
        "report.html": "tables and curves",
        "model/": "the saved pipeline, for taskfusion predict",
        "run.json": "versions, seeds, seconds, each task's own figures",
    }
