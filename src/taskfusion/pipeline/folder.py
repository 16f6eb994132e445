"""A saved pipeline is data: a manifest with hashes, task weights, fuser states. Loading runs no code (law 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from taskfusion.cases import Target
from taskfusion.configs import structure, unstructure
from taskfusion.errors import ModelFolderError, PluginError, UnknownNameError
from taskfusion.files import replacing_folder
from taskfusion.pipeline.calibration import Calibration
from taskfusion.pipeline.fusing import FittedFuser, FuserPlan
from taskfusion.pipeline.manifest import MANIFEST, explained, inside, read_manifest, write_manifest
from taskfusion.pipeline.training import TrainedTask
from taskfusion.plugins import GIVEN, Registry, installed_versions

LIBRARIES = ("taskfusion", "numpy", "scikit-learn", "skops", "keras", "tensorflow")


@attrs.frozen(eq=False)
class Parts:
    """Everything of a pipeline that is kept: trained tasks in order, plans, fitted fusers, and what the cohort said."""

    tasks: tuple[TrainedTask, ...]
    plans: tuple[FuserPlan, ...]
    fitted: tuple[FittedFuser, ...]
    views: tuple[str, ...] = ()
    notice: str = ""


def save_parts(parts: Parts, folder: Path, registry: Registry) -> None:
    """Write tasks, fusers and manifest; an earlier saved model is replaced in one step.

    Raises:
        ModelFolderError: the folder holds something else, which is left alone.
        PluginError: a class that nobody registered, so that it could not be loaded again.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ModelFolderError(f"{folder} holds something that is no saved model; choose another folder")
    with replacing_folder(folder) as temporary:
        record = {
            "notice": parts.notice,
            "views": list(parts.views),
            "versions": installed_versions(LIBRARIES),
            # a list, as the order of the tasks is the order of the fusers' columns
            "tasks": [_save_task(task, temporary, registry) for task in parts.tasks],
            "plans": [_plan_record(plan, registry) for plan in parts.plans],
            "fitted": [save_fitted(fitted, temporary) for fitted in parts.fitted],
        }
        write_manifest(temporary, record)


def load_parts(folder: Path, registry: Registry) -> Parts:
    """Read what :func:`save_parts` wrote.

    Raises:
        ModelFolderError: no manifest, another format, a file that is missing, changed or added, or a part that cannot
            be rebuilt.
        UnknownNameError: a task or fuser whose plugin is not installed; names the distribution.
    """
    manifest = read_manifest(folder)
    with explained(folder, MANIFEST):
        tasks = tuple(_load_task(record, folder, registry) for record in manifest["tasks"])
        plans = {record["name"]: _load_plan(record, registry) for record in manifest["plans"]}
        # by place, as the targets of a joint plan share one fuser
        fusers = {r["place"]: _load_fuser(r, plans[r["plan"]], folder) for r in manifest["fitted"]}
        fitted = tuple(_load_fitted(r, plans[r["plan"]], fusers[r["place"]]) for r in manifest["fitted"])
        return Parts(tasks, tuple(plans.values()), fitted, tuple(manifest["views"]), manifest["notice"])


def _origin(kind: str, instance: Any, registry: Registry) -> dict[str, str]:
    """Name of a component and what it comes from, as a loader must find it again."""
    name = registry.name_of(kind, instance)
    if name is None:
        raise PluginError(
            f"{type(instance).__qualname__} is not a registered {kind}, so a saved model could not be loaded again; "
            "register it in a plugin"
        )
    component = registry.find(kind, name)
    return {"name": name, "distribution": component.distribution, "version": component.version}


def _load_class(kind: str, origin: dict[str, str], registry: Registry) -> Any:
    saved = f"the model was saved with {origin['distribution']} {origin['version']}"
    try:
        component = registry.find(kind, origin["name"])
    except UnknownNameError as error:
        raise UnknownNameError(f"{error}; {saved}: install it") from error
    then, now = origin["distribution"], component.distribution
    if then != now and GIVEN not in (then, now):  # what is given in code is somebody's deliberate choice
        raise PluginError(f"{kind} {origin['name']!r} now comes from {now}; {saved}")
    return component.load()


