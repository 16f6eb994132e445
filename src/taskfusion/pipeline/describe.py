"""A pipeline as YAML and back, exactly: the same tasks, configurations, fusers, padding and plans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from taskfusion.configs import unstructure
from taskfusion.document import document_of
from taskfusion.errors import SpecError
from taskfusion.fusers.base import Fuser
from taskfusion.pipeline.fusing import FuserPlan
from taskfusion.plugins import Registry
from taskfusion.settings import FuserKeys
from taskfusion.spec import (
    FuserSpec,
    Spec,
    checked_spec,
    default_padding,
    fuser_entry,
    load_spec,
    task_entry,
    with_base,
)
from taskfusion.tasks.base import TaskModel
from taskfusion.yamlfile import dump_yaml

if TYPE_CHECKING:
    from taskfusion.pipeline.pipeline import FusionPipeline

# What a plan and the keys of its entry have in common; a key that both know goes both ways by itself.
COMMON = tuple(
    field.name
    for field in attrs.fields(FuserKeys)
    if field.name in attrs.fields_dict(FuserPlan) and field.name not in ("fuser", "padding")
)
NOT_HERE = "# How these tasks are made, not what they learned, which FusionPipeline.save keeps:"


@attrs.frozen(eq=False)
class Parts:
    """What YAML says of a pipeline."""

    tasks: dict[str, TaskModel]
    plans: tuple[FuserPlan, ...]
    targets: tuple[str, ...]


def parts_of(spec: Spec) -> Parts:
    """The tasks, plans and targets of a spec, with the plans that its ``ablate`` adds.

    Raises:
        SpecError: a task to leave out that no fuser could do without, or a name that is taken.
    """
    entries = with_ablations(spec.fusers, tuple(spec.tasks), spec.ablate)
    plans = [FuserPlan(name=f.name, fuser=f.fuser, padding=f.padding, **_common(f, spec)) for f in entries]
    return Parts(dict(spec.tasks), tuple(plans), spec.targets)


def with_ablations(entries: Sequence[FuserSpec], tasks: Sequence[str], ablate: Sequence[str]) -> list[FuserSpec]:
    """Each fuser, followed by itself without each of the tasks to leave out that it sees beside others.

    Raises:
        SpecError: a task to leave out that no fuser could do without, or a name that is taken.
    """
    made: list[FuserSpec] = []
    for entry in entries:
        seen = entry.tasks or tuple(tasks)
        made += [entry, *(_without(entry, seen, task) for task in ablate if task in seen and len(seen) > 1)]
    names = [entry.name for entry in made]
    for task in ablate:
        if not any(name.endswith(f" - {task}") for name in names):
            raise SpecError(f"ablate: no fuser sees task {task!r} and another one")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SpecError(f"ablate: two fusers would be named {twice!r}; name the one of yours otherwise")
    return made


def _without(entry: FuserSpec, seen: Sequence[str], task: str) -> FuserSpec:
    missing = {name: policy for name, policy in entry.keys.missing.items() if name != task}
    rest = tuple(name for name in seen if name != task)
    keys = attrs.evolve(entry.keys, tasks=rest, missing=missing)
    return attrs.evolve(entry, name=f"{entry.name} - {task}", keys=keys)


def _common(entry: FuserSpec, spec: Spec) -> dict[str, Any]:
    keys = {key: getattr(entry.keys, key) for key in COMMON}
    seen = entry.keys.tasks or spec.tasks
    shared = {task: policy for task, policy in spec.missing.items() if task in seen}
    return {**keys, "missing": {**shared, **entry.keys.missing}}


def read_parts(path: Path, registry: Registry) -> Parts:
    """The pipeline that a spec, or the part of one with tasks and fusers, describes.

    Raises:
        SpecError: every mistake of the file at once, each with file, line and column.
    """
    return parts_of(load_spec(path, registry, needs_cohort=False))


def as_yaml(pipeline: FusionPipeline, registry: Registry) -> str:
    """YAML that :func:`read_parts` turns into the same pipeline, not trained.

    Relative paths are written from the root, as the file may be put anywhere.

    Raises:
        SpecError: for what YAML cannot say: a class that no plugin registers, an option or a scikit-learn object that
            would not come back the same.
    """
    parts = Parts(pipeline.tasks, pipeline.plans, pipeline.targets)
    written = _written(parts)
    data = {
        "tasks": {name: task_entry(_name("task", task, registry), task) for name, task in written.tasks.items()},
        "targets": list(written.targets),
        "fusers": {plan.name: _fuser_data(plan, registry) for plan in written.plans},
    }
    _refuse_twice([plan.name for plan in written.plans])
    text = _reading_again(data, written, registry)
    trained = [name for name, task in pipeline.tasks.items() if name in pipeline.ready or _has_learned(task)]
    return f"{NOT_HERE} {', '.join(trained)}\n{text}" if trained else text


def _written(parts: Parts) -> Parts:
    """The same parts as YAML will say them: paths from the root, scikit-learn objects by name and parameters."""
    tasks = {name: _based(task) for name, task in parts.tasks.items()}
    plans = [attrs.evolve(p, fuser=_named(p.name, p.fuser), padding=_based(p.padding)) for p in parts.plans]
    return Parts(tasks, tuple(plans), parts.targets)


def _based(part: Any) -> Any:
    return type(part)(with_base(part.config, lambda _: Path.cwd()))


def _named(plan: str, fuser: Fuser) -> Fuser:
    """The fuser as its configuration alone says it; a scikit-learn object is told there by class and parameters."""
    from taskfusion.fusers.wrapped import SklearnFuser

    if isinstance(fuser, SklearnFuser) and fuser.config.untold:
        raise SpecError(
            f"fuser {plan!r}: {fuser.config.estimator} cannot be written as YAML: {', '.join(fuser.config.untold)}"
        )
    made: Fuser = _based(fuser)
    return made


def _fuser_data(plan: FuserPlan, registry: Registry) -> dict[str, Any]:
    keys = FuserKeys(
        fuser=_name("fuser", plan.fuser, registry),
        padding=_padding_data(plan, registry),
        **{key: getattr(plan, key) for key in COMMON},
    )
    return fuser_entry(keys, plan.fuser)


def _padding_data(plan: FuserPlan, registry: Registry) -> str | dict[str, Any]:
    name = _name("padding", plan.padding, registry)
    options = unstructure(plan.padding.config)
    if options:
        return {"padding": name, **options}
    return "" if name == default_padding(plan.fuser) else name


def _name(kind: str, instance: Any, registry: Registry) -> str:
    name = registry.name_of(kind, instance)
    if name is None:
        raise SpecError(
            f"{type(instance).__qualname__} is not a registered {kind}, so YAML cannot name it; register it in a plugin"
        )
    return name


def _refuse_twice(names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SpecError(f"two fusers are named {twice!r}, so YAML cannot tell them apart")


def _reading_again(data: dict[str, Any], written: Parts, registry: Registry) -> str:
    """The text, once it is known to give the same parts."""
    try:
        text = dump_yaml(data)
        again = parts_of(checked_spec(document_of(text, "YAML", Path.cwd()), registry, needs_cohort=False))
    except SpecError as error:
        raise SpecError(f"this pipeline cannot be written as YAML: {error}") from error
    _refuse_changes(written, again)
    return text


def _refuse_changes(written: Parts, again: Parts) -> None:
    for what, one, other in _pairs(written, again):
        if one != other:
            raise SpecError(f"{what} cannot be written as YAML: {one!r} would come back as {other!r}")


def _pairs(written: Parts, again: Parts) -> list[tuple[str, Any, Any]]:
    tasks = [(f"task {name!r}", _key(task), _key(again.tasks[name])) for name, task in written.tasks.items()]
    plans = [(f"fuser {p.name!r}", _plan_key(p), _plan_key(q)) for p, q in zip(written.plans, again.plans, strict=True)]
    order = ("the order of the tasks", list(written.tasks), list(again.tasks))
    return [order, *tasks, *plans, ("targets", written.targets, again.targets)]


def _key(part: Any) -> tuple[type, Any]:
    return type(part), part.config


def _plan_key(plan: FuserPlan) -> tuple[Any, ...]:
    return plan.name, _key(plan.fuser), _key(plan.padding), *(getattr(plan, key) for key in COMMON)


def _has_learned(task: TaskModel) -> bool:
    return task.is_fitted and not type(task)(task.config).is_fitted
