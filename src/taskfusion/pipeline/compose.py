"""The face: names, configured objects or trained ones become tasks, fusers, cohorts and pipelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from taskfusion.cases import Cohort
from taskfusion.errors import SpecError, UnknownNameError
from taskfusion.fusers.base import Fuser
from taskfusion.padding import Padding
from taskfusion.pipeline.calibration import Calibrate
from taskfusion.pipeline.describe import read_parts
from taskfusion.pipeline.fusing import FuserPlan
from taskfusion.pipeline.pipeline import FusionPipeline
from taskfusion.plugins import Registry, build_registry
from taskfusion.progress import Progress
from taskfusion.spec import default_padding
from taskfusion.tasks.base import TaskModel


def task(name: str, *, registry: Registry | None = None, **options: Any) -> TaskModel:
    """A task model by registered name: ``task("findings", preset="small", width=0.5)``.

    Raises:
        UnknownNameError: with the nearest name.
        SpecError: for options the task does not have.
    """
    created: TaskModel = (registry or build_registry()).create("task", name, options)
    return created


def fuser(name: str | Any, *, registry: Registry | None = None, **options: Any) -> Fuser:
    """A fuser by registered name (``fuser("svm", C=10)``), or any scikit-learn classifier object, or a Fuser itself.

    Raises:
        UnknownNameError: with the nearest name.
        SpecError: for options the fuser does not have, or something that is no fuser.
    """
    if isinstance(name, Fuser):
        return name
    if isinstance(name, str):
        created: Fuser = (registry or build_registry()).create("fuser", name, options)
        return created
    if hasattr(name, "fit") and hasattr(name, "get_params"):
        from taskfusion.fusers.score import SklearnFuser

        return SklearnFuser.of(name)
    raise SpecError(f"not a fuser: {name!r}; expected a name, a Fuser or a scikit-learn classifier")


def cohort(
    reader: str, *, registry: Registry | None = None, progress: Progress | None = None, **options: Any
) -> Cohort:
    """A cohort by reader name: ``cohort("synthetic", cases=600, seed=7)``.

    Raises:
        UnknownNameError: with the nearest name.
        SpecError: for options the reader does not have.
        DataError: naming file and row of what cannot be used.
    """
    made = (registry or build_registry()).create("reader", reader, options)
    read: Cohort = made.read(progress or Progress())
    return read


def load(folder: str | Path) -> FusionPipeline:
    """A saved pipeline; see :meth:`FusionPipeline.load`."""
    return FusionPipeline.load(folder)


def compose(  # noqa: PLR0913  # the face: keyword-only options that people write by hand
    tasks: Sequence[str | TaskModel] | Mapping[str, str | TaskModel] | str | Path,
    fuser: Any = "score",
    *,
    detections: int | Sequence[int] = 3,
    padding: str | Padding | None = None,
    targets: Sequence[str] = (),
    missing: str | Mapping[str, str] | None = None,
    joint: bool = False,
    calibrate: Calibrate = "none",
) -> FusionPipeline:
    """A pipeline from tasks (names, configured or trained models, or a mixture) and one fuser.

    Args:
        tasks: a list, named after themselves, or a mapping of names of your own; or the path of a YAML file that says
            all of it (what :meth:`FusionPipeline.to_yaml` writes, or a spec).
        fuser: a registered name, a Fuser, or any scikit-learn classifier.
        detections: slots per view for tasks of level detection; a list is searched on validation AUC.
        padding: a registered name or a policy; default ``background`` for feature fusers, else ``zero``.
        targets: what to learn; empty for all targets of the cohort.
        missing: what to make of an answer that is not there, for all tasks or per task: ``optional`` (the default: left
            to the fuser), ``required`` (the case is refused), ``neutral`` (undecided) or ``zero``.
        joint: learn all targets with one network; for the fusers that can.
        calibrate: make the score a probability on cases the fuser did not learn from: ``sigmoid``, ``isotonic``.

    Raises:
        UnknownNameError: with the nearest name.
        SpecError: a fuser that cannot do what is asked of it; every mistake of a YAML file at once, each with file,
            line and column.
    """
    registry = build_registry()
    if isinstance(tasks, str | Path):
        given = fuser != "score" or detections != 3 or padding is not None or targets or missing or joint
        given = given or calibrate != "none"
        return _from_yaml(Path(tasks), registry, bool(given))
    models = _named_tasks(tasks, registry)
    made = _fuser(fuser, registry)
    label = fuser if isinstance(fuser, str) else (registry.name_of("fuser", made) or type(made).__name__)
    counts = (detections,) if isinstance(detections, int) else tuple(detections)
    policies = dict.fromkeys(models, missing) if isinstance(missing, str) else dict(missing or {})
    for name in policies:
        if name not in models:
            raise UnknownNameError.of("task", name, models)
    plan = FuserPlan(label, made, padding_for(made, padding, registry), (), counts, policies, joint, calibrate)
    return FusionPipeline(models, [plan], targets)


def _from_yaml(path: Path, registry: Registry, more: bool) -> FusionPipeline:
    if not path.suffix and not path.exists():
        raise SpecError(f"compose takes a list of tasks or a YAML file, found {str(path)!r}; expected [{str(path)!r}]")
    if more:
        raise SpecError(f"{path} says fusers, detections, padding and targets itself; expected no more than the path")
    parts = read_parts(path, registry)
    return FusionPipeline(parts.tasks, parts.plans, parts.targets)


def padding_for(fuser: Fuser, padding: str | Padding | None, registry: Registry) -> Padding:
    """The policy asked for, or the one the paper uses with this kind of fuser (II-C)."""
    if isinstance(padding, Padding):
        return padding
    created: Padding = registry.create("padding", padding or default_padding(fuser))
    return created


def _fuser(value: Any, registry: Registry) -> Fuser:
    return fuser(value, registry=registry)


def _named_tasks(
    tasks: Sequence[str | TaskModel] | Mapping[str, str | TaskModel], registry: Registry
) -> dict[str, TaskModel]:
    pairs = list(tasks.items()) if isinstance(tasks, Mapping) else [(_task_name(t, registry), t) for t in tasks]
    names = [name for name, _ in pairs]
    if not names or len(set(names)) < len(names):
        raise SpecError(f"task names {names} must be there and differ; pass a mapping of names to tasks")
    return {name: task(value, registry=registry) if isinstance(value, str) else value for name, value in pairs}


def _task_name(value: str | TaskModel, registry: Registry) -> str:
    if isinstance(value, str):
        return value
    return registry.name_of("task", value) or type(value).__name__.lower()