def _save_task(task: TrainedTask, folder: Path, registry: Registry) -> dict[str, Any]:
    path = folder / "tasks" / task.name
    path.mkdir(parents=True)
    task.model.save(path)
    origin = _origin("task", task.model, registry)
    return {"name": task.name, "task": origin, "answers": task.model.version, "origin": task.origin}


def _load_task(record: dict[str, Any], folder: Path, registry: Registry) -> TrainedTask:
    cls = _load_class("task", record["task"], registry)
    if cls.version != record["answers"]:
        raise ModelFolderError(
            f"{folder}: task {record['name']!r} was saved by version {record['answers']} of its class; the installed "
            f"one is version {cls.version} and would answer differently: train it again"
        )
    with explained(folder, f"task {record['name']!r}"):
        model = cls.load(inside(folder, f"tasks/{record['name']}"))
    return TrainedTask(record["name"], model, record["origin"])


def _plan_record(plan: FuserPlan, registry: Registry) -> dict[str, Any]:
    return {
        "name": plan.name,
        "fuser": _origin("fuser", plan.fuser, registry),
        "config": unstructure(plan.fuser.config),
        "padding": _origin("padding", plan.padding, registry),
        "padding_config": unstructure(plan.padding.config),
        "tasks": list(plan.tasks),
        "detections": list(plan.detections),
        "missing": dict(plan.missing),
        "joint": plan.joint,
        "calibrate": plan.calibrate,
    }


def _load_plan(record: dict[str, Any], registry: Registry) -> FuserPlan:
    fuser, padding = (_load_class(kind, record[kind], registry) for kind in ("fuser", "padding"))
    return FuserPlan(
        record["name"],
        fuser(structure(fuser.Config, record["config"], f"fuser {record['name']!r}")),
        padding(structure(padding.Config, record["padding_config"], f"padding of fuser {record['name']!r}")),
        tasks=tuple(record["tasks"]),
        detections=tuple(record["detections"]),
        missing=record["missing"],
        joint=record["joint"],
        calibrate=record.get("calibrate", "none"),  # models saved before there was any
    )


def save_fitted(fitted: FittedFuser, folder: Path) -> dict[str, Any]:
    """Write the fuser below a folder; returns what else there is to know of the fit, as JSON data."""
    place = Path("fusers") / fitted.plan.name / ("together" if fitted.column is not None else fitted.target.name)
    if not (folder / place).exists():  # the targets of a joint plan share one fuser
        (folder / place).mkdir(parents=True)
        fitted.fuser.save(folder / place)
    assembler = fitted.assembler
    return {
        "plan": fitted.plan.name,
        "target": unstructure(fitted.target),
        "column": fitted.column,
        "counted": unstructure(assembler.target),
        "detections": assembler.detections,
        "paddings": {task: dict(padding.state()) for task, padding in assembler.fitted.items()},
        "searched": fitted.tried,
        "place": place.as_posix(),
        "calibration": None if fitted.calibration is None else fitted.calibration.state(),
    }


def load_fitted(record: dict[str, Any], plan: FuserPlan, folder: Path) -> FittedFuser:
    """Rebuild what :func:`save_fitted` wrote of this plan."""
    return _load_fitted(record, plan, _load_fuser(record, plan, folder))


def _load_fuser(record: dict[str, Any], plan: FuserPlan, folder: Path) -> Any:
    with explained(folder, f"fuser {plan.name!r}"):
        return type(plan.fuser).load(inside(folder, record["place"]))


def _load_fitted(record: dict[str, Any], plan: FuserPlan, fuser: Any) -> FittedFuser:
    target, counted = (structure(Target, record[key], MANIFEST) for key in ("target", "counted"))
    fitted = {task: plan.padding.with_state(state) for task, state in record["paddings"].items()}
    assembler = attrs.evolve(plan.assembler(counted, record["detections"]), fitted=fitted)
    state = record.get("calibration")
    calibration = None if state is None else Calibration.of(state)
    return FittedFuser(plan, target, fuser, assembler, record["searched"], record["column"], calibration)
