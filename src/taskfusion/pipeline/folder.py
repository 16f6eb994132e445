"""A saved pipeline is data: a manifest with hashes, task weights, fuser states. Loading runs no code (law 4)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import attrs

from taskfusion.cases import Target
from taskfusion.configs import structure, unstructure
from taskfusion.errors import ModelFolderError, PluginError
from taskfusion.files import read_json, replacing_folder, write_json
from taskfusion.pipeline.fusing import FittedFuser, FuserPlan
from taskfusion.pipeline.training import TrainedTask
from taskfusion.plugins import Registry

FORMAT = 1
MANIFEST = "manifest.json"


@attrs.frozen(eq=False)
class Parts:
    """Everything of a pipeline that is kept: trained tasks in order, plans, fitted fusers, and what the cohort said."""

    tasks: tuple[TrainedTask, ...]
    plans: tuple[FuserPlan, ...]
    fitted: tuple[FittedFuser, ...]
    views: tuple[str, ...] = ()
    notice: str = ""


def save_parts(parts: Parts, folder: Path, registry: Registry) -> None:
    """Write tasks, fusers and manifest; what stood in the folder before is replaced in one step."""
    with replacing_folder(folder) as temporary:
        manifest = {
            "format": FORMAT,
            "notice": parts.notice,
            "views": list(parts.views),
            # a list, as the order of the tasks is the order of the fusers' columns
            "tasks": [_save_task(task, temporary, registry) for task in parts.tasks],
            "plans": [_plan_record(plan, registry) for plan in parts.plans],
            "fitted": [_save_fitted(fitted, temporary) for fitted in parts.fitted],
        }
        write_json(temporary / MANIFEST, {**manifest, "files": file_hashes(temporary)})


def load_parts(folder: Path, registry: Registry) -> Parts:
    """Read what :func:`save_parts` wrote.

    Raises:
        ModelFolderError: no manifest, another format, or a file that is missing or was changed.
        UnknownNameError: a task or fuser whose plugin is not installed.
    """
    manifest = read_manifest(folder)
    tasks = tuple(_load_task(record, folder, registry) for record in manifest["tasks"])
    plans = {record["name"]: _load_plan(record, registry) for record in manifest["plans"]}
    fitted = tuple(_load_fitted(record, plans[record["plan"]], folder) for record in manifest["fitted"])
    return Parts(tasks, tuple(plans.values()), fitted, tuple(manifest["views"]), manifest["notice"])


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, once its format and every file's hash are known to be right."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelFolderError(f"no saved model in {folder}: {MANIFEST} is missing")
    try:
        manifest = read_json(path)
    except ValueError as error:
        raise ModelFolderError(f"{path} is not JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise ModelFolderError(f"{path} has format {found}; this version reads format {FORMAT}")
    found_files = file_hashes(folder)
    for name, digest in manifest["files"].items():
        if found_files.get(name) != digest:
            what = "changed" if name in found_files else "missing"
            raise ModelFolderError(f"{folder / name} is {what} since the model was saved")
    return manifest


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder but the manifest, by relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _name_of(kind: str, instance: Any, registry: Registry) -> str:
    name = registry.name_of(kind, instance)
    if name is None:
        raise PluginError(
            f"{type(instance).__qualname__} is not a registered {kind}, so a saved model could not be loaded again; "
            "register it in a plugin"
        )
    return name


def _save_task(task: TrainedTask, folder: Path, registry: Registry) -> dict[str, str]:
    path = folder / "tasks" / task.name
    path.mkdir(parents=True)
    task.model.save(path)
    return {"name": task.name, "task": _name_of("task", task.model, registry), "origin": task.origin}


def _load_task(record: dict[str, str], folder: Path, registry: Registry) -> TrainedTask:
    cls = registry.load("task", record["task"])
    return TrainedTask(record["name"], cls.load(folder / "tasks" / record["name"]), record["origin"])


def _plan_record(plan: FuserPlan, registry: Registry) -> dict[str, Any]:
    return {
        "name": plan.name,
        "fuser": _name_of("fuser", plan.fuser, registry),
        "config": unstructure(plan.fuser.config),
        "padding": _name_of("padding", plan.padding, registry),
        "padding_config": unstructure(plan.padding.config),
        "tasks": list(plan.tasks),
        "detections": list(plan.detections),
        "missing": dict(plan.missing),
        "joint": plan.joint,
    }


def _load_plan(record: dict[str, Any], registry: Registry) -> FuserPlan:
    fuser = registry.load("fuser", record["fuser"])
    padding = registry.create("padding", record["padding"], record["padding_config"])
    config = structure(fuser.Config, record["config"], f"fuser {record['name']!r}")
    return FuserPlan(
        record["name"],
        fuser(config),
        padding,
        tasks=tuple(record["tasks"]),
        detections=tuple(record["detections"]),
        missing=record["missing"],
        joint=record["joint"],
    )


def _save_fitted(fitted: FittedFuser, folder: Path) -> dict[str, Any]:
    place = Path("fusers") / fitted.plan.name / ("joint" if fitted.column is not None else fitted.target.name)
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
    }


def _load_fitted(record: dict[str, Any], plan: FuserPlan, folder: Path) -> FittedFuser:
    target, counted = (structure(Target, record[key], MANIFEST) for key in ("target", "counted"))
    assembler = plan.assembler(counted, record["detections"])
    fitted = {task: plan.padding.with_state(state) for task, state in record["paddings"].items()}
    fuser = type(plan.fuser).load(folder / record["place"])
    return FittedFuser(
        plan, target, fuser, attrs.evolve(assembler, fitted=fitted), record["searched"], record["column"]
    )
