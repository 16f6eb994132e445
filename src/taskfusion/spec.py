"""A spec: the YAML file that says a whole experiment, checked as a whole before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from taskfusion.configs import structure, unstructure
from taskfusion.errors import SpecError, TaskFusionError, did_you_mean
from taskfusion.fusers.base import Fuser
from taskfusion.padding import Padding
from taskfusion.plugins import Registry
from taskfusion.readers import CohortReader
from taskfusion.tasks.base import TaskModel
from taskfusion.yamlfile import Keys, YamlFile, override, read_yaml

SECTIONS = ("name", "title", "cohort", "tasks", "targets", "fusers", "evaluation", "seed", "cross_fit")


@attrs.frozen
class EvaluationConfig:
    """How the run is judged.

    Attributes:
        cross_validation: folds over groups; 0 judges on the cohort's own splits.
        replicates: bootstrap replicates for the intervals.
        threshold: on fused scores, for TPR, TNR, accuracy and F1 (paper III-B: 0.5).
        confidence: of the intervals.
        seed: of folds and bootstrap.
    """

    cross_validation: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    replicates: int = attrs.field(default=2000, validator=attrs.validators.ge(0))
    threshold: float = 0.5
    confidence: float = 0.95
    seed: int = 0


@attrs.frozen
class FuserSpec:
    """One entry of the section ``fusers``."""

    name: str
    fuser: Fuser
    padding: Padding
    tasks: tuple[str, ...]
    detections: tuple[int, ...]


@attrs.frozen
class FuserKeys:
    """The keys of a fuser entry that are the pipeline's, not the fuser's own."""

    fuser: str
    tasks: tuple[str, ...] = ()
    detections: tuple[int, ...] = (3,)
    padding: str = ""


@attrs.frozen
class Spec:
    """An experiment, every name resolved."""

    name: str
    title: str
    reader: CohortReader
    tasks: Mapping[str, TaskModel]
    fusers: tuple[FuserSpec, ...]
    targets: tuple[str, ...]
    evaluation: EvaluationConfig
    seed: int
    cross_fit: int
    data: Mapping[str, Any]


def load_spec(path: str | Path, registry: Registry, overrides: Sequence[str] = ()) -> Spec:
    """Read and check a spec; relative paths in it start at its own folder.

    Raises:
        SpecError: one line for every mistake: ``file:line: key: what is wrong``.
    """
    file = override(read_yaml(Path(path)), overrides)
    return _Resolver(file, registry, Path(path).resolve().parent).resolve(Path(path).stem)


class _Resolver:
    """Collects every mistake instead of stopping at the first."""

    def __init__(self, file: YamlFile, registry: Registry, base: Path) -> None:
        self._file, self._registry, self._base = file, registry, base
        self._errors: list[str] = []

    def resolve(self, stem: str) -> Spec:
        data = self._file.data
        self._check_sections(data)
        reader = self._reader(data.get("cohort"))
        tasks = {name: self._task(name, options) for name, options in self._entries("tasks")}
        fusers = [self._fuser(name, options, list(tasks)) for name, options in self._entries("fusers")]
        evaluation = self._try(("evaluation",), lambda: structure(EvaluationConfig, data.get("evaluation") or {}, ""))
        scalars = {key: self._scalar(key, kind, default) for key, kind, default in self._scalar_keys(stem)}
        targets = self._targets(data.get("targets"))
        if self._errors:
            raise SpecError("\n".join(self._errors))
        return Spec(
            reader=reader,
            tasks=tasks,
            fusers=tuple(fusers),
            targets=targets,
            evaluation=evaluation,
            data=data,
            **scalars,
        )

    @staticmethod
    def _scalar_keys(stem: str) -> tuple[tuple[str, type, Any], ...]:
        return (("name", str, stem), ("title", str, stem), ("seed", int, 0), ("cross_fit", int, 0))

    def _check_sections(self, data: Mapping[str, Any]) -> None:
        for key in data:
            if key not in SECTIONS:
                self._fail((str(key),), f"unknown key{did_you_mean(str(key), SECTIONS)}")
        for key in ("cohort", "tasks", "fusers"):
            if not data.get(key):
                self._fail((key,), "this section is missing or empty")

    def _entries(self, section: str) -> list[tuple[str, dict[str, Any]]]:
        entries = self._file.data.get(section) or {}
        if not isinstance(entries, dict):
            self._fail((section,), f"expected a mapping of names, found {type(entries).__name__}")
            return []
        found = []
        for name, options in entries.items():
            if options is not None and not isinstance(options, dict):
                self._fail((section, str(name)), f"expected a mapping of options, found {options!r}")
            else:
                found.append((str(name), {str(k): v for k, v in (options or {}).items()}))
        return found

    def _reader(self, options: Any) -> Any:
        if not isinstance(options, dict) or not isinstance(options.get("reader"), str):
            if options:
                self._fail(("cohort",), "expected a mapping with the key 'reader'")
            return None
        rest = {str(key): value for key, value in options.items() if key != "reader"}
        return self._create(("cohort",), "reader", options["reader"], rest)

    def _task(self, name: str, options: dict[str, Any]) -> Any:
        rest = {key: value for key, value in options.items() if key != "task"}
        return self._create(("tasks", name), "task", options.get("task", name), rest)

    def _fuser(self, name: str, options: dict[str, Any], tasks: list[str]) -> Any:
        where = ("fusers", name)
        known = [field.name for field in attrs.fields(FuserKeys)]
        own = {key: value for key, value in options.items() if key in known}
        rest = {key: value for key, value in options.items() if key not in known}
        keys = self._try(where, lambda: structure(FuserKeys, {"fuser": name, **own}, ""))
        if keys is None:
            return None
        for task in keys.tasks:
            if task not in tasks:
                self._fail((*where, "tasks"), f"unknown task {task!r}{did_you_mean(task, tasks)}")
        if not keys.detections or min(keys.detections) < 1:
            self._fail((*where, "detections"), f"{list(keys.detections)} must be whole numbers from 1")
        fuser = self._create(where, "fuser", keys.fuser, rest)
        padding = None
        if fuser is not None:
            policy = keys.padding or ("background" if fuser.needs_features else "zero")
            padding = self._create((*where, "padding"), "padding", policy, {})
        return FuserSpec(name, fuser, padding, keys.tasks, keys.detections) if padding is not None else None

    def _create(self, where: Keys, kind: str, name: Any, options: dict[str, Any]) -> Any:
        made = self._try(where, lambda: self._registry.create(kind, str(name), options))
        if made is not None:
            made.config = with_base(made.config, self._base)
        return made

    def _scalar(self, key: str, kind: type, default: Any) -> Any:
        value: Any = self._file.data.get(key)
        if value is None:
            return default
        right = isinstance(value, kind) and not isinstance(value, bool)
        if not right or (kind is int and value < 0):
            self._fail((key,), f"expected {'text' if kind is str else 'a whole number from 0'}, found {value!r}")
        return value

    def _targets(self, value: Any) -> tuple[str, ...]:
        names = [value] if isinstance(value, str) else (value or [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self._fail(("targets",), f"expected a list of names, found {value!r}")
            return ()
        return tuple(names)

    def _try(self, where: Keys, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except TaskFusionError as error:
            for path, text in getattr(error, "problems", ()) or [("", str(error))]:
                self._fail((*where, *path.strip(".").split(".")) if path else where, text)
            return None

    def _fail(self, keys: Keys, text: str) -> None:
        self._errors.append(f"{self._file.where(keys)}: {text}")


def with_base(config: Any, base: Path) -> Any:
    """A configuration whose relative paths start at ``base``: a spec is read from its own folder."""
    if not attrs.has(type(config)):
        return config
    changes = {
        field.name: base / value
        for field in attrs.fields(type(config))
        if isinstance(value := getattr(config, field.name), Path) and not value.is_absolute()
    }
    return attrs.evolve(config, **changes) if changes else config


def resolved(spec: Spec) -> dict[str, Any]:
    """The spec with every default written out, as plain data for ``spec.yaml`` of a run."""
    data = dict(spec.data)
    cohort = data["cohort"]
    tasks = {
        name: {"task": (data["tasks"][name] or {}).get("task", name), **unstructure(task.config)}
        for name, task in spec.tasks.items()
    }
    fusers = {f.name: _resolved_fuser(f, data["fusers"][f.name] or {}) for f in spec.fusers}
    return {
        "name": spec.name,
        "title": spec.title,
        "seed": spec.seed,
        "cohort": {"reader": cohort["reader"], **unstructure(spec.reader.config)},
        "tasks": tasks,
        "targets": list(spec.targets),
        "cross_fit": spec.cross_fit,
        "fusers": fusers,
        "evaluation": unstructure(spec.evaluation),
    }


def _resolved_fuser(entry: FuserSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {"fuser": options.get("fuser", entry.name), "detections": list(entry.detections)}
    if options.get("padding"):
        known["padding"] = options["padding"]
    if entry.tasks:
        known["tasks"] = list(entry.tasks)
    return {**known, **unstructure(entry.fuser.config)}
