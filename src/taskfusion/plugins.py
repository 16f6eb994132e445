"""The registry: pluggy hooks, entry points read lazily, and a broken plugin that stops nobody else.

One registry is built and passed down. Entry-point modules are imported (they are light by contract); the classes they
name are imported on use.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any

import attrs
import pluggy

from taskfusion import builtins, hookspecs
from taskfusion.configs import structure
from taskfusion.errors import PluginError, UnknownNameError
from taskfusion.hookspecs import PROJECT, Entry

KINDS = ("task", "fuser", "padding", "reader")
BLOCK_VARIABLE = "TASKFUSION_BLOCK_PLUGINS"


@attrs.frozen
class Component:
    """One registered name and where it comes from."""

    kind: str
    entry: Entry
    distribution: str
    version: str

    def load(self) -> Any:
        """Import the class; raises PluginError that names the distribution when that fails."""
        module, _, attribute = self.entry.path.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:
            raise PluginError(
                f"{self.kind} {self.entry.name!r} of {self.distribution} {self.version} does not load "
                f"({self.entry.path}): {type(error).__name__}: {error}"
            ) from error


@attrs.frozen
class BrokenPlugin:
    """A plugin that could not be used, and why."""

    name: str
    distribution: str
    version: str
    error: str


@attrs.frozen
class _Source:
    name: str
    distribution: str
    version: str
    entry_point: metadata.EntryPoint | None = None
    module: Any = None

    def load(self) -> Any:
        return self.module if self.entry_point is None else self.entry_point.load()


class Registry:
    """Names to components. Build one with :func:`build_registry`."""

    def __init__(self) -> None:
        self.broken: list[BrokenPlugin] = []
        self._components: dict[tuple[str, str], list[Component]] = {}

    def components(self, kind: str) -> list[Component]:
        """Everything registered of one kind (a clashing name appears once per claimant)."""
        return [c for (k, _), found in sorted(self._components.items()) if k == kind for c in found]

    def names(self, kind: str) -> list[str]:
        """All names of one kind."""
        return sorted(name for k, name in self._components if k == kind)

    def find(self, kind: str, name: str) -> Component:
        """The component of a name.

        Raises:
            UnknownNameError: with the nearest name, all names, and the plugins that failed to load.
            PluginError: when two distributions claim the name.
        """
        found = self._components.get((kind, name))
        if not found:
            error = UnknownNameError.of(kind, name, self.names(kind))
            broken = ", ".join(plugin.name for plugin in self.broken)
            raise UnknownNameError(f"{error} (plugins that failed to load: {broken})") if broken else error
        if len(found) > 1:
            claimants = " and ".join(f"{c.distribution} {c.version}" for c in found)
            raise PluginError(f"{kind} {name!r} is claimed by {claimants}; uninstall or block one ({BLOCK_VARIABLE})")
        return found[0]

    def load(self, kind: str, name: str) -> Any:
        """The class behind a name."""
        return self.find(kind, name).load()

    def create(self, kind: str, name: str, options: Mapping[str, Any] | None = None, where: str = "") -> Any:
        """Build a component from plain options; a ``preset`` option starts from the class's preset of that name.

        Raises:
            SpecError: naming every wrong option.
        """
        cls = self.load(kind, name)
        chosen = dict(options or {})
        if "preset" in chosen and hasattr(cls, "presets"):
            preset = chosen.pop("preset")
            if preset not in cls.presets:
                raise UnknownNameError.of(f"preset of {kind} {name!r}", preset, cls.presets)
            chosen = merged(cls.presets[preset], chosen)
        return cls(structure(cls.Config, chosen, where or f"{kind} {name!r}"))

    def name_of(self, kind: str, instance: Any) -> str | None:
        """The registered name of an instance's class, or None for a class nobody registered."""
        path = f"{type(instance).__module__}:{type(instance).__qualname__}"
        return next((c.entry.name for c in self.components(kind) if c.entry.path == path), None)

    def add(self, component: Component) -> None:
        """Register one component."""
        self._components.setdefault((component.kind, component.entry.name), []).append(component)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``changes`` over ``base``, section by section: ``{view: {epochs: 3}}`` keeps the other values of ``view``."""
    result = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if nested else value
    return result


def build_registry(modules: Iterable[Any] = (), entry_points: bool = True) -> Registry:
    """Collect built-ins, given plugin modules, and what is installed.

    Args:
        modules: plugin modules or objects to register besides (tests, notebooks).
        entry_points: whether to look at installed distributions (group ``taskfusion``); names in the environment
            variable ``TASKFUSION_BLOCK_PLUGINS`` (comma-separated, ``*`` for all) are left out.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    registry = Registry()
    for source in _sources(modules, entry_points):
        try:
            for component in _collect(manager, source):
                registry.add(component)
        except Exception as error:  # whatever a plugin does wrong, the others go on
            text = f"{type(error).__name__}: {error}"
            registry.broken.append(BrokenPlugin(source.name, source.distribution, source.version, text))
    return registry


def _sources(modules: Iterable[Any], entry_points: bool) -> list[_Source]:
    own = _Source("builtins", PROJECT, _version(PROJECT), module=builtins)
    given = [_Source(getattr(m, "__name__", repr(m)), "given in code", "-", module=m) for m in modules]
    installed = _installed() if entry_points else []
    return [own, *given, *installed]


def _installed() -> list[_Source]:
    blocked = {name.strip() for name in os.environ.get(BLOCK_VARIABLE, "").split(",") if name.strip()}
    found = [] if "*" in blocked else sorted(metadata.entry_points(group=PROJECT), key=lambda e: e.name)
    return [_source_of(point) for point in found if point.name not in blocked]


def _source_of(point: metadata.EntryPoint) -> _Source:
    dist = point.dist
    name, version = (dist.name, dist.version) if dist is not None else ("unknown distribution", "-")
    return _Source(point.name, name, version, entry_point=point)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "uninstalled"


def _collect(manager: pluggy.PluginManager, source: _Source) -> list[Component]:
    plugin = source.load()
    _refuse_unknown_hooks(manager, plugin)
    manager.register(plugin, source.name)
    others = [other for other in manager.get_plugins() if other is not plugin]
    found = []
    for kind in KINDS:
        answers = manager.subset_hook_caller(f"taskfusion_{kind}s", others)()
        entries = [entry for answer in answers for entry in answer]
        found += [_component(kind, entry, source) for entry in entries]
    return found


def _component(kind: str, entry: Any, source: _Source) -> Component:
    if not isinstance(entry, Entry) or ":" not in entry.path:
        raise PluginError(f"hook taskfusion_{kind}s returned {entry!r}; expected Entry(name, 'module:Class', summary)")
    return Component(kind, entry, source.distribution, source.version)


def _refuse_unknown_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    known = [f"taskfusion_{kind}s" for kind in KINDS]
    for name in dir(plugin):
        if manager.parse_hookimpl_opts(plugin, name) is not None and name not in known:
            raise UnknownNameError.of("hook", name, known)
