"""The registry: pluggy hooks, entry points read lazily, and a broken plugin that stops nobody else.

One registry is built and passed down. Entry-point modules are imported (they are light by contract); the classes they
name are imported on use.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any

import attrs

from taskfusion import builtins
from taskfusion.contracts import KINDS, PROJECT, REGISTERED, entries_of, imported, problem_of
from taskfusion.errors import PluginError, UnknownNameError
from taskfusion.hookspecs import Entry

__all__ = ["KINDS", "PROJECT", "REGISTERED", "BrokenPlugin", "Component", "Registry", "build_registry", "merged"]

NOT_INSTALLED = "uninstalled"
GIVEN = "given in code"  # the distribution of what a registry was handed as an object
BLOCK_VARIABLE = "TASKFUSION_BLOCK_PLUGINS"
STRICT_VARIABLE = "TASKFUSION_STRICT_PLUGINS"
NO = ("", "0", "false", "no", "off")


@attrs.frozen
class Component:
    """One registered name and where it comes from.

    Attributes:
        kind: one of ``REGISTERED``.
        entry: name, import path, summary.
        distribution: the package it was installed with.
        version: of the distribution.
        plugin: the name of the entry point.
        module: the module its hooks are in; empty for an object that was given in code.
    """

    kind: str
    entry: Entry
    distribution: str
    version: str
    plugin: str = ""
    module: str = ""

    @property
    def origin(self) -> str:
        """``mammo-density 0.1.0``."""
        return f"{self.distribution} {self.version}"

    def load(self) -> Any:
        """Import the class (of a command: the click command).

        Raises:
            PluginError: naming distribution, version and component, when the import fails or what is found breaks the
                contract.
        """
        try:
            found = imported(self.entry.path)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may do anything when imported, sys.exit() too
            text = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
            raise PluginError(f"{self._which()} does not load ({self.entry.path}): {text}") from error
        problem = problem_of(self.kind, found)
        if problem:
            raise PluginError(f"{self._which()} breaks the contract ({self.entry.path}): {problem}")
        return found

    def is_class(self, cls: type) -> bool:
        """Whether the path names this class, also where it is handed on from another module; imports nothing."""
        module, _, attribute = self.entry.path.partition(":")
        return f"{cls.__module__}:{cls.__qualname__}" == self.entry.path or (
            module in sys.modules and getattr(sys.modules[module], attribute, None) is cls
        )

    def _which(self) -> str:
        return f"{self.kind} {self.entry.name!r} of {self.origin}"


@attrs.frozen
class BrokenPlugin:
    """A plugin that could not be used, and why."""

    name: str
    distribution: str
    version: str
    error: str

    def __str__(self) -> str:
        return f"{self.name} of {self.distribution} {self.version}: {self.error}"


@attrs.frozen
class _Source:
    name: str
    distribution: str
    version: str
    entry_point: metadata.EntryPoint | None = None
    module: Any = None

    def load(self) -> Any:
        return self.module if self.entry_point is None else self.entry_point.load()

    def component(self, kind: str, entry: Entry) -> Component:
        return Component(kind, entry, self.distribution, self.version, self.name, self._module_name())

    def _module_name(self) -> str:
        if self.entry_point is not None:
            return str(self.entry_point.value).partition(":")[0]
        name = str(getattr(self.module, "__name__", ""))
        return name if sys.modules.get(name) is self.module else ""


class Registry:
    """Names to components. Build one with :func:`build_registry`."""

    def __init__(self) -> None:
        self.broken: list[BrokenPlugin] = []
        self._components: dict[tuple[str, str], list[Component]] = {}

    def components(self, kind: str) -> list[Component]:
        """Everything registered of one kind (a clashing name appears once per claimant)."""
        return [c for (k, _), found in sorted(self._components.items()) if k == kind for c in found]

    def all_components(self) -> list[Component]:
        """Everything registered, of all kinds."""
        return [component for kind in REGISTERED for component in self.components(kind)]

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
            raise PluginError(clash_text(found))
        return found[0]

    def problems(self) -> list[str]:
        """Broken plugins and clashing names, a line each; empty when all is well."""
        broken = [f"broken plugin {plugin}" for plugin in self.broken]
        return broken + [clash_text(found) for _, found in sorted(self._components.items()) if len(found) > 1]

    def load(self, kind: str, name: str) -> Any:
        """The class behind a name."""
        return self.find(kind, name).load()

    def create(self, kind: str, name: str, options: Mapping[str, Any] | None = None, where: str = "") -> Any:
        """Build a component from plain options; a ``preset`` option starts from the class's preset of that name.

        Raises:
            SpecError: naming every wrong option.
        """
        from taskfusion.configs import structure  # not needed to list what there is

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
        return next((c.entry.name for c in self.components(kind) if c.is_class(type(instance))), None)

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


def clash_text(claimants: Iterable[Component]) -> str:
    """``fuser 'svm' is claimed by taskfusion 0.1.0 and other 2.0; uninstall or block one (…)``."""
    found = list(claimants)
    origins = " and ".join(component.origin for component in found)
    how = f"uninstall or block one ({BLOCK_VARIABLE})"
    return f"{found[0].kind} {found[0].entry.name!r} is claimed by {origins}; {how}"


def build_registry(modules: Iterable[Any] = (), entry_points: bool = True, strict: bool | None = None) -> Registry:
    """Collect built-ins, given plugin modules, and what is installed.

    A plugin that fails to import or breaks the contract is left out as a whole and listed in ``broken``.

    Args:
        modules: plugin modules or objects to register besides (tests, notebooks).
        entry_points: whether to look at installed distributions (group ``taskfusion``); names in the environment
            variable ``TASKFUSION_BLOCK_PLUGINS`` (comma-separated, ``*`` for all) are left out.
        strict: refuse broken plugins and clashing names at once; by default what the environment variable
            ``TASKFUSION_STRICT_PLUGINS`` says (1 or 0).

    Raises:
        PluginError: in strict mode, naming every broken plugin and every clash.
    """
    registry = Registry()
    seen: list[Any] = []
    for source in _sources(modules, entry_points):
        try:
            components = _collect(source, seen)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a plugin does wrong, sys.exit() too, the others go on
            registry.broken.append(_broken(source, error))
            continue
        for component in components:
            registry.add(component)
    if is_strict() if strict is None else strict:
        refuse(registry.problems())
    return registry


def is_strict() -> bool:
    """What ``TASKFUSION_STRICT_PLUGINS`` says."""
    return os.environ.get(STRICT_VARIABLE, "").strip().lower() not in NO


def refuse(problems: Iterable[str]) -> None:
    """Raise one PluginError that lists them, when there are any."""
    lines = list(problems)
    if lines:
        raise PluginError("plugins are not as they should be (strict mode):\n" + "\n".join(lines))


def _collect(source: _Source, seen: list[Any]) -> list[Component]:
    """Everything a plugin registers; nothing for one in ``seen``: given in code, and installed too."""
    plugin = source.load()
    if any(plugin is other for other in seen):
        return []
    seen.append(plugin)
    found = entries_of(plugin, source.name)
    return [source.component(kind, entry) for kind, entries in found.items() for entry in entries]


def _broken(source: _Source, error: BaseException) -> BrokenPlugin:
    return BrokenPlugin(source.name, source.distribution, source.version, f"{type(error).__name__}: {error}")


def _sources(modules: Iterable[Any], entry_points: bool) -> list[_Source]:
    own = _Source(PROJECT, PROJECT, version_of(PROJECT), module=builtins)
    given = [_Source(getattr(m, "__name__", repr(m)), GIVEN, "-", module=m) for m in modules]
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


def installed_versions(distributions: Iterable[str]) -> dict[str, str]:
    """The versions of those that are installed."""
    found = {name: version_of(name) for name in distributions}
    return {name: version for name, version in found.items() if version != NOT_INSTALLED}


def version_of(distribution: str) -> str:
    """The installed version, or ``uninstalled``."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return NOT_INSTALLED
