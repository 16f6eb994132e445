"""A spec: the YAML file that says a whole experiment, checked as a whole before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from taskfusion.configs import shown, structure, unstructure
from taskfusion.document import Document, load_document
from taskfusion.errors import Keys, Problem, SpecError, TaskFusionError, UnknownNameError, did_you_mean
from taskfusion.files import is_folder_name
from taskfusion.fusers.base import Fuser, check_fits
from taskfusion.padding import Padding
from taskfusion.plugins import KINDS, Registry
from taskfusion.readers import CohortReader
from taskfusion.settings import COMPONENTS, SECTIONS, SETTINGS, FuserKeys, Settings
from taskfusion.tasks.base import TaskModel


@attrs.frozen
class FuserSpec:
    """One entry of the section ``fusers``: what it says in its own keys, and what was made of it."""

    name: str
    fuser: Fuser
    padding: Padding
    keys: FuserKeys

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks it sees; empty for all."""
        return self.keys.tasks

    @property
    def detections(self) -> tuple[int, ...]:
        """How many detections per view."""
        return self.keys.detections


@attrs.frozen(kw_only=True)
class Spec(Settings):
    """An experiment, every name resolved; ``reader`` is None only where the spec may do without a cohort."""

    reader: CohortReader
    tasks: Mapping[str, TaskModel]
    fusers: tuple[FuserSpec, ...]
    document: Document

    @property
    def data(self) -> Mapping[str, Any]:
        """The spec as it was written, as plain data."""
        return self.document.data


def load_spec(
    path: str | Path, registry: Registry, overrides: Sequence[str] = (), *, needs_cohort: bool = True
) -> Spec:
    """Read and check a spec with all that it extends.

    A relative path in it starts at the folder of the file it stands in; in a ``--set``, at the current folder.

    Raises:
        SpecError: one line for every mistake: ``file:line:column: key: what is wrong``; they are in ``problems`` too.
    """
    return checked_spec(load_document(path, overrides), registry, needs_cohort=needs_cohort)


def checked_spec(document: Document, registry: Registry, *, needs_cohort: bool = True) -> Spec:
    """The spec of a document; see :func:`load_spec`."""
    return _Resolver(document, registry).resolve(Path(document.name).stem, needs_cohort)


class _Resolver:
    """Collects every mistake instead of stopping at the first."""

    def __init__(self, document: Document, registry: Registry) -> None:
        self._document, self._registry = document, registry
        self._problems: list[Problem] = list(document.problems)

    def resolve(self, stem: str, needs_cohort: bool) -> Spec:
        data = self._document.data
        self._check_sections(data, COMPONENTS if needs_cohort else COMPONENTS[1:])
        reader = self._reader(data.get("cohort"))
        tasks = {name: self._task(name, options) for name, options in self._entries("tasks")}
        fusers = [self._fuser(name, options, list(tasks)) for name, options in self._entries("fusers")]
        settings = self._settings(data, stem)
        ablated = settings.ablate if settings else ()
        self._known_tasks(list(tasks), {("ablate", index): name for index, name in enumerate(ablated)})
        self._known_tasks(list(tasks), {("missing", name): name for name in (settings.missing if settings else ())})
        if self._problems or settings is None:
            raise SpecError.listed(_in_order(self._problems))
        chosen = {field: getattr(settings, field) for field in SETTINGS}
        made = tuple(fuser for fuser in fusers if fuser is not None)  # all, as there are no problems
        return Spec(reader=reader, tasks=tasks, fusers=made, document=self._document, **chosen)

    def _check_sections(self, data: Mapping[str, Any], needed: Sequence[str]) -> None:
        for key in data:
            if key not in SECTIONS:
                self._fail((key,), f"unknown key{did_you_mean(key, SECTIONS)}")
        for key in needed:
            if not data.get(key):
                self._fail((key,), "this section is missing or empty")

    def _settings(self, data: Mapping[str, Any], stem: str) -> Settings | None:
        given = {key: data[key] for key in SETTINGS if data.get(key) is not None}
        for key in ("evaluation", "training", "inference"):
            if not isinstance(given.get(key, {}), dict):
                self._fail((key,), f"expected a mapping of options, found {shown(given.pop(key))}")
        made: Settings | None = self._try((), lambda: structure(Settings, given, ""))
        if made is None:
            return None
        name = made.name or stem
        return attrs.evolve(made, name=name, title=made.title or name)

    def _entries(self, section: str) -> list[tuple[str, dict[str, Any]]]:
        entries = self._document.data.get(section) or {}
        if not isinstance(entries, dict):
            self._fail((section,), f"expected a mapping of names, found {shown(entries)}")
            return []
        found = []
        for name, options in entries.items():
            if not is_folder_name(name):
                self._fail((section, name), "expected a name that can be that of a folder")
            if options is not None and not isinstance(options, dict):
                self._fail((section, name), f"expected a mapping of options, found {shown(options)}")
            else:
                found.append((name, dict(options or {})))
        return found

    def _reader(self, options: Any) -> Any:
        if not options:
            return None
        if not isinstance(options, dict) or "reader" not in options:
            self._fail(("cohort",), f"expected a mapping with the key 'reader', found {shown(options)}")
            return None
        rest = {key: value for key, value in options.items() if key != "reader"}
        return self._create(("cohort",), "reader", options["reader"], rest)

    def _task(self, name: str, options: dict[str, Any]) -> Any:
        rest = {key: value for key, value in options.items() if key != "task"}
        return self._create(("tasks", name), "task", options.get("task", name), rest)

    def _fuser(self, name: str, options: dict[str, Any], tasks: list[str]) -> FuserSpec | None:
        where = ("fusers", name)
        known = [field.name for field in attrs.fields(FuserKeys)]
        own = {key: value for key, value in options.items() if key in known}
        rest = {key: value for key, value in options.items() if key not in known}
        keys = self._try(where, lambda: structure(FuserKeys, {"fuser": name, **own}, ""))
        fuser: Fuser | None = self._create(where, "fuser", options.get("fuser", name), rest)
        if keys is None:
            return None
        self._known_tasks(tasks, {(*where, "tasks", index): task for index, task in enumerate(keys.tasks)})
        self._known_tasks(tasks, {(*where, "missing", task): task for task in keys.missing})
        if not keys.detections or min(keys.detections) < 1:
            self._fail((*where, "detections"), f"{shown(list(keys.detections))} must be whole numbers from 1")
        padding = None if fuser is None else self._padding(where, keys.padding, fuser)
        if fuser is None or padding is None:
            return None
        self._try(where, lambda: check_fits(name, fuser, padding, keys.joint))
        return FuserSpec(name, fuser, padding, keys)

    def _known_tasks(self, tasks: Sequence[str], named: Mapping[Keys, str]) -> None:
        for place, task in named.items():
            if task not in tasks:
                self._fail(place, f"unknown task {shown(task)}{did_you_mean(task, tasks)}")

    def _padding(self, where: Keys, chosen: str | Mapping[str, Any], fuser: Fuser) -> Any:
        options = dict(chosen) if isinstance(chosen, Mapping) else {"padding": chosen} if chosen else {}
        name = options.pop("padding", default_padding(fuser))
        return self._create((*where, "padding"), "padding", name, options)

    def _create(self, where: Keys, kind: str, name: Any, options: dict[str, Any]) -> Any:
        if not isinstance(name, str):
            self._fail((*where, kind), f"expected the name of a {kind}, found {shown(name)}")
            return None
        cls = self._try(where, lambda: self._class(kind, name, where))
        if cls is None:
            return None
        right = self._right_options(where, self._known_options(kind, cls), options)
        made = self._try(where, lambda: self._made(where, kind, name, right))
        check = getattr(getattr(made, "config", None), "check", None)
        if check is not None and right == options:
            self._try(where, check)  # what options say together; idle while one of them is not understood
        return made

    def _right_options(self, where: Keys, known: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
        for key in options:
            if key not in known:
                self._fail((*where, key), f"unknown key{did_you_mean(key, known)}")
        right = {key: value for key, value in options.items() if key in known}
        if not isinstance(right.get("preset", ""), str):
            self._fail((*where, "preset"), f"expected the name of a preset, found {shown(right.pop('preset'))}")
        return right

    def _class(self, kind: str, name: str, where: Keys) -> Any:
        try:
            return self._registry.load(kind, name)
        except UnknownNameError as error:
            if (*where, kind) in self._document.places or where[-1] != name:
                raise
            raise UnknownNameError(f"{error}; a name of your own needs the key {kind!r}") from error

    @staticmethod
    def _known_options(kind: str, cls: Any) -> list[str]:
        """What an entry may say: the options of its class, and the keys that are the spec's or the pipeline's."""
        own = [field.name for field in attrs.fields(FuserKeys)] if kind == "fuser" else [kind]
        preset = ["preset"] if getattr(cls, "presets", {}) else []
        return [*(field.alias or field.name for field in attrs.fields(cls.Config)), *own, *preset]

    def _made(self, where: Keys, kind: str, name: str, options: dict[str, Any]) -> Any:
        made = self._registry.create(kind, name, options)
        made.config = with_base(made.config, lambda keys: self._document.place(keys).base, where)
        return made

    def _try(self, where: Keys, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except TaskFusionError as error:
            found = getattr(error, "problems", ()) or (Problem((), str(error)),)
            for problem in found:
                self._fail(self._blamed((*where, *problem.keys), problem.text), problem.text)
            return None

    def _blamed(self, keys: Keys, text: str) -> Keys:
        """Messages begin with what they are about: ``width must be above 0``, ``unknown reader 'x'``."""
        first = re.match(r"(unknown )?'?(\w+)'? ", text)
        if first is None or (first[2] in KINDS and not first[1]):
            return keys
        return (*keys, first[2]) if (*keys, first[2]) in self._document.places else keys

    def _fail(self, keys: Keys, text: str) -> None:
        self._problems.append(self._document.problem(keys, text))


def default_padding(fuser: Fuser) -> str:
    """The policy the paper uses with this kind of fuser (II-C)."""
    return "background" if fuser.needs_features else "zero"


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    """File by file in the order they came up, from top to bottom; a mistake is named once."""
    files = list(dict.fromkeys(problem.source for problem in problems))
    return sorted(dict.fromkeys(problems), key=lambda p: (files.index(p.source), p.line, p.column))


def with_base(config: Any, base_of: Callable[[Keys], Path], where: Keys = ()) -> Any:
    """A configuration whose relative paths start at the folder that ``base_of`` names for the way to each."""
    if isinstance(config, Path):
        return config if config.is_absolute() else base_of(where) / config
    if isinstance(config, tuple | list):
        return type(config)(with_base(item, base_of, (*where, index)) for index, item in enumerate(config))
    if isinstance(config, Mapping):
        return {key: with_base(value, base_of, (*where, key)) for key, value in config.items()}
    if not attrs.has(type(config)):
        return config
    fields = {f.alias or f.name: getattr(config, f.name) for f in attrs.fields(type(config)) if f.init}
    based = {name: with_base(value, base_of, (*where, name)) for name, value in fields.items()}
    changes = {name: value for name, value in based.items() if value != fields[name]}
    return attrs.evolve(config, **changes) if changes else config


def resolved(spec: Spec) -> dict[str, Any]:
    """The spec with every default written out, as plain data for ``spec.yaml`` of a run."""
    data = spec.data
    tasks = {name: task_entry(kind_of(data["tasks"], name, "task"), task) for name, task in spec.tasks.items()}
    fusers = {f.name: fuser_entry(f.keys, f.fuser) for f in spec.fusers}
    settings = {field: unstructure(getattr(spec, field)) for field in SETTINGS}
    cohort = {"reader": data["cohort"]["reader"], **unstructure(spec.reader.config)}
    return {"name": settings.pop("name"), "cohort": cohort, "tasks": tasks, "fusers": fusers, **settings}


def kind_of(entries: Mapping[str, Any], name: str, key: str) -> str:
    """What an entry is: the value of ``task:`` or ``fuser:``, or its own name."""
    return str((entries[name] or {}).get(key, name))


def task_entry(kind: str, task: TaskModel) -> dict[str, Any]:
    """A task as an entry of the section ``tasks``, every option written out."""
    return {"task": kind, **unstructure(task.config)}


def fuser_entry(keys: FuserKeys, fuser: Fuser) -> dict[str, Any]:
    """A fuser as an entry of the section ``fusers``: its kind and detections, what is set of its keys, its options."""
    own = unstructure(keys)
    default = unstructure(FuserKeys(keys.fuser))
    said = {key: value for key, value in own.items() if key in ("fuser", "detections") or value != default[key]}
    return {**said, **unstructure(fuser.config)}
